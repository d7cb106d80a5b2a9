"""Jacobians of a network at a state and an image, as operators that are never written down as matrices."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis.exact import exact
from cordsnet.analysis.operators.linearised import AreaJacobian, NetworkJacobian, NetworkOperator, Point
from cordsnet.analysis.operators.operator import LinearOperator
from cordsnet.analysis.operators.plain import Diagonal
from cordsnet.dynamics import Held, RateSystem, Simulable, Solver, State, steady_state
from cordsnet.dynamics.simulate import check_model
from cordsnet.dynamics.system import Inputs, Shown, by_name

At: TypeAlias = State | Mapping[str, Tensor] | None
"""A state of one trial; or the rates of one, area -> [1, C, H, W], long held; or None: where the network settles."""

KINDS = ("target", "flow")
SETTLING = 500
"""Evaluations after which a network that was to settle counts as one that does not."""


@check_arguments
def jacobian(
    model: Simulable, state: At = None, image: Shown = None, area: str | None = None, of: str = "target"
) -> LinearOperator:
    """The Jacobian of a network's dynamics at a state, while `image` is shown.

    Parameters
    ----------
    model : a network with a rate equation.
    state : of one trial; None solves for where the network settles under `image`.
    image : [1, C, H, W], or inputs by name, each of one trial; None is a blank field.
    area : its own block, on maps [C, H, W]; None is the whole network, on flat vectors [units], whose `parts`
        gives an area's share of a vector. The spectrum of a cascade is the union of its areas' spectra, so there
        areas alone tell everything but the eigenvectors (`network_eigenvalues`).
    of : "target": d phi(drive) / dr, without unit. Small disturbances fade where all its eigenvalues have real parts
        below 1 (if the time constant is one number); "flow": d (dr/dt) / dr = (that - 1) / tau, in 1 / ms.

    Returns
    -------
    LinearOperator. Where phi has a kink, at a drive of exactly zero, its slope is taken from the left.

    Raises
    ------
    TypeError, ValueError : a model without a rate equation, a state of several trials, an unknown area, delays where
        the whole network is asked for; each by name.
    ArithmeticError : state is None, and the network does not settle.

    Source: Soo et al. 2024, figure 4A, shows the spectrum of the recurrent operator, which is the "target" Jacobian
    of an area with all its units active.
    """
    if of not in KINDS:
        raise ValueError(f"of must be one of {', '.join(map(repr, KINDS))}, got {of!r}")
    system, held, point = point_of(model, state, image)
    if area is None:
        return network_jacobian(system, held, point, of)
    if area not in system.areas:
        raise ValueError(f"area must be one of {', '.join(system.areas)}, got {area!r}")
    target = AreaJacobian(Point.of(system, held, point), area)
    if of == "target":
        return target
    return Diagonal(_per_ms(system, area, target.slope)) @ target.shift(1.0)


def network_jacobian(system: RateSystem, held: Held, state: State, of: str = "target") -> NetworkOperator:
    """`jacobian` of the whole network, for a system whose weights are materialised and whose frame is held already."""
    target = NetworkJacobian(Point.of(system, held, state))
    return target if of == "target" else NetworkFlowJacobian(system, target)


class NetworkFlowJacobian(NetworkOperator):
    """(J - 1) / tau of a network, in 1 / ms."""

    def __init__(self, system: RateSystem, target: NetworkJacobian) -> None:
        super().__init__(target.shapes, target.dtype, target.device)
        self.target = target
        self.per_ms = self.joined({area: _per_ms(system, area, target.point.slope[area]) for area in target.shapes})

    def apply(self, batch: Tensor) -> Tensor:
        """(J x - x) / tau."""
        return self.per_ms * (self.target.apply(batch) - batch)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """(J' - 1) (y / tau)."""
        scaled = self.per_ms * batch
        return self.target.apply_transpose(scaled) - scaled


def rate_system(model: Any) -> RateSystem:
    """The model's rate equation, weights materialised without a graph. Raises TypeError where it has none."""
    check_model(model)
    with torch.no_grad():
        system = model.system()
    if not isinstance(system, RateSystem):
        raise TypeError(
            f"model must have a rate equation, got {type(model).__name__}, which is a map from step to step"
        )
    return system


@exact()
def point_of(model: Simulable, state: At, image: Shown) -> tuple[RateSystem, Held, State]:
    """The system, the held frame and the state at which a model is to be linearised."""
    system = rate_system(model)
    held = system.hold(one_trial(model, image))
    if state is None:
        state = _settled(model, image, system.like.dtype)
    if not isinstance(state, State):
        state = system.at_rest(dict(state), held)
    state = system.admit(state)
    if state.batch != 1:
        raise ValueError(f"state must hold one trial, got {state.batch}; take one with state.trials(slice(1))")
    return system, held, state


def one_trial(model: Simulable, image: Shown) -> Inputs:
    """Inputs by name, checked. Raises TypeError or ValueError for what the model cannot read, or several trials."""
    inputs = by_name(image)
    model.check_inputs(inputs)
    for name, values in inputs.items():
        if len(values) != 1:
            one = "image [1, C, H, W]" if name == "image" else "trial [1, ...]"
            raise ValueError(f"{name} must be one {one}, got {len(values)}; take one of them")
    return inputs


def _settled(model: Simulable, image: Shown, dtype: torch.dtype) -> Mapping[str, Tensor]:
    tol = 1e-8 if dtype == torch.float64 else 1e-5
    found = steady_state(model, image, solver=Solver(tol=tol, max_iterations=SETTLING))
    if not found.converged:
        worst = max(float(residual.max()) for residual in found.residual.values())
        raise ArithmeticError(
            f"state is None and the network did not settle under this image (residual {worst:.1e}); give a state, "
            "such as the end of a simulation"
        )
    return found.rates


def _per_ms(system: RateSystem, area: str, like: Tensor) -> Tensor:
    """1 / tau of every unit of an area, [C, H, W]."""
    tau = system.equation.circuit.tau_ms[area]
    return (1 / torch.as_tensor(tau, dtype=like.dtype, device=like.device)).expand_as(like)

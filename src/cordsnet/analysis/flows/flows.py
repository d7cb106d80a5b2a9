"""Autonomous dynamical systems dx/dt = v(x), with states of any shape, behind one interface.

Fixed points, Lyapunov exponents, branches and regimes are computed for a `Flow`. It must give the velocity of a batch
of states; the Jacobian comes from automatic differentiation unless a flow overrides it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.autograd import forward_ad

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive, check_shape, check_type
from cordsnet.analysis.exact import exact
from cordsnet.analysis.operators import Diagonal, LinearOperator, check_square
from cordsnet.analysis.operators.operator import check_device, indexed_device
from cordsnet.dynamics import Activation

STEPPERS: dict[str, tuple[tuple[float, float], ...]] = {
    "euler": ((0.0, 1.0),),
    "rk4": ((0.0, 1 / 6), (0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6)),
}
"""Explicit steppers, each stage from the one before: (share of the step to that stage, weight of its slope)."""


class Flow(ABC):
    """dx/dt = v(x) on tensors of one shape.

    Parameters
    ----------
    domain : shape of a state, without a batch axis.
    dtype, device : of states.
    stepper : integrator of `step`, "rk4" (classical, fourth order) or "euler" (as networks are trained).

    Raises
    ------
    ValueError : an unknown stepper, or a domain without elements.
    """

    is_map: ClassVar[bool] = False
    """True if time is discrete: x -> x + v(x), in steps of dt = 1."""

    def __init__(
        self,
        domain: Sequence[int],
        dtype: torch.dtype = torch.float64,
        device: str | torch.device = "cpu",
        stepper: str = "rk4",
    ) -> None:
        if stepper not in STEPPERS:
            raise ValueError(f"stepper must be one of {', '.join(STEPPERS)}, got {stepper!r}")
        shape = check_shape(domain, "domain")
        self.domain, self.dtype, self.device = torch.Size(shape), dtype, indexed_device(device)
        self.stepper = stepper

    @property
    def units(self) -> int:
        """Number of elements of a state."""
        return self.domain.numel()

    @abstractmethod
    def velocity(self, x: Tensor) -> Tensor:
        """dx/dt of each of K states, per ms: [K, *domain] -> [K, *domain]."""

    def jacobian(self, x: Tensor) -> LinearOperator:
        """dv/dx at one state [*domain], in 1/ms, as an operator on `domain`."""
        return AutogradJacobian(self, x)

    @exact()
    def step(self, x: Tensor, dt: float) -> Tensor:
        """The states [K, *domain] `dt` ms later."""
        total, slope = torch.zeros_like(x), torch.zeros_like(x)
        for reach, weight in STEPPERS[self.stepper]:
            slope = self.velocity(x + reach * dt * slope)
            total = total + weight * slope
        return x + dt * total

    @exact()
    def linear_step(self, x: Tensor, tangents: Tensor, dt: float) -> tuple[Tensor, Tensor]:
        """One state [*domain] `dt` ms later, and tangents [K, *domain] propagated by the derivative of that step.

        The step itself is differentiated, stage by stage, not the flow, so growth rates are those of the numerical
        trajectory.
        """
        total, slope = torch.zeros_like(x), torch.zeros_like(x)
        totals, slopes = torch.zeros_like(tangents), torch.zeros_like(tangents)
        for reach, weight in STEPPERS[self.stepper]:
            at = x + reach * dt * slope
            slope, slopes = self.velocity(at[None])[0], self.jacobian(at).apply(tangents + reach * dt * slopes)
            total, totals = total + weight * slope, totals + weight * slopes
        return x + dt * total, tangents + dt * totals

    def check_states(self, x: Tensor, name: str = "starts") -> None:
        """Raise TypeError or ValueError unless `x` is a batch of states [K, *domain], K at least 1."""
        check_type(x, Tensor, name, f"a torch tensor [K, {', '.join(map(str, self.domain))}]")
        if x.dtype != self.dtype:
            raise TypeError(f"{name} must be {self.dtype} like the flow, got {x.dtype}; convert it")
        if x.ndim != 1 + len(self.domain) or x.shape[1:] != self.domain or len(x) == 0:
            raise ValueError(
                f"{name} must be a batch of states of shape {list(self.domain)}, got shape {list(x.shape)}; "
                "put the batch axis first"
            )
        check_device(x, name, self.device, "flow")


class AutogradJacobian(LinearOperator):
    """dv/dx of a flow at one state, by forward and reverse differentiation; no matrix is formed."""

    def __init__(self, flow: Flow, x: Tensor) -> None:
        super().__init__(flow.domain, flow.domain, flow.dtype, flow.device)
        self.flow, self.x = flow, x.detach()

    def apply(self, batch: Tensor) -> Tensor:
        """Directional derivatives of the velocity."""
        with torch.enable_grad():
            at = self.x.expand(batch.shape).contiguous()
            with forward_ad.dual_level():
                moved = self.flow.velocity(forward_ad.make_dual(at, batch.contiguous()))  # type: ignore[no-untyped-call]
                product = forward_ad.unpack_dual(moved).tangent  # type: ignore[no-untyped-call]
        return torch.zeros_like(batch) if product is None else product.detach()

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """Gradients of <y, v(x)>."""
        with torch.enable_grad():
            back = torch.func.vjp(self.flow.velocity, self.x.expand(batch.shape).contiguous())[1]
            product: Tensor = back(batch)[0]
        return product.detach()


class FunctionFlow(Flow):
    """A velocity given as a function of a batch of states, written in torch so that it can be differentiated.

    Parameters
    ----------
    function : [K, *domain] -> [K, *domain], per ms.
    domain, dtype, device, stepper : as for `Flow`.
    """

    @check_arguments
    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        domain: Sequence[int],
        dtype: torch.dtype = torch.float64,
        device: str | torch.device = "cpu",
        stepper: str = "rk4",
    ) -> None:
        super().__init__(domain, dtype, device, stepper)
        self.function = function

    def velocity(self, x: Tensor) -> Tensor:
        """The function. Raises ValueError if it changes the shape of its argument."""
        return _checked(self.function(x), x)


class MapFlow(Flow):
    """A discrete map x -> f(x), as the flow of x -> x + v(x), v(x) = f(x) - x, in steps of dt = 1.

    Fixed points are those of f; exponents are per step. Parameters as for `FunctionFlow`.
    """

    is_map = True

    @check_arguments
    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        domain: Sequence[int],
        dtype: torch.dtype = torch.float64,
        device: str | torch.device = "cpu",
    ) -> None:
        super().__init__(domain, dtype, device, "euler")
        self.function = function

    def velocity(self, x: Tensor) -> Tensor:
        """f(x) - x."""
        return _checked(self.function(x), x) - x

    def step(self, x: Tensor, dt: float = 1.0) -> Tensor:
        """f(x). Raises ValueError for any dt but 1."""
        _check_unit(dt)
        return super().step(x, dt)

    def linear_step(self, x: Tensor, tangents: Tensor, dt: float = 1.0) -> tuple[Tensor, Tensor]:
        """f(x) and Df(x) tangents. Raises ValueError for any dt but 1."""
        _check_unit(dt)
        return super().linear_step(x, tangents, dt)


class RateFlow(Flow):
    """tau dx/dt = -x + phi(A x + b) for any square operator A: a rate network defined by its weights.

    Parameters
    ----------
    operator : A, the weights.
    bias : b, of the operator's domain, or one number.
    activation : phi, an `Activation` or its name.
    tau_ms : time constant, ms; one number, or of the operator's domain.
    stepper : as for `Flow`.

    Raises
    ------
    ValueError : an operator that is not square, or a time constant that is not above zero.
    """

    @check_arguments
    def __init__(
        self,
        operator: LinearOperator,
        bias: Tensor | float = 0.0,
        activation: Activation | str = "relu",
        tau_ms: Tensor | float = 10.0,
        stepper: str = "rk4",
    ) -> None:
        check_square(operator)
        super().__init__(operator.domain, operator.dtype, operator.device, stepper)
        for name, value in (("tau_ms", tau_ms), ("bias", bias)):
            given = torch.as_tensor(value)
            if given.is_complex() or (given.ndim and given.shape != self.domain):
                shape = f"{given.dtype} of shape {list(given.shape)}"
                raise ValueError(f"{name} must be a number or have the domain's shape {list(self.domain)}, got {shape}")
        check_positive(float(torch.as_tensor(tau_ms).min()), "tau_ms")
        self.operator = operator
        self.activation = Activation(activation) if isinstance(activation, str) else activation
        self.bias, self.tau_ms = (
            torch.as_tensor(value, dtype=self.dtype, device=self.device).expand(self.domain) for value in (bias, tau_ms)
        )

    def velocity(self, x: Tensor) -> Tensor:
        """(-x + phi(A x + b)) / tau."""
        return (self.activation(self.operator.apply(x) + self.bias) - x) / self.tau_ms

    def jacobian(self, x: Tensor) -> LinearOperator:
        """(diag(phi') A - I) / tau, composed of operators: their products keep no graph for autograd."""
        target = self.activation(self.operator.mv(x) + self.bias)
        gain = self.activation.derivative_at_output(target) / self.tau_ms
        return Diagonal(gain) @ self.operator - Diagonal(1 / self.tau_ms)


def _checked(value: Tensor, x: Tensor) -> Tensor:
    check_type(value, Tensor, "what function returns", "a torch tensor")
    if value.shape != x.shape:
        raise ValueError(
            f"function must return the shape it is given, got {list(value.shape)} for {list(x.shape)}; "
            "the first axis is a batch of states"
        )
    return value


def _check_unit(dt: float) -> None:
    if dt != 1:
        raise ValueError(f"dt must be 1 for a map, whose time is discrete, got {dt:g}")

"""Fixed points of a network under steady input, found without simulation, and gradients there.

At a fixed point r = phi(drive(r)), whatever tau, delays and dt are. A cascade is solved area by area, each area's
input being the settled rates of those below: only the recurrent operator is iterated. Networks with feedback are
solved as one vector. Memory does not grow with time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.dynamics.circuit import Held, Pathway, Reader, emit
from cordsnet.dynamics.expansion import expansion_penalty
from cordsnet.dynamics.fixed_point import Solution, Status
from cordsnet.dynamics.maps import LinearMap
from cordsnet.dynamics.precision import full_precision
from cordsnet.dynamics.rate_system import RateSystem
from cordsnet.dynamics.simulate import Simulable, check_model
from cordsnet.dynamics.solver import Solver, tie_to_graph
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import Inputs, by_name
from cordsnet.errors import NotConvergedError

Settled: TypeAlias = tuple[dict[str, Tensor], dict[str, Solution], list[Tensor]]
"""Area -> rates, area -> how they were found, penalties."""


@dataclass(frozen=True)
class Equilibrium:
    """Settled activity.

    Attributes
    ----------
    rates : area -> [B, C, H, W].
    outputs : output -> [B, ...].
    residual : area -> [B], |phi(drive(r)) - r| / |phi(drive(r))|.
    status : area -> one `Status` per trial.
    evaluations : area -> how often its recurrent operator was applied.
    expansion : mean over areas of the Lipschitz-coefficient penalty; zero unless `Solver.expansion_bound` is given.
    """

    rates: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    residual: Mapping[str, Tensor]
    status: Mapping[str, tuple[Status, ...]]
    evaluations: Mapping[str, int]
    expansion: Tensor

    @property
    def logits(self) -> Tensor:
        """Class scores [B, K], the output "scores"."""
        return self.outputs["scores"]

    @property
    def converged(self) -> bool:
        """True if every area of every trial converged."""
        return all(one is Status.CONVERGED for statuses in self.status.values() for one in statuses)


@check_arguments
def steady_state(
    model: Simulable,
    images: Tensor | Inputs | None = None,
    *,
    tol: float = 1e-5,
    solver: Solver | None = None,
    start: State | None = None,
    grad: bool = False,
    unsettled: Literal["refuse", "accept"] = "refuse",
) -> Equilibrium:
    """Find where `model` settles under steady `images` [B, C, H, W] (None: no input), with a solver.

    Parameters
    ----------
    model : a network with a rate equation.
    images : [B, C, H, W], or steady inputs by name.
    tol : relative residual at which a trial counts as converged; used when `solver` is None.
    solver : all settings, including how gradients are computed.
    start : where to start from, such as a state nearby; None is zero rates.
    grad : keep the graph, so that the result can be differentiated; its memory does not grow with time.
    unsettled : "refuse" raises NotConvergedError in the backward pass if a trial that takes part in it did not settle,
        or if the equation of its gradient was not solved: the rates are then no fixed point, and have no such gradient.
        "accept" takes what the formula gives there, as training does, which counts the trials that settle.

    Returns
    -------
    Equilibrium, with a residual and a status for every area and trial. A network may have other fixed points,
    and the one found may be unstable: simulate from it to see. Look at `converged` before using the rates.
    """
    if unsettled not in ("refuse", "accept"):
        raise ValueError(f"unsettled must be 'refuse' or 'accept', got {unsettled!r}")
    check_model(model)
    inputs = by_name(images)
    model.check_inputs(inputs)
    solver = solver or Solver(tol=tol)
    with torch.set_grad_enabled(grad), full_precision():
        system = model.system()
        if not isinstance(system, RateSystem):
            raise TypeError(f"model must have a rate equation, got {type(model).__name__}; simulate it in time instead")
        start = None if start is None else system.admit(start)
        batch = len(next(iter(inputs.values()))) if inputs else 1
        return equilibrium(system, system.hold(inputs), batch, solver, start, refuse=unsettled == "refuse")


def equilibrium(
    system: RateSystem, held: Held, batch: int, solver: Solver, start: State | None = None, refuse: bool = True
) -> Equilibrium:
    """`steady_state` of a system whose weights are materialised already, while a frame is held."""
    solve = _by_area if system.equation.circuit.is_cascade else _jointly
    kind = system.like.device.type
    with torch.autocast(kind, enabled=False), full_precision():  # the circuit carries its own precision
        rates, found, penalties = solve(
            system, held, (start or system.zero_state(1)).expand(batch).values, solver, refuse
        )
    return Equilibrium(
        rates=rates,
        outputs=system.equation.circuit.read(rates),
        residual={area: one.residual for area, one in found.items()},
        status={area: one.status for area, one in found.items()},
        evaluations={area: one.evaluations for area, one in found.items()},
        expansion=torch.stack(penalties).mean() if penalties else system.like.new_zeros(()),
    )


def _by_area(system: RateSystem, held: Held, start: Mapping[str, Tensor], solver: Solver, refuse: bool) -> Settled:
    """A cascade, lowest area first."""
    rates: dict[str, Tensor] = {}
    found: dict[str, Solution] = {}
    penalties: list[Tensor] = []
    equation = system.equation
    for area in system.areas:
        circuit, recurrent = equation.circuit, equation.circuit.recurrent.get(area)
        # Areas below have settled, so all but the area's own recurrence is constant.
        drive = held.drive[area].expand(len(start[area]), *start[area].shape[1:])
        brought = circuit.drive(area, circuit.afferent[area], reader_at(held, rates))
        drive = drive if brought is None else drive + brought

        def f(x: Tensor, drive: Tensor = drive, recurrent: LinearMap | None = recurrent) -> Tensor:
            return equation.activation(drive if recurrent is None else drive + recurrent(x))

        rates[area], found[area] = _solve(f, start[area], solver, area if refuse else None)
        penalties += _penalty(f, rates[area], solver)
    return rates, found, penalties


def _jointly(system: RateSystem, held: Held, start: Mapping[str, Tensor], solver: Solver, refuse: bool) -> Settled:
    """A network with feedback: the rates of all areas as one vector. At a fixed point delays play no part."""
    sizes = [rates[0].numel() for rates in start.values()]

    def parts(x: Tensor) -> dict[str, Tensor]:
        flat = torch.split(x, sizes, dim=1)
        return {area: part.reshape(start[area].shape) for area, part in zip(start, flat, strict=True)}

    def f(x: Tensor) -> Tensor:
        read = reader_at(held, parts(x))
        targets = [system.equation.target(area, held, read).expand_as(start[area]) for area in start]
        return torch.cat([target.flatten(1) for target in targets], 1)

    value, found = _solve(
        f, torch.cat([rates.flatten(1) for rates in start.values()], 1), solver, "the network" if refuse else None
    )
    return parts(value), dict.fromkeys(start, found), _penalty(f, value, solver)


def reader_at(held: Held, rates: Mapping[str, Tensor]) -> Reader:
    """Signals at a fixed point, where a delayed signal is the present one."""

    def read(pathway: Pathway) -> Tensor:
        if pathway.recurrent:
            return rates[pathway.source]
        return held.emitted[pathway.source] if pathway.source in held.emitted else emit(rates[pathway.source])

    return read


def _penalty(f: Callable[[Tensor], Tensor], value: Tensor, solver: Solver) -> list[Tensor]:
    if solver.expansion_bound is None:
        return []
    with torch.enable_grad():
        return [expansion_penalty(f, value, solver.expansion_bound)]


def _solve(
    f: Callable[[Tensor], Tensor], start: Tensor, solver: Solver, refused: str | None
) -> tuple[Tensor, Solution]:
    """Solved without a graph, then tied to it by one evaluation; `refused` names what must have settled, if any."""
    found = solver.find(f, start)
    if not torch.is_grad_enabled():
        return found.value, found

    def check(upstream: Tensor) -> None:
        """Refuse the gradient of trials that did not settle, unless none is asked of them."""
        missed = torch.tensor([one is not Status.CONVERGED for one in found.status], device=upstream.device)
        missed = missed & (upstream.flatten(1) != 0).any(1)
        if refused is not None and bool(missed.any()):
            worst = float(found.residual[missed].max())
            raise NotConvergedError(
                f"the steady state of {refused}", worst, solver.tol, found.evaluations, f"{int(missed.sum())} trial(s) "
                "did not settle, so they have no gradient; raise max_iterations, leave them out of the loss, or say "
                "unsettled='accept'"
            )  # fmt: skip

    def judge(adjoint: Solution) -> None:
        """Refuse a gradient whose equation was not solved."""
        if refused is not None and not adjoint.converged:
            raise NotConvergedError(
                f"the gradient of the steady state of {refused}", float(adjoint.residual.max()), solver.tol,
                adjoint.evaluations, "raise max_iterations, or say unsettled='accept'"
            )  # fmt: skip

    return tie_to_graph(f, found.value, solver, check, judge), found

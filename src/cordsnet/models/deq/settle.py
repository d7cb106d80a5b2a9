"""A frame solved to equilibrium: the rates of all areas as one vector, solved, and tied to the graph."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor

from cordsnet.dynamics import Effects, Signal, Solution, full_precision
from cordsnet.dynamics.fixed_point import FixedPointMap, flat, is_channels_last, relative_size, unflat
from cordsnet.dynamics.solver import tie_to_graph
from cordsnet.errors import ConvergenceWarning
from cordsnet.models.deq.spec import SolverFields

Rates: TypeAlias = Mapping[str, Tensor]
Step: TypeAlias = Callable[[Rates, Effects], dict[str, Tensor]]
"""One application of f: rates of all areas, and interventions -> rates of all areas."""

UNSETTLED = (
    "some trials did not converge, so that their rates are no equilibrium, and an implicit gradient is none of theirs; "
    "record 'AREA.residual' to see which, and raise max_iterations, or tol, or constrain the recurrence"
)
UNSOLVED = (
    "the equation of an implicit gradient did not converge; raise max_iterations, or tol, or constrain the recurrence"
)


def signals_of(shapes: Mapping[str, tuple[int, ...]]) -> tuple[Signal, ...]:
    """For every area its rate, and "AREA.residual" [1]: how far f moves its rates, relative to the size of all rates.

    Residuals below `tol` are given as `tol`, since they are rounding errors for the most part.
    """
    kinds = [(Signal(area, shape), Signal(area, (1,), "residual", ("network",))) for area, shape in shapes.items()]
    return tuple(signal for pair in kinds for signal in pair)


class Joined:
    """The rates of all areas [B, *shape] as one vector [B, units] per trial, and back.

    Maps keep the order in memory that they have in `begin`, so that neither way copies them twice.
    """

    def __init__(self, begin: Rates) -> None:
        self.like = {area: rates[:1] for area, rates in begin.items()}
        self.last = {area: is_channels_last(rates) for area, rates in begin.items()}
        self.sizes = [rates[0].numel() for rates in begin.values()]

    def join(self, rates: Rates) -> Tensor:
        """Area -> [B, *shape] as [B, units]."""
        return torch.cat([flat(rates[area], last) for area, last in self.last.items()], 1)

    def parts(self, x: Tensor) -> dict[str, Tensor]:
        """[B, units] as area -> [B, *shape]."""
        pieces = torch.split(x, self.sizes, dim=1)
        # copied once here, since each convolution of a part that is not contiguous would copy it anew
        whole = zip(self.last.items(), pieces, strict=True)
        return {area: unflat(part.contiguous(), self.like[area], last) for (area, last), part in whole}

    def map(self, step: Step, effects: Effects) -> FixedPointMap:
        """f on vectors [B, units], under interventions, whose drives are not recorded."""
        quiet = replace(effects, seen=None)
        return lambda x: self.join(step(self.parts(x), quiet))


@full_precision()
def settle(step: Step, begin: Rates, spec: SolverFields, effects: Effects, tell: bool) -> dict[str, Tensor]:
    """The signals of all areas at the equilibrium of `step`, from `begin`, differentiable as the spec says.

    Drives are recorded once, at the equilibrium. `tell` gives a ConvergenceWarning where a trial did not converge.
    """
    joined = Joined(begin)
    f = joined.map(step, effects)
    if spec.gradient == "unrolled":
        x, before, after = _unrolled(f, joined.join(begin), spec.max_iterations)
        if tell and bool((relative_size((after - before).detach(), after.detach()) > spec.settings(x.dtype).tol).any()):
            warnings.warn(UNSETTLED, ConvergenceWarning, stacklevel=2)
    else:
        x, before, after = _solved(f, joined.join(begin).detach(), spec, tell)
    values = joined.parts(x)
    if effects.seen is not None:
        step(values, effects)
    apart, whole, least = joined.parts((after - before).detach()), after.detach(), spec.settings(x.dtype).tol
    sizes = {area: relative_size(apart[area], whole).clamp(min=least) for area in begin}
    return values | {f"{area}.residual": size[:, None] for area, size in sizes.items()}


def _unrolled(f: FixedPointMap, x: Tensor, iterations: int) -> tuple[Tensor, Tensor, Tensor]:
    before = x
    for _ in range(iterations):
        before, x = x, f(x)
    return x, before, x


def _solved(f: FixedPointMap, start: Tensor, spec: SolverFields, tell: bool) -> tuple[Tensor, Tensor, Tensor]:
    """f at the best iterate, with a gradient; the iterate, and f there."""
    solver = spec.settings(start.dtype)
    found = solver.find(f, start)

    def judge(solution: Solution, sentence: str = UNSOLVED) -> None:
        if tell and not solution.converged:
            warnings.warn(sentence, ConvergenceWarning, stacklevel=2)

    judge(found, UNSETTLED)
    if solver.gradient == "phantom" or torch.is_grad_enabled():
        return tie_to_graph(f, found.value, solver, judge=judge), found.value, found.after
    return found.after, found.value, found.after

"""Solvers of fixed points, and gradients through these."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import check_count, check_positive
from cordsnet.dynamics.anderson import anderson
from cordsnet.dynamics.broyden import broyden
from cordsnet.dynamics.fixed_point import FixedPointMap, Solution, fixed_point_iteration
from cordsnet.dynamics.precision import full_precision

MOST_ITERATIONS = 1_000_000
"""Largest number of evaluations and of terms that is accepted."""
GradientRule: TypeAlias = Literal["implicit", "neumann", "phantom"]
Method: TypeAlias = Literal["anderson", "broyden", "fixed_point"]


@check_init
@dataclass(frozen=True)
class Solver:
    """Settings of the solver for an area's fixed point and for the adjoint problem of its gradient.

    Attributes
    ----------
    tol : relative residual at which a trial counts as converged.
    max_iterations : evaluations of the map, per area.
    memory : iterates that Anderson acceleration combines, or corrections that Broyden's method keeps.
    gradient : "implicit": the adjoint equation solved to `tol` (implicit function theorem);
        "neumann": its series cut after `terms` terms, which is recurrent back-propagation
        (Almeida 1987; Pineda 1987; Liao et al. 2018); "phantom": `terms` damped steps from the fixed point,
        differentiated as they are (Geng et al. 2021).
    terms : of the Neumann series, or steps of the phantom gradient.
    expansion_bound : column sums of the Jacobian above this are penalised (`Equilibrium.expansion`), so that
        training keeps the network settling (Linsley et al. 2020); None computes no penalty.
    method : a row of `METHODS`: "anderson", "broyden" or "fixed_point", which is x <- f(x).
    damping : of the phantom gradient's steps, x <- damping f(x) + (1 - damping) x; above 0 and at most 1.
    """

    tol: float = 1e-5
    max_iterations: int = 100
    memory: int = 6
    gradient: GradientRule = "implicit"
    terms: int = 15
    expansion_bound: float | None = None
    method: Method = "anderson"
    damping: float = 0.7

    def __post_init__(self) -> None:
        check_positive(self.tol, "tol")
        if self.max_iterations < 1 or self.memory < 1 or self.terms < 0:
            raise ValueError("max_iterations and memory must be at least 1, and terms at least 0")
        check_count(self.max_iterations, "max_iterations", 1, MOST_ITERATIONS)
        check_count(self.memory, "memory", 1, 1000)
        check_count(self.terms, "terms", 0, MOST_ITERATIONS)
        if self.gradient not in get_args(GradientRule):
            raise ValueError(f"gradient must be {_either(get_args(GradientRule))}, got {self.gradient!r}")
        if self.method not in METHODS:
            raise ValueError(f"method must be {_either(METHODS)}, got {self.method!r}")
        check_positive(self.damping, "damping")
        if self.damping > 1:
            raise ValueError(f"damping must be at most 1, which takes all of f(x), got {self.damping!r}")

    def find(self, f: FixedPointMap, start: Tensor) -> Solution:
        """Solve x = f(x) from `start` [B, ...], without a graph."""
        return METHODS[self.method](self, f, start)


def _anderson(solver: Solver, f: FixedPointMap, start: Tensor) -> Solution:
    return anderson(f, start, tol=solver.tol, max_iterations=solver.max_iterations, memory=solver.memory)


def _broyden(solver: Solver, f: FixedPointMap, start: Tensor) -> Solution:
    return broyden(f, start, tol=solver.tol, max_iterations=solver.max_iterations, memory=solver.memory)


def _fixed_point(solver: Solver, f: FixedPointMap, start: Tensor) -> Solution:
    return fixed_point_iteration(f, start, tol=solver.tol, max_iterations=solver.max_iterations)


METHODS: Mapping[str, Callable[[Solver, FixedPointMap, Tensor], Solution]] = {
    "anderson": _anderson,
    "broyden": _broyden,
    "fixed_point": _fixed_point,
}
"""Name of a method -> how it solves x = f(x) from a start, with the settings of a solver."""


def _either(names: Collection[str]) -> str:
    *first, last = (repr(name) for name in names)
    return f"{', '.join(first)} or {last}"


def tie_to_graph(
    f: Callable[[Tensor], Tensor],
    value: Tensor,
    solver: Solver,
    check: Callable[[Tensor], None] = lambda _: None,
    judge: Callable[[Solution], None] = lambda _: None,
) -> Tensor:
    """f(value) at a fixed point, with the gradient of the fixed point: v = J' v + upstream, then one adjoint of f.

    With the phantom gradient it is `value` after a few damped steps, which leave a fixed point where it is. `check` is
    called with the upstream gradient, and `judge` with the solution of the adjoint equation; either may raise.
    """
    if solver.gradient == "phantom":
        return _phantom(f, value, solver, check)
    once = f(value.detach())

    @full_precision()
    def adjoint(upstream: Tensor) -> Tensor:
        """The upstream gradient carried through the fixed point."""
        check(upstream)
        # made here, since a graph of the forward pass may be one that a checkpoint computes anew at each use
        with torch.enable_grad():
            point = value.detach().requires_grad_()
            after = f(point)

        def back(v: Tensor) -> Tensor:
            (through,) = torch.autograd.grad(after, point, v, retain_graph=True)
            return through + upstream

        if solver.gradient == "neumann":
            total = upstream
            for _ in range(solver.terms):
                total = back(total)
            return total
        found = solver.find(back, upstream)
        judge(found)
        return found.value

    if once.requires_grad:
        once.register_hook(adjoint)  # type: ignore[no-untyped-call]
    return once


def _phantom(f: Callable[[Tensor], Tensor], value: Tensor, solver: Solver, check: Callable[[Tensor], None]) -> Tensor:
    """Damped steps from `value`, in the graph."""
    x = value.detach()
    for _ in range(solver.terms):
        x = torch.lerp(x, f(x), solver.damping)
    if x.requires_grad:
        x.register_hook(check)  # type: ignore[no-untyped-call]
    return x

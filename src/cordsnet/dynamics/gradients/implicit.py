"""The gradient of a fixed point, from the equation that it satisfies: g = J' g + dL/dh (implicit function theorem).

The equation is solved by GMRES for all signals and trials as one vector: in training, batch norms make trials depend on
one another. Almeida 1987; Pineda 1987; Bai et al. 2019, NeurIPS (deep equilibrium models).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from cordsnet.dynamics.anderson import anderson
from cordsnet.dynamics.gmres import Systems
from cordsnet.dynamics.gradients.adjoint import Back, tied
from cordsnet.dynamics.gradients.layout import Values
from cordsnet.dynamics.gradients.rule import Gradient, GradientRule
from cordsnet.dynamics.gradients.trial import Ending, StepMap, Trial
from cordsnet.dynamics.precision import full_precision
from cordsnet.errors import NotConvergedError


def run(trial: Trial, gradient: Gradient) -> Ending:
    """The fixed point without a graph, one step from there with one, and its equation in the backward pass."""
    solves = gradient.forward == "anderson"
    step = StepMap(trial, trial.state.detach() if solves else trial.without_graph(trial.steps - 1))
    point = _fixed_point(step, gradient) if solves else step.start
    apart: list[Tensor] = []

    def solve(back: Back, upstream: Values) -> Values:
        rows = step.layout.rows(upstream)
        _check(rows, apart[0], gradient)
        g = _solution(lambda g: step.layout.rows(back(step.layout.values(g))), rows, gradient, trial.notes)
        return step.layout.values(g)

    ending = step.ending(point, tied(step, point, solve))
    assert ending.residual is not None
    apart.append(ending.residual)
    return ending


def _fixed_point(step: StepMap, gradient: Gradient) -> Values:
    """The fixed point of a step by Anderson acceleration, each trial by itself, as near as it comes.

    The best iterates of different trials are of different times. Where trials depend on one another, the residual is
    larger when they are put together, so the search goes on from there until its first evaluation confirms them all.
    """
    rows, left = step.layout.rows(step.start), gradient.max_iterations
    with torch.no_grad(), full_precision():
        while left > 0:
            found = anderson(step.of_rows, rows, tol=gradient.tol, max_iterations=left)
            rows, left = found.value, left - found.evaluations
            if found.evaluations == 1:
                break
    return step.layout.values(rows)


def _check(upstream: Tensor, apart: Tensor, gradient: Gradient) -> None:
    """Refuse the gradient of trials that have not settled, unless none is asked of them."""
    missed = ~(apart <= gradient.tol) & (upstream != 0).any(1)
    if gradient.unsettled == "refuse" and bool(missed.any()):
        raise NotConvergedError(
            "the fixed point of a step", float(apart[missed].max()), gradient.tol, 1, f"{int(missed.sum())} trial(s) "
            "had not settled, so they have no implicit gradient; show them longer, take forward='anderson', raise tol, "
            "or say unsettled='accept'"
        )  # fmt: skip


@full_precision()
def _solution(back: Callable[[Tensor], Tensor], upstream: Tensor, gradient: Gradient, notes: list[str]) -> Tensor:
    """g [B, N] with g - J' g = upstream, for all trials together."""

    def product(vector: Tensor) -> Tensor:
        g = vector.view_as(upstream)
        return (g - back(g)).view(1, -1)

    wanted = upstream.reshape(1, -1)
    systems = Systems(product, wanted, torch.zeros_like(wanted), min(gradient.basis, upstream.numel()), gradient.tol)
    systems.solve(gradient.max_iterations)
    reached = float(systems.best_residual)
    if not reached <= gradient.tol:
        if gradient.unsettled == "refuse":
            raise NotConvergedError(
                "the implicit gradient", reached, gradient.tol, systems.products, "raise max_iterations or basis, or "
                "say unsettled='accept'"
            )  # fmt: skip
        note = f"implicit gradients were taken that were not solved to tol = {gradient.tol:g}"
        notes += [] if note in notes else [note]
    return systems.best_x.view_as(upstream)


RULE = GradientRule(
    run,
    "solves the equation of the fixed point's gradient by GMRES",
    ("forward", "tol", "max_iterations", "basis", "unsettled"),
    settles=True,
)

"""Recurrent back-propagation: the series of the gradient at a fixed point, cut after some terms.

g = dL/dh + J' dL/dh + J'^2 dL/dh + ..., with J the Jacobian of the last step (Almeida 1987; Pineda 1987; Liao et al.
2018, ICML). With the penalty on expansion it is the contractor recurrent back-propagation (C-RBP) of Linsley et al.
2020, NeurIPS.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cordsnet.dynamics.gradients.adjoint import Back, tied
from cordsnet.dynamics.gradients.layout import Values
from cordsnet.dynamics.gradients.rule import Gradient, GradientRule
from cordsnet.dynamics.gradients.trial import Ending, StepMap, Trial

LARGEST, SMALLEST = 1.0, 1e-9
"""Norms of the sum and of a term at which the published code stops."""


def run(trial: Trial, gradient: Gradient) -> Ending:
    """All steps but the last one without a graph, and the last one with the series as its gradient."""
    step = StepMap(trial, trial.without_graph(trial.steps - 1))
    after = tied(step, step.start, lambda back, upstream: series(back, upstream, gradient))
    return step.ending(step.start, after)


def series(back: Back, upstream: Values, gradient: Gradient) -> Values:
    """upstream + J' upstream + ..., `gradient.terms` products unless it stops early."""
    total, term, size = upstream, upstream, _norm(upstream)
    for _ in range(gradient.terms):
        through = back(term)
        term = tuple(t - gradient.leak * v for t, v in zip(through, term, strict=True)) if gradient.leak else through
        longer = tuple(t + v for t, v in zip(total, term, strict=True))
        if gradient.stop_early:
            before, size = size, _norm(term)
            if not (_norm(longer) <= LARGEST and size < before and size >= SMALLEST):  # also where it is NaN
                break
        total = longer
    return total


def _norm(values: Sequence[Tensor]) -> float:
    """Euclidean norm over all signals and trials."""
    return float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(value) for value in values])))


RULE = GradientRule(
    run,
    "sums products with the transposed Jacobian of the last step",
    ("terms", "leak", "stop_early", "tol"),
    settles=True,
)

"""Phantom gradients: back through some damped steps from near the fixed point (Geng et al. 2021, NeurIPS)."""

import torch

from cordsnet.dynamics.gradients.rule import Gradient, GradientRule
from cordsnet.dynamics.gradients.trial import Ending, StepMap, Trial


def run(trial: Trial, gradient: Gradient) -> Ending:
    """All steps but the last `gradient.steps` without a graph; the last ones damped, h <- (1 - d) h + d F(h), with one.

    All damped steps repeat the map of the last step of the trial.
    """
    if gradient.steps > trial.steps:
        raise ValueError(
            f"gradient 'phantom' damps the last steps = {gradient.steps} of a trial, which has {trial.steps}; "
            "show it longer, or lower steps"
        )
    step = StepMap(trial, trial.without_graph(trial.steps - gradient.steps))
    values = step.start
    for _ in range(gradient.steps):
        before, after = values, step(values)
        values = tuple(torch.lerp(old, new, gradient.damping) for old, new in zip(before, after, strict=True))
    return step.ending(before, values, after)


RULE = GradientRule(
    run, "goes back through the last steps, which are damped", ("steps", "damping", "tol"), settles=True
)

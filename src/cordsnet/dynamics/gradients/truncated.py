"""Truncated back-propagation through time: back through the last steps alone (Williams & Peng 1990)."""

from cordsnet.dynamics.gradients.rule import Gradient, GradientRule
from cordsnet.dynamics.gradients.trial import Ending, Trial


def run(trial: Trial, gradient: Gradient) -> Ending:
    """The last `gradient.steps` steps in the graph; of a trial that has no more, all, as with "bptt"."""
    first = trial.steps - gradient.steps
    return trial.ended(trial.without_graph(first), first) if first > 0 else trial.ended(trial.state, 0)


RULE = GradientRule(run, "goes back through the last steps alone", ("steps",))

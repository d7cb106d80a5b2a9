"""Back-propagation through time: the gradient of every step, exactly.

Werbos 1990, Proc. IEEE 78:1550. The engine "checkpointed" keeps the state at block boundaries alone.
"""

from dataclasses import replace

from cordsnet.dynamics.gradients.rule import Gradient, GradientRule
from cordsnet.dynamics.gradients.trial import Ending, Trial


def run(trial: Trial, gradient: Gradient) -> Ending:
    """All steps in the graph, by the engine of the trial."""
    return trial.ended(trial.state, 0)


def run_in_blocks(trial: Trial, gradient: Gradient) -> Ending:
    """All steps in the graph, block by block within the budget of the trial."""
    return run(replace(trial, engine="checkpointed"), gradient)


BPTT = GradientRule(run, "goes back through every step", whole=True)
CHECKPOINTED = GradientRule(
    run_in_blocks, "goes back through every step, in blocks that are run again", whole=True, engine="checkpointed"
)

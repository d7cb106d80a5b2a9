"""Rules for the gradient of the last state of a trial: exact, or as it is at a fixed point.

A rule sees a trial, which is a system, what it is shown and the state that it starts from, and gives the last state
with a gradient with respect to weights and inputs. Engines differ in cost alone; rules differ in the gradient.
"""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.dynamics.gradients.rule import GRADIENTS, Gradient, GradientRule
    from cordsnet.dynamics.gradients.run import last_state
    from cordsnet.dynamics.gradients.trial import Ending, StepMap, Trial

__all__ = ["GRADIENTS", "Ending", "Gradient", "GradientRule", "StepMap", "Trial", "last_state"]

import_on_demand(__name__)

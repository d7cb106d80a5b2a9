"""The external input as the time loop sees it: inputs and interventions, each held for a number of steps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from torch import Tensor

from cordsnet.dynamics.effects import NONE, Effects


@dataclass(frozen=True)
class Hold:
    """Inputs that are held for `steps` steps.

    Attributes
    ----------
    steps : number of steps.
    inputs : name -> values [B, *shape]; an input that is left out is blank, the same for every trial.
    effects : effects of interventions in these steps.
    """

    steps: int
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    effects: Effects = NONE


Schedule: TypeAlias = Iterable[Hold]


def same_inputs(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """True if both hold the very same tensors under the same names."""
    return one.keys() == other.keys() and all(value is other[name] for name, value in one.items())

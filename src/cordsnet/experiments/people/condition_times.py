"""Median times of models and people by condition, over photographs and people that are drawn again."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments

Array = NDArray[np.float64]

TOGETHER = 100
"""Samples that are drawn together."""


@dataclass(frozen=True)
class Drawn:
    """Median times by condition [1 + draws, C]; the first row is that of all photographs or people.

    Attributes
    ----------
    model : measure -> medians over photographs; infinite where half of them or more are undecided.
    people : medians over the people who saw a condition.
    photographs : number of photographs.
    """

    model: Mapping[str, Array]
    people: Array
    photographs: int


@check_arguments
def draw_medians(times: Mapping[str, Array], reaction_ms: Array, draws: int, seed: int = 0) -> Drawn:
    """Draw photographs and people again and again, and take medians by condition.

    Parameters
    ----------
    times : measure -> time of each photograph in each condition [N, C]; infinite for undecided trials.
    reaction_ms : of each person in each condition [P, C]; NaN for conditions that a person did not see. People are
        drawn among those who saw the same conditions.
    draws : number of samples.
    seed : of the samples.
    """
    rng = np.random.default_rng(seed)
    n = len(next(iter(times.values())))
    picks = np.concatenate([np.arange(n)[None], rng.integers(n, size=(draws, n))])
    model = {name: _medians(values, picks) for name, values in times.items()}
    seen = np.isfinite(reaction_ms)
    whom = []
    for pattern in np.unique(seen, axis=0):
        mine = np.flatnonzero((seen == pattern).all(1))
        whom.append(np.concatenate([mine[None], rng.choice(mine, size=(draws, len(mine)))]))
    return Drawn(model, _medians(reaction_ms, np.concatenate(whom, 1)), n)


def _medians(values: Array, picks: NDArray[np.int64]) -> Array:
    """Medians [R, C] of the rows of values [N, C] that are picked [R, n], without those that are NaN."""
    parts = [np.nanmedian(values[picks[start : start + TOGETHER]], axis=1) for start in range(0, len(picks), TOGETHER)]
    return np.concatenate(parts)

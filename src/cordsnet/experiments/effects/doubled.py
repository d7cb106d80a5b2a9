"""Summed responses to an amount and to twice as much, beside what a linear network would answer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.experiments.effects.recordings import MeanRates, ratio_of_means

Array = NDArray[np.float64]
DURATION, CONTRAST = "duration", "contrast"
"""What is doubled."""


@dataclass(frozen=True)
class Doubled:
    """Summed responses of one area to some amount and to twice as much.

    Attributes
    ----------
    of : what is doubled, "duration" or "contrast".
    amount : before it is doubled, ms or a factor of the image.
    area : name.
    single : response to the amount [B], in units of the rate times ms.
    double : response to twice as much [B].
    additive : response to twice as much in a linear network, from the response to the amount [B].
    """

    of: str
    amount: float
    area: str
    single: Array
    double: Array
    additive: Array

    def index(self, counts: Array) -> Array:
        """Index of summation [R], of images that are drawn `counts` [R, B] times."""
        return ratio_of_means(counts, self.double, self.additive)


@check_arguments
def above_never(course: MeanRates, never: MeanRates) -> tuple[Array, dict[str, Array]]:
    """Times from onset on [T], and area -> mean rate above trials without an image [T, B]."""
    shown = course.times > 1e-6
    found = {area: (rate - never.rates[area][: len(rate)])[shown] for area, rate in course.rates.items()}
    return course.times[shown], found


@check_arguments
def in_time(courses: Mapping[float, Mapping[str, Array]], ms: float, dt_ms: float) -> list[Doubled]:
    """Responses to `ms` and twice as long; the prediction is the first course and the same again `ms` later."""
    later = round(ms / dt_ms)
    found = []
    for area, rate in courses[ms].items():
        additive = rate.sum(0) + rate[: len(rate) - later].sum(0)
        parts = rate.sum(0), courses[2 * ms][area].sum(0), additive
        found.append(Doubled(DURATION, ms, area, *(dt_ms * part for part in parts)))
    return found


@check_arguments
def of_contrast(courses: Mapping[float, Mapping[str, Array]], factor: float, dt_ms: float) -> list[Doubled]:
    """Responses to a contrast and to twice as much."""
    found = []
    for area, rate in courses[factor].items():
        parts = rate.sum(0), courses[2 * factor][area].sum(0), 2 * rate.sum(0)
        found.append(Doubled(CONTRAST, factor, area, *(dt_ms * part for part in parts)))
    return found


@check_arguments
def two_signs(courses: Mapping[float, Mapping[str, Array]]) -> list[str]:
    """A sentence for every area whose mean rate rises and falls, so that most of the response is undone in its sum."""
    return [
        f"{area}: with {ms:g} ms the mean rate rises and falls, and more than half of the response cancels in its sum"
        for ms, course in courses.items()
        for area, rate in course.items()
        if abs(rate.sum()) < 0.5 * np.abs(rate).sum()
    ]

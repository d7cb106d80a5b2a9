"""Summed responses to an amount and to twice as much, beside what a linear network would answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.experiments.effects.recordings import MeanRates, ratio_of_means

Array = NDArray[np.float64]
DURATION, CONTRAST = "duration", "contrast"
"""Properties of an image that are doubled."""


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
    cancels : True if the mean rate rises and falls, so that more than half of a response is undone in its sum: a ratio
        of such sums says nothing of how strongly an area responds.
    """

    of: str
    amount: float
    area: str
    single: Array
    double: Array
    additive: Array
    cancels: bool = False

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
        linear, double = rate.copy(), courses[2 * ms][area]
        linear[later:] += rate[: len(rate) - later]
        found.append(_doubled(DURATION, ms, area, [dt_ms * course for course in (rate, double, linear)]))
    return found


@check_arguments
def of_contrast(courses: Mapping[float, Mapping[str, Array]], factor: float, dt_ms: float) -> list[Doubled]:
    """Responses to a contrast and to twice as much."""
    found = []
    for area, rate in courses[factor].items():
        double = courses[2 * factor][area]
        found.append(_doubled(CONTRAST, factor, area, [dt_ms * course for course in (rate, double, 2 * rate)]))
    return found


def _doubled(of: str, amount: float, area: str, courses: Sequence[Array]) -> Doubled:
    """Sums over time of the courses [T, B] of the response, of that to twice as much and of the linear prediction."""
    single, double, additive = (course.sum(0) for course in courses)
    return Doubled(of, amount, area, single, double, additive, any(_cancels(course) for course in courses[1:]))


def _cancels(course: Array) -> bool:
    """True if more than half of a course [T, B], mean over images, is undone in its sum."""
    mean = course.mean(1)
    return bool(abs(mean.sum()) < 0.5 * np.abs(mean).sum())

"""Answers and rates of every trial over time, and what is read from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet.experiments.intervals import mean_of, share

Numbers: TypeAlias = NDArray[np.float64]
KEPT = 0.05
"""Accuracy that a network which keeps its answer may lose."""


@dataclass(frozen=True)
class Course:
    """Behaviour of every trial over time.

    Attributes
    ----------
    time_ms : [T] from the onset of the first image; negative before it.
    first, second : [T, B], True where the scores name the first and the second image.
    rates : area -> [T, B], mean rate over units.
    distance : [T, B], distance of all rates from spontaneous activity over that at the offset of the first image;
        NaN outside the blank that follows.
    offset_ms, second_onset_ms : when the first image goes and the second comes.
    notes : durations that were rounded to the steps of the model.
    """

    time_ms: Numbers
    first: NDArray[np.bool_]
    second: NDArray[np.bool_]
    rates: Mapping[str, Numbers]
    distance: Numbers
    offset_ms: float
    second_onset_ms: float
    notes: tuple[str, ...] = ()

    def at(self, ms: float) -> int:
        """Index of the recorded time next to `ms`."""
        return int(np.abs(self.time_ms - ms).argmin())

    def hold_drop(self, counts: Numbers, trained_ms: float) -> Numbers:
        """Accuracy at `trained_ms` less the lowest from then to the offset [R]; images drawn `counts` [R, B] times."""
        kept = (self.time_ms >= trained_ms) & (self.time_ms <= self.offset_ms)
        held: Numbers = mean_of(counts, self.first[kept].T).min(1)
        return mean_of(counts, self.first[self.at(trained_ms)]) - held

    def unread(self, trained_ms: float, classes: int) -> str:
        """A sentence where answers at `trained_ms` are not surely better than guessing (Wilson's interval); or ""."""
        hits, n = int(self.first[self.at(trained_ms)].sum()), self.first.shape[1]
        measured, chance = share(hits, n), 1 / classes
        assert measured.interval is not None
        if measured.interval[0] > chance:
            return ""
        low, high = (100 * end for end in measured.interval)
        found = f"{100 * measured.value:.3g} % [{low:.3g}, {high:.3g}], chance {100 * chance:.3g} %"
        return (
            f"{trained_ms:g} ms after the onset, with the blank before it, {hits} of {n} images are read ({found}), "
            "so hold is not measured"
        )

    def lost_before(self, trained_ms: float) -> str:
        """A sentence where the answer was better before `trained_ms` by more than `hold` allows; "" where not."""
        accuracy = self.first.mean(1)
        early = np.flatnonzero((self.time_ms >= 0) & (self.time_ms <= trained_ms))
        best, own = int(early[accuracy[early].argmax()]), self.at(trained_ms)
        if accuracy[best] - accuracy[own] <= KEPT:
            return ""
        at = f"{self.time_ms[best]:g}"
        return (
            f"answers best {at} ms after the onset, {100 * accuracy[best]:.3g} %, and {100 * accuracy[own]:.3g} % "
            f"after {trained_ms:g} ms, from which hold counts; give trained_ms {at} if it was trained for so long"
        )

    def baseline_distance(self, counts: Numbers) -> Numbers:
        """Distance to spontaneous activity at the end of the blank [R]."""
        return mean_of(counts, self.distance[self.at(self.second_onset_ms)])

    def half_rise_ms(self, counts: Numbers, until_ms: float) -> dict[str, Numbers]:
        """Area -> time [R] at which the mean rate is halfway from its value at onset to that at `until_ms`.

        Interpolated linearly between recorded times; NaN for a rate that does not change. Raises ValueError unless at
        least two recorded times lie from onset to `until_ms`.
        """
        shown = (self.time_ms >= 0) & (self.time_ms <= until_ms)
        if shown.sum() < 2:
            raise ValueError(
                f"{int(shown.sum())} recorded times lie from onset to trained_ms = {until_ms:g} ms, and rises of rates "
                "need two; lower every_ms, raise trained_ms, or make before_ms a multiple of every_ms"
            )
        return {
            area: _half_way(self.time_ms[shown], mean_of(counts, rate[shown].T)) for area, rate in self.rates.items()
        }

    def least_lag(self, counts: Numbers, until_ms: float) -> Numbers:
        """Smallest difference [R] between the half rise of an area and that of the area below it, ms."""
        rises = np.stack(list(self.half_rise_ms(counts, until_ms).values()))
        return np.diff(rises, axis=0).min(0) if len(rises) > 1 else np.full(rises.shape[1], np.nan)


def _half_way(time: Numbers, rate: Numbers) -> Numbers:
    """Times [R] at which rates [R, T] have made half of their change; NaN where they do not change."""
    change = rate[:, -1:] - rate[:, :1]
    share = np.divide(rate - rate[:, :1], change, out=np.full_like(rate, np.nan), where=change != 0)
    after = np.maximum((share >= 0.5).argmax(1), 1)
    row = np.arange(len(rate))
    part = (0.5 - share[row, after - 1]) / (share[row, after] - share[row, after - 1])
    result: Numbers = time[after - 1] + part * (time[after] - time[after - 1])
    return result

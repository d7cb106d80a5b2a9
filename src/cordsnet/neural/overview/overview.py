"""Numbers and courses that say what a recording looks like before anything is done with it."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet._progress import tell_progress
from cordsnet.neural.overview.part import after_onset, counted_ms, overlap, part_of
from cordsnet.neural.overview.trials import Raster, drift, fano, mean_and_reach, rasters, tuning
from cordsnet.neural.recording import Recording
from cordsnet.neural.reliability import NoiseCeiling, Reliability, noise_ceiling, split_half_reliability

Numbers: TypeAlias = NDArray[np.float64]
CHUNK = 50_000_000
"""Responses from which means are taken at once."""


@dataclass(frozen=True, eq=False)
class Overview:
    """A recording at a glance. I, R, T and N are those of the recording; n neurons and B bins are looked at.

    Attributes
    ----------
    shape : I, R, T, N.
    repeats : least, median and largest number of repeats of an image and neuron.
    absent : share of [I, R, T, N] that is absent.
    level : mean response of every neuron over time, a bin weighted by its duration, spikes per s, or in the unit of the
        recording if that is "other" [N]; NaN for neurons without any response that is present.
    silent : names of the neurons that never respond, though some of their responses are present.
    unit : unit of the recording.
    bins_ms : start and end of each bin that is looked at, ms [B, 2].
    neurons : names of the n neurons that are looked at.
    sample : numbers of those of the n that are drawn one by one [S].
    course, course_reach : mean over images of each of the n neurons, and half of its 95 % interval [B, n].
    population, population_reach : mean over neurons, and half of its 95 % interval [B].
    window_ms : bins after onset, over which responses are averaged for what follows.
    window : reliability of each of the n neurons in this window, one bin.
    reliability : the same in each bin.
    ceiling : noise ceiling in each bin, with all bins pooled, and with each bin's mean removed.
    fano : variance by mean of counts in the window, for each of the n neurons; None for other units, one repeat, or
        bins that overlap.
    drift, drift_reach : response of each repeat in the window less the mean of its image, as a share of the mean of
        the neuron, mean over neurons [R]; None with fewer than three repeats.
    tuning : response in the window to each image in two halves of the repeats [S, 2, images]; None without repeats.
    rasters : trials of some of the sample; empty with one bin.
    fine_ms : bins of the rasters, ms.
    notes : what was left out, drawn or joined.
    """

    shape: tuple[int, int, int, int]
    repeats: tuple[int, float, int]
    absent: float
    level: Numbers
    silent: tuple[str, ...]
    unit: str
    bins_ms: Numbers
    neurons: tuple[str, ...]
    sample: NDArray[np.intp]
    course: Numbers
    course_reach: Numbers
    population: Numbers
    population_reach: Numbers
    window_ms: tuple[float, float]
    window: Reliability
    reliability: Reliability
    ceiling: NoiseCeiling
    fano: Numbers | None
    drift: Numbers | None
    drift_reach: Numbers | None
    tuning: Numbers | None
    rasters: tuple[Raster, ...]
    fine_ms: Numbers
    notes: tuple[str, ...]


@check_arguments
def recording_overview(
    recording: Recording, *, sample: int = 12, most_bins: int = 60, halves: int = 20, draws: int = 200, seed: int = 0
) -> Overview:
    """Find out what a recording looks like: courses, reliabilities, ceilings, rasters of a few neurons.

    Memory and time are bounded: neurons and images are drawn from large recordings, and bins are joined. Silence and
    mean responses are those of all neurons.

    Parameters
    ----------
    recording : any recording.
    sample : neurons that are drawn one by one, those that respond first.
    most_bins : bins that are looked at, at most; more are joined.
    halves, draws : random splits of the repeats and bootstrap samples of images, see `split_half_reliability`.
    seed : of everything that is drawn.

    Raises
    ------
    ArgumentError : numbers out of range.
    """
    check_count(sample, "sample", 1, 100)
    check_count(most_bins, "most_bins", 1, 1000)
    check_count(seed, "seed", 0, 2**63 - 1)
    level, absent, most = _levels(recording)
    names = np.array(recording.neurons, object)
    part = part_of(recording, most_bins, seed)
    looked = part.recording
    answering = set(names[most > 0])
    responds = np.flatnonzero([name in answering for name in looked.neurons])
    pool = responds if len(responds) else np.arange(len(looked.neurons))
    chosen = np.sort(np.random.default_rng(seed).permutation(pool)[:sample])
    late, span = after_onset(looked)
    tell_progress("reliability", 0, 3, "parts")
    window = split_half_reliability(late, halves=halves, draws=draws, seed=seed)
    tell_progress("reliability", 1, 3, "parts")
    reliability = split_half_reliability(looked, halves=halves, draws=0, seed=seed)
    tell_progress("reliability", 2, 3, "parts")
    ceiling = noise_ceiling(looked, halves=halves, draws=draws, seed=seed)
    tell_progress("reliability", 3, 3, "parts")
    trials, cut = rasters(part.fine, chosen[:6], seed)
    return Overview(
        shape=tuple(recording.responses.shape),
        repeats=_least_to_most(recording.repeats),
        absent=absent,
        level=level,
        silent=tuple(names[(most == 0) & ~np.isnan(level)]),
        unit=recording.unit,
        bins_ms=looked.bins_ms,
        neurons=tuple(looked.neurons),
        sample=chosen,
        **_courses(looked),
        window_ms=span,
        window=window,
        reliability=reliability,
        ceiling=ceiling,
        **_of_repeats(looked, late, chosen, seed),
        rasters=trials,
        fine_ms=part.fine.bins_ms,
        notes=(*part.notes, *cut),
    )


def _least_to_most(number: NDArray[np.int64]) -> tuple[int, float, int]:
    """Least, median and largest number."""
    return int(number.min()), float(np.median(number)), int(number.max())


def _courses(looked: Recording) -> dict[str, Numbers]:
    """Courses of the neurons and of the population, with half of their intervals."""
    rates = looked if looked.unit == "other" else looked.as_rates()
    course, reach = mean_and_reach(rates.mean, 0)
    population, population_reach = mean_and_reach(course, 1)
    return {
        "course": course,
        "course_reach": reach,
        "population": population,
        "population_reach": population_reach,
    }


def _of_repeats(looked: Recording, late: Recording, chosen: NDArray[np.intp], seed: int) -> dict[str, Any]:
    """Fano factors, drift and tuning from responses in one window; None where the recording has none."""
    moved = drift(late)
    counted = looked.unit == "count" and looked.responses.shape[1] > 1 and not overlap(looked.bins_ms)
    return {
        "fano": fano(late) * counted_ms(looked) / 1000 if counted else None,
        "drift": None if moved is None else moved[0],
        "drift_reach": None if moved is None else moved[1],
        "tuning": tuning(late, chosen, seed),
    }


def _levels(recording: Recording) -> tuple[Numbers, float, Numbers]:
    """Mean response of every neuron [N], the share that is absent, and the largest response by size [N]."""
    images, repeats, bins, neurons = recording.responses.shape
    step = max(1, CHUNK // (images * repeats * bins))
    durations = recording.durations_ms
    scale = durations if recording.unit != "count" else np.full(bins, 1000.0)
    level, most, absent = np.full(neurons, np.nan), np.zeros(neurons), 0
    for start in range(0, neurons, step):
        values = recording.responses[..., start : start + step]
        present = ~np.isnan(values)
        absent += int(present.size - present.sum())
        some = np.where(present, values, 0)
        total = scale @ some.sum((0, 1), dtype=np.float64)
        time = durations @ present.sum((0, 1))
        level[start : start + step] = np.divide(total, time, where=time > 0, out=np.full(len(time), np.nan))
        most[start : start + step] = np.abs(some).max((0, 1, 2))
    return level, absent / recording.responses.size, most

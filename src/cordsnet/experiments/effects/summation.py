"""Summation in time and of contrast: is the response to twice as much twice the response (Gutzen & Lindsay 2025)?

A linear network answers to an image of 2 d ms as to one of d ms and another of d ms right after it, and to twice the
contrast with twice the response. The index of summation is the response over this prediction: 1 where the network is
linear, below 1 where it is sub-additive.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.experiments.claims import Claim, Measured, at_least, at_most, decide
from cordsnet.experiments.effects.doubled import (
    CONTRAST,
    DURATION,
    Doubled,
    above_never,
    in_time,
    of_contrast,
)
from cordsnet.experiments.effects.recordings import (
    durations_in_steps,
    ends,
    may_be_none,
    mean_response,
    record_means,
    record_never,
    whole_steps_ms,
)
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap
from cordsnet.experiments.needs import dynamics, reads_images
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel
from cordsnet.stimuli import blank, show

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]
SMALLEST = 0.01
"""Departures of an index from 1 that are smaller than this count as none."""


@dataclass(frozen=True)
class SummationOptions:
    """Durations and contrasts that are doubled.

    Attributes
    ----------
    trials : number of test images.
    before_ms : blank before the image, from spontaneous activity.
    durations_ms : each is compared with twice as long, at full contrast.
    contrasts : factors of the image, 0 being the blank; each is compared with twice as much, so at most 0.5.
    image_ms : how long images of these contrasts stay.
    after_ms : blank after the longest image, until which responses are summed.
    """

    trials: int = 360
    before_ms: float = 100.0
    durations_ms: tuple[float, ...] = (20.0, 40.0, 80.0)
    contrasts: tuple[float, ...] = (0.125, 0.25, 0.5)
    image_ms: float = 100.0
    after_ms: float = 200.0

    def __post_init__(self) -> None:
        for name in ("before_ms", "image_ms", "after_ms"):
            check_positive(getattr(self, name), name)
        if not self.durations_ms or min(self.durations_ms) <= 0:
            raise ValueError(f"durations_ms must be one or more numbers above 0, got {self.durations_ms}")
        if not self.contrasts or min(self.contrasts) <= 0 or max(self.contrasts) > 0.5:
            raise ValueError(f"contrasts must be one or more numbers above 0 and at most 0.5, got {self.contrasts}")


@dataclass(frozen=True)
class Summed:
    """Measurements of one model.

    Attributes
    ----------
    pairs : responses to every amount, area by area.
    courses : duration in ms -> area -> mean rate above that without an image, mean over images [T].
    times : of the courses, from onset, ms [T].
    notes : what was rounded.
    """

    pairs: list[Doubled]
    courses: Mapping[float, Mapping[str, Array]]
    times: Array
    notes: list[str] = field(default_factory=list)


SOURCE = "Gutzen & Lindsay 2025"
CLAIMS = (
    Claim(
        "temporal_summation",
        "An image of twice the duration evokes less than twice as much, by 1 % or more, in every area.",
        SOURCE,
        "largest ratio of the summed response to an image to that of a linear network, which answers to each half of "
        "it alike, of all durations and areas",
        at_most(1 - SMALLEST),
    ),
    Claim(
        "contrast_summation",
        "An image of twice the contrast evokes less than twice as much, by 1 % or more, in every area.",
        SOURCE,
        "largest ratio of the summed response to an image to twice that at half of its contrast, of all contrasts and "
        "areas",
        at_most(1 - SMALLEST),
    ),
    Claim(
        "summation_up_the_hierarchy",
        "Summation in time is more sub-additive in the highest area than in the lowest, by 1 % or more.",
        "Zhou et al. 2018",
        "ratio of the summed response to that of a linear network in the lowest area less that in the highest, mean "
        "over durations",
        at_least(SMALLEST),
    ),
)


@experiment(
    "summation",
    options=SummationOptions,
    presets={
        "smoke": Preset(SummationOptions(trials=20), 0.1, 0.5),
        "desk": Preset(SummationOptions(), 0.5, 1.0),
        "paper": Preset(SummationOptions(trials=10_000), 20.0, 16.0),
    },
    claims=CLAIMS,
    needs=(reads_images, dynamics),
)
def summation(setting: Setting, options: SummationOptions) -> Result:
    """Response of each area to images of twice the duration or contrast, over that of a linear network."""
    tables: dict[str, Rows] = {name: [] for name in ("summation", "rates", "notes")}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        summed = record_summation(model, split.images, options, setting.seed)
        tables["summation"] += [{"model": label} | _index_row(pair, setting.seed) for pair in summed.pairs]
        tables["rates"] += [{"model": label} | row for row in _course_rows(summed)]
        notes = dict.fromkeys([*summed.notes, *_without_response(summed.pairs, setting.seed)])
        tables["notes"] += [{"model": label, "note": note} for note in notes]
        claims += decide(CLAIMS, measure(summed.pairs, setting.seed), label)
    return Result(tables, claims=tuple(claims))


@check_arguments
def record_summation(model: VisionModel, images: Tensor, options: SummationOptions, seed: int = 0) -> Summed:
    """Responses to images [B, C, H, W] of all durations and contrasts, and of twice as much.

    Responses are mean rates above those of trials without an image, summed from onset to `after_ms` after the longest
    image. Durations are in whole steps of the model, so that twice as long is exactly twice as many steps.
    """
    notes: list[str] = []
    before_ms, image_ms, after_ms = (
        whole_steps_ms(model, getattr(options, name), name, notes) for name in ("before_ms", "image_ms", "after_ms")
    )
    durations = durations_in_steps(model, options.durations_ms, notes)
    window_ms = max(2 * durations[-1], image_ms) + after_ms
    never = record_never(model, images, before_ms + window_ms, seed)

    def response(factor: float, ms: float) -> tuple[Array, dict[str, Array]]:
        protocol = blank(before_ms) + show(factor * images, ms) + blank(window_ms - ms)
        return above_never(record_means(model, protocol, seed), never)

    long = {ms: response(1.0, ms) for ms in sorted({*durations, *(2 * ms for ms in durations)})}
    factors = sorted({*options.contrasts, *(2 * factor for factor in options.contrasts)})
    strong = {factor: response(factor, image_ms)[1] for factor in factors}
    by_duration = {ms: course for ms, (_, course) in long.items()}
    pairs = [one for ms in durations for one in in_time(by_duration, ms, model.dt_ms)]
    pairs += [one for factor in sorted(options.contrasts) for one in of_contrast(strong, factor, model.dt_ms)]
    courses = {ms: {area: rate.mean(1) for area, rate in course.items()} for ms, course in by_duration.items()}
    return Summed(pairs, courses, long[durations[0]][0], notes)


@check_arguments
def measure(pairs: list[Doubled], seed: int = 0) -> dict[str, Measured]:
    """Measure the claims, with intervals over images; one is not measured where some area has no index."""
    long, strong = ([pair for pair in pairs if pair.of == of] for of in (DURATION, CONTRAST))
    areas = list(dict.fromkeys(pair.area for pair in long))
    n = len(pairs[0].single)

    def mean_index(counts: Array, area: str) -> Array:
        mean: Array = np.mean([pair.index(counts) for pair in long if pair.area == area], axis=0)
        return mean

    found = {
        "temporal_summation": _largest(long, n, seed),
        "contrast_summation": _largest(strong, n, seed),
    }
    if len(areas) > 1 and not _without_response(long, seed):
        found["summation_up_the_hierarchy"] = bootstrap(
            lambda w: mean_index(w, areas[0]) - mean_index(w, areas[-1]), n, seed
        )
    return found


def _largest(pairs: list[Doubled], n: int, seed: int) -> Measured:
    """Largest index, found again in every sample."""
    if _without_response(pairs, seed):
        return Measured(np.nan)
    return bootstrap(lambda w: np.max([pair.index(w) for pair in pairs], axis=0), n, seed)


def _index_row(pair: Doubled, seed: int) -> dict[str, Any]:
    row: dict[str, Any] = {"of": pair.of, "amount": pair.amount, "area": pair.area, "images": len(pair.single)}
    row |= {name: getattr(pair, name).mean() for name in ("single", "double", "additive")}
    if _lack(pair, seed):
        return row
    measured = bootstrap(pair.index, len(pair.single), seed)
    return row | {"index": measured.value} | ends(measured)


def _course_rows(summed: Summed) -> Rows:
    return [
        {"duration_ms": duration, "area": area, "time_ms": ms, "above_blank": mean}
        for duration, course in summed.courses.items()
        for area, rate in course.items()
        for ms, mean in zip(summed.times, rate, strict=True)
    ]


def _without_response(pairs: list[Doubled], seed: int) -> list[str]:
    """A sentence for every area and amount without an index."""
    return [f"{pair.area}: {lack}" for pair in pairs if (lack := _lack(pair, seed))]


def _lack(pair: Doubled, seed: int) -> str:
    """Say why there is no index of summation, or ""."""
    if may_be_none(mean_response(pair.additive, seed)):
        return f"the response to {pair.of} {pair.amount:g} may be none, so there is no index of summation"
    if pair.cancels:
        return (
            f"with {pair.of} {pair.amount:g} the mean rate rises and falls, and more than half of the response cancels "
            "in its sum, so there is no index of summation"
        )
    return ""

"""Repetition suppression and its recovery: an image shown twice, against another image second (Brands & Groen 2024)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.experiments.claims import Claim, Measured, above, below, decide
from cordsnet.experiments.effects.recordings import MeanRates, record_means
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, mean_of
from cordsnet.experiments.needs import dynamics, reads_images
from cordsnet.experiments.pairs import other_class
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel
from cordsnet.stimuli import Protocol, blank, show

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]
SAME, OTHER = "same", "other"
"""Second images: the first again, or one of another class."""
EDGE_MS = 1e-6


@dataclass(frozen=True)
class AdaptationOptions:
    """Times of the protocol.

    Attributes
    ----------
    trials : number of test images.
    before_ms : blank before the first image, from spontaneous activity.
    image_ms : how long each image stays.
    gaps_ms : blanks between the images, at least two that rise.
    """

    trials: int = 360
    before_ms: float = 100.0
    image_ms: float = 100.0
    gaps_ms: tuple[float, ...] = (50.0, 100.0, 200.0)

    def __post_init__(self) -> None:
        for name in ("before_ms", "image_ms"):
            check_positive(getattr(self, name), name)
        rising = all(low < high for low, high in pairwise(self.gaps_ms))
        if len(self.gaps_ms) < 2 or not rising or self.gaps_ms[0] <= 0:
            raise ValueError(f"gaps_ms must be at least two that are above 0 and rise, got {self.gaps_ms}")


SOURCE = "Brands & Groen 2024"
CLAIMS = (
    Claim(
        "repetition_suppression",
        "An image that comes again evokes less than the first time, in every area.",
        SOURCE,
        "largest response to the second over that to the first, of all areas, at the shortest gap",
        below(1.0),
    ),
    Claim(
        "recovery",
        "Suppression recovers with the gap, in every area.",
        SOURCE,
        "smallest rise of that ratio from the shortest to the longest gap, of all areas",
        above(0.0),
    ),
    Claim(
        "specific",
        "Suppression is stronger for the same image than for another, in every area.",
        SOURCE,
        "smallest ratio with another image second less that with the same, of all areas, at the shortest gap",
        above(0.0),
    ),
)


@experiment(
    "adaptation",
    options=AdaptationOptions,
    presets={
        "smoke": Preset(AdaptationOptions(trials=20), 0.1, 0.5),
        "desk": Preset(AdaptationOptions(), 0.5, 1.0),
        "paper": Preset(AdaptationOptions(trials=10_000), 20.0, 16.0),
    },
    claims=CLAIMS,
    needs=(reads_images, dynamics),
)
def adaptation(setting: Setting, options: AdaptationOptions) -> Result:
    """Response of each area to an image that comes again after a gap, over that to the first time."""
    tables: dict[str, Rows] = {name: [] for name in ("adaptation", "rates", "notes")}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        seconds = {SAME: split.images, OTHER: other_class(split).images}
        found: dict[tuple[str, float], dict[str, Array]] = {}
        notes: dict[str, None] = {}
        for gap_ms in options.gaps_ms:
            for kind, images in seconds.items():
                protocol = twice(split.images, images, options, gap_ms)
                course = record_means(model, protocol, setting.seed)
                found[kind, gap_ms] = pair = responses(course, protocol, model)
                notes |= dict.fromkeys([*course.notes, *_without_response(pair)])
                about = {"model": label, "second": kind, "gap_ms": gap_ms}
                tables["adaptation"] += [about | row for row in _ratio_rows(pair, setting.seed)]
                if kind == SAME and gap_ms == options.gaps_ms[0]:
                    tables["rates"] += [{"model": label} | row for row in _rate_rows(course)]
        tables["notes"] += [{"model": label, "note": note} for note in notes]
        claims += decide(CLAIMS, measure(found, setting.seed), label)
    return Result(tables, claims=tuple(claims))


@check_arguments
def twice(first: Tensor, second: Tensor, options: AdaptationOptions, gap_ms: float) -> Protocol:
    """A blank, images [B, C, H, W], a gap in ms, and the images that come second."""
    return blank(options.before_ms) + show(first, options.image_ms) + blank(gap_ms) + show(second, options.image_ms)


@check_arguments
def responses(course: MeanRates, protocol: Protocol, model: VisionModel) -> dict[str, Array]:
    """Area -> mean rate above baseline while the first [0] and the second image [1] is shown [2, B].

    The baseline is the mean rate at the onset of the first image, for both.
    """
    onsets, offsets = (np.array(protocol.times_ms(kind, clock=model.clock)) for kind in ("onset", "offset"))
    baseline = course.baseline()
    spans = zip(onsets - onsets[0], offsets - onsets[0], strict=True)
    shown = [(course.times > on + EDGE_MS) & (course.times < off + EDGE_MS) for on, off in spans]
    return {
        area: np.stack([rate[one].mean(0) - baseline[area] for one in shown]) for area, rate in course.rates.items()
    }


@check_arguments
def ratio(counts: Array, pair: Array) -> Array:
    """Mean second response over mean first one [R], of images [2, B] that are drawn `counts` [R, B] times.

    NaN where the first response is not above baseline.
    """
    first, second = (mean_of(counts, one) for one in pair)
    found: Array = np.divide(second, first, out=np.full(len(counts), np.nan), where=first > 0)
    return found


@check_arguments
def measure(found: dict[tuple[str, float], dict[str, Array]], seed: int = 0) -> dict[str, Measured]:
    """Measure the claims from (second image, gap) -> area -> responses [2, B], with intervals over images."""
    gaps = sorted({gap_ms for _, gap_ms in found})
    near, far, other = found[SAME, gaps[0]], found[SAME, gaps[-1]], found[OTHER, gaps[0]]
    n = next(iter(near.values())).shape[1]

    def smallest_rise(counts: Array, to: dict[str, Array]) -> Array:
        least: Array = np.min([ratio(counts, to[area]) - ratio(counts, near[area]) for area in near], axis=0)
        return least

    return {
        "repetition_suppression": bootstrap(lambda w: np.max([ratio(w, one) for one in near.values()], 0), n, seed),
        "recovery": bootstrap(lambda w: smallest_rise(w, far), n, seed),
        "specific": bootstrap(lambda w: smallest_rise(w, other), n, seed),
    }


def _ratio_rows(pair: dict[str, Array], seed: int) -> Rows:
    rows: Rows = []
    for area, values in pair.items():
        measured = bootstrap(lambda w, values=values: ratio(w, values), values.shape[1], seed)  # type: ignore[misc]
        ends = zip(("low", "high"), measured.interval or (), strict=False)
        rows.append({"area": area, "ratio": measured.value, "images": measured.n, **dict(ends)})
    return rows


def _rate_rows(course: MeanRates) -> Rows:
    return [
        {"area": area, "time_ms": ms, "mean_rate": mean}
        for area, rate in course.rates.items()
        for ms, mean in zip(course.times, rate.mean(1), strict=True)
    ]


def _without_response(pair: dict[str, Array]) -> list[str]:
    """Areas whose mean rate does not rise at all: they have no ratio."""
    return [
        f"{area}: the first image does not raise the mean rate, so there is no ratio of responses"
        for area, values in pair.items()
        if not values[0].mean() > 0
    ]

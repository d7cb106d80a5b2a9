"""Repetition suppression: what a second image adds, over the response to the same image when it came first.

After Brands & Groen 2024. Every image comes first, and second after itself and after an image of another class, so that
no image is compared with another one.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.experiments.claims import Claim, Measured, at_least, at_most, decide
from cordsnet.experiments.effects.recordings import (
    MeanRates,
    ends,
    may_be_none,
    mean_response,
    rate_rows,
    ratio_of_means,
    record_means,
    record_never,
)
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap
from cordsnet.experiments.needs import dynamics, reads_images
from cordsnet.experiments.pairs import partners
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel
from cordsnet.stimuli import Protocol, blank, show

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]
SAME, OTHER = "same", "other"
"""Image before one that is shown second: itself, or an image of another class."""
FIRST, ADDED, WHOLE = 0, 1, 2
"""Rows of responses: to an image shown first, what it adds when shown second, and that with what is left before it."""
EDGE_MS = 1e-6
SMALLEST = 0.01
"""Changes of a ratio that are smaller than this count as none."""


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
RATIO = "ratio of what an image adds when it comes again to its own first response"
CLAIMS = (
    Claim(
        "repetition_suppression",
        "An image that comes again adds less than the first time, by 1 % or more, in every area.",
        SOURCE,
        f"largest {RATIO}, of all areas, at the shortest gap",
        at_most(1 - SMALLEST),
    ),
    Claim(
        "recovery",
        "Suppression recovers with the gap, by 1 % of the response or more, in every area.",
        SOURCE,
        f"smallest rise of the {RATIO}, from the shortest to the longest gap, of all areas",
        at_least(SMALLEST),
    ),
    Claim(
        "specific",
        "An image is suppressed more after itself than after another image, by 1 % or more, in every area.",
        SOURCE,
        "smallest ratio of what an image adds after one of another class to its own first response, less the ratio "
        "after itself, of all areas, at the shortest gap",
        at_least(SMALLEST),
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
    of_readers=tuple(claim.name for claim in CLAIMS),
)
def adaptation(setting: Setting, options: AdaptationOptions) -> Result:
    """Response that an image adds when it comes second, after itself or another one, over its own first response."""
    tables: dict[str, Rows] = {name: [] for name in ("adaptation", "rates", "notes")}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        other = partners(split).cpu()
        orders = {SAME: torch.arange(len(split)), OTHER: other}
        references = alone(model, split.images, options, setting.seed)
        found: dict[tuple[str, float], dict[str, Array]] = {}
        notes: dict[str, None] = {}
        for gap_ms in options.gaps_ms:
            for kind, order in orders.items():
                protocol = twice(split.images, split.images[order], options, gap_ms)
                course = record_means(model, protocol, setting.seed)
                by_image = order.argsort().numpy()
                found[kind, gap_ms] = rows = responses(course, references, protocol, model, by_image)
                notes |= dict.fromkeys([*course.notes, *without_response(rows, setting.seed)])
                about = {"model": label, "before": kind, "gap_ms": gap_ms}
                tables["adaptation"] += [about | row for row in _ratio_rows(rows, setting.seed)]
                if kind == SAME and gap_ms == options.gaps_ms[0]:
                    tables["rates"] += [{"model": label} | row for row in rate_rows(course)]
        tables["notes"] += [{"model": label, "note": note} for note in notes]
        claims += decide(CLAIMS, measure(found, setting.seed), label)
    return Result(tables, claims=tuple(claims))


@check_arguments
def twice(first: Tensor, second: Tensor, options: AdaptationOptions, gap_ms: float) -> Protocol:
    """A blank, images [B, C, H, W], a gap in ms, and the images that come second."""
    return blank(options.before_ms) + show(first, options.image_ms) + blank(gap_ms) + show(second, options.image_ms)


@check_arguments
def alone(model: VisionModel, images: Tensor, options: AdaptationOptions, seed: int = 0) -> tuple[MeanRates, MeanRates]:
    """Mean rates when each image comes once and nothing follows, and when nothing comes at all.

    Both last as long as the longest trial; the second goes on for a step of images, so that it has as many trials.
    """
    after_ms = options.gaps_ms[-1] + options.image_ms
    once = blank(options.before_ms) + show(images, options.image_ms) + blank(after_ms)
    return record_means(model, once, seed), record_never(model, images, once.ms, seed)


@check_arguments
def responses(
    course: MeanRates,
    references: tuple[MeanRates, MeanRates],
    protocol: Protocol,
    model: VisionModel,
    by_image: NDArray[np.int64],
) -> dict[str, Array]:
    """Area -> mean rate during a showing, above the same trial without it [3, B], the same image per column.

    Parameters
    ----------
    course : of trials with two images.
    references : of the same trials with the first image alone, and with none (`alone`).
    protocol : of the trials with two images.
    model : whose clock they ran on.
    by_image : trial in which each image came second [B].

    Returns
    -------
    Area -> the response to each image when it came first (FIRST); what it added when it came second, above trials
    without a second image (ADDED); and its whole response then, above trials without any image (WHOLE).
    """
    onsets, offsets = (np.array(protocol.times_ms(kind, clock=model.clock)) for kind in ("onset", "offset"))
    spans = zip(onsets - onsets[0], offsets - onsets[0], strict=True)
    first, second = [(course.times > on + EDGE_MS) & (course.times < off + EDGE_MS) for on, off in spans]
    found = {}
    for area, rate in course.rates.items():
        once, never = (one.rates[area][: len(rate)] for one in references)
        parts = (rate - never)[first], (rate - once)[second][:, by_image], (rate - never)[second][:, by_image]
        found[area] = np.stack([part.mean(0) for part in parts])
    return found


@check_arguments
def ratio(counts: Array, rows: Array, kind: int = ADDED) -> Array:
    """Mean second response over mean first one [R], of images [3, B] that are drawn `counts` [R, B] times."""
    return ratio_of_means(counts, rows[kind], rows[FIRST])


@check_arguments
def measure(found: dict[tuple[str, float], dict[str, Array]], seed: int = 0) -> dict[str, Measured]:
    """Measure the claims from (image before, gap) -> area -> responses [3, B], with intervals over images.

    Nothing is measured where an area has no response to an image that comes first (`without_response`).
    """
    gaps = sorted({gap_ms for _, gap_ms in found})
    near, far, other = found[SAME, gaps[0]], found[SAME, gaps[-1]], found[OTHER, gaps[0]]
    if without_response(near, seed):
        return {claim.name: Measured(np.nan) for claim in CLAIMS}
    n = next(iter(near.values())).shape[1]

    def smallest_rise(counts: Array, to: dict[str, Array]) -> Array:
        least: Array = np.min([ratio(counts, to[area]) - ratio(counts, near[area]) for area in near], axis=0)
        return least

    return {
        "repetition_suppression": bootstrap(lambda w: np.max([ratio(w, one) for one in near.values()], 0), n, seed),
        "recovery": bootstrap(lambda w: smallest_rise(w, far), n, seed),
        "specific": bootstrap(lambda w: smallest_rise(w, other), n, seed),
    }


@check_arguments
def without_response(rows: dict[str, Array], seed: int = 0) -> list[str]:
    """A sentence for every area whose mean rate does not surely change when an image comes first: it has no ratio."""
    sentences = []
    for area, values in rows.items():
        first = mean_response(values[FIRST], seed)
        if may_be_none(first):
            low, high = first.interval or (np.nan, np.nan)
            sentences.append(
                f"{area}: images that come first change the mean rate by {first.value:.3g} [{low:.3g}, {high:.3g}], "
                "which may be no change, so there is no ratio of responses"
            )
    return sentences


def _ratio_rows(found: dict[str, Array], seed: int) -> Rows:
    rows: Rows = []
    for area, values in found.items():
        row: dict[str, Any] = {"area": area, "images": values.shape[1]}
        if not without_response({area: values}, seed):
            measured = bootstrap(lambda w, values=values: ratio(w, values), values.shape[1], seed)  # type: ignore[misc]
            once = np.ones((1, values.shape[1]))
            row |= {"ratio": measured.value, "with_what_is_left": ratio(once, values, WHOLE)[0]} | ends(measured)
        rows.append(row)
    return rows

"""Latencies of areas at onset, and with contrast (Soo et al. 2024, Figure 4B; Gutzen & Lindsay 2025)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.experiments.claims import Claim, Measured, above, decide
from cordsnet.experiments.effects.latencies import times_to_share
from cordsnet.experiments.effects.recordings import MeanRates, ends, mean_of_finite, rate_rows, record_means
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, share
from cordsnet.experiments.needs import dynamics, reads_images
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel
from cordsnet.stimuli import blank, show

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class LatencyOptions:
    """Times and contrasts.

    Attributes
    ----------
    trials : number of test images.
    before_ms : blank before the image, from spontaneous activity.
    image_ms : how long the image stays; a latency is the time to half of the change from onset to then.
    contrasts : by which images are scaled about the mean of each channel; they rise and end in 1, the image itself.
    """

    trials: int = 360
    before_ms: float = 100.0
    image_ms: float = 200.0
    contrasts: tuple[float, ...] = (0.25, 0.5, 1.0)

    def __post_init__(self) -> None:
        for name in ("before_ms", "image_ms"):
            check_positive(getattr(self, name), name)
        rising = all(low < high for low, high in pairwise(self.contrasts))
        if not self.contrasts or not rising or self.contrasts[0] <= 0 or self.contrasts[-1] != 1:
            raise ValueError(f"contrasts must be above 0, rise and end in 1, got {self.contrasts}")


CLAIMS = (
    Claim(
        "area_lag",
        "Each area lags the one below it.",
        "Soo et al. 2024, Figure 4B",
        "smallest lag between an area and that below, mean over images, ms",
        above(0.0),
    ),
    Claim(
        "contrast_latency",
        "Latency falls with contrast.",
        "Gutzen & Lindsay 2025",
        "smallest fall of latency, mean over areas and images, from a contrast to the next, ms",
        above(0.0),
    ),
)


@experiment(
    "latency",
    options=LatencyOptions,
    presets={
        "smoke": Preset(LatencyOptions(trials=20), 0.05, 0.5),
        "desk": Preset(LatencyOptions(), 0.2, 1.0),
        "paper": Preset(LatencyOptions(trials=10_000), 10.0, 16.0),
    },
    claims=CLAIMS,
    needs=(reads_images, dynamics),
)
def latency(setting: Setting, options: LatencyOptions) -> Result:
    """Time to half of the response of each area at onset, per image, at several contrasts."""
    tables: dict[str, Rows] = {name: [] for name in ("latency", "lag", "rising", "rates", "notes")}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        found: dict[float, dict[str, Array]] = {}
        for contrast in options.contrasts:
            course = response(model, with_contrast(split.images, contrast), options, setting.seed)
            found[contrast] = image_latencies(course)
            about = {"model": label, "contrast": contrast}
            tables["latency"] += [about | row for row in _latency_rows(found[contrast], setting.seed)]
            tables["notes"] += [{"model": label, "note": note} for note in _notes(course, contrast)]
        tables["rates"] += [{"model": label} | row for row in rate_rows(course)]
        lags = _lags(found[1.0])
        tables["lag"] += [{"model": label} | row for row in _lag_rows(lags, setting.seed)]
        if lags:
            rising = np.stack(list(lags.values())) > 0
            measured = share(int(rising.all(0).sum()), len(split))
            tables["rising"].append({"model": label, "share": measured.value, "images": len(split)} | ends(measured))
        claims += decide(CLAIMS, measure(found, setting.seed), label)
    return Result(tables, claims=tuple(claims))


@check_arguments
def with_contrast(images: Tensor, contrast: float) -> Tensor:
    """Scale images [B, C, H, W] about the mean of each of their channels, which stays."""
    mean = images.mean((2, 3), keepdim=True)
    return mean + contrast * (images - mean)


@check_arguments
def response(model: VisionModel, images: Tensor, options: LatencyOptions, seed: int = 0) -> MeanRates:
    """Mean rates from the onset of images [B, C, H, W] on; the first of `times` is 0."""
    course = record_means(model, blank(options.before_ms) + show(images, options.image_ms), seed)
    shown = course.times >= -1e-6
    return MeanRates(course.times[shown], {area: rate[shown] for area, rate in course.rates.items()}, course.notes)


@check_arguments
def image_latencies(course: MeanRates) -> dict[str, Array]:
    """Area -> latency of each image [B] in ms, NaN where the mean rate does not change."""
    return {area: times_to_share(rate, course.times) for area, rate in course.rates.items()}


@check_arguments
def measure(found: dict[float, dict[str, Array]], seed: int = 0) -> dict[str, Measured]:
    """Measure both claims from contrast -> area -> latencies [B], with intervals over images."""
    lags = _lags(found[1.0])
    means = [np.mean(list(by_area.values()), axis=0) for by_area in found.values()]
    falls = [low - high for low, high in pairwise(means)]
    return {"area_lag": _smallest(list(lags.values()), seed), "contrast_latency": _smallest(falls, seed)}


def _smallest(values: list[Array], seed: int) -> Measured:
    """Smallest of several means over images, found again in every sample."""
    if not values or not any(np.isfinite(one).any() for one in values):
        return Measured(np.nan)
    return bootstrap(lambda w: np.min([mean_of_finite(w, one) for one in values], axis=0), len(values[0]), seed)


def _lags(latencies: dict[str, Array]) -> dict[str, Array]:
    """Area above the lowest -> its latency less that of the area below [B]."""
    return {above: latencies[above] - latencies[below] for below, above in pairwise(latencies)}


def _latency_rows(latencies: dict[str, Array], seed: int) -> Rows:
    return [{"area": area, **_mean(values, "latency_ms", seed)} for area, values in latencies.items()]


def _lag_rows(lags: dict[str, Array], seed: int) -> Rows:
    return [{"area": area, **_mean(values, "lag_ms", seed)} for area, values in lags.items()]


def _mean(values: Array, name: str, seed: int) -> dict[str, Any]:
    """Mean over the images that have a value, with its interval, and how many they are."""
    measured = bootstrap(lambda w: mean_of_finite(w, values), len(values), seed)
    return {name: measured.value, "images": int(np.isfinite(values).sum())} | ends(measured)


def _notes(course: MeanRates, contrast: float) -> list[str]:
    """Durations that were rounded, images without a latency, and changes that are mostly undone again."""
    notes = list(course.notes) if contrast == 1 else []
    for area, rate in course.rates.items():
        change = np.abs(rate - rate[0])
        undone = int((change[-1] < 0.5 * change.max(0)).sum())
        still = int((rate[-1] == rate[0]).sum())
        if still:
            notes.append(
                f"{area} at contrast {contrast:g}: images that leave the mean rate as it was are left out: {still}"
            )
        if undone - still > 0:
            notes.append(
                f"{area} at contrast {contrast:g}: more than half of the largest change is undone before the end "
                f"with {undone - still} of {rate.shape[1]} images; their latency is about what is left of it"
            )
    return notes

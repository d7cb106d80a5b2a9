"""Latency of a recorded area after a model, found on images that are not scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._checks import check_count
from cordsnet._intervals import percentile_interval
from cordsnet.errors import DataError
from cordsnet.experiments.experiment import Tell, silent, unsaid
from cordsnet.experiments.recordings.scoring import Scoring, activity_of, prepare, varies
from cordsnet.models import VisionModel
from cordsnet.neural.scoring.scores import median_over_neurons

if TYPE_CHECKING:
    from cordsnet.experiments.recordings.neural_scores import NeuralScoresOptions

Numbers = NDArray[np.float64]

MOST_LATENCIES = 1000
LEVEL = (0.025, 0.975)


@dataclass(frozen=True, eq=False)
class LatencyChoice:
    """Centred r of a model for each of L latencies, on images that `neural_scores` does not score.

    Attributes
    ----------
    latencies_ms : the latencies, in order [L].
    areas : area with the highest centred r at each latency; empty where no area depends on the image.
    r : centred r of that area, median over neurons and mean over splits [L]; NaN where there is none.
    interval : 95 % bootstrap interval of r over neurons, the area kept [L, 2].
    best_ms : latency with the highest r.
    best_interval_ms : 95 % bootstrap interval of the best latency over neurons; areas are chosen anew in each sample.
    at_end : True if the best is the first or the last of the grid, so that a better one may lie beyond.
    neurons, images : numbers of neurons, and of the images that were used.
    """

    latencies_ms: Numbers
    areas: tuple[str, ...]
    r: Numbers
    interval: Numbers
    best_ms: float
    best_interval_ms: tuple[float, float]
    at_end: bool
    neurons: int
    images: int

    @property
    def told_apart(self) -> bool:
        """True if the neurons agree on fewer latencies than were tried."""
        low, high = self.best_interval_ms
        return bool(low > self.latencies_ms[0] or high < self.latencies_ms[-1])


def choose_latency(
    models: Mapping[str, VisionModel],
    options: "NeuralScoresOptions",
    latencies_ms: Sequence[float],
    *,
    seed: int = 0,
    tell: Tell = silent,
    say: Callable[[str], None] = unsaid,
) -> dict[str, LatencyChoice]:
    """Model -> centred r for each latency on the images that choose.

    Images are divided as `neural_scores` divides them with the same seed and `choose_share`, so that none that it
    scores is looked at.

    Parameters
    ----------
    models : label -> model that reads images.
    options : options of `neural_scores`; its latency_ms, splits and keep are not used.
    latencies_ms : latencies that are tried, ms; two or more.
    seed : of the division of images, and of the bootstrap.
    tell : called as parts begin.
    say : called with a sentence on the memory and time of each model at one latency, at most.

    Raises
    ------
    ValueError : latencies that cannot be, or models none of which depends on the image at any latency.
    DataError : the recording or its pictures cannot be read or do not belong together, no bin sees the image, or a
        model takes more memory than `options.most_gb`.
    """
    grid = _grid(latencies_ms)
    scoring = prepare(options, seed)
    shown = scoring.shown.of_images(scoring.choosing)
    for label, model in models.items():
        scoring.check_cost(label, model, options, say, scored=False)
    found, parts = dict[str, LatencyChoice](), len(models) * len(grid)
    for label, model in models.items():
        each = list[dict[str, Numbers]]()
        for latency in grid:
            tell(f"{label} at {latency:g} ms", len(found) * len(grid) + len(each), parts)
            chosen = replace(options, latency_ms=float(latency), keep="")
            with activity_of(label, model.eval(), shown, scoring.recording.bins_ms, chosen) as activity:
                each.append(_by_neuron(activity, scoring))
        if not any(each):
            raise ValueError(
                f"no area of {label!r} depends on the image at any of these latencies; give shorter ones, or show "
                "images for longer"
            )
        found[label] = _choice(grid, each, options.draws, seed, len(scoring.choosing))
    tell("latencies", parts, parts)
    return found


def _grid(latencies_ms: Sequence[float]) -> Numbers:
    """Latencies in order. Raises ValueError unless there are two or more, finite and each once."""
    grid = np.sort(np.asarray(latencies_ms, np.float64))
    check_count(len(grid), "number of latencies_ms", 2, MOST_LATENCIES)
    if not np.isfinite(grid).all() or (np.diff(grid) == 0).any():
        raise ValueError(f"latencies_ms must be finite numbers, each once, got {list(map(float, latencies_ms))}")
    return grid


def _by_neuron(activity: Mapping[str, Any], scoring: Scoring) -> dict[str, Numbers]:
    """Area -> centred r of each split and neuron [S, N], of the areas that depend on the image."""
    arrays = {area: np.asarray(values[:], np.float32) for area, values in activity.items() if area}
    return {area: scoring.choice(values).model.centred for area, values in arrays.items() if varies(values)}


def _choice(grid: Numbers, each: list[dict[str, Numbers]], draws: int, seed: int, images: int) -> LatencyChoice:
    areas = list(dict.fromkeys(area for one in each for area in one))
    some = next(values for one in each for values in one.values())
    absent = np.full(some.shape, np.nan)
    table = np.array([[one.get(area, absent) for area in areas] for one in each])  # [L, areas, S, N]
    every = _r(table)
    if not np.isfinite(every).any():
        raise DataError("no neuron has a centred r on the images that choose; give more images, or bins after onset")
    rows, own, neurons = np.arange(len(grid)), every.argmax(1), some.shape[1]
    drawn = np.random.default_rng(seed).integers(neurons, size=(draws, neurons))
    sampled = np.array([_r(table[..., chosen]) for chosen in drawn])  # [draws, L, areas]
    low, high = np.quantile(grid[sampled.max(2).argmax(1)], LEVEL, method="nearest")
    r, top = every[rows, own], int(every.max(1).argmax())
    known = np.isfinite(r)
    return LatencyChoice(
        latencies_ms=grid,
        areas=tuple(areas[place] if there else "" for place, there in zip(own, known, strict=True)),
        r=np.where(known, r, np.nan),
        interval=np.array([percentile_interval(sampled[:, k, own[k]], r[k]) or (np.nan, np.nan) for k in rows]),
        best_ms=float(grid[top]),
        best_interval_ms=(float(low), float(high)),
        at_end=top in (0, len(grid) - 1),
        neurons=neurons,
        images=images,
    )


def _r(table: Numbers) -> Numbers:
    """Median over neurons, mean over splits [L, areas]; minus infinity where there is none."""
    found: Numbers = np.nan_to_num(median_over_neurons(table).mean(-1), nan=-np.inf)
    return found

"""Mean rates of areas over time, per image, and means of images that are drawn again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.dynamics import Record, simulate
from cordsnet.experiments.claims import Measured
from cordsnet.experiments.intervals import bootstrap, mean_of
from cordsnet.models import VisionModel
from cordsnet.stimuli import Protocol, blank, show

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeanRates:
    """Mean rate of each area over time, per image.

    Attributes
    ----------
    times : end of each step in ms, from the onset of the first image; 0 and negative before it [T].
    rates : area, from the lowest to the highest -> mean rate over units [T, B].
    notes : durations that were rounded to the steps of the model.
    """

    times: Array
    rates: Mapping[str, Array]
    notes: tuple[str, ...] = ()


@check_arguments
@torch.no_grad()
def record_means(model: VisionModel, protocol: Protocol, seed: int = 0) -> MeanRates:
    """Mean rate of every area at every step; the model starts in its own way.

    Raises
    ------
    ValueError : inputs or durations that the model cannot take.
    """
    run = simulate(model, protocol, record=Record("all", reduce="mean", outputs=()), seed=seed)
    onset = protocol.times_ms("onset", clock=run.clock)[0]
    rates = {area: values.cpu().double().numpy() for area, values in run.rates.items()}
    return MeanRates(run.time_ms.cpu().double().numpy() - onset, rates, tuple(run.notes))


@check_arguments
def mean_of_finite(counts: Array, values: Array) -> Array:
    """Means [R] of values [B] over images that are drawn `counts` [R, B] times; NaN counts as no image."""
    finite = np.isfinite(values).astype(float)
    drawn = counts @ finite
    found: Array = np.divide(counts @ np.nan_to_num(values), drawn, out=np.full(len(counts), np.nan), where=drawn > 0)
    return found


@check_arguments
def record_never(model: VisionModel, images: Tensor, ms: float, seed: int = 0) -> MeanRates:
    """Mean rate of every area for `ms` without an image; images [B, C, H, W] come for one step after that.

    There are as many trials, with the same noise, as where the images are shown.
    """
    return record_means(model, blank(ms) + show(images, model.dt_ms), seed)


@check_arguments
def whole_steps_ms(model: VisionModel, ms: float, name: str, notes: list[str]) -> float:
    """A duration in whole steps of a model, ms; `notes` receives a sentence where it is rounded.

    Raises ValueError for a duration that the model's clock cannot take (`Clock.steps`).
    """
    return model.clock.time_ms(model.clock.steps(ms, name, notes))


@check_arguments
def durations_in_steps(model: VisionModel, durations_ms: tuple[float, ...], notes: list[str]) -> list[float]:
    """Durations in whole steps, each once; those that a step is too long for are left out.

    Raises ValueError when none is left.
    """
    found = set()
    for ms in durations_ms:
        if model.clock.kind == "steps" and round(ms / model.dt_ms) == 0:
            notes.append(f"durations_ms: {ms:g} ms is too short for a step of {model.dt_ms:g} ms and is left out")
        else:
            found.add(whole_steps_ms(model, ms, "durations_ms", notes))
    if not found:
        raise ValueError(f"durations_ms must have one of at least a step of {model.dt_ms:g} ms, got {durations_ms}")
    return sorted(found)


@check_arguments
def mean_response(responses: Array, seed: int = 0) -> Measured:
    """Mean response to images [B], with its interval."""
    return bootstrap(lambda counts: mean_of(counts, responses), len(responses), seed)


@check_arguments
def may_be_none(measured: Measured) -> bool:
    """True if the interval of a response has 0 in it, or there is none, so that nothing can be divided by it."""
    low, high = measured.interval or (-np.inf, np.inf)
    return not (low > 0 or high < 0)


@check_arguments
def ratio_of_means(counts: Array, above: Array, below: Array) -> Array:
    """Mean of one response over mean of another [R], of images [B] that are drawn `counts` [R, B] times.

    Responses may be falls of the mean rate. NaN where the second is 0.
    """
    top, bottom = mean_of(counts, above), mean_of(counts, below)
    found: Array = np.divide(top, bottom, out=np.full(len(counts), np.nan), where=bottom != 0)
    return found


@check_arguments
def rate_rows(course: MeanRates) -> list[dict[str, Any]]:
    """Rows of a table: mean rate over images of every area at every time."""
    return [
        {"area": area, "time_ms": ms, "mean_rate": mean}
        for area, rate in course.rates.items()
        for ms, mean in zip(course.times, rate.mean(1), strict=True)
    ]


@check_arguments
def ends(measured: Measured) -> dict[str, float]:
    """Cells `low` and `high` of a row: the ends of the interval, where there is one."""
    return {} if measured.interval is None else dict(zip(("low", "high"), measured.interval, strict=True))

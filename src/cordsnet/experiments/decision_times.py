"""Three measures of a decision time, from the scores of a model after the onset of an image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis import (
    DecisionTimes,
    evidence_over_time,
    settling_times,
    threshold_times,
    uncertainty_times,
)
from cordsnet.dynamics import Record, simulate
from cordsnet.experiments.needs import SCORES
from cordsnet.stimuli import blank, show

MEASURES: Mapping[str, str] = {
    "threshold": "from when on the margin of the last answer stays above the threshold",
    "uncertainty": "integral of the uncertainty of the scores over time",
    "settling": "from when on the scores stay near their last ones",
}
"""Measure of a decision time -> what it is."""


@dataclass(frozen=True)
class Scores:
    """Class scores of every trial from the onset of its image on.

    Attributes
    ----------
    time_ms : [T], from onset; the first is 0, just before the image has an effect.
    values : [T, B, K].
    notes : durations that were rounded to the steps of the model.
    """

    time_ms: Tensor
    values: Tensor
    notes: tuple[str, ...] = ()


@check_arguments
@torch.no_grad()
def scores_from_onset(model: Any, images: Tensor, before_ms: float, image_ms: float, seed: int = 0) -> Scores:
    """Show a blank and then images [B, C, H, W]; the model starts in its own way.

    Raises
    ------
    ValueError : images or durations that the model cannot take.
    """
    protocol = blank(before_ms) + show(images, image_ms)
    run = simulate(model, protocol, record=Record(outputs=(SCORES,)), seed=seed)
    time = run.time_ms.cpu() - protocol.times_ms("onset", clock=run.clock)[0]
    shown = time >= -1e-6
    return Scores(time[shown], run.outputs[SCORES].cpu()[shown], tuple(run.notes))


@check_arguments
def decision_times(
    scores: Tensor, time_ms: Tensor, threshold: float, share: float, stay_ms: float
) -> dict[str, DecisionTimes]:
    """Decision times by each of `MEASURES`, from scores [T, B, K].

    Parameters
    ----------
    scores, time_ms : as in `Scores`.
    threshold : of the margin, the score of the last answer less the largest of the others.
    share : of the response, within which scores count as settled.
    stay_ms : for how long, at the end, a trial must have stayed above the threshold or near the last scores.

    Raises
    ------
    ArgumentError : as the functions of `cordsnet.analysis` that measure them.
    """
    return {
        "threshold": threshold_times(evidence_over_time(scores), time_ms, threshold, stay_ms),
        "uncertainty": uncertainty_times(scores, time_ms),
        "settling": settling_times(scores, time_ms, share, stay_ms),
    }

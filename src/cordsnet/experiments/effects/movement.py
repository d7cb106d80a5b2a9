"""Changes of scores and of the top area during a blank and an image, per trial, as shares of the response."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.data import Split
from cordsnet.dynamics import Record, simulate
from cordsnet.experiments.needs import SCORES
from cordsnet.stimuli import blank, show

Array = NDArray[np.float64]

TOGETHER = 100
"""Trials that are simulated together, so that the rates of few are held."""


@dataclass(frozen=True)
class Movement:
    """Movement of every trial over time.

    Attributes
    ----------
    time_ms : ends of steps [T].
    onset : sample just before the image has an effect.
    hits : 1 where the answer is right, else 0 [T, B].
    margin : score of the right class less the largest of the others [T, B].
    speed : "scores", "top area" -> norm of the change in a step, share of the mean response per ms [T, B]; 0 in the
        first sample. The response is the distance between the states at onset and at the end, mean over trials.
    left : the same -> distance to the last state, share of the mean response [T, B].
    norm : of the top area at the end [B].
    notes : durations that were rounded to the steps of the model.
    """

    time_ms: Array
    onset: int
    hits: Array
    margin: Array
    speed: Mapping[str, Array]
    left: Mapping[str, Array]
    norm: Array
    notes: tuple[str, ...] = ()


@check_arguments
@torch.no_grad()
def record_movement(model: Any, split: Split, before_ms: float, image_ms: float, seed: int = 0) -> Movement:
    """Show a blank, from the model's own start, and then the images.

    Raises
    ------
    ValueError : images or durations that the model cannot take.
    """
    top = model.areas[-1]
    parts = []
    for start in range(0, len(split), TOGETHER):
        some = split.pick(torch.arange(start, min(start + TOGETHER, len(split))))
        protocol = blank(before_ms) + show(some.images, image_ms)
        run = simulate(model, protocol, record=Record((top,), outputs=(SCORES,)), seed=seed)
        time = run.time_ms.cpu().numpy()
        onset = int(np.abs(time - protocol.times_ms("onset", clock=run.clock)[0]).argmin())
        signals = {"scores": run.outputs[SCORES], "top area": run.rates[top]}
        parts.append((_answers(run.outputs[SCORES], some.labels), {k: _moves(v) for k, v in signals.items()}))
    step = float(np.diff(time).mean())
    answers = [np.concatenate([part[0][k] for part in parts], 1) for k in range(2)]
    speed, left, norm = {}, {}, np.zeros(len(split))
    for name in parts[0][1]:
        moved, to_go, norm = (np.concatenate([part[1][name][k] for part in parts], -1) for k in range(3))
        response = to_go[onset].mean() or 1.0
        speed[name], left[name] = moved / (response * step), to_go / response
    return Movement(time, onset, answers[0], answers[1], speed, left, norm, tuple(run.notes))


def _answers(scores: Tensor, labels: Tensor) -> tuple[Array, Array]:
    """1 where the answer is right, and the margin of the right class [T, B]."""
    right = labels.expand(len(scores), -1)[..., None]
    others = scores.scatter(-1, right, -torch.inf).amax(-1)
    margin = scores.gather(-1, right)[..., 0] - others
    return _numbers((scores.argmax(-1, keepdim=True) == right)[..., 0]), _numbers(margin)


def _moves(values: Tensor) -> tuple[Array, Array, Array]:
    """Norm of the change in each step, distance to the last state [T, B], and norm of the last state [B]."""
    flat = values.flatten(2).double()
    moved = torch.cat([torch.zeros_like(flat[:1, :, 0]), flat.diff(dim=0).norm(dim=-1)])
    return _numbers(moved), _numbers((flat - flat[-1:]).norm(dim=-1)), _numbers(flat[-1].norm(dim=-1))


def _numbers(values: Tensor) -> Array:
    found: Array = values.cpu().double().numpy()
    return found

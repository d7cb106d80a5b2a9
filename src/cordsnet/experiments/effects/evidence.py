"""Attribution of a score to what is shown at each time: gradients with respect to every frame of a held image."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.dynamics import Hold, Record, integrate, start
from cordsnet.experiments.needs import IMAGE, SCORES
from cordsnet.models import VisionModel

Array = NDArray[np.float64]
TOGETHER = 64
"""Trials that are simulated together."""


@dataclass(frozen=True)
class Evidence:
    """Share of each frame in the score of a class at the end.

    Attributes
    ----------
    integrated : integrated gradients of each frame, summed over its pixels [F, B].
    gradient : gradient at the image times the image, summed over pixels [F, B].
    starts_ms, ends_ms : start and end of each frame, from onset [F].
    """

    integrated: Array
    gradient: Array
    starts_ms: Array
    ends_ms: Array


@check_arguments
def evidence_of_frames(model: VisionModel, images: Tensor, classes: Tensor, steps: list[int], points: int) -> Evidence:
    """Attribute the score of a class at the end to the frames of an image that is held.

    All frames move together along the line from zero, the mean of normalised images, to the image (Sundararajan et al.
    2017, equation 1, for all frames as one input), by Gauss-Legendre quadrature. Summed over frames this is
    `cordsnet.analysis.integrated_gradients` of the held image with as many points.

    Parameters
    ----------
    model : in its own start.
    images : [B, C, H, W].
    classes : class of each image whose score is attributed [B].
    steps : of the model in each frame [F].
    points : on the line.
    """
    check_count(points, "points", 1)
    nodes, weights = (torch.as_tensor(one).to(images) for one in np.polynomial.legendre.leggauss(points))
    at_once = max(1, TOGETHER // len(images))
    total = torch.zeros(len(steps), len(images)).to(images)
    for some, share in zip(torch.split((nodes + 1) / 2, at_once), torch.split(weights / 2, at_once), strict=True):
        total += torch.einsum("p,fpb->fb", share, _products(model, images, classes, steps, some))
    gradient = _products(model, images, classes, steps, torch.ones(1).to(images))[:, 0]
    ends = np.cumsum(steps) * model.dt_ms
    return Evidence(_numbers(total), _numbers(gradient), ends - np.array(steps) * model.dt_ms, ends)


def _products(model: VisionModel, images: Tensor, classes: Tensor, steps: list[int], nodes: Tensor) -> Tensor:
    """Gradient with respect to every frame, times the image, summed over pixels, at points of the line [F, P, B]."""
    with torch.no_grad():
        system = model.system()
        shown = torch.cat([node * images for node in nodes])
    frames = [shown.clone().requires_grad_() for _ in steps]
    holds = [Hold(count, {IMAGE: frame}) for count, frame in zip(steps, frames, strict=True)]
    total = sum(steps)
    record = Record(times_ms=(system.clock.time_ms(total),), outputs=(SCORES,))
    with torch.enable_grad():
        scores = integrate(system, holds, start(system, None, len(shown)), record, total).outputs[SCORES][-1]
        wanted = scores.gather(1, classes.repeat(len(nodes))[:, None]).sum()
        gradients = torch.autograd.grad(wanted, frames, allow_unused=True, materialize_grads=True)
    per_frame = torch.stack([gradient.view(len(nodes), *images.shape) for gradient in gradients])
    return (per_frame * images).flatten(3).sum(3)


def _numbers(values: Tensor) -> Array:
    found: Array = values.detach().cpu().double().numpy()
    return found

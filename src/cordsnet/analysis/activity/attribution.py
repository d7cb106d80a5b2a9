"""Attribution of a class score to pixels at every time: integrated gradients through time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive
from cordsnet.analysis.status import Status
from cordsnet.dynamics import Hold, Record, System, integrate, start
from cordsnet.dynamics.simulate import Simulable, check_model

IMAGE, SCORES = "image", "scores"

TOGETHER = 64
"""Trials that are simulated together."""


@dataclass(frozen=True)
class Attribution:
    """Integrated gradients of a class score with respect to the image, at several times.

    Attributes
    ----------
    values : [T, B, C, H, W], share of each pixel in the difference between the score and that of the baseline.
    time_ms : [T], times after image onset.
    score, baseline_score : [T, B], the score of the class with the image and with the baseline.
    residual : [B], completeness error: largest difference, over times, between the sum of the values and the
        difference of the scores, relative to the largest difference of scores of the trial.
    status : CONVERGED if every residual is within `tol`, POINTS if `max_points` ran out first.
    points : number of points on the line from the baseline to the image.
    """

    values: Tensor
    time_ms: Tensor
    score: Tensor
    baseline_score: Tensor
    residual: Tensor
    status: Status
    points: int


@check_arguments
def integrated_gradients(
    model: Simulable,
    images: Tensor,
    target: int | Sequence[int] | Tensor,
    *,
    times_ms: Sequence[float],
    baseline: Tensor | None = None,
    tol: float = 1e-3,
    points: int = 16,
    max_points: int = 1024,
) -> Attribution:
    """Attribute a class score at each of several times to the pixels of an image that is held until then.

    The gradient of the score, through all steps of the model, is integrated along the line from the baseline to the
    image (Sundararajan et al. 2017, equation 1) by Gauss-Legendre quadrature, whose number of points is doubled until
    the attributions of a trial sum to the difference of its scores (completeness) to `tol`.

    Parameters
    ----------
    model : a model with class scores, in its own start.
    images : [B, C, H, W], normalised as the model expects.
    target : class whose score is attributed, one for all trials or one for each.
    times_ms : times after image onset, ms.
    baseline : [C, H, W] or [B, C, H, W]; None is zero, the mean of normalised images.
    tol : completeness error that is accepted.
    points, max_points : points at first and at most.

    Raises
    ------
    ValueError, TypeError : images, times or classes that do not fit; a model without class scores.
    """
    check_model(model)
    check_positive(tol, "tol")
    check_count(points, "points", 1)
    check_count(max_points, "max_points", points)
    model.check_inputs({IMAGE: images})
    if not len(times_ms):
        raise ValueError("times_ms must have at least one time, got none")
    with torch.no_grad():
        system = model.system()
    classes = _classes(system, images, target)
    base = torch.zeros_like(images) if baseline is None else _baseline(baseline, images)
    record = Record(times_ms=tuple(times_ms), outputs=(SCORES,))
    with torch.no_grad():
        ends = [_scores(system, one, classes, record) for one in (images, base)]
    wanted = ends[0] - ends[1]
    while True:
        values = _integral(system, images, base, classes, record, points)
        away = (values.flatten(2).sum(2) - wanted).abs().amax(0)
        residual = away / wanted.abs().amax(0).clamp(min=torch.finfo(images.dtype).tiny)
        if bool((residual <= tol).all()) or 2 * points > max_points:
            break
        points *= 2
    status = Status.CONVERGED if bool((residual <= tol).all()) else Status.POINTS
    time = torch.tensor(list(times_ms), dtype=torch.float64)
    return Attribution(values, time, ends[0], ends[1], residual, status, points)


def _integral(
    system: System[Any], images: Tensor, base: Tensor, classes: Tensor, record: Record, points: int
) -> Tensor:
    """(image - baseline) x mean gradient along the line, [T, B, C, H, W]; several points are simulated together."""
    found = np.polynomial.legendre.leggauss(points)
    nodes, weights = (torch.as_tensor(one, dtype=images.dtype, device=images.device) for one in found)
    total, at_once = torch.zeros(()).to(images), max(1, TOGETHER // len(images))
    halves = (torch.split((nodes + 1) / 2, at_once), torch.split(weights / 2, at_once))
    for some, share in zip(*halves, strict=True):
        shown = torch.cat([base + node * (images - base) for node in some]).detach().requires_grad_()
        with torch.enable_grad():
            scores = _scores(system, shown, classes.repeat(len(some)), record)
            last = len(scores) - 1
            gradients = [torch.autograd.grad(s.sum(), shown, retain_graph=k < last)[0] for k, s in enumerate(scores)]
        parts = torch.stack(gradients).view(len(scores), len(some), *images.shape)
        total = total + torch.einsum("p,tp...->t...", share, parts)
    return total * (images - base)


def _scores(system: System[Any], images: Tensor, classes: Tensor, record: Record) -> Tensor:
    """Scores of the classes [T, B] at the recorded times."""
    assert record.times_ms is not None
    steps = system.clock.steps(max(record.times_ms), "times_ms")
    state = start(system, None, len(images))
    found = integrate(system, [Hold(steps, {IMAGE: images})], state, record, steps).outputs[SCORES]
    return found.gather(2, classes.expand(len(found), -1)[:, :, None])[:, :, 0]


def _classes(system: System[Any], images: Tensor, target: int | Sequence[int] | Tensor) -> Tensor:
    """One class per trial [B]. Raises ValueError for a model without class scores, and for other numbers of classes."""
    if SCORES not in system.outputs:
        raise ValueError(f"model must have class scores, got one with the outputs {', '.join(system.outputs)}")
    given = torch.as_tensor(target, device=images.device)
    if (
        given.is_floating_point()
        or given.is_complex()
        or given.ndim > 1
        or (given.ndim == 1 and len(given) != len(images))
    ):
        raise ValueError(f"target must be a class, or one for each of {len(images)} images, got {list(given.shape)}")
    with torch.no_grad():
        count = system.read(system.zero_state(1))[SCORES].shape[1]
    if bool(((given < 0) | (given >= count)).any()):
        raise ValueError(f"target must be from 0 to {count - 1}, got {given.tolist()}")
    return given.long().expand(len(images))


def _baseline(baseline: Tensor, images: Tensor) -> Tensor:
    if tuple(baseline.shape) not in (tuple(images.shape[1:]), tuple(images.shape)) or baseline.dtype != images.dtype:
        raise ValueError(
            f"baseline must be {images.dtype} of shape {list(images.shape[1:])} or {list(images.shape)}, got "
            f"{baseline.dtype} of {list(baseline.shape)}"
        )
    return baseline.expand(images.shape)

"""Streams of images: their order, and answers that are read at every lag after the onset of each image."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.data import Split
from cordsnet.dynamics import simulate
from cordsnet.experiments.needs import SCORES
from cordsnet.models import VisionModel
from cordsnet.stimuli import Protocol, blank, show

Array = NDArray[np.float64]
ALONE, FIRST, INNER, LAST = "alone", "first", "inner", "last"
"""Position of an image: by itself, or in a stream as the first one, between others, or as the last one."""


@dataclass(frozen=True)
class Timing:
    """Times of a stream, in whole steps of the model.

    Attributes
    ----------
    before_ms : blank before the first image.
    image_ms : how long an image stays.
    gap_ms : blank after each image but the last.
    max_lag_ms : blank after the last image, and longest lag.
    """

    before_ms: float
    image_ms: float
    gap_ms: float
    max_lag_ms: float


@check_arguments
def stream_orders(split: Split, length: int, seed: int = 0) -> Tensor:
    """Image of each position of each stream [length, B]; every image comes once at each position.

    Images are sorted by class, shuffled within it, and rotated at random by so much that neighbours differ in class.
    Raises ValueError when one class holds more than half of the images.
    """
    labels = split.labels.cpu()
    n, most = len(labels), int(labels.bincount().max())
    if 2 * most > n:
        raise ValueError("images of one class are more than half of the set; give a more balanced one")
    rng = np.random.default_rng(seed)
    orders = [torch.from_numpy(rng.permutation(n))]
    for _ in range(length - 1):
        shuffled = torch.from_numpy(rng.permutation(n))
        by_class = shuffled[labels[shuffled].argsort(stable=True)]
        partner = torch.empty(n, dtype=torch.long)
        partner[by_class] = by_class.roll(-int(rng.integers(most, n - most + 1)))
        orders.append(partner[orders[-1]])
    return torch.stack(orders)


@check_arguments
def hits_alone(model: VisionModel, split: Split, timing: Timing, seed: int = 0) -> Array:
    """1 where an image that is shown alone is read correctly at each lag, else 0 [lags, B]."""
    protocol = blank(timing.before_ms) + show(split.images, timing.image_ms) + blank(timing.max_lag_ms)
    return read_windows(_scores(model, protocol, seed), split.labels, model, timing, 0)


@check_arguments
def hits_in_stream(
    model: VisionModel, split: Split, orders: Tensor, timing: Timing, seed: int = 0
) -> Mapping[str, Array]:
    """Place of an image in a stream -> share of its showings there that are read correctly at each lag [lags, B].

    Streams are those of `stream_orders`, at least three images long.
    """
    protocol = blank(timing.before_ms)
    for position, order in enumerate(orders):
        protocol += show(split.images[order], timing.image_ms)
        if position < len(orders) - 1 and timing.gap_ms:
            protocol += blank(timing.gap_ms)
    scores = _scores(model, protocol + blank(timing.max_lag_ms), seed)
    by_position = []
    for position, order in enumerate(orders):
        read = read_windows(scores, split.labels[order], model, timing, position)
        by_position.append(read[:, order.argsort().numpy()])
    return {FIRST: by_position[0], INNER: np.mean(by_position[1:-1], axis=0), LAST: by_position[-1]}


@check_arguments
def read_windows(scores: Tensor, labels: Tensor, model: VisionModel, timing: Timing, position: int) -> Array:
    """1 where the mean score over the image's own window, moved by each lag, is largest for its class [lags, B].

    Parameters
    ----------
    scores : after every step [T, B, K].
    labels : class of the image at that position of each trial [B].
    model : whose clock they ran on.
    timing : of the stream.
    position : of the image in the stream, from 0.
    """
    steps = {name: round(getattr(timing, name) / model.dt_ms) for name in Timing.__dataclass_fields__}
    onset = steps["before_ms"] + position * (steps["image_ms"] + steps["gap_ms"])
    summed = torch.cat([torch.zeros_like(scores[:1]), scores]).double().cumsum(0)
    starts = onset + torch.arange(steps["max_lag_ms"] + 1, device=scores.device)
    window = summed[starts + steps["image_ms"]] - summed[starts]
    hits: Array = (window.argmax(-1) == labels.to(scores.device)).double().cpu().numpy()
    return hits


@check_arguments
def two_halves(split: Split) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of two halves of the images, each with half of every class: sorted by class, and taken in turn."""
    order = split.labels.cpu().argsort(stable=True).numpy()
    return order[::2], order[1::2]


@torch.no_grad()
def _scores(model: VisionModel, protocol: Protocol, seed: int) -> Tensor:
    return simulate(model, protocol, seed=seed).outputs[SCORES]

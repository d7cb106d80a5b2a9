"""Accuracy of any model on labelled images."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from cordsnet.data import Split
from cordsnet.dynamics import Hold, Record, integrate
from cordsnet.training.loss import evolves

BATCH = 180
"""Images per pass."""


@torch.no_grad()
def accuracy(model: Any, split: Split, image_ms: float = 200.0) -> float:
    """Share of images read correctly; by a model that evolves in time `image_ms` after onset, from its own start."""
    model.eval()
    scores_of = _reader(model, image_ms) if evolves(model) else model
    hits = seen = 0
    for images, labels in split.to(model).batches(BATCH):
        hits += int(read_correctly(scores_of(images), labels).sum())
        seen += len(labels)
    return hits / seen


def read_correctly(scores: Tensor, labels: Tensor) -> Tensor:
    """True where the highest of scores [..., B, K] is at the class [B], or at the highest of soft labels [B, K]."""
    classes = labels if labels.ndim == 1 else labels.argmax(1)
    return scores.detach().argmax(-1) == classes


def _reader(model: Any, image_ms: float) -> Callable[[Tensor], Tensor]:
    """Images -> scores `image_ms` after their onset. The weights are materialised once."""
    system = model.system()
    steps = system.clock.steps(image_ms, "image_ms")
    at_end = Record(times_ms=(system.clock.time_ms(steps),))

    def read(images: Tensor) -> Tensor:
        logits = integrate(system, [Hold(steps, {"image": images})], system.begin(len(images)), at_end, steps).logits
        assert logits is not None
        return logits[-1]

    return read

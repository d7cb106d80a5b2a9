"""Accuracy of any model on labelled images."""

from collections.abc import Callable

import torch
from torch import Tensor

from cordsnet._checks import check_type
from cordsnet.data import Split
from cordsnet.dynamics import Hold, Record, integrate
from cordsnet.models import VisionModel
from cordsnet.models.interface import IMAGE

BATCH = 180
"""Images per pass."""


@torch.no_grad()
def accuracy(model: VisionModel, split: Split, image_ms: float | None = None) -> float:
    """Share of images read correctly, by a model that evolves in time `image_ms` after onset, from its own start.

    None is the model's `response_ms`. A duration becomes steps by the model's own clock. Class scores are needed.
    """
    check_type(model, torch.nn.Module, "model", "a network of the package")
    check_type(split, Split, "split", "a Split of labelled images, such as load_data(...).test")
    model.eval()
    scores_of = _reader(model, model.response_ms if image_ms is None else image_ms)
    hits = seen = 0
    for images, labels in split.to(model).batches(BATCH):
        hits += int(read_correctly(scores_of(images), labels).sum())
        seen += len(labels)
    return hits / seen


def read_correctly(scores: Tensor, labels: Tensor) -> Tensor:
    """True where the highest of scores [..., B, K] is at the class [B], or at the highest of soft labels [B, K]."""
    classes = labels if labels.ndim == 1 else labels.argmax(1)
    return scores.detach().argmax(-1) == classes


def _reader(model: VisionModel, image_ms: float) -> Callable[[Tensor], Tensor]:
    """Images -> scores `image_ms` after their onset. The weights are materialised once."""
    if model.clock.kind == "static":
        return model
    system = model.system()
    steps = system.clock.steps(image_ms, "image_ms", [])
    at_end = Record(times_ms=(system.clock.time_ms(steps),))

    def read(images: Tensor) -> Tensor:
        found = integrate(system, [Hold(steps, {IMAGE: images})], system.begin(len(images)), at_end, steps).logits
        assert found is not None
        return found[-1]

    return read

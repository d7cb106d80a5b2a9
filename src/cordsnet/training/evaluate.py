"""Accuracy of feedforward and dynamical networks on the same images."""

import torch

from cordsnet._checks import whole_steps
from cordsnet.data import Split
from cordsnet.dynamics import Hold, Record, integrate, settle
from cordsnet.models import CNN, VisionModel

BATCH = 180


@torch.no_grad()
def accuracy(model: VisionModel | CNN, split: Split, image_ms: float = 200.0) -> float:
    """Share of images read correctly; by a dynamical network `image_ms` after onset, from spontaneous activity."""
    split = split.to(model)
    model.eval()
    if isinstance(model, CNN):
        hits = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in split.batches(BATCH))
        return hits / len(split)
    system, hits = model.system(), 0
    baseline = settle(system)
    steps, at_end = whole_steps(image_ms, system.dt, "image_ms"), Record(times_ms=(image_ms,))
    for images, labels in split.batches(BATCH):
        start = baseline.expand(len(images))
        logits = integrate(system, [Hold(steps, images)], start, at_end, steps).logits
        assert logits is not None
        hits += int((logits[-1].argmax(1) == labels).sum())
    return hits / len(split)

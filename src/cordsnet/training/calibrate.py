"""Statistics of batch norms that evaluation uses, measured after training."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from cordsnet.data import BatchShare
from cordsnet.models.capabilities import Calibrated
from cordsnet.models.interface import IMAGE
from cordsnet.training.order import mix_seed
from cordsnet.training.sources import Source

BATCHES = 20
"""Batches of training that are measured. The error of a statistic is below a per cent from a thousand images on."""


def calibrate(model: nn.Module, source: Source, batch: int, seed: int, augmentation: str) -> None:
    """Measure the statistics of a model's batch norms over batches as in training; other models stay as they are.

    Parameters
    ----------
    model : the trained model.
    source : its data.
    batch : images per batch.
    seed : of the order of images and of their augmentation.
    augmentation : of images, a row of `AUGMENTATIONS`.
    """
    if isinstance(model, Calibrated):
        like = next(model.parameters())
        with torch.random.fork_rng():
            model.calibrate(_images(source, batch, seed, augmentation, like))


def _images(source: Source, batch: int, seed: int, augmentation: str, like: Tensor) -> Iterator[Tensor]:
    feed = source.feed(augmentation)
    for number, raw in enumerate(source.loader(batch, BATCHES, seed, BatchShare())):
        torch.manual_seed(mix_seed(seed, number))
        moved = [part.to(like.device) if isinstance(part, Tensor) else part for part in feed.received(raw)]
        yield feed.batch(moved).inputs[IMAGE].to(like)

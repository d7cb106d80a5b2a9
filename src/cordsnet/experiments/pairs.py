"""Choices of labelled images: one of another class for each, and some of each class."""

import torch
from torch import Tensor

from cordsnet.data import Split


def other_class(split: Split) -> Split:
    """For every image one of another class, each image used once.

    Raises ValueError when one class holds more than half of the images, so that no such pairing exists.
    """
    return split.pick(partners(split).cpu())


def partners(split: Split) -> Tensor:
    """For every image the row of one of another class [B], each row once: images sorted by class, then rotated.

    Raises ValueError when one class holds more than half of the images, so that no such pairing exists.
    """
    shift = int(split.labels.bincount().max())
    if 2 * shift > len(split):
        raise ValueError("images of one class are more than half of the set; give a more balanced one")
    order = split.labels.argsort(stable=True)
    partner = torch.empty_like(order)
    partner[order] = order.roll(-shift)
    return partner


def some_of_each_class(split: Split, count: int) -> Split:
    """The first `count` images of each class."""
    rows = torch.cat([(split.labels == label).nonzero()[:count, 0] for label in torch.unique(split.labels)])
    return split.pick(rows.cpu())

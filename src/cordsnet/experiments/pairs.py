"""Choices of labelled images: one of another class for each, and some of each class."""

import torch

from cordsnet.data import Split


def other_class(split: Split) -> Split:
    """For every image one of another class, each image used once: images sorted by class, then rotated.

    Raises ValueError when one class holds more than half of the images, so that no such pairing exists.
    """
    shift = int(split.labels.bincount().max())
    if 2 * shift > len(split):
        raise ValueError("images of one class are more than half of the set; give a more balanced one")
    order = split.labels.argsort(stable=True)
    partner = torch.empty_like(order)
    partner[order] = order.roll(-shift)
    return split.pick(partner.cpu())


def some_of_each_class(split: Split, count: int) -> Split:
    """The first `count` images of each class."""
    rows = torch.cat([(split.labels == label).nonzero()[:count, 0] for label in torch.unique(split.labels)])
    return split.pick(rows.cpu())


def disjoint_pairs(split: Split) -> tuple[Split, Split]:
    """Pairs of images of two classes, each image in one pair; one image is left out where their number is odd.

    Raises ValueError for fewer than two images, or when one class holds more than half of them.
    """
    count = len(split) // 2
    if not count:
        raise ValueError(f"pairs need at least 2 images, got {len(split)}; give more")
    order = split.labels.argsort(stable=True)[: 2 * count].cpu()
    first, second = split.pick(order[:count]), split.pick(order[count:])
    if bool((first.labels == second.labels).any()):
        raise ValueError("images of one class are more than half of the set; give a more balanced one")
    return first, second

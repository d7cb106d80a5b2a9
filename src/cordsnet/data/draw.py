"""Draws of some images from all classes of a split."""

import torch
from torch import Tensor

from cordsnet._checks import seeded_generator


def drawn_rows(labels: Tensor, count: int, seed: int = 0) -> Tensor:
    """Rows of `count` images, drawn without replacement and stratified by class: any beginning of a draw has each class
    in about its proportion.

    Parameters
    ----------
    labels : classes [N].
    count : number of rows.
    seed : of the draw; the same seed and labels give the same rows.
    """
    generator = seeded_generator(seed)
    shuffled = torch.randperm(len(labels), generator=generator)
    classes = labels[shuffled]
    # the k-th of the n images of a class comes at (k + 1/2) / n of the draw; ties keep their random order
    order = classes.argsort(stable=True)
    sizes = torch.bincount(classes)
    firsts = sizes.cumsum(0) - sizes
    ranks = torch.arange(len(labels)) - firsts[classes[order]]
    place = torch.empty(len(labels), dtype=torch.float64)
    place[order] = (ranks.double() + 0.5) / sizes[classes[order]]
    return shuffled[place.argsort(stable=True)[:count]]

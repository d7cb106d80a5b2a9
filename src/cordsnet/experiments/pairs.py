"""Choices of labelled images, and pairs of models that were shown the same ones."""

from collections.abc import Mapping, Sequence
from itertools import product

import torch
from torch import Tensor

from cordsnet.data import Split
from cordsnet.experiments.experiment import Setting
from cordsnet.experiments.needs import is_dynamical


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


def comparable_pairs(
    setting: Setting, labels: Mapping[str, Sequence[int]]
) -> tuple[list[tuple[str, str]], tuple[dict[str, str], ...]]:
    """Pairs of a dynamical and a static model that were shown the same images, and a note for every other such pair.

    Answers are compared image by image, so those to images of another data set say nothing about a model.

    Parameters
    ----------
    setting : with the models, and the images that each was shown.
    labels : label of the model -> classes of its images, in order.
    """
    kinds = {label: is_dynamical(model) for label, model in setting.models.items()}
    seen = {
        label: (setting.sources.get(label, {}).get("data"), setting.shown[label], list(found))
        for label, found in labels.items()
    }
    pairs = [(ours, other) for ours, other in product(kinds, kinds) if kinds[ours] and not kinds[other]]
    notes = tuple(
        {"model": ours, "note": f"it is not compared with {other!r}, which was shown other images"}
        for ours, other in pairs
        if seen[ours] != seen[other]
    )
    return [pair for pair in pairs if seen[pair[0]] == seen[pair[1]]], notes


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

"""Pictures of a data set as stimuli of trials: grey, as large as the field, and drawn by their class."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from cordsnet.data import Split, load_data, to_unit_range
from cordsnet.errors import DataError

SPLITS = ("train", "test")
"""Splits from which pictures are drawn."""


@dataclass(frozen=True)
class Pictures:
    """Pictures of one split.

    Attributes
    ----------
    name : name of the data set, or its folder.
    split : the pictures and their classes.
    classes : names of the classes.
    """

    name: str
    split: Split
    classes: tuple[str, ...]

    @cached_property
    def counts(self) -> Tensor:
        """Pictures of each class."""
        return torch.bincount(self.split.labels.cpu(), minlength=len(self.classes))

    @cached_property
    def _order(self) -> Tensor:
        """Numbers of the pictures, class by class."""
        return self.split.labels.cpu().argsort(stable=True)

    def check(self, classes: Tensor) -> None:
        """Raise DataError, naming the class, unless some classes have two pictures each."""
        few = classes[self.counts[classes] < 2]
        if len(few):
            raise DataError(
                f"stimuli {self.name!r} must have two pictures of a class at least, "
                f"got {int(self.counts[few[0]])} of {self.classes[int(few[0])]!r}; leave the class out"
            )

    def numbers(self, classes: Tensor, share: Tensor, after: Tensor | None = None) -> Tensor:
        """Numbers [B] of pictures of some classes [B], drawn by numbers `share` [B] from 0 to 1.

        With `after`, numbers [B] that were drawn for the same classes, another picture of the class is drawn.
        """
        device, order = classes.device, self._order.to(classes.device)
        count = self.counts.to(device)[classes]
        first = (self.counts.cumsum(0) - self.counts).to(device)[classes]
        if after is None:
            return order[first + (share * count).long().clamp_max(count - 1)]
        place = order.argsort()[after] - first
        further = 1 + torch.minimum((share * (count - 1)).long(), count - 2)
        return order[first + torch.remainder(place + further, count)]

    def show(self, numbers: Tensor) -> Tensor:
        """Grey pictures [B, S, S] from 0 to 1, the mean of their channels. Raises DataError where one is unreadable."""
        found = replace(self.split, normalise=None).pick(numbers.cpu())
        if found.unreadable:
            raise DataError(f"stimuli {self.name!r} has pictures that cannot be read: {found.unreadable[0]}")
        assert isinstance(found.pixels, Tensor)
        return to_unit_range(found.pixels).mean(1).to(numbers.device)


@lru_cache(maxsize=4)
def load_pictures(name: str, size: int, split: str) -> Pictures:
    """Load pictures of a split of a data set, `size` px high and wide.

    Raises ValueError for a data set that there is not, and DataError for one without pictures to draw from.
    """
    data = load_data(name, size)
    if not hasattr(data, "classes"):
        raise DataError(f"stimuli must name a data set of labelled images, got {name!r}; take 'digits'")
    found = data.train if split == "train" else data.test
    if not isinstance(found, Split):
        raise DataError(f"stimuli must name a data set whose images can be drawn by class, and {name!r} is streamed")
    return Pictures(name, found, data.classes)

"""A look at a sample of pictures: whether there is colour, several pages, deep values, and how much a crop loses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import datasets
import numpy as np

from cordsnet._progress import tell_progress
from cordsnet.data.encoded import encoded_image
from cordsnet.pictures import LOW_REACH, Glance, UnreadableError, glance

SAMPLED = 1000
"""Largest number of pictures of a split that are looked at, at even distances."""

DEEP_SAMPLED = 50
"""Largest number of pictures of more than 8 bits whose values are looked at."""


@dataclass
class Survey:
    """Formats and sizes of a sample of pictures of all splits.

    Attributes
    ----------
    seen : pictures that were looked at.
    grey : number of them without colour.
    pages : number of them with several pages or frames.
    reaches : for pictures of more than 8 bits, the largest value as a share of their range.
    lost : share of each picture that the crop leaves out.
    """

    seen: int = 0
    grey: int = 0
    pages: int = 0
    reaches: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)

    @property
    def channels(self) -> int:
        """1 if every picture that was looked at is grey, else 3."""
        return 1 if self.seen and self.grey == self.seen else 3

    @property
    def is_dark(self) -> bool:
        """True if no picture of more than 8 bits uses more of its range than `LOW_REACH`."""
        return bool(self.reaches) and max(self.reaches) <= LOW_REACH

    def add(self, found: Glance) -> None:
        """Count a picture."""
        self.seen += 1
        self.grey += found.grey
        self.pages += found.pages > 1
        self.lost.append(1 - min(found.shape) / max(found.shape))
        if found.reach is not None:
            self.reaches.append(found.reach)

    def notes(self, size: int) -> list[str]:
        """Sentences about what is done to the pictures."""
        colour = "grey, as all of them are" if self.channels == 1 else "RGB"
        if self.channels == 3 and self.grey:
            colour = f"RGB, though {self.grey} of {self.seen} that were looked at are grey"
        notes = [f"pictures are read as {colour}"]
        crop = f"pictures are turned upright, their shorter side is brought to {size} px, and the middle is taken"
        if self.lost and max(self.lost) > 0.005:
            lost = 100 * np.array(self.lost)
            crop += f"; this leaves out {np.median(lost):.0f} % of the median picture, at most {lost.max():.0f} %"
        notes.append(crop)
        if self.pages:
            notes.append(f"{self.pages} of {self.seen} pictures have several pages or frames; the first is read")
        if self.reaches:
            notes.append(
                "values of more than 8 bits are divided by the range of their type, not by their largest value"
            )
        return notes


def survey(tables: Mapping[str, datasets.Dataset], image: str, root: str, name: str) -> Survey:
    """Look at up to `SAMPLED` pictures of each split of a data set. Those that cannot be read are passed over."""
    found = Survey()
    for split, table in tables.items():
        what = f"looking at pictures of {name!r} ({split})"
        rows = np.unique(np.linspace(0, len(table) - 1, min(SAMPLED, len(table))).round().astype(int))
        pictures: Any = table.select_columns(image).select(rows.tolist())
        for k, row in enumerate(pictures):
            tell_progress(what, k, len(pictures))
            try:
                found.add(glance(encoded_image(row[image], root), deep=len(found.reaches) < DEEP_SAMPLED))
            except UnreadableError:
                continue
        tell_progress(what, len(pictures), len(pictures))
    return found

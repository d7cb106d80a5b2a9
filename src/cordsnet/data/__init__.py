"""Data sets of labelled images, and augmentation of batches."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.data.augment import AUGMENTATIONS
    from cordsnet.data.batch_share import BatchShare
    from cordsnet.data.datasets import load_data
    from cordsnet.data.paths import Reading
    from cordsnet.data.split import Split, to_unit_range
    from cordsnet.data.stream import Stream, StreamOrder
    from cordsnet.data.table import DATASETS, is_path
    from cordsnet.data.unreadable import Tolerance, Unreadable, check_unreadable, warn_unreadable
    from cordsnet.data.vision import VisionData

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "BatchShare",
    "Reading",
    "Split",
    "Stream",
    "StreamOrder",
    "Tolerance",
    "Unreadable",
    "VisionData",
    "check_unreadable",
    "is_path",
    "load_data",
    "to_unit_range",
    "warn_unreadable",
]

import_on_demand(__name__)

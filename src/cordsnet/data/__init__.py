"""Data sets and augmentation."""

from cordsnet.data import hub as _hub  # registers the data sets of the hub
from cordsnet.data.augment import AUGMENTATIONS
from cordsnet.data.datasets import DATASETS, load_data
from cordsnet.data.encoded import check_readable
from cordsnet.data.share import Share
from cordsnet.data.split import Split, unit
from cordsnet.data.stream import Stream, StreamOrder
from cordsnet.data.vision import VisionData

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "Share",
    "Split",
    "Stream",
    "StreamOrder",
    "VisionData",
    "check_readable",
    "load_data",
    "unit",
]

del _hub

"""Data sets of labelled images, and augmentation of batches."""

from cordsnet.data import hub as _hub  # adds the data sets of the Hugging Face hub to DATASETS
from cordsnet.data.augment import AUGMENTATIONS
from cordsnet.data.batch_share import BatchShare
from cordsnet.data.datasets import DATASETS, load_data
from cordsnet.data.encoded import check_unreadable
from cordsnet.data.split import Split, to_unit_range
from cordsnet.data.stream import Stream, StreamOrder
from cordsnet.data.vision import VisionData

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "BatchShare",
    "Split",
    "Stream",
    "StreamOrder",
    "VisionData",
    "check_unreadable",
    "load_data",
    "to_unit_range",
]

del _hub

"""Data sets and augmentation."""

from cordsnet.data import hub as _hub  # registers the data sets of the hub
from cordsnet.data.augment import AUGMENTATIONS
from cordsnet.data.datasets import DATASETS, Split, VisionData, load_data

__all__ = ["AUGMENTATIONS", "DATASETS", "Split", "VisionData", "load_data"]

del _hub

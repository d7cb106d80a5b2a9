"""Data sets and augmentation."""

from cordsnet.data.augment import AUGMENTATIONS
from cordsnet.data.datasets import DATASETS, Split, VisionData, load_data

__all__ = ["AUGMENTATIONS", "DATASETS", "Split", "VisionData", "load_data"]

"""Data sets by name or by path, resized to the image size of a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn import functional

from cordsnet.data.paths import Reading, load_path
from cordsnet.data.split import Normalisation, Split, check_size
from cordsnet.data.table import DATASETS, SHAPES, is_path
from cordsnet.data.unreadable import Tolerance
from cordsnet.data.vision import VisionData
from cordsnet.errors import DataError


def load_data(
    name: str | Path,
    image_size: int,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    max_unreadable: int = Tolerance.count,
    max_unreadable_share: float = Tolerance.share,
) -> VisionData:
    """Load a data set with square images of `image_size` px.

    Parameters
    ----------
    name : name of a data set (see `DATASETS`), or path of a folder with images of your own.
    image_size : height and width of the images, px.
    image_column, label_column : columns of your own parquet files with images and labels; None finds them.
    max_unreadable : number of unreadable images that are left out of a split of your own, named in a `DataWarning`.
    max_unreadable_share : or this proportion of a split, where it is more.

    Raises
    ------
    ValueError : no data set has that name.
    DataError : there are no images, labels are no classes, or too many images are unreadable.
    """
    found: VisionData = load_any(
        name, image_size, Reading(image_column, label_column, max_unreadable, max_unreadable_share)
    )
    return found


def load_any(name: str | Path, image_size: int, reading: Reading, options: Mapping[str, Any] | None = None) -> Any:
    """Load what a name stands for as `load_data` does: labelled images, or another source by its name and options."""
    if options and (is_path(name) or name in SHAPES):
        raise DataError(f"data {str(name)!r} has no options, got {', '.join(options)}; leave data_options out")
    if is_path(name):
        return load_path(name, image_size, reading)
    if reading != Reading():
        raise DataError(f"data set {name!r} is read in its own way; options are for paths of your own images")
    return DATASETS[str(name)](image_size, **(options or {}))


@DATASETS.register("digits")
def digits(image_size: int) -> VisionData:
    """Load 1,797 scans of handwritten digits, 8 x 8 px in 17 grey levels, of which 360 are test images.

    The scans are resized bilinearly. The resized values do not fit into 8 bits, so pixels are kept as floats.

    Source: Alpaydin & Kaynak, UCI Optical Recognition of Handwritten Digits, as shipped with scikit-learn.
    """
    check_size(image_size)
    bunch = load_digits()
    pixels = functional.interpolate(
        torch.from_numpy(bunch.images.astype(np.float32))[:, None] / 16,
        size=(image_size, image_size),
        mode="bilinear",
        align_corners=False,
    )
    rows = np.arange(len(bunch.target))
    train, test = train_test_split(rows, test_size=360, random_state=0, stratify=bunch.target)
    normalise = Normalisation((pixels[train].mean().item(),), (pixels[train].std().item(),))
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    return VisionData(
        name="digits",
        train=Split(pixels[train], labels[train], normalise=normalise),
        test=Split(pixels[test], labels[test], normalise=normalise),
        classes=tuple(map(str, range(10))),
        mean=normalise.mean,
        std=normalise.std,
        augmentation="small_affine",
        source="UCI Optical Recognition of Handwritten Digits, as shipped with scikit-learn",
    )

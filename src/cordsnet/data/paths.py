"""Data sets of your own, by path: a folder of parquet files, or of images sorted into one folder per class."""

import io
from pathlib import Path

import datasets
from PIL import Image, UnidentifiedImageError

from cordsnet.data.encoded import Decoder, Encoded, image_bytes
from cordsnet.data.safety import embedded_only
from cordsnet.data.vision import VisionData, from_images
from cordsnet.errors import DataError

TRAIN, TEST = ("train",), ("test", "validation", "val")
"""Accepted names of the two splits; the first one found is used."""

LAYOUT = (
    "train*.parquet and test*.parquet, or train/CLASS/*.jpg and test/CLASS/*.jpg (validation or val instead of test)"
)

LABELS = ("label", "labels", "fine_label", "class", "target")
"""Names of columns that are taken as labels when the files do not declare one."""

GREY = ("1", "L", "LA", "I", "I;16", "F")
"""Pillow's modes of images that are read as one channel."""


def load_path(path: Path, image_size: int) -> VisionData:
    """Load the images of a folder, laid out as `LAYOUT` says, resized to `image_size` px.

    All images are read as grey if the first one is. Raises DataError when the folder has no images, when the columns
    of images and labels cannot be recognised, or when too many images are unreadable.
    """
    files = {split: _parquet(path, names) for split, names in (("train", TRAIN), ("test", TEST))}
    kind = "parquet"
    if not all(files.values()):
        kind, files = (
            "imagefolder",
            {split: _folder(path, names) for split, names in (("train", TRAIN), ("test", TEST))},
        )
    if not all(files.values()):
        raise DataError(f"data set {str(path)!r} has no images for training and testing; it must hold {LAYOUT}")
    options = {"drop_labels": False} if kind == "imagefolder" else {}
    try:
        tables = datasets.load_dataset(kind, data_files=files, **options)
    except (OSError, ValueError) as error:
        raise DataError(f"data set {str(path)!r} cannot be read ({error}); it must hold {LAYOUT}") from error
    image, label = _columns(tables["train"], path)
    tables = tables.cast_column(image, datasets.Image(decode=False))
    if kind == "parquet":
        tables = {split: embedded_only(tables[split], image, label, str(path)) for split in tables}
    channels = _channels(tables["train"], image)
    sources = {split: tuple(files[split]) if kind == "parquet" else () for split in files}
    train, test = (
        Encoded(tables[split], Decoder(f"{path.name!r} ({split})", image, label, image_size, channels), sources[split])
        for split in ("train", "test")
    )
    return from_images(path.name, train, test, train.classes(), "none", str(path))


def _parquet(path: Path, names: tuple[str, ...]) -> list[str]:
    """List the parquet files of the first of the names that has any."""
    found = (sorted(map(str, path.glob(f"{name}*.parquet"))) for name in names)
    return next(filter(None, found), [])


def _folder(path: Path, names: tuple[str, ...]) -> list[str]:
    """Return a pattern for the images of the first of the names that has a folder per class."""
    return next(([str(path / name / "*" / "**")] for name in names if any((path / name).glob("*/*"))), [])


def _columns(table: datasets.Dataset, path: Path) -> tuple[str, str]:
    """Find the names of the columns of images and of labels."""
    kinds = table.features
    images = [name for name, kind in kinds.items() if isinstance(kind, datasets.Image)]
    images += [name for name in ("image", "img") if name in kinds]
    labels = [name for name, kind in kinds.items() if isinstance(kind, datasets.ClassLabel)]
    labels += [name for name in LABELS if name in kinds]
    if not images or not labels:
        raise DataError(
            f"data set {str(path)!r} has columns {', '.join(kinds)}; images must be in a column named image or img, "
            f"labels in one named {' or '.join(LABELS)}"
        )
    return images[0], labels[0]


def _channels(table: datasets.Dataset, image: str) -> int:
    """Return 1 if the first readable image is grey, else 3."""
    for row in table.select_columns(image):
        try:
            with Image.open(io.BytesIO(image_bytes(row[image]))) as opened:
                return 1 if opened.mode in GREY else 3
        except (UnidentifiedImageError, OSError, ValueError):
            continue
    return 3

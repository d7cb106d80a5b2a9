"""Tables of images: parquet files, and which of their columns are images and labels."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow
from datasets.data_files import DataFilesDict, DataFilesList
from datasets.exceptions import DatasetsError
from datasets.packaged_modules.parquet.parquet import Parquet
from pyarrow import parquet

from cordsnet._files import FULL, cannot_write
from cordsnet.data.content import table_key
from cordsnet.data.safety import embedded_only
from cordsnet.errors import DataError

IMAGES = ("image", "img")
"""Names of columns that are taken as images when the files do not declare one."""

LABELS = ("label", "labels", "fine_label", "class", "target")
"""Names of columns that are taken as labels when the files do not declare one."""


def open_parquet(files: Sequence[str], split: str, streaming: bool = False) -> Any:
    """Open parquet files as one table, by way of a memory-mapped copy that is never older than the files.

    Names of files are taken as they are, with whatever characters. Raises DataError when a file cannot be read.
    """
    if not sum(map(_rows, files)):
        raise DataError(f"tables {', '.join(map(repr, files[:3]))} have no rows")
    key = table_key(files)
    listed = DataFilesDict({split: DataFilesList(list(files), [(key,)] * len(files))})
    folder = check_cache() / "cordsnet" / key[:32]
    try:
        builder = Parquet(cache_dir=str(folder), data_files=listed)
        if streaming:
            return builder.as_streaming_dataset(split=split)
        builder.download_and_prepare()
        return builder.as_dataset(split=split)
    except (OSError, ValueError, TypeError, DatasetsError, pyarrow.ArrowException) as error:
        for cause in (error, error.__cause__, error.__context__):
            if isinstance(cause, OSError) and cause.errno in FULL:
                raise DataError(f"the cache of tables {cannot_write(folder / 'table', cause)}") from error
        reason = " ".join(str(error.__cause__ or error).split())[:200]
        raise DataError(f"tables {', '.join(map(repr, files[:3]))} cannot be read as one ({reason})") from error


def check_cache() -> Path:
    """The folder where copies of tables are kept. Raises DataError, with its name, when it cannot be written to."""
    folder = Path(datasets.config.HF_DATASETS_CACHE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(
            f"folder {str(folder)!r}, where copies of tables are kept, cannot be written to "
            f"({error.strerror or error}); set HF_DATASETS_CACHE to another"
        ) from error
    return folder


def count_rows(files: Sequence[str]) -> int:
    """Number of rows of parquet files."""
    return sum(parquet.read_metadata(file).num_rows for file in files)


def find_columns(
    table: datasets.Dataset, name: str, image: str | None, label: str | None
) -> tuple[str, str, list[str]]:
    """Names of the columns of images and of labels, and notes on the choice.

    `image` and `label` name them; None takes the column that the files declare as such, or that has a usual name.
    Raises DataError when there is none.
    """
    kinds = table.features
    images = [column for column, kind in kinds.items() if isinstance(kind, datasets.Image)]
    images += [column for column in IMAGES if column in kinds and column not in images]
    labels = [column for column, kind in kinds.items() if isinstance(kind, datasets.ClassLabel)]
    labels += [column for column in LABELS if column in kinds and column not in labels]
    for option, given in (("image_column", image), ("label_column", label)):
        if given is not None and given not in kinds:
            raise DataError(f"{option} {given!r} is no column of data set {name!r}; it has {', '.join(kinds)}")
    images, labels = [image] if image else images, [label] if label else labels
    if not images or not labels:
        raise DataError(
            f"data set {name!r} has columns {', '.join(kinds)}; images must be in a column named {' or '.join(IMAGES)} "
            f"and labels in one named {' or '.join(LABELS)}; name others with image_column and label_column"
        )
    if images[0] == labels[0]:
        raise DataError(f"column {images[0]!r} of data set {name!r} cannot hold both images and labels; name another")
    notes = [f"images are taken from column {images[0]!r}, labels from column {labels[0]!r}"]
    for what, found in (("images", images), ("labels", labels)):
        if len(found) > 1:
            notes.append(f"columns {', '.join(map(repr, found[1:]))} would do as {what} too, and are not used")
    return images[0], labels[0], notes


def with_images(
    tables: Mapping[str, datasets.Dataset], image: str, label: str, name: str
) -> dict[str, datasets.Dataset]:
    """The tables with the two columns alone, images as {"bytes", "path"}, not decoded.

    Raises DataError when a table lacks a column, or when a column holds no images.
    """
    found = {}
    for split, table in tables.items():
        if lost := [column for column in (image, label) if column not in table.features]:
            raise DataError(
                f"data set {name!r} ({split}) has no column {lost[0]!r}; it has {', '.join(table.features)}"
            )
        held = embedded_only(table, image, label, f"{name} ({split})")
        try:
            found[split] = held.cast_column(image, datasets.Image(decode=False))
        except (TypeError, ValueError, OverflowError, pyarrow.ArrowException) as error:
            raise DataError(
                f"column {image!r} of data set {name!r} ({split}) holds {table.features[image]}, no images; name "
                "another image_column"
            ) from error
    return found


def _rows(file: str) -> int:
    try:
        return int(parquet.read_metadata(file).num_rows)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise DataError(f"table {file!r} cannot be read ({' '.join(str(error).split())[:150]})") from error

"""Tables hold the images themselves: a table that a user was handed opens no other file and no address."""

from typing import Any

import datasets
import numpy as np
import pyarrow

from cordsnet.errors import DataError

datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # or the library would report to a server when own files are read

SHOWN = 80
"""Characters of a path that an error message shows."""


def embedded_only(table: datasets.Dataset, image: str, label: str, name: str) -> Any:
    """Keep the columns of images and labels of a table, and make sure that images are in the table itself.

    The other columns are dropped, since the `datasets` library would open whatever file or address an image in them
    names as soon as a row is read.

    Parameters
    ----------
    table : the rows; the column of images is not decoded.
    image, label : names of the two columns.
    name : name of the data set, for error messages.

    Raises
    ------
    DataError : an image is given by a path or an address in place of its bytes.
    """
    kept = table.select_columns([image, label])
    start = 0
    for chunk in kept.data.column(image).chunks:
        if pyarrow.types.is_struct(chunk.type):
            names = [chunk.type.field(k).name for k in range(chunk.type.num_fields)]
            held = chunk.field("bytes").is_valid() if "bytes" in names else _none(chunk)
            named = chunk.field("path").is_valid() if "path" in names else _none(chunk)
            elsewhere = np.asarray(chunk.is_valid()) & np.asarray(named) & ~np.asarray(held)
            paths = chunk.field("path") if "path" in names else None
        elif pyarrow.types.is_string(chunk.type) or pyarrow.types.is_large_string(chunk.type):
            elsewhere, paths = np.asarray(chunk.is_valid()), chunk
        else:
            elsewhere, paths = np.zeros(len(chunk), bool), None
        if elsewhere.any():
            row = int(elsewhere.argmax())
            path = "" if paths is None else str(paths[row].as_py())[:SHOWN]
            raise DataError(
                f"column {image!r} of data set {name!r} names {path!r} in row {start + row} in place of an image; "
                "tables must hold the images themselves (image bytes), since other files and addresses are not opened"
            )
        start += len(chunk)
    return kept


def _none(chunk: Any) -> Any:
    return np.zeros(len(chunk), bool)

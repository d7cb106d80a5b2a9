"""A recording from a file of any form in the table."""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import check_file, naming
from cordsnet.neural.reading.formats import FORMATS, READERS, options_of
from cordsnet.neural.reading.sidecars import read_sidecar
from cordsnet.neural.recording import Recording

UNREADABLE = (OSError, ValueError, ArithmeticError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)
"""Errors with which libraries refuse a file."""


@check_arguments
def read_recording(path: str | Path, *, format: str | None = None, **options: Any) -> Recording:  # noqa: A002
    """Read a recording from a file or folder; nothing in it is run, and pickles are refused.

    Parameters
    ----------
    path : the file or folder. A JSON file of the same name beside it may hold options, such as {"axes": "neuron image
        repeat", "bins_ms": [[50, 150]], "area": "V4"}; those that are given here come first.
    format : a row of `FORMATS`; None finds it from the name and the content of the file.
    options : those of the format's reader, such as axes, bins_ms, unit, missing or source.

    Raises
    ------
    DataError : the file is missing, damaged or too large, is of no known form, lacks something, or is not understood;
        the sentence begins with the path or names it.
    """
    place = Path(path).expanduser()
    try:
        with naming(place):
            check_file(place)
            name = _find_format(place) if format is None else format
            READERS.check(name)
            reader = READERS[name]
            chosen = {**(read_sidecar(place) if place.is_file() else {}), **options}
            _check_options(name, chosen, reader)
            return reader(place, **chosen)
    except DataError:
        raise
    except UNREADABLE as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{place} cannot be read: {said.replace(str(place), 'the file')[:200]}") from error


def _find_format(path: Path) -> str:
    """Name of the first format that recognises the file."""
    for name, row in FORMATS.items():
        if row.recognises(path):
            return name
    ends = "a folder" if path.is_dir() else f"the ending {path.suffix!r}" if path.suffix else "no ending"
    raise DataError(f"{path} is of no known form ({ends}); say which with format, of {', '.join(FORMATS)}")


def _check_options(name: str, options: dict[str, Any], reader: Callable[..., Any]) -> None:
    """Raise DataError for an option that the format does not have, or one that it needs and did not get."""
    known, needed = options_of(reader)
    if known is not None and (unknown := [option for option in options if option not in known]):
        has = f"it has {', '.join(known)}" if known else "it has none"
        raise DataError(f"format {name!r} has no option {unknown[0]!r}; {has}")
    if missing := [option for option in needed if option not in options]:
        raise DataError(f"format {name!r} needs the option {missing[0]}; give it, or put it into a JSON file beside")

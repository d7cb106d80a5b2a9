"""Stimuli as Brain-Score gives them: a StimulusSet, or a list of files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural.activity.pictures import Pictures

STIMULUS, DEGREES, LABEL = "stimulus_id", "degrees", "image_label"
TAKEN = ("presentation", "neuroid", "time_bin", "choice")
"""Names of dimensions, which no column may have."""


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Stimuli in the order in which they are shown.

    Attributes
    ----------
    pictures : their files.
    columns : coordinates of the presentations, stimulus_id among them, each [I].
    """

    pictures: Pictures
    columns: Mapping[str, NDArray[Any]]

    @property
    def degrees(self) -> NDArray[np.float64] | None:
        """Size of each picture in degrees of visual angle [I]; None where the stimuli do not say.

        Raises DataError for sizes that are no numbers above 0.
        """
        if DEGREES not in self.columns:
            return None
        try:
            found = self.columns[DEGREES].astype(np.float64)
        except (ValueError, TypeError) as error:
            raise DataError(f"stimuli must have numbers in the column {DEGREES!r}, got {error}") from error
        if not (np.isfinite(found) & (found > 0)).all():
            raise DataError(f"stimuli must have sizes above 0 in the column {DEGREES!r}, got {found.min():g}")
        return found

    @property
    def labels(self) -> NDArray[Any]:
        """Label of each picture [I]. Raises DataError where the stimuli have none, or only one."""
        if LABEL not in self.columns:
            raise DataError(f"fitting_stimuli must have a column {LABEL!r}; it has {', '.join(self.columns)}")
        found = self.columns[LABEL].astype(str)
        if len(set(found.tolist())) < 2:
            raise DataError(f"fitting_stimuli must have two labels or more in {LABEL!r}, got {found[0]!r} alone")
        return found


def as_stimuli(given: Any, name: str = "stimuli") -> Stimuli:
    """Read a StimulusSet (a table with the column stimulus_id and the method get_stimulus), or a list of files.

    Raises DataError for anything else, and for files that are not there.
    """
    if hasattr(given, "get_stimulus") and hasattr(given, "columns"):
        if STIMULUS not in given.columns:
            raise DataError(f"{name} must have a column {STIMULUS!r}; it has {', '.join(map(str, given.columns))}")
        columns = {str(column): np.asarray(given[column]) for column in given.columns}
        files = [given.get_stimulus(stimulus) for stimulus in columns[STIMULUS].tolist()]
    elif isinstance(given, list | tuple) and all(isinstance(one, str | os.PathLike) for one in given):
        files = list(given)
        columns = {STIMULUS: np.array([str(one) for one in files], object)}
    else:
        what = "a StimulusSet, a table with a column stimulus_id and a method get_stimulus, or a list of files"
        raise DataError(f"{name} must be {what}, got {type(given).__name__}")
    if not files:
        raise DataError(f"{name} must hold at least one picture, got none")
    if clash := [column for column in columns if column in TAKEN]:
        raise DataError(f"{name} has a column {clash[0]!r}, which is the name of a dimension; rename it")
    paths = [Path(file).absolute() for file in files]
    columns.setdefault("stimulus_path", np.array([str(path) for path in paths], object))
    return Stimuli(_pictures(paths, columns[STIMULUS], name), columns)


def _pictures(paths: list[Path], ids: NDArray[Any], name: str) -> Pictures:
    """Files as pictures of the folder that all of them share."""
    if missing := next((path for path in paths if not path.is_file()), None):
        raise DataError(f"{name} name the file {missing}, which is not there")
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    files = tuple(path.relative_to(folder).as_posix() for path in paths)
    return Pictures(tuple(map(str, ids.tolist())), str(folder), files)

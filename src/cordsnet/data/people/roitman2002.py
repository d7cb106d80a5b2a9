"""Two monkeys that judge moving dots (Roitman & Shadlen, Journal of Neuroscience 22, 2002): 6,149 trials."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.data.people.files import Numbers, check_range, read_bounded
from cordsnet.errors import DataError

LARGEST = 2**23
"""Bytes of the file; the published one has 130 kB."""

COLUMNS = ("monkey", "rt", "coh", "correct", "trgchoice")


@dataclass(frozen=True)
class DotTrials:
    """Trials of the random-dot task, in which monkeys answer when they are ready.

    Attributes
    ----------
    monkey : number of the monkey in each trial [N].
    coherence : proportion of dots that move together [N].
    correct : True where the answer was right [N].
    reaction_ms : time from the onset of motion to the eye movement, ms [N].
    target : number of the chosen target [N].
    """

    monkey: NDArray[np.int64]
    coherence: Numbers
    correct: NDArray[np.bool_]
    reaction_ms: Numbers
    target: NDArray[np.int64]

    def of(self, monkey: int) -> "DotTrials":
        """Trials of one monkey. Raises ValueError for a number that there is not."""
        if monkey not in self.monkey:
            known = ", ".join(map(str, np.unique(self.monkey)))
            raise ValueError(f"monkey must be one of {known}, got {monkey!r}")
        rows = self.monkey == monkey
        return DotTrials(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@check_arguments
def load_dots(path: str | Path) -> DotTrials:
    """Read the trials from their CSV file, with the columns monkey, rt (in seconds), coh, correct and trgchoice.

    Raises
    ------
    DataError : the file cannot be read, a column is missing, or a value is no number or out of range.
    """
    place = Path(path)
    text = read_bounded(place, LARGEST).decode("utf-8", errors="replace")
    try:
        rows = list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise DataError(f"{place} is no CSV file ({error}); give the published file") from error
    names = tuple(rows[0]) if rows else ()
    if missing := [name for name in COLUMNS if name not in names]:
        raise DataError(f"{place} has no column {missing[0]!r}; give the published file, with {', '.join(COLUMNS)}")
    columns = {name: _column([row[name] for row in rows], name, place) for name in COLUMNS}
    for name, low, high in (("rt", 0, 10), ("coh", 0, 1), ("correct", 0, 1)):
        check_range(columns[name], low, high, f"column {name!r}", place)
    return DotTrials(
        columns["monkey"].astype(np.int64),
        columns["coh"],
        columns["correct"] > 0.5,
        columns["rt"] * 1000,
        columns["trgchoice"].astype(np.int64),
    )


def _column(words: list[str], name: str, path: Path) -> Numbers:
    """A column as finite numbers. Raises DataError, with the row, for a value that is none."""
    values = np.empty(len(words))
    for k, word in enumerate(words):
        try:
            values[k] = float(word)
        except (TypeError, ValueError):
            values[k] = np.nan
        if not np.isfinite(values[k]):
            raise DataError(f"{path}: {name!r} is no number in row {k + 2}, got {word!r:.40}")
    return values

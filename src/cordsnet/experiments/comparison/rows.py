"""Rows of a comparison: models, each trained once or with several seeds."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordsnet.errors import RunError
from cordsnet.training.sweeps import TABLE

SEED = re.compile(r"seed=-?\d+")
"""Folder of a run of a sweep, which tells runs of one model apart."""

MOST_ROWS = 1000
"""Largest number of runs of a comparison."""


@dataclass(frozen=True)
class Row:
    """A model of a comparison.

    Attributes
    ----------
    label : its name in tables.
    sources : a folder, NAME@DATA or the name of a model; one for each seed that it was trained with.
    """

    label: str
    sources: tuple[str, ...]


def rows_of(sources: Sequence[str]) -> tuple[Row, ...]:
    """Rows from what users write; runs whose paths differ in a part `seed=K` alone are one row.

    Parameters
    ----------
    sources : as of `load_subjects`; the folder of a sweep stands for all its finished runs.

    Raises
    ------
    ValueError : there is no model, one is given twice, or two rows cannot be told apart.
    RunError : the table of a sweep cannot be read, or no run of it is finished.
    """
    every = [run for source in sources for run in _expanded(source)]
    if not every:
        raise ValueError("a comparison needs a model: a folder, NAME@DATA, or the name of a model")
    if len(every) > MOST_ROWS:
        raise ValueError(f"a comparison takes at most {MOST_ROWS:,} runs, got {len(every):,}")
    if twice := [source for k, source in enumerate(every) if source in every[:k]]:
        raise ValueError(f"model {twice[0]!r} is given twice; give each once")
    groups: dict[tuple[str, ...], list[str]] = {}
    for source in every:
        groups.setdefault(_without_seed(source), []).append(source)
    labels = _labels(list(groups))
    return tuple(Row(label, tuple(found)) for label, found in zip(labels, groups.values(), strict=True))


def _expanded(source: str) -> list[str]:
    """The finished runs of a sweep; any other source as it is."""
    path = Path(source).expanduser() / TABLE
    if not path.is_file():
        return [source]
    import pyarrow.parquet

    try:
        table: list[Mapping[str, Any]] = pyarrow.parquet.read_table(path, columns=["run", "status"]).to_pylist()
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path} is no table of a sweep ({error}); give the folders of its runs") from error
    runs = [str(path.parent / str(row["run"])) for row in table if row["status"] == "finished"]
    if not runs:
        raise RunError(f"no run of the sweep {source!r} is finished; train them first")
    if outside := [run for run in runs if not Path(run).resolve().is_relative_to(path.parent.resolve())]:
        raise RunError(f"{path} names the run {outside[0]!r}, which is not in its folder; give the folders of its runs")
    return runs


def _without_seed(source: str) -> tuple[str, ...]:
    """Parts of a path without that of its seed; a source that is no path is one part."""
    return tuple(part for part in source.split(os.sep) if part and not SEED.fullmatch(part))


def _labels(groups: Sequence[tuple[str, ...]]) -> list[str]:
    """Last parts of paths, as many as tell them apart; of `model.name=NAME`, NAME alone."""
    shown = [[re.sub(r"^model\.name=", "", part) for part in parts] or ["model"] for parts in groups]
    for kept in range(1, max(map(len, shown)) + 1):
        labels = [".".join(parts[-kept:]) for parts in shown]
        if len(set(labels)) == len(labels):
            return labels
    raise ValueError(f"models {', '.join('/'.join(parts) for parts in groups)} cannot be told apart; rename a folder")

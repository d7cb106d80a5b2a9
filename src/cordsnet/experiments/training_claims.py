"""Common parts of experiments that train networks: rows of runs, and differences between groups of them."""

from collections.abc import Sequence
from typing import Any

from cordsnet.experiments.claims import Measured
from cordsnet.experiments.intervals import mean_difference, share_difference
from cordsnet.experiments.result import Cell


def check_seeds(seeds: int) -> None:
    """Raise ValueError unless there is at least one seed."""
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")


def finished(rows: Sequence[dict[str, Any]], column: str, **wanted: Cell) -> list[float]:
    """A column of the runs that finished and whose cells have the given values."""
    return [
        float(row[column])
        for row in rows
        if row["status"] == "finished" and column in row and all(row[key] == value for key, value in wanted.items())
    ]


def column_difference(rows: Sequence[dict[str, Any]], column: str, by: str, first: str, second: str) -> Measured:
    """Mean of a column over finished runs with `by` = `first`, less that with `second`; Welch's interval over seeds."""
    return mean_difference(finished(rows, column, **{by: first}), finished(rows, column, **{by: second}))


def share_of(rows: Sequence[dict[str, Any]], by: str, first: str, second: str, column: str, wanted: Cell) -> Measured:
    """Share of runs whose `column` has a value, with `by` = `first`, less that with `second`; all runs count."""
    groups = [[row.get(column) == wanted for row in rows if row[by] == value] for value in (first, second)]
    return share_difference(sum(groups[0]), len(groups[0]), sum(groups[1]), len(groups[1]))

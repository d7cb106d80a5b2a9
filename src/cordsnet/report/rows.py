"""Columns of a result's tables, as figures need them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.experiments import Result


def column(result: Result, table: str, name: str, **wanted: Any) -> NDArray[Any]:
    """A column of the rows whose cells have the given values; NaN where a row lacks it."""
    return np.array([row.get(name, np.nan) for row in result.rows(table, **wanted)])


def models_of(result: Result, table: str) -> list[str]:
    """Labels of the models in a table, in order."""
    return values_of(result, table, "model")


def values_of(result: Result, table: str, name: str, **wanted: Any) -> list[str]:
    """Different values of a column of words, in order."""
    return list(dict.fromkeys(str(row[name]) for row in result.rows(table, **wanted)))

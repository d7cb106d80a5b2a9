"""Container for the results of the parts of a portrait."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from cordsnet.experiments.result import LabelledArray

BLANK = "blank"
"""Name of the state without an image."""


@dataclass
class Findings:
    """Tables and arrays of one model.

    Attributes
    ----------
    label : of the model; the first cell of every row.
    tables : name -> rows.
    arrays : name -> labelled array.
    """

    label: str
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    arrays: dict[str, LabelledArray] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> None:
        """A row of a table."""
        self.tables[table].append({"model": self.label, **row})

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows of a table; none where nothing was found."""
        return self.tables.get(table, [])

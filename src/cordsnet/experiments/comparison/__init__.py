"""Many models through many experiments: one table of claims, cell by cell, kept and not repeated."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.experiments.comparison.compare import compare
    from cordsnet.experiments.comparison.rows import rows_of

__all__ = ["compare", "rows_of"]

import_on_demand(__name__)

"""Recordings of neurons: reading and checking them, and how well models predict them in time."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.neural.mapping.pls import PLS
    from cordsnet.neural.recording import UNITS, Recording

__all__ = ["PLS", "UNITS", "Recording"]

import_on_demand(__name__)

"""Recordings of neurons: reading and checking them, and how well models predict them in time."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.neural.reading.matlab import read_matlab
    from cordsnet.neural.reading.nwb import read_nwb
    from cordsnet.neural.recording import UNITS, Recording

__all__ = ["UNITS", "Recording", "read_matlab", "read_nwb"]

import_on_demand(__name__)

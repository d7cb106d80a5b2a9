"""Recordings of neurons: reading and checking them, and how well models predict them in time."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.neural.activity.bins import BinMap, map_bins
    from cordsnet.neural.activity.pictures import Pictures, find_pictures
    from cordsnet.neural.activity.record import Viewing, record_activity
    from cordsnet.neural.activity.store import ActivityStore, load_store
    from cordsnet.neural.reading.matlab import read_matlab
    from cordsnet.neural.reading.nwb import read_nwb
    from cordsnet.neural.recording import UNITS, Recording

__all__ = [
    "UNITS",
    "ActivityStore",
    "BinMap",
    "Pictures",
    "Recording",
    "Viewing",
    "find_pictures",
    "load_store",
    "map_bins",
    "read_matlab",
    "read_nwb",
    "record_activity",
]

import_on_demand(__name__)

"""Recordings of neurons: reading and checking them, and how well models predict them in time."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.neural.checking.check import check_recording
    from cordsnet.neural.checking.findings import Check, Finding
    from cordsnet.neural.reading.arrays import from_arrays
    from cordsnet.neural.reading.assemblies import from_assembly, to_assembly
    from cordsnet.neural.reading.own import save_recording
    from cordsnet.neural.reading.rasters import from_raster
    from cordsnet.neural.reading.read import read_recording
    from cordsnet.neural.reading.spike_times import from_spikes
    from cordsnet.neural.reading.tables import from_table
    from cordsnet.neural.recording import UNITS, Recording

__all__ = [
    "UNITS",
    "Check",
    "Finding",
    "Recording",
    "check_recording",
    "from_arrays",
    "from_assembly",
    "from_raster",
    "from_spikes",
    "from_table",
    "read_recording",
    "save_recording",
    "to_assembly",
]

import_on_demand(__name__)

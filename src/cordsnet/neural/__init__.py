"""Recordings of neurons: reading and checking them, and how well models predict them in time."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.neural.recording import UNITS, Recording
    from cordsnet.neural.reliability import (
        NoiseCeiling,
        Reliability,
        ReliabilityStatus,
        noise_ceiling,
        spearman_brown,
        split_half_reliability,
    )
    from cordsnet.neural.teacher import NOISE, Taught, make_recording

__all__ = [
    "NOISE",
    "UNITS",
    "NoiseCeiling",
    "Recording",
    "Reliability",
    "ReliabilityStatus",
    "Taught",
    "make_recording",
    "noise_ceiling",
    "spearman_brown",
    "split_half_reliability",
]

import_on_demand(__name__)

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

__all__ = [
    "UNITS",
    "NoiseCeiling",
    "Recording",
    "Reliability",
    "ReliabilityStatus",
    "noise_ceiling",
    "spearman_brown",
    "split_half_reliability",
]

import_on_demand(__name__)

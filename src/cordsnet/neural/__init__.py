"""Recordings of neurons: reading and checking them, and how well models predict them in time."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.neural.decoding.over_time import (
        CrossTemporal,
        Decoding,
        cross_temporal,
        decode_across,
        decode_over_time,
    )
    from cordsnet.neural.decoding.plan import DECODERS, POPULATIONS, SPLITS, DecodingPlan
    from cordsnet.neural.decoding.solution_times import (
        MEASURES,
        RankAgreement,
        SolutionStatus,
        SolutionTimes,
        object_solution_times,
        rank_agreement,
    )
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
    "DECODERS",
    "MEASURES",
    "NOISE",
    "POPULATIONS",
    "SPLITS",
    "UNITS",
    "CrossTemporal",
    "Decoding",
    "DecodingPlan",
    "NoiseCeiling",
    "RankAgreement",
    "Recording",
    "Reliability",
    "ReliabilityStatus",
    "SolutionStatus",
    "SolutionTimes",
    "Taught",
    "cross_temporal",
    "decode_across",
    "decode_over_time",
    "make_recording",
    "noise_ceiling",
    "object_solution_times",
    "rank_agreement",
    "spearman_brown",
    "split_half_reliability",
]

import_on_demand(__name__)

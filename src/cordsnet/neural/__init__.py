"""Recordings of neurons: reading and checking them, and how well models predict them in time."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.neural.mapping.one_to_one import OneToOne
    from cordsnet.neural.mapping.pls import PLS
    from cordsnet.neural.mapping.ridge import ReducedRank, Ridge
    from cordsnet.neural.recording import UNITS, Recording
    from cordsnet.neural.scoring.baselines import image_baselines
    from cordsnet.neural.scoring.ceiling import brain_score_ceiling
    from cordsnet.neural.scoring.correlations import Correlations, correlations
    from cordsnet.neural.scoring.features import gabor_features, over_time, pixel_features
    from cordsnet.neural.scoring.score import score
    from cordsnet.neural.scoring.scores import Aggregate, Scores
    from cordsnet.neural.scoring.splits import Splits, check_leaks, image_splits, pixel_hashes

__all__ = [
    "PLS",
    "UNITS",
    "Aggregate",
    "Correlations",
    "OneToOne",
    "Recording",
    "ReducedRank",
    "Ridge",
    "Scores",
    "Splits",
    "brain_score_ceiling",
    "check_leaks",
    "correlations",
    "gabor_features",
    "image_baselines",
    "image_splits",
    "over_time",
    "pixel_features",
    "pixel_hashes",
    "score",
]

import_on_demand(__name__)

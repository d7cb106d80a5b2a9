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
    from cordsnet.neural.statistics.clusters import Cluster, ClusterTest, cluster_test
    from cordsnet.neural.statistics.compare import Comparison, SignFlipTest, compare_scores, sign_flip_test
    from cordsnet.neural.statistics.corrections import holm

__all__ = [
    "PLS",
    "UNITS",
    "Aggregate",
    "Cluster",
    "ClusterTest",
    "Comparison",
    "Correlations",
    "OneToOne",
    "Recording",
    "ReducedRank",
    "Ridge",
    "Scores",
    "SignFlipTest",
    "Splits",
    "brain_score_ceiling",
    "check_leaks",
    "cluster_test",
    "compare_scores",
    "correlations",
    "gabor_features",
    "holm",
    "image_baselines",
    "image_splits",
    "over_time",
    "pixel_features",
    "pixel_hashes",
    "score",
    "sign_flip_test",
]

import_on_demand(__name__)

"""Recordings of neurons: reading and checking them, and how well models predict them in time."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.neural.activity.bins import BinMap, map_bins
    from cordsnet.neural.activity.pictures import Pictures, find_pictures
    from cordsnet.neural.activity.record import Viewing, record_activity
    from cordsnet.neural.activity.store import ActivityStore, load_store
    from cordsnet.neural.between import BetweenAnimals, BetweenStatus, BetweenVerdict, between_animals, between_scores
    from cordsnet.neural.brainscore.make import to_brainscore
    from cordsnet.neural.brainscore.model import BrainScoreModel
    from cordsnet.neural.brainscore.offline import score_brain_model
    from cordsnet.neural.checking.check import check_recording
    from cordsnet.neural.checking.findings import Check, Finding
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
    from cordsnet.neural.mapping.one_to_one import OneToOne
    from cordsnet.neural.mapping.pls import PLS
    from cordsnet.neural.mapping.ridge import ReducedRank, Ridge
    from cordsnet.neural.overview.overview import Overview, recording_overview
    from cordsnet.neural.reading.arrays import from_arrays
    from cordsnet.neural.reading.assemblies import from_assembly, to_assembly
    from cordsnet.neural.reading.matlab.read import read_matlab
    from cordsnet.neural.reading.nwb.read import read_nwb
    from cordsnet.neural.reading.own import save_recording
    from cordsnet.neural.reading.phy import read_phy
    from cordsnet.neural.reading.rasters import from_raster
    from cordsnet.neural.reading.rdms import read_rdms
    from cordsnet.neural.reading.read import read_recording
    from cordsnet.neural.reading.spike_times import from_spikes
    from cordsnet.neural.reading.tables import from_table
    from cordsnet.neural.recording import UNITS, Recording
    from cordsnet.neural.reliability import (
        NoiseCeiling,
        Reliability,
        ReliabilityStatus,
        noise_ceiling,
        spearman_brown,
        split_half_reliability,
    )
    from cordsnet.neural.scoring.baselines import image_baselines
    from cordsnet.neural.scoring.ceiling import brain_score_ceiling
    from cordsnet.neural.scoring.correlations import Correlations, correlations
    from cordsnet.neural.scoring.features import gabor_features, over_time, pixel_features
    from cordsnet.neural.scoring.score import score
    from cordsnet.neural.scoring.scores import Aggregate, Scores
    from cordsnet.neural.scoring.splits import Splits, check_leaks, image_splits, pixel_hashes
    from cordsnet.neural.similarity.alignment import Alignment, cca_over_time, cka_over_time, procrustes_over_time
    from cordsnet.neural.similarity.ceilings import CeilingStatus, RsaCeiling, rsa_ceiling
    from cordsnet.neural.similarity.compare import RDM_COMPARISONS, compare_rdms
    from cordsnet.neural.similarity.courses import RdmCourses
    from cordsnet.neural.similarity.rdms import RDM_METRICS, rdm_movie
    from cordsnet.neural.similarity.resampling import RsaStatus
    from cordsnet.neural.similarity.rsa import CtRsa, RsaOverTime, ct_rsa, rsa_over_time
    from cordsnet.neural.statistics.clusters import Cluster, ClusterTest, cluster_test
    from cordsnet.neural.statistics.compare import Comparison, SignFlipTest, compare_scores, sign_flip_test
    from cordsnet.neural.statistics.corrections import holm
    from cordsnet.neural.straightening.curvature import (
        CURVATURE_AVERAGES,
        CurvatureStatus,
        NeuralCurvature,
        curvature,
        neural_curvature,
    )
    from cordsnet.neural.straightening.likelihood import LikelyCurvature, likely_curvature
    from cordsnet.neural.straightening.straightening import (
        ContrastStatus,
        Straightening,
        StraighteningContrast,
        straightening,
        straightening_contrast,
    )
    from cordsnet.neural.teacher import NOISE, Taught, make_recording

__all__ = [
    "CURVATURE_AVERAGES",
    "DECODERS",
    "MEASURES",
    "NOISE",
    "PLS",
    "POPULATIONS",
    "RDM_COMPARISONS",
    "RDM_METRICS",
    "SPLITS",
    "UNITS",
    "ActivityStore",
    "Aggregate",
    "Alignment",
    "BetweenAnimals",
    "BetweenStatus",
    "BetweenVerdict",
    "BinMap",
    "BrainScoreModel",
    "CeilingStatus",
    "Check",
    "Cluster",
    "ClusterTest",
    "Comparison",
    "ContrastStatus",
    "Correlations",
    "CrossTemporal",
    "CtRsa",
    "CurvatureStatus",
    "Decoding",
    "DecodingPlan",
    "Finding",
    "LikelyCurvature",
    "NeuralCurvature",
    "NoiseCeiling",
    "OneToOne",
    "Overview",
    "Pictures",
    "RankAgreement",
    "RdmCourses",
    "Recording",
    "ReducedRank",
    "Reliability",
    "ReliabilityStatus",
    "Ridge",
    "RsaCeiling",
    "RsaOverTime",
    "RsaStatus",
    "Scores",
    "SignFlipTest",
    "SolutionStatus",
    "SolutionTimes",
    "Splits",
    "Straightening",
    "StraighteningContrast",
    "Taught",
    "Viewing",
    "between_animals",
    "between_scores",
    "brain_score_ceiling",
    "cca_over_time",
    "check_leaks",
    "check_recording",
    "cka_over_time",
    "cluster_test",
    "compare_rdms",
    "compare_scores",
    "correlations",
    "cross_temporal",
    "ct_rsa",
    "curvature",
    "decode_across",
    "decode_over_time",
    "find_pictures",
    "from_arrays",
    "from_assembly",
    "from_raster",
    "from_spikes",
    "from_table",
    "gabor_features",
    "holm",
    "image_baselines",
    "image_splits",
    "likely_curvature",
    "load_store",
    "make_recording",
    "map_bins",
    "neural_curvature",
    "noise_ceiling",
    "object_solution_times",
    "over_time",
    "pixel_features",
    "pixel_hashes",
    "procrustes_over_time",
    "rank_agreement",
    "rdm_movie",
    "read_matlab",
    "read_nwb",
    "read_phy",
    "read_rdms",
    "read_recording",
    "record_activity",
    "recording_overview",
    "rsa_ceiling",
    "rsa_over_time",
    "save_recording",
    "score",
    "score_brain_model",
    "sign_flip_test",
    "spearman_brown",
    "split_half_reliability",
    "straightening",
    "straightening_contrast",
    "to_assembly",
    "to_brainscore",
]

import_on_demand(__name__)

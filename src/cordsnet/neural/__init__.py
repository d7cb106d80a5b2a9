"""Recordings of neurons: reading and checking them, and how well models predict them in time."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.neural.activity.bins import BinMap, map_bins
    from cordsnet.neural.activity.pictures import Pictures, find_pictures
    from cordsnet.neural.activity.record import Viewing, record_activity
    from cordsnet.neural.activity.store import ActivityStore, load_store
    from cordsnet.neural.between import BetweenAnimals, BetweenStatus, BetweenVerdict, between_animals, between_scores
    from cordsnet.neural.checking.check import check_recording
    from cordsnet.neural.checking.findings import Check, Finding
    from cordsnet.neural.reading.arrays import from_arrays
    from cordsnet.neural.reading.assemblies import from_assembly, to_assembly
    from cordsnet.neural.reading.matlab.read import read_matlab
    from cordsnet.neural.reading.nwb.read import read_nwb
    from cordsnet.neural.reading.own import save_recording
    from cordsnet.neural.reading.rasters import from_raster
    from cordsnet.neural.reading.read import read_recording
    from cordsnet.neural.reading.spike_times import from_spikes
    from cordsnet.neural.reading.tables import from_table
    from cordsnet.neural.recording import UNITS, Recording
    from cordsnet.neural.similarity.alignment import Alignment, cca_over_time, cka_over_time, procrustes_over_time
    from cordsnet.neural.similarity.ceilings import CeilingStatus, RsaCeiling, rsa_ceiling
    from cordsnet.neural.similarity.compare import RDM_COMPARISONS, compare_rdms
    from cordsnet.neural.similarity.rdms import RDM_METRICS, rdm_movie
    from cordsnet.neural.similarity.resampling import RsaStatus
    from cordsnet.neural.similarity.rsa import CtRsa, RsaOverTime, ct_rsa, rsa_over_time
    from cordsnet.neural.straightening.curvature import (
        CURVATURE_AVERAGES,
        CurvatureStatus,
        NeuralCurvature,
        curvature,
        neural_curvature,
    )
    from cordsnet.neural.straightening.straightening import (
        ContrastStatus,
        Straightening,
        StraighteningContrast,
        straightening,
        straightening_contrast,
    )

__all__ = [
    "CURVATURE_AVERAGES",
    "RDM_COMPARISONS",
    "RDM_METRICS",
    "UNITS",
    "ActivityStore",
    "Alignment",
    "BetweenAnimals",
    "BetweenStatus",
    "BetweenVerdict",
    "BinMap",
    "CeilingStatus",
    "Check",
    "ContrastStatus",
    "CtRsa",
    "CurvatureStatus",
    "Finding",
    "NeuralCurvature",
    "Pictures",
    "Recording",
    "RsaCeiling",
    "RsaOverTime",
    "RsaStatus",
    "Straightening",
    "StraighteningContrast",
    "Viewing",
    "between_animals",
    "between_scores",
    "cca_over_time",
    "check_recording",
    "cka_over_time",
    "compare_rdms",
    "ct_rsa",
    "curvature",
    "find_pictures",
    "from_arrays",
    "from_assembly",
    "from_raster",
    "from_spikes",
    "from_table",
    "load_store",
    "map_bins",
    "neural_curvature",
    "procrustes_over_time",
    "rdm_movie",
    "read_matlab",
    "read_nwb",
    "read_recording",
    "record_activity",
    "rsa_ceiling",
    "rsa_over_time",
    "save_recording",
    "straightening",
    "straightening_contrast",
    "to_assembly",
]

import_on_demand(__name__)

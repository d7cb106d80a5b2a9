"""Analysis of networks as dynamical systems; `docs/analysis.md` lists every name."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.analysis.activity.attribution import Attribution, integrated_gradients
    from cordsnet.analysis.activity.components import (
        Estimate,
        PrincipalComponents,
        participation_ratio,
        principal_components,
    )
    from cordsnet.analysis.activity.decisions import (
        DecisionTimes,
        evidence_over_time,
        settling_times,
        threshold_times,
        uncertainty_times,
    )
    from cordsnet.analysis.activity.dsa import DynamicalSimilarity, dsa
    from cordsnet.analysis.activity.latents import bits_per_spike, cycle_consistency, rate_r2, state_r2
    from cordsnet.analysis.activity.similarity import CanonicalCorrelations, Procrustes, cca, procrustes
    from cordsnet.analysis.activity.targeted import TargetedAxes, targeted_axes
    from cordsnet.analysis.behaviour.chronometric import ChronometricFit, fit_chronometric
    from cordsnet.analysis.behaviour.onset import InformationOnset, OnsetStatus, information_onset
    from cordsnet.analysis.behaviour.psychometric import PsychometricFit, fit_psychometric
    from cordsnet.analysis.convolutions.bounds import norm_bound
    from cordsnet.analysis.convolutions.periodic import PeriodicSpectrum, periodic_singular_values, periodic_spectrum
    from cordsnet.analysis.flows.continuation import Bifurcation, Branch, continue_fixed_point
    from cordsnet.analysis.flows.fixed_points import FixedPoints, fixed_points, sample_starts
    from cordsnet.analysis.flows.flows import Flow, FunctionFlow, MapFlow, RateFlow
    from cordsnet.analysis.flows.lyapunov import LyapunovSpectrum, lyapunov_spectrum
    from cordsnet.analysis.flows.network_flow import NetworkFlow
    from cordsnet.analysis.flows.slow_points import slow_points
    from cordsnet.analysis.flows.step_flow import StepFlow
    from cordsnet.analysis.krylov import (
        Eigenpairs,
        Inverse,
        LinearSolution,
        SingularTriplets,
        eigenvalues,
        gmres,
        partial_svd,
    )
    from cordsnet.analysis.manifolds.find import ManifoldReport, find_manifold
    from cordsnet.analysis.manifolds.perturbation import perturbation_witness
    from cordsnet.analysis.manifolds.spectrum import spectrum_witness
    from cordsnet.analysis.manifolds.topology import topology_witness
    from cordsnet.analysis.manifolds.witness import Witness
    from cordsnet.analysis.modes.mode_maps import ModeMap, mode_map
    from cordsnet.analysis.modes.timescales import TimeConstants, time_constants
    from cordsnet.analysis.networks.certificates import AreaCertificate, Certificate, certify_monostable
    from cordsnet.analysis.networks.jacobians import jacobian
    from cordsnet.analysis.networks.settled import settled_response
    from cordsnet.analysis.networks.spectra import NetworkSpectrum, network_eigenvalues
    from cordsnet.analysis.nonnormal.kreiss import KreissBound, kreiss_bound
    from cordsnet.analysis.nonnormal.nonnormality import (
        Departure,
        NumericalAbscissa,
        departure_from_normality,
        numerical_abscissa,
    )
    from cordsnet.analysis.nonnormal.pseudospectra import Pseudospectrum, pseudospectrum
    from cordsnet.analysis.nonnormal.transients import TransientAmplification, transient_amplification
    from cordsnet.analysis.operators import ConvOperator, Diagonal, Identity, LinearOperator, MatrixOperator
    from cordsnet.analysis.regimes.attractors import Geometry, geometry
    from cordsnet.analysis.regimes.flow_regimes import FlowReport, classify_flow
    from cordsnet.analysis.regimes.persistence import Barcodes, persistent_homology
    from cordsnet.analysis.regimes.regimes import Regime, RegimeEvidence, RegimeReport, classify_regime
    from cordsnet.analysis.regimes.thresholds import RegimeSettings
    from cordsnet.analysis.status import Status

__all__ = [
    "AreaCertificate",
    "Attribution",
    "Barcodes",
    "Bifurcation",
    "Branch",
    "CanonicalCorrelations",
    "Certificate",
    "ChronometricFit",
    "ConvOperator",
    "DecisionTimes",
    "Departure",
    "Diagonal",
    "DynamicalSimilarity",
    "Eigenpairs",
    "Estimate",
    "FixedPoints",
    "Flow",
    "FlowReport",
    "FunctionFlow",
    "Geometry",
    "Identity",
    "InformationOnset",
    "Inverse",
    "KreissBound",
    "LinearOperator",
    "LinearSolution",
    "LyapunovSpectrum",
    "ManifoldReport",
    "MapFlow",
    "MatrixOperator",
    "ModeMap",
    "NetworkFlow",
    "NetworkSpectrum",
    "NumericalAbscissa",
    "OnsetStatus",
    "PeriodicSpectrum",
    "PrincipalComponents",
    "Procrustes",
    "Pseudospectrum",
    "PsychometricFit",
    "RateFlow",
    "Regime",
    "RegimeEvidence",
    "RegimeReport",
    "RegimeSettings",
    "SingularTriplets",
    "Status",
    "StepFlow",
    "TargetedAxes",
    "TimeConstants",
    "TransientAmplification",
    "Witness",
    "bits_per_spike",
    "cca",
    "certify_monostable",
    "classify_flow",
    "classify_regime",
    "continue_fixed_point",
    "cycle_consistency",
    "departure_from_normality",
    "dsa",
    "eigenvalues",
    "evidence_over_time",
    "find_manifold",
    "fit_chronometric",
    "fit_psychometric",
    "fixed_points",
    "geometry",
    "gmres",
    "information_onset",
    "integrated_gradients",
    "jacobian",
    "kreiss_bound",
    "lyapunov_spectrum",
    "mode_map",
    "network_eigenvalues",
    "norm_bound",
    "numerical_abscissa",
    "partial_svd",
    "participation_ratio",
    "periodic_singular_values",
    "periodic_spectrum",
    "persistent_homology",
    "perturbation_witness",
    "principal_components",
    "procrustes",
    "pseudospectrum",
    "rate_r2",
    "sample_starts",
    "settled_response",
    "settling_times",
    "slow_points",
    "spectrum_witness",
    "state_r2",
    "targeted_axes",
    "threshold_times",
    "time_constants",
    "topology_witness",
    "transient_amplification",
    "uncertainty_times",
]

import_on_demand(__name__)

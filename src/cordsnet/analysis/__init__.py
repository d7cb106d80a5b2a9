"""Networks as dynamical systems: what they do when they are left to themselves."""

from cordsnet.analysis.bounds import hermitian_bound, norm_bound, norm_reached, perron_bound
from cordsnet.analysis.certificates import AreaCertificate, Certificate, certify_monostable
from cordsnet.analysis.fixed_points import FixedPoints, fixed_points, sample_starts
from cordsnet.analysis.flows import Flow, FunctionFlow, MapFlow, RateFlow
from cordsnet.analysis.jacobians import jacobian
from cordsnet.analysis.krylov import (
    Eigenpairs,
    Inverse,
    LinearSolution,
    PowerEstimate,
    SingularTriplets,
    arnoldi,
    eigenvalues,
    gmres,
    partial_svd,
    power_iteration,
)
from cordsnet.analysis.lyapunov import LyapunovSpectrum, lyapunov_spectrum
from cordsnet.analysis.network_flow import NetworkFlow
from cordsnet.analysis.nonnormality import (
    Departure,
    NumericalAbscissa,
    departure_from_normality,
    numerical_abscissa,
)
from cordsnet.analysis.operators import ConvOperator, Diagonal, Identity, LinearOperator, MatrixOperator
from cordsnet.analysis.periodic import PeriodicSpectrum, periodic_singular_values, periodic_spectrum
from cordsnet.analysis.regimes import Regime, RegimeEvidence, RegimeReport, classify_regime
from cordsnet.analysis.settled import settled_response
from cordsnet.analysis.slow_points import slow_points
from cordsnet.analysis.spectra import NetworkSpectrum, network_eigenvalues
from cordsnet.analysis.status import Status
from cordsnet.analysis.thresholds import RegimeSettings
from cordsnet.analysis.timescales import TimeConstants, time_constants
from cordsnet.analysis.trajectories import PrincipalComponents, participation_ratio, principal_components
from cordsnet.analysis.transients import TransientAmplification, transient_amplification

__all__ = [
    "AreaCertificate",
    "Certificate",
    "ConvOperator",
    "Departure",
    "Diagonal",
    "Eigenpairs",
    "FixedPoints",
    "Flow",
    "FunctionFlow",
    "Identity",
    "Inverse",
    "LinearOperator",
    "LinearSolution",
    "LyapunovSpectrum",
    "MapFlow",
    "MatrixOperator",
    "NetworkFlow",
    "NetworkSpectrum",
    "NumericalAbscissa",
    "PeriodicSpectrum",
    "PowerEstimate",
    "PrincipalComponents",
    "RateFlow",
    "Regime",
    "RegimeEvidence",
    "RegimeReport",
    "RegimeSettings",
    "SingularTriplets",
    "Status",
    "TimeConstants",
    "TransientAmplification",
    "arnoldi",
    "certify_monostable",
    "classify_regime",
    "departure_from_normality",
    "eigenvalues",
    "fixed_points",
    "gmres",
    "hermitian_bound",
    "jacobian",
    "lyapunov_spectrum",
    "network_eigenvalues",
    "norm_bound",
    "norm_reached",
    "numerical_abscissa",
    "partial_svd",
    "participation_ratio",
    "periodic_singular_values",
    "periodic_spectrum",
    "perron_bound",
    "power_iteration",
    "principal_components",
    "sample_starts",
    "settled_response",
    "slow_points",
    "time_constants",
    "transient_amplification",
]

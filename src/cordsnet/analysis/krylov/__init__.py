"""Krylov methods: eigenvalues, singular values and linear systems of operators known by their products."""

from cordsnet.analysis.krylov.front import eigenvalues
from cordsnet.analysis.krylov.gmres import Inverse, gmres
from cordsnet.analysis.krylov.golub_kahan import partial_svd
from cordsnet.analysis.krylov.power import arnoldi, power_iteration
from cordsnet.analysis.krylov.results import Eigenpairs, LinearSolution, PowerEstimate, SingularTriplets

__all__ = [
    "Eigenpairs",
    "Inverse",
    "LinearSolution",
    "PowerEstimate",
    "SingularTriplets",
    "arnoldi",
    "eigenvalues",
    "gmres",
    "partial_svd",
    "power_iteration",
]

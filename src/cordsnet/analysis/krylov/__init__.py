"""Krylov methods: eigenvalues, singular values and linear systems of operators known by their products."""

from cordsnet.analysis.krylov.eigenvalues import eigenvalues
from cordsnet.analysis.krylov.gmres import Inverse, gmres
from cordsnet.analysis.krylov.golub_kahan import partial_svd
from cordsnet.analysis.krylov.results import Eigenpairs, LinearSolution, SingularTriplets

__all__ = [
    "Eigenpairs",
    "Inverse",
    "LinearSolution",
    "SingularTriplets",
    "eigenvalues",
    "gmres",
    "partial_svd",
]

"""Krylov methods: eigenvalues, singular values and linear systems of operators known by their products."""

from cordsnet.analysis.krylov.gmres import Inverse, gmres
from cordsnet.analysis.krylov.results import Eigenpairs, LinearSolution, PowerEstimate, SingularTriplets

__all__ = ["Eigenpairs", "Inverse", "LinearSolution", "PowerEstimate", "SingularTriplets", "gmres"]

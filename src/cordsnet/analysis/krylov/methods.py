"""Methods that compute eigenvalues, one row each."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from scipy import linalg
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, eigs
from torch import Tensor

from cordsnet._checks import seeded_generator
from cordsnet.analysis.krylov.krylov_schur import arnoldi_once, krylov_schur
from cordsnet.analysis.krylov.order import Values, leading_indices
from cordsnet.analysis.krylov.problem import EigenProblem, RitzPairs, no_pairs
from cordsnet.registry import Registry

Method: TypeAlias = Callable[[EigenProblem], RitzPairs]

methods: Registry[Method] = Registry("method for eigenvalues")
methods.add("krylov_schur", krylov_schur)
methods.add("arnoldi", arnoldi_once)


@methods.register("dense")
def dense(problem: EigenProblem) -> RitzPairs:
    """LAPACK on the whole matrix."""
    matrix = problem.op.to_dense().double().cpu().numpy()
    if not np.isfinite(matrix).all():
        return no_pairs()
    values, vectors = linalg.eig(matrix)
    return _leading_pairs(problem, values, vectors.astype(np.complex128), float(np.linalg.norm(matrix, 2)))


@methods.register("arpack")
def arpack(problem: EigenProblem) -> RitzPairs:
    """SciPy's implicitly restarted Arnoldi method (Lehoucq, Sorensen & Yang 1998)."""
    if problem.sigma is not None:
        raise ValueError("method 'arpack' takes no sigma here; use method='krylov_schur'")
    op = problem.op.to_scipy()
    start = problem.op.random(seeded_generator(problem.seed)).reshape(-1).cpu().numpy()
    sweeps = max(1, problem.max_products // max(1, problem.basis - problem.count))

    def product(array: object) -> object:
        image = op.matvec(array)
        if not np.isfinite(image).all():
            raise FloatingPointError
        return image

    checked = type(op)(op.shape, matvec=product, dtype=op.dtype)
    asked = {"which": problem.which, "ncv": problem.basis, "tol": problem.tol, "maxiter": sweeps, "v0": start}
    try:
        values, vectors = eigs(checked, problem.count, **asked)
    except FloatingPointError:
        return no_pairs()
    except ArpackNoConvergence as error:  # carries the pairs that did converge
        values, vectors = error.eigenvalues, error.eigenvectors
    except ArpackError:  # it refuses a start vector whose image is zero, as every vector's is under a zero operator
        return krylov_schur(problem)
    values, vectors = values.astype(np.complex128), vectors.astype(np.complex128)
    return _leading_pairs(problem, values, vectors, float(np.abs(values).max(initial=0)))


def _leading_pairs(problem: EigenProblem, values: Values, vectors: Values, scale: float) -> RitzPairs:
    """The leading pairs of what a library returned, with vectors on the operator's device."""
    order = leading_indices(values, problem.key, min(problem.count, len(values)))
    values, vectors = values[order], vectors[:, order]

    def vector(index: int) -> Tensor:
        column = vectors[:, index] if values[index].imag else vectors[:, index].real
        numbers = torch.from_numpy(np.ascontiguousarray(column)).to(problem.op.device)
        dtype = problem.op.dtype.to_complex() if numbers.is_complex() else problem.op.dtype
        return numbers.to(dtype).view(problem.op.domain)

    return RitzPairs(values, vector, scale)

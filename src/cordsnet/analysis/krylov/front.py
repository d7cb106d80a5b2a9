"""Eigenvalues of operators known by their products."""

from dataclasses import replace
from math import isfinite, prod

import numpy as np
import torch
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov.counted import Counted
from cordsnet.analysis.krylov.left import biorthogonal, condition, matched
from cordsnet.analysis.krylov.methods import methods
from cordsnet.analysis.krylov.order import nearest, orders
from cordsnet.analysis.krylov.problem import Found, Problem, residuals
from cordsnet.analysis.krylov.results import Eigenpairs
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status

SMALL = 2_000
"""Units up to which a question that needs (almost) all of the spectrum is answered from the matrix."""
LARGEST_BASIS = 8
"""GiB that the vectors of a basis may take."""
LARGE, DEGREE = 10_000, 8
"""From this many units on, orthogonalising costs as much as products do, and spaces are built with A^DEGREE."""


@exact()
def eigenvalues(
    op: LinearOperator,
    k: int = 8,
    which: str = "LM",
    *,
    sigma: complex | None = None,
    tol: float = 1e-6,
    max_products: int = 20_000,
    basis: int | None = None,
    block: int = 1,
    degree: int | None = None,
    seed: int = 0,
    method: str = "krylov_schur",
    vectors: str = "none",
) -> Eigenpairs:
    """The eigenvalues of a real operator that come first in an order, with the residual of each.

    Parameters
    ----------
    op : a square operator; its products are all that is used.
    k : how many. Conjugate pairs are kept together, so there may be one more.
    which : "LM", largest modulus; "LR", largest real part; "SR", smallest real part; "LI", largest imaginary part.
    sigma : those nearest to this number or its conjugate instead, by shift-invert with GMRES. No preconditioner is
        used: far inside a spectrum expect NotConvergedError.
    tol : relative residual |A v - l v| / |l| with |v| = 1 at which a pair counts as converged: a backward error, the
        eigenvalue is off by up to `condition` times as much. 20 rounding errors of the operator's size count as well.
    max_products : of the operator, residuals included, and for vectors="both" as many of its transpose; the last system
        of shift-invert, or the residuals of k pairs, may go beyond.
    basis : vectors that are held between restarts, at least k + 3; None is 2 k + 4, at least 24, or 30 from
        10,000 units on. For "arnoldi" its steps; None is 100.
    block : start vectors. One finds a multiple eigenvalue once, until rounding brings in more; b find b copies. What an
        exhausted space lacks is sought from fresh random vectors.
    degree : "LM" alone: after a first cycle the space is built with A^degree, so that fewer vectors are made
        orthogonal for as many products. None is 8 from 10,000 units on, else 1.
    seed : of the start.
    method : "krylov_schur", thick restarts (Stewart 2001); "arnoldi", without restarts, as in the paper; "arpack",
        SciPy's; "dense", the whole matrix, for small operators.
    vectors : "none"; "right"; "both", the left ones and the condition of each eigenvalue as well.

    Returns
    -------
    Eigenpairs; those that are NOT_FINITE hold NaN. Nothing proves that no other eigenvalue comes before those that
    were found: one start can miss some. Another seed, a larger basis or a block tell.

    Raises
    ------
    ValueError : arguments that do not fit, by name. NotConvergedError : a system of shift-invert was not solved.
    """
    check_square(op, "op")
    check_positive(tol, "tol")
    if vectors not in ("none", "right", "both"):
        raise ValueError(f"vectors must be 'none', 'right' or 'both', got {vectors!r}")
    problem, name = _problem(Counted(op), k, which, sigma, tol, max_products, basis, block, degree, seed, method)
    found = methods[name](problem)
    answer = _answer(problem, found)
    if vectors == "none":
        return answer
    answer = replace(answer, vectors=_stack(problem, found, len(answer.values)))
    return answer if vectors == "right" else _two_sided(problem, name, found, answer)


def _answer(problem: Problem, found: Found) -> Eigenpairs:
    """Residuals relative to their values, and how each pair ended."""
    sizes = residuals(problem.op, found)
    if not found.finite:
        none = torch.full((problem.count,), torch.nan, dtype=torch.float64)
        status = (Status.NOT_FINITE,) * problem.count
        return Eigenpairs(none.to(torch.complex128), none, status, problem.op.products)
    modulus = np.abs(found.values)
    relative = np.where(modulus > 0, sizes / np.where(modulus > 0, modulus, 1), sizes)
    good = problem.good(sizes, found.values, found.scale)
    ends = tuple(Status.CONVERGED if one else Status.STALLED for one in good)
    return Eigenpairs(torch.from_numpy(found.values.copy()), torch.from_numpy(relative), ends, problem.op.products)


def _stack(problem: Problem, found: Found, count: int) -> Tensor:
    """All vectors, of unit length, [count, *domain]; NaN where nothing is finite."""
    op = problem.op
    out = torch.full((count, *op.domain), torch.nan, dtype=op.dtype.to_complex(), device=op.device)
    for index in range(len(found.values)):
        vector = found.vector(index)
        out[index] = vector / torch.linalg.vector_norm(vector)
    return out


def _two_sided(problem: Problem, name: str, found: Found, answer: Eigenpairs) -> Eigenpairs:
    """With left vectors: the same method on the transpose, asked for two more in case ties fall otherwise there."""
    mirror = Counted(problem.op.operator.T)
    count = min(len(answer.values) + 2, problem.basis - 3) if name != "dense" else len(answer.values)
    other = methods[name](replace(problem, op=mirror, count=max(count, problem.count)))
    near = max(problem.tol, float(torch.finfo(mirror.dtype).eps) ** 0.5) * found.scale
    partners = matched(found.values, other.values, found.scale, problem.tol)
    left = torch.full_like(answer.vectors, torch.nan)  # type: ignore[arg-type]
    for row, column in enumerate(partners):
        if column is not None:
            vector = other.vector(column)
            left[row] = (vector / torch.linalg.vector_norm(vector)).conj()
    right = answer.vectors
    assert right is not None
    flat = biorthogonal(found.values, right.flatten(1), left.flatten(1), near)
    return replace(
        answer,
        left_vectors=flat.view_as(left),
        condition=torch.from_numpy(condition(right.flatten(1), flat)),
        products=problem.op.products + mirror.products,
    )


def _problem(
    op: Counted,
    k: int,
    which: str,
    sigma: complex | None,
    tol: float,
    max_products: int,
    basis: int | None,
    block: int,
    degree: int | None,
    seed: int,
    method: str,
) -> tuple[Problem, str]:
    """The problem with its defaults filled in, and the method that can answer it."""
    units = prod(op.domain)
    _check(k, units, basis, block, max_products, degree)
    key = orders[which] if sigma is None else nearest(_finite(sigma))
    methods[method]  # an unknown one is answered before any work
    size = min(basis or (100 if method == "arnoldi" else max(2 * k + 4, 24 if units < LARGE else 30)), units - block)
    if method != "dense":
        gigabytes = size * units * op.dtype.itemsize / 2**30
        if units > SMALL and (size < k + 3 or gigabytes > LARGEST_BASIS):
            raise ValueError(
                f"k = {k} of {units} eigenvalues is too many for products alone, its basis of {size} vectors taking "
                f"{gigabytes:.1f} GiB; ask for fewer"
            )
        method = "dense" if size < k + 3 else method
    if degree is None:
        degree = DEGREE if units >= LARGE else 1
    if which != "LM" or sigma is not None:
        degree = 1
    shift = None if sigma is None else complex(sigma)
    return Problem(op, k, which, key, shift, tol, max_products, size, block, degree, seed), method


def _finite(sigma: complex) -> complex:
    if not (isfinite(complex(sigma).real) and isfinite(complex(sigma).imag)):
        raise ValueError(f"sigma must be finite, got {sigma}")
    return complex(sigma)


def _check(k: int, units: int, basis: int | None, block: int, max_products: int, degree: int | None) -> None:
    if not 1 <= k <= units:
        raise ValueError(f"k must be from 1 to the {units} units of the operator, got {k}")
    for name, count in (("block", block), ("max_products", max_products), ("degree", 1 if degree is None else degree)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    if basis is not None and basis < k + 3:
        raise ValueError(f"basis must be at least k + 3 = {k + 3} vectors, got {basis}")

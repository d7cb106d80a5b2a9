"""Eigenvalues of operators known only by their products."""

from dataclasses import replace
from math import isfinite, prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_tolerance, is_whole
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov.basis import Array
from cordsnet.analysis.krylov.counting import CountingOperator
from cordsnet.analysis.krylov.left_vectors import paired_left_vectors
from cordsnet.analysis.krylov.methods import methods
from cordsnet.analysis.krylov.missed import compact, with_missed
from cordsnet.analysis.krylov.order import nearest, orders
from cordsnet.analysis.krylov.problem import (
    DEGREE,
    LARGE,
    LARGEST_BASIS,
    MOST_PRODUCTS,
    EigenProblem,
    RitzPairs,
    residuals,
)
from cordsnet.analysis.krylov.results import Eigenpairs
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status

MOST_DEGREE = 100
"""Largest power that is accepted; its results would be rounding beyond."""
SMALL = 2_000
"""Units up to which the matrix is formed if (almost) the whole spectrum is wanted."""


@check_arguments
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
    copies: bool = True,
) -> Eigenpairs:
    """The k leading eigenvalues of a real operator in a chosen order, each with its residual.

    Parameters
    ----------
    op : a square operator; only products with it are used.
    k : number of eigenvalues. Conjugate pairs are kept together, so there may be one more.
    which : "LM", largest modulus; "LR", largest real part; "SR", smallest real part; "LI", largest imaginary part.
    sigma : if given, the eigenvalues nearest to this number or its conjugate, by shift-invert with GMRES.
    tol : relative residual |A v - l v| / |l|, |v| = 1, at which a pair counts as converged; at least 20 rounding errors
        of the operator's norm. This is a backward error: the eigenvalue can be off by `condition` times as much.
    max_products : products with the operator, residuals included; vectors="both" may use as many with the transpose.
        The last system of shift-invert and the residuals of k pairs may exceed it. At most 10 million.
    basis : vectors held between restarts, at least k + 3. None is 2 k + 4 and at least 24 (30 from 10,000 units on).
        For "arnoldi" it is the number of steps, and None is 100.
    block : start vectors, fewer than units. b of them find b copies of a multiple eigenvalue at once.
    degree : for "LM" only: after a first cycle the space is built with A^degree, so that fewer vectors are
        orthogonalised per product. None is 8 from 10,000 units on, else 1.
    seed : seed of the start vectors.
    method : "krylov_schur" (Stewart 2002); "arnoldi", without restarts, as in the paper; "arpack", SciPy's; "dense".
    vectors : "none"; "right"; "both", which adds left vectors and the condition number of each eigenvalue.
    copies : True looks for further copies of multiple eigenvalues, and for whatever else comes before the last one, on
        the complement of what was found, for up to as many products again. Without it CONVERGED is said of pairs alone.

    Returns
    -------
    Eigenpairs; NOT_FINITE ones hold NaN, UNCHECKED ones may not lead. See `pseudospectrum` where `condition` is large.

    Raises
    ------
    ValueError : arguments that do not fit, by name. NotConvergedError : a system of shift-invert was not solved.
    """
    check_square(op, "op")
    check_tolerance(tol)
    if vectors not in ("none", "right", "both"):
        raise ValueError(f"vectors must be 'none', 'right' or 'both', got {vectors!r}")
    problem, name = _problem(
        CountingOperator(op), k, which, sigma, tol, max_products, basis, block, degree, seed, method
    )
    solved = _solve(problem, name, copies)
    found, answer = solved.pairs, _answer(problem, solved)
    if vectors == "none":
        return answer
    answer = replace(answer, vectors=_stack(problem, found, len(answer.values)))
    return answer if vectors == "right" else _two_sided(problem, name, found, answer, copies)


class _Solved(NamedTuple):
    """Pairs, their absolute residuals, and True unless the search for others was cut short."""

    pairs: RitzPairs
    sizes: Array
    checked: bool


def _solve(problem: EigenProblem, name: str, copies: bool) -> _Solved:
    """The pairs that a method finds, and those that it missed."""
    found = methods[name](problem)
    small = compact(problem, found) if copies and name != "dense" and found.finite and len(found.values) else None
    found = found if small is None else small.pairs
    sizes, checked = residuals(problem.op, found), True
    if small is not None and problem.within_tolerance(sizes, found.values, found.scale).all():
        whole, checked = with_missed(problem, small)
        if whole is not found:
            found, sizes = whole, residuals(problem.op, whole)
    return _Solved(found, sizes, checked)


def _answer(problem: EigenProblem, solved: _Solved) -> Eigenpairs:
    """Relative residuals and the status of each pair."""
    found, sizes, checked = solved
    if not found.finite:
        none = torch.full((problem.count,), torch.nan, dtype=torch.float64)
        status = (Status.NOT_FINITE,) * problem.count
        return Eigenpairs(none.to(torch.complex128), none, status, problem.op.products)
    modulus = np.abs(found.values)
    relative = np.where(modulus > 0, sizes / np.where(modulus > 0, modulus, 1), sizes)
    good = problem.within_tolerance(sizes, found.values, found.scale)
    best = Status.CONVERGED if checked else Status.UNCHECKED
    ends = tuple(best if one else Status.STALLED for one in good)
    return Eigenpairs(torch.from_numpy(found.values.copy()), torch.from_numpy(relative), ends, problem.op.products)


def _stack(problem: EigenProblem, found: RitzPairs, count: int) -> Tensor:
    """All vectors, normalised, [count, *domain]; NaN if products were not finite."""
    op = problem.op
    out = torch.full((count, *op.domain), torch.nan, dtype=op.dtype.to_complex(), device=op.device)
    for index in range(len(found.values)):
        vector = found.vector(index)
        out[index] = vector / torch.linalg.vector_norm(vector)
    return out


def _two_sided(problem: EigenProblem, name: str, found: RitzPairs, answer: Eigenpairs, copies: bool) -> Eigenpairs:
    """Add left vectors, from the same method on the transpose."""
    mirror = CountingOperator(problem.op.operator.T)
    near = max(problem.tol, float(torch.finfo(mirror.dtype).eps) ** 0.5) * found.scale
    reach = max(100 * problem.tol, 1e-5) * found.scale
    wanted = len(answer.values)
    # Two more than wanted, since ties can be ordered differently for the transpose; and more again where the last
    # eigenvalue is a multiple one, all of whose left vectors are needed.
    for extra in (2, wanted + 8):
        other = _of_transpose(problem, mirror, name, wanted + extra, copies)
        if name == "dense" or not len(other.values) or np.abs(other.values[-1] - found.values).min() > near:
            break
    lefts = [other.vector(column).conj().reshape(-1) for column in range(len(other.values))]
    right = answer.vectors
    assert right is not None
    others = other.values
    for value, vector in zip(found.values, right[: len(found.values)], strict=True):
        # A right vector may be a left one as well, as all are of a normal operator. That matters where k cuts off
        # copies: the transpose may then give copies of its own choice.
        away = torch.linalg.vector_norm(mirror.mv(vector) - complex(value).conjugate() * vector)
        if float(away) <= near:
            lefts.append(vector.reshape(-1))
            others = np.append(others, value)
    paired = paired_left_vectors(found.values, right.flatten(1), others, lefts, near, reach)
    return replace(
        answer,
        left_vectors=paired.vectors.view_as(right),
        condition=torch.from_numpy(paired.condition),
        products=problem.op.products + mirror.products,
    )


def _of_transpose(problem: EigenProblem, mirror: CountingOperator, name: str, count: int, copies: bool) -> RitzPairs:
    """The leading pairs of the transpose."""
    units = mirror.shape[0]
    size = min(max(problem.basis, count + 3), units - problem.block)
    count = units if name == "dense" else max(problem.count, min(count, size - 3))
    return _solve(replace(problem, op=mirror, count=count, basis=size), name, copies).pairs


def _problem(
    op: CountingOperator,
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
) -> tuple[EigenProblem, str]:
    """Fill in the defaults and choose the method."""
    units = prod(op.domain)
    _check(k, units, basis, block, max_products, degree)
    key = orders[which] if sigma is None else nearest(_finite(sigma))
    methods[method]  # raises for an unknown name before any work is done
    size = min(basis or (100 if method == "arnoldi" else max(2 * k + 4, 24 if units < LARGE else 30)), units - block)
    if method != "dense":
        gigabytes = size * units * op.dtype.itemsize / 2**30
        if units > SMALL and (size < k + 3 or gigabytes > LARGEST_BASIS):
            raise ValueError(
                f"k = {k} of {units} eigenvalues is too many for products alone: a basis of {size} vectors takes "
                f"{gigabytes:.1f} GiB; ask for fewer"
            )
        method = "dense" if size < k + 3 else method
    if degree is None:
        degree = DEGREE if units >= LARGE else 1
    if which != "LM" or sigma is not None:
        degree = 1
    shift = None if sigma is None else complex(sigma)
    return EigenProblem(op, k, which, key, shift, tol, max_products, size, block, degree, seed), method


def _finite(sigma: complex) -> complex:
    if not (isfinite(complex(sigma).real) and isfinite(complex(sigma).imag)):
        raise ValueError(f"sigma must be finite, got {sigma}")
    return complex(sigma)


def _check(k: int, units: int, basis: int | None, block: int, max_products: int, degree: int | None) -> None:
    if not is_whole(k) or not 1 <= k <= units:
        raise ValueError(f"k must be from 1 to the {units} units of the operator, got {k!r}")
    check_count(block, "block", 1, max(1, units - 1), f"the operator has {units} units")
    check_count(max_products, "max_products", 1, MOST_PRODUCTS)
    check_count(1 if degree is None else degree, "degree", 1, MOST_DEGREE)
    if basis is not None and (not is_whole(basis) or basis < k + 3):
        raise ValueError(f"basis must be at least k + 3 = {k + 3} vectors, got {basis!r}")

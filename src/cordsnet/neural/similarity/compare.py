"""Agreement of two RDMs: correlations, cosines and ranks."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cordsnet._arguments import check_arguments
from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural.readable import check_readable

Numbers: TypeAlias = NDArray[np.float64]

LEAST_DEBIASED = 4
ALL_PAIRS = ("whitened_cosine", "debiased_cka")
"""Methods that need the distances of all pairs of images, so that images cannot be drawn twice."""


def images_of(pairs: int) -> int:
    """Number of images that have so many pairs. Raises DataError if no number has."""
    images = round((1 + math.sqrt(1 + 8 * pairs)) / 2)
    if pairs < 1 or images * (images - 1) // 2 != pairs:
        raise DataError(f"an RDM of n images must have n (n - 1) / 2 pairs, those of one triangle, got {pairs}")
    return images


def _scaled(rows: Numbers) -> Numbers:
    """Rows of norm 1; NaN for rows of zeros."""
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Numbers = np.divide(rows, norm, out=np.full(rows.shape, np.nan), where=norm > 0)
    return found


def _centred(rows: Numbers) -> Numbers:
    middle = rows - rows.mean(1, keepdims=True)
    size = np.abs(rows).max(1, keepdims=True)
    flat = np.abs(middle).max(1, keepdims=True) <= 1e-13 * size  # the rounding of the mean
    return _scaled(np.where(flat, 0.0, middle))


def _ranked(rows: Numbers) -> Numbers:
    return _centred(stats.rankdata(rows, axis=1))


def _whitened(rows: Numbers) -> Numbers:
    """Doubly centred kernels, whose products are those of distances whitened by their covariance under noise."""
    images = images_of(rows.shape[1])
    upper = np.triu_indices(images, 1)
    kernels = np.zeros((len(rows), images, images))
    kernels[:, upper[0], upper[1]] = kernels[:, upper[1], upper[0]] = -rows / 2
    kernels -= kernels.mean(1, keepdims=True)
    kernels -= kernels.mean(2, keepdims=True)
    return _scaled(kernels.reshape(len(rows), -1))


def _without_diagonal(rows: Numbers) -> Numbers:
    """Kernels centred such that their diagonals have no part, whose products are those of debiased HSIC."""
    images = images_of(rows.shape[1])
    if images < LEAST_DEBIASED:
        raise DataError(f"an RDM must have {LEAST_DEBIASED} images or more for 'debiased_cka', got {images}")
    upper = np.triu_indices(images, 1)
    kernels = np.zeros((len(rows), images, images))
    kernels[:, upper[0], upper[1]] = kernels[:, upper[1], upper[0]] = -rows / 2
    sums = kernels.sum(1, keepdims=True)
    centred = kernels - (sums + sums.swapaxes(1, 2)) / (images - 2)
    centred += sums.sum(2, keepdims=True) / ((images - 1) * (images - 2))
    return _scaled(centred[:, upper[0], upper[1]])


UNIT_ROWS: dict[str, Callable[[Numbers], Numbers]] = {
    "spearman": _ranked,
    "pearson": _centred,
    "cosine": _scaled,
    "whitened_cosine": _whitened,
    "debiased_cka": _without_diagonal,
}
"""Method -> rows of norm 1, the products of which are its agreements."""

RDM_COMPARISONS = {
    "spearman": "correlation of ranks; ties have their mean rank",
    "pearson": "correlation",
    "cosine": "cosine of the angle, for distances with a meaningful zero such as crossnobis",
    "whitened_cosine": "the same after whitening by the covariance of distances under noise (Diedrichsen et al. 2020)",
    "debiased_cka": "the same without bias by few images, for squared Euclidean distances (Song et al. 2012)",
    "kendall_tau_a": "share of concordant less discordant pairs of pairs, fair to models that predict ties; slow",
}
"""Method of comparison -> its meaning."""


@check_arguments
def compare_rdms(a: NDArray[Any], b: NDArray[Any], method: str = "spearman") -> Numbers:
    """Agreement of every RDM of `a` with every RDM of `b`.

    Parameters
    ----------
    a, b : dissimilarities [n, pairs] and [m, pairs], or [pairs] for one RDM.
    method : a row of `RDM_COMPARISONS`.

    Returns
    -------
    Agreements [n, m], at most 1; NaN where an RDM is constant (or zero, for cosines), so that it agrees with nothing.

    Raises
    ------
    ArgumentError : a method that does not exist, or numbers of pairs that differ.
    DataError : dissimilarities that are no finite numbers or no triangle.

    Source: Nili et al. 2014 (tau a); Diedrichsen et al. 2020 (whitened cosine, which is CKA for
    squared Euclidean distances); Song et al. 2012 (debiased).
    """
    check_method(method)
    one, other = as_rdms(a, "a"), as_rdms(b, "b")
    if one.shape[1] != other.shape[1]:
        raise ArgumentError(f"a and b must have the same pairs of images, got {one.shape[1]} and {other.shape[1]}")
    return agreements(one, other, method)


def agreements(a: Numbers, b: Numbers, method: str) -> Numbers:
    """Agreement of every row of a with every row of b [n, m], without checks."""
    if method == "kendall_tau_a":
        return np.array([[_tau_a(one, other) for other in b] for one in a])
    unit = UNIT_ROWS[method]
    return np.clip(unit(a) @ unit(b).T, -1, 1)


def paired_agreements(a: Numbers, b: Numbers, method: str) -> Numbers:
    """Agreement of row k of a, or of its only row, with row k of b, for every k [n]."""
    if method == "kendall_tau_a":
        return np.array([_tau_a(a[k % len(a)], b[k]) for k in range(len(b))])
    unit = UNIT_ROWS[method]
    found: Numbers = np.clip((unit(a) * unit(b)).sum(1), -1, 1)
    return found


def _tau_a(one: Numbers, other: Numbers) -> float:
    """Kendall's tau a, from SciPy's tau b: the two differ by the pairs that are tied in either."""
    tau_b = float(stats.kendalltau(one, other).statistic)
    total = len(one) * (len(one) - 1) / 2
    untied = [total - sum(n * (n - 1) / 2 for n in np.unique(values, return_counts=True)[1]) for values in (one, other)]
    return tau_b * float(np.sqrt(untied[0] * untied[1])) / total


def check_method(method: str) -> None:
    """Raise ArgumentError for a method that does not exist."""
    if method not in RDM_COMPARISONS:
        raise ArgumentError(f"method must be one of {', '.join(RDM_COMPARISONS)}, got {method!r}")


def as_rdms(rdms: NDArray[Any], name: str) -> Numbers:
    """RDMs [n, pairs] as finite numbers of double precision. Raises DataError, by name, for anything else."""
    if rdms.ndim not in (1, 2) or 0 in rdms.shape:
        raise DataError(f"{name} must be dissimilarities [time, pairs] or [pairs], got shape {list(rdms.shape)}")
    check_readable(rdms, name)
    found = np.atleast_2d(rdms).astype(np.float64)
    images_of(found.shape[1])
    return found

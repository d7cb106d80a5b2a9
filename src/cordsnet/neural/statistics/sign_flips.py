"""Signs by which differences are turned round, when there is no difference between the two sides."""

import numpy as np
from numpy.typing import NDArray

from cordsnet._checks import check_count
from cordsnet.errors import DataError

Numbers = NDArray[np.float64]

MOST_DRAWS = 1_000_000


def sign_flips(count: int, draws: int, seed: int) -> Numbers:
    """Signs [R, count], the first row without a flip: all 2^count of them if those are at most `draws`, or a sample.

    With the first row among them, the share of rows that are as extreme as it is a valid probability (Phipson & Smyth
    2010, Stat. Appl. Genet. Mol. Biol. 9). Raises ValueError for a number of draws that is none.
    """
    check_count(draws, "draws", 1, MOST_DRAWS)
    if count < 64 and 2**count <= draws:
        bits = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
        return np.asarray(1.0 - 2.0 * bits, np.float64)
    random = np.random.default_rng(check_count(seed, "seed", 0))
    signs = random.integers(0, 2, (draws, count)).astype(np.float64) * 2 - 1
    signs[0] = 1.0
    return signs


def p_value(drawn: Numbers) -> float:
    """Share of values [R] that are at least as large as the first, which belongs to the data, up to rounding."""
    return float((drawn >= drawn[0] - 1e-10 * abs(drawn[0])).mean())


def check_differences(differences: NDArray[np.floating], axes: int, due: str) -> Numbers:
    """Differences in double precision. Raises DataError unless they have these axes, are finite and at least two."""
    if differences.ndim != axes or 0 in differences.shape or len(differences) < 2:
        raise DataError(f"differences must have the axes {due}, and at least two rows, got shape {differences.shape}")
    if differences.dtype.kind not in "iuf" or not np.isfinite(differences).all():
        raise DataError("differences must be finite numbers, got NaN or others; leave out neurons without a score")
    return np.asarray(differences, np.float64)

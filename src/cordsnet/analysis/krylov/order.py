"""Orders of eigenvalues, and small real Schur forms sorted by them."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from cordsnet.registry import Registry

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = NDArray[np.complex128]
Key: TypeAlias = Callable[[Values], Array]
"""Sort key, smallest first; equal for both of a conjugate pair."""

orders: Registry[Key] = Registry("order of eigenvalues")
orders.add("LM", lambda values: -np.abs(values))
orders.add("LR", lambda values: -values.real)
orders.add("SR", lambda values: values.real)
orders.add("LI", lambda values: -np.abs(values.imag))


def nearest(sigma: complex) -> Key:
    """Distance to sigma or to its conjugate, whichever is smaller."""
    return lambda values: np.abs(values.real + 1j * np.abs(values.imag) - complex(sigma.real, abs(sigma.imag)))


def sorted_schur(matrix: Array, key: Key) -> tuple[Array, Array]:
    """T, Q with matrix = Q T Q', T quasi-triangular with the leading eigenvalues first (LAPACK dtrexc)."""
    schur, q = linalg.schur(matrix, output="real")
    size, start = len(schur), 0
    while start < size:
        blocks = block_starts(schur)
        values = schur_values(schur)
        ahead = [row for row in blocks if row >= start]
        best = min(ahead, key=lambda row: (float(key(values[row : row + 1])[0]), row))
        if best != start:
            # LAPACK leaves two blocks in place if they are too close to swap; either order is then correct
            schur, q, _ = linalg.lapack.dtrexc(schur, q, best + 1, start + 1)
        start = with_whole_pair(schur, start + 1)
    return schur, q


def block_starts(schur: Array) -> list[int]:
    """First rows of the 1 x 1 and 2 x 2 diagonal blocks."""
    return [row for row in range(len(schur)) if row == 0 or schur[row, row - 1] == 0]


def with_whole_pair(schur: Array, count: int) -> int:
    """`count`, or one more if that many rows would split a 2 x 2 block."""
    return count + int(0 < count < len(schur) and schur[count, count - 1] != 0)


def schur_values(schur: Array) -> Values:
    """The eigenvalues, row by row."""
    values = np.diag(schur).astype(np.complex128)
    for row in range(len(schur) - 1):
        if schur[row + 1, row] != 0:
            # LAPACK's standardised 2 x 2 blocks have equal diagonal entries and off-diagonal entries of opposite sign
            imaginary = np.sqrt(abs(schur[row, row + 1])) * np.sqrt(abs(schur[row + 1, row]))
            values[row], values[row + 1] = values[row] + 1j * imaginary, values[row] - 1j * imaginary
    return values


def eigenpairs(matrix: Array, key: Key, count: int) -> tuple[Values, Values]:
    """The leading `count` eigenvalues and unit eigenvectors [n, count] of a small matrix; see `leading_indices`."""
    values, vectors = linalg.eig(matrix)
    first = leading_indices(values, key, count)
    return values[first], vectors[:, first].astype(np.complex128)


def leading_indices(values: Values, key: Key, count: int) -> list[int]:
    """Indices of the leading `count` eigenvalues, in order; one more if a conjugate pair would be split.

    The member of a pair with positive imaginary part comes first and its conjugate next, also among ties.
    """
    order: list[int] = []
    taken = np.zeros(len(values), dtype=bool)
    for index in np.lexsort((-values.imag, np.abs(values.imag), values.real, key(values))):
        if taken[index] or len(order) >= count:
            continue
        taken[index] = True
        pair = [int(index)]
        if values[index].imag != 0:
            apart = np.abs(values - values[index].conj())
            partner = int(np.argmin(np.where(taken, np.inf, apart)))
            if apart[partner] <= 1e-3 * abs(values[index]):  # a library may return one of a pair only
                taken[partner] = True
                pair = sorted([int(index), partner], key=lambda one: -values[one].imag)
        order += pair
    return order

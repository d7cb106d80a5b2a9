"""Krylov decompositions of real operators: grown vector by vector, restarted thickly (Stewart 2001).

B V_j = V_j H + W C: the rows of V have been expanded, the rows of W, as many as the start has, wait for it.
"""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from cordsnet.analysis.krylov.basis import Array, Basis


class Decomposition:
    """Of an operator given as `apply`, on flat vectors.

    Attributes
    ----------
    count : vectors that have been expanded.
    finite : False once a product held values that are not finite.
    """

    def __init__(self, apply: Callable[[Tensor], Tensor], basis: Basis, size: int, block: int) -> None:
        self.apply, self.basis, self.size, self.block = apply, basis, size, block
        self.count, self.finite = 0, True
        self._all = np.zeros((size + block, size))

    @property
    def matrix(self) -> Array:
        """H = V'B V, [count, count]."""
        return self._all[: self.count, : self.count]

    @property
    def coupling(self) -> Array:
        """C, [block, count]: what leads out of the space."""
        return self._all[self.count : self.count + self.block, : self.count]

    def step(self) -> bool:
        """Expand the next vector; whether its product was finite. What has vanished is replaced by a random vector."""
        j, new = self.count, self.count + self.block
        self.basis.rows[new] = self.apply(self.basis.rows[j])
        coefficients, size = self.basis.orthogonalise(new)
        self.finite = bool(np.isfinite(size) and np.isfinite(coefficients).all())
        if not self.finite:
            return False
        self._all[:new, j], self._all[new, j] = coefficients, size
        if size == 0:
            self.basis.draw(new)
        self.count += 1
        return True

    def restart(self, schur: Array, q: Array, keep: int) -> None:
        """Keep the leading `keep` Schur vectors, and what waits."""
        coupling = self.coupling @ q[:, :keep]
        # a coupling of rounding size is that of an invariant space: deflated, it stays as it is
        coupling[np.abs(coupling) <= np.finfo(np.float64).eps * np.abs(schur).max(initial=0)] = 0
        self.basis.recombine(q[:, :keep].T)
        waiting = self.basis.rows[self.count : self.count + self.block].clone()
        self.basis.rows[keep : keep + self.block] = waiting
        self._all[:] = 0
        self._all[:keep, :keep] = schur[:keep, :keep]
        self._all[keep : keep + self.block, :keep] = coupling
        self.count = keep

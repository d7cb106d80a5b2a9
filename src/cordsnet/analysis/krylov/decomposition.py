"""Krylov decompositions of real operators, expanded vector by vector and restarted (Stewart 2002).

B V_j = V_j H + W C. The rows of V have been multiplied by B; the rows of W, one per start vector, come next.
"""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from cordsnet.analysis.krylov.basis import Array, Basis


class KrylovDecomposition:
    """Krylov decomposition of an operator given as `apply`, a function of flat vectors.

    With `first` locked rows Q at the start of the basis, it is a decomposition of (1 - Q Q') B on the vectors that are
    orthogonal to them. If the rows of Q span an invariant subspace, that operator has the other eigenvalues of B.

    Attributes
    ----------
    count : number of vectors that have been multiplied by the operator.
    finite : False once a product held values that are not finite.
    """

    def __init__(self, apply: Callable[[Tensor], Tensor], basis: Basis, size: int, block: int, first: int = 0) -> None:
        self.apply, self.basis, self.size, self.block, self.first = apply, basis, size, block, first
        self.count, self.finite = 0, True
        self._entries = np.zeros((size + block, size))

    @property
    def matrix(self) -> Array:
        """H = V'B V, [count, count]."""
        return self._entries[: self.count, : self.count]

    @property
    def coupling(self) -> Array:
        """C, [block, count]: the part of B V outside the span of V."""
        return self._entries[self.count : self.count + self.block, : self.count]

    def expand(self) -> bool:
        """Multiply the next vector by the operator; returns False if the product is not finite.

        If nothing is left of the product after orthogonalisation, a random vector takes its place.
        """
        j, new = self.count, self.count + self.block
        self.basis.rows[self.first + new] = self.apply(self.basis.rows[self.first + j])
        coefficients, size = self.basis.orthogonalise(self.first + new)
        self.finite = bool(np.isfinite(size) and np.isfinite(coefficients).all())
        if not self.finite:
            return False
        self._entries[:new, j], self._entries[new, j] = coefficients[self.first :], size
        if size == 0:
            self.basis.draw(self.first + new)
        self.count += 1
        return True

    def restart(self, schur: Array, q: Array, keep: int) -> None:
        """Keep the leading `keep` Schur vectors and the vectors that come next."""
        # Thick restart: B (V Q_k) = (V Q_k) T_k + W (C Q_k) holds for the leading k Schur vectors
        # (Stewart 2002, SIAM J. Matrix Anal. Appl. 23:601).
        coupling = self.coupling @ q[:, :keep]
        # Deflation: a coupling of the size of rounding means that the kept vectors span an invariant subspace.
        coupling[np.abs(coupling) <= np.finfo(np.float64).eps * np.abs(schur).max(initial=0)] = 0
        self.basis.recombine(q[:, :keep].T, self.first)
        waiting = self.first + self.count
        kept = self.first + keep
        self.basis.rows[kept : kept + self.block] = self.basis.rows[waiting : waiting + self.block].clone()
        self._entries[:] = 0
        self._entries[:keep, :keep] = schur[:keep, :keep]
        self._entries[keep : keep + self.block, :keep] = coupling
        self.count = keep

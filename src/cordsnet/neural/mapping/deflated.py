"""A cross-covariance that loses one component after another."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh

Numbers = NDArray[np.float64]

SMALL = 1e-4
"""The product S'S is made anew where its largest eigenvalue has fallen by this factor, for what rounding left in it."""


class DeflatedCross:
    """A cross-covariance S [p, q] in double precision, with the smaller of S'S and SS' beside it."""

    def __init__(self, cross: Numbers) -> None:
        self.cross = torch.from_numpy(cross)
        self.wide = cross.shape[1] > cross.shape[0]
        self._renew()

    def leading(self) -> tuple[Numbers, float]:
        """Leading left singular vector [p], its largest entry positive, and its singular value."""
        value, vector = self._top()
        if value < SMALL * self._made_at:
            self._renew()
            _, vector = self._top()
        left = vector if self.wide else self.cross @ vector
        size = float(torch.linalg.vector_norm(self.cross.T @ left if self.wide else left))
        found: Numbers = (left / (torch.linalg.vector_norm(left) or 1.0)).numpy()
        return found * (np.sign(found[np.abs(found).argmax()]) or 1.0), size

    def deflate(self, left: Numbers, right: Numbers) -> None:
        """Subtract left right' from S; S'S follows by products with vectors."""
        one, other = torch.from_numpy(left), torch.from_numpy(right)
        outer, inner = (one, other) if self.wide else (other, one)
        mixed = self.cross @ inner if self.wide else self.cross.T @ inner
        self.gram.addr_(mixed, outer, alpha=-1).addr_(outer, mixed, alpha=-1)
        self.gram.addr_(outer, outer, alpha=float(inner @ inner))
        self.cross.addr_(one, other, alpha=-1)

    def _renew(self) -> None:
        self.gram = self.cross @ self.cross.T if self.wide else self.cross.T @ self.cross
        self._made_at = self._top()[0]

    def _top(self) -> tuple[float, torch.Tensor]:
        """Largest eigenvalue of the product, and its eigenvector."""
        last = len(self.gram) - 1
        values, vectors = eigh(self.gram.numpy(), subset_by_index=[last, last], check_finite=False)
        return float(values[0]), torch.from_numpy(np.ascontiguousarray(vectors[:, 0]))

"""Orthonormal vectors stored as the rows of one array: orthogonalised one by one, recombined in place."""

import math
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.analysis.operators import LinearOperator

Array = NDArray[np.float64]

CHUNK = 4096
"""Columns recombined at a time, so that no second copy of the basis is needed."""


class Basis:
    """Orthonormal rows of length N on the operator's device, and the generator of random replacement rows."""

    def __init__(self, rows: int, like: LinearOperator, shape: torch.Size, generator: torch.Generator) -> None:
        self.shape, self.generator = shape, generator
        self.rows = torch.empty(rows, prod(shape), dtype=like.dtype, device=like.device)

    def orthogonalise(self, k: int) -> tuple[Array, float]:
        """Make row k orthogonal to the k rows before it and normalise it.

        Returns the coefficients [k] and the norm that was left. The norm is 0 if only rounding was left (row k is then
        zero), and NaN if row k is not finite.
        """
        before, row, basis = self.rows[:k], self.rows[k], self.rows
        size = first = float(torch.linalg.vector_norm(row))
        coefficients = np.zeros(k)
        if not math.isfinite(size):
            return coefficients, math.nan
        # Classical Gram-Schmidt, repeated if the norm fell by more than 0.7: cancellation then leaves errors along the
        # basis (Daniel, Gragg, Kaufman & Stewart 1976, Math. Comp. 30:772).
        for _ in range(3 if k else 0):
            part = torch.mv(before, row)
            row.addmv_(before.T, part, alpha=-1)
            coefficients += part.double().cpu().numpy()
            last, size = size, float(torch.linalg.vector_norm(row))
            if size > 0.7 * last or size <= self.rounding * first:
                break
        if size <= self.rounding * first:
            row.zero_()
            return coefficients, 0.0
        basis[k] /= size
        return coefficients, size

    @property
    def rounding(self) -> float:
        """Share of the norm of a vector below which the remainder counts as rounding."""
        return float(20 * torch.finfo(self.rows.dtype).eps)

    def draw(self, k: int) -> None:
        """Make row k a random unit vector orthogonal to the rows before it."""
        while True:  # a random vector lies in the span of the others with probability zero
            normal = torch.randn(self.rows.shape[1], generator=self.generator, dtype=torch.float64)
            self.rows[k] = normal.to(self.rows)
            if self.orthogonalise(k)[1] > 0:
                return

    def recombine(self, weights: Array, first: int = 0) -> None:
        """Replace rows first, first + 1, ... by weights [new, old] times the rows from `first` on, in place."""
        new, old = weights.shape
        factors = torch.from_numpy(np.ascontiguousarray(weights)).to(self.rows)
        for chunk in torch.split(self.rows[first : first + old], CHUNK, dim=1):
            chunk[:new] = factors @ chunk

    def combination(self, weights: NDArray[np.complex128] | Array, first: int = 0) -> Tensor:
        """Linear combination of the rows from `first` on with weights [old]: [*shape], real or complex like these."""
        if np.iscomplexobj(weights):
            return torch.complex(*(self.combination(part.copy(), first) for part in (weights.real, weights.imag)))
        factors = torch.from_numpy(np.ascontiguousarray(weights)).to(self.rows)
        return torch.mv(self.rows[first : first + len(weights)].T, factors).view(self.shape)

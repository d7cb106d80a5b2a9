"""Orthonormal vectors held as the rows of one array: made orthogonal, recombined in place."""

import math
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.analysis.operators import LinearOperator

Array = NDArray[np.float64]

CHUNK = 4096
"""Columns that are recombined at a time: a second copy of the basis is never needed."""


class Basis:
    """Rows of length N on the operator's device, and the generator of those that replace what has vanished."""

    def __init__(self, rows: int, like: LinearOperator, shape: torch.Size, generator: torch.Generator) -> None:
        self.shape, self.generator = shape, generator
        self.rows = torch.empty(rows, prod(shape), dtype=like.dtype, device=like.device)

    def orthogonalise(self, k: int) -> tuple[Array, float]:
        """Make row k orthogonal to the k rows before it, and of unit length.

        Classical Gram-Schmidt, repeated where more than half of the vector (Daniel et al. 1976) was taken away.
        Returns the coefficients [k] and the length that was left: zero where nothing but rounding was, and row k is
        then zero; NaN where row k is not finite.
        """
        before, row, basis = self.rows[:k], self.rows[k], self.rows
        size = first = float(torch.linalg.vector_norm(row))
        coefficients = np.zeros(k)
        if not math.isfinite(size):
            return coefficients, math.nan
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
        """Share of a vector below which what is left of it is rounding."""
        return float(20 * torch.finfo(self.rows.dtype).eps)

    def draw(self, k: int) -> None:
        """Make row k a random unit vector orthogonal to those before it."""
        while True:  # a normal vector lies in the span of the others with probability zero
            normal = torch.randn(self.rows.shape[1], generator=self.generator, dtype=torch.float64)
            self.rows[k] = normal.to(self.rows)
            if self.orthogonalise(k)[1] > 0:
                return

    def recombine(self, weights: Array, first: int = 0) -> None:
        """Rows first, first + 1, ... become weights [new, old] times the rows from `first` on, in place."""
        new, old = weights.shape
        factors = torch.from_numpy(np.ascontiguousarray(weights)).to(self.rows)
        for chunk in torch.split(self.rows[first : first + old], CHUNK, dim=1):
            chunk[:new] = factors @ chunk

    def combination(self, weights: NDArray[np.complex128] | Array) -> Tensor:
        """weights [old] times the first rows: [*shape], real or complex as the weights are."""
        if np.iscomplexobj(weights):
            return torch.complex(self.combination(weights.real.copy()), self.combination(weights.imag.copy()))
        factors = torch.from_numpy(weights).to(self.rows)
        return torch.mv(self.rows[: len(weights)].T, factors).view(self.shape)

"""An eigenvalue problem as all methods read it, what they find, and how far that is from exact."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.analysis.krylov.basis import Array
from cordsnet.analysis.krylov.counted import Counted
from cordsnet.analysis.krylov.order import Key, Values
from cordsnet.analysis.operators import LinearOperator

FLOOR = 20
"""Residuals below this many rounding errors of the operator's size are as good as zero."""


@dataclass(frozen=True)
class Problem:
    """What was asked for: see `eigenvalues`."""

    op: Counted
    count: int
    which: str
    key: Key
    sigma: complex | None
    tol: float
    max_products: int
    basis: int
    block: int
    degree: int
    seed: int

    @property
    def left(self) -> int:
        """Products that may still be used, those of the residuals set aside."""
        return self.max_products - self.op.products - self.count - 1

    def good(self, residual: float | Array, value: complex | Values, scale: float) -> NDArray[np.bool_]:
        """Whether an absolute residual is within tol of its eigenvalue, or no more than rounding."""
        rounding = FLOOR * float(torch.finfo(self.op.dtype).eps) * scale
        wanted: NDArray[np.bool_] = np.asarray(residual) <= np.maximum(self.tol * np.abs(value), rounding)
        return wanted


@dataclass(frozen=True)
class Found:
    """Approximate pairs. `vector(i)` forms the i-th, of unit length but for rounding; `scale` is the operator's size.

    `values` is empty and `finite` False where a product was not finite.
    """

    values: Values
    vector: Callable[[int], Tensor]
    scale: float
    finite: bool = True


def not_finite() -> Found:
    """Nothing was found, for want of finite products."""
    return Found(np.zeros(0, dtype=np.complex128), lambda _: torch.empty(0), 0.0, finite=False)


def residuals(op: LinearOperator, found: Found) -> Array:
    """|A v - l v| / |v| of every pair; one product for a real one, two for a conjugate pair."""
    sizes: list[float] = []
    for index, value in enumerate(found.values):
        if value.imag < 0 and sizes:
            sizes.append(sizes[-1])
            continue
        vector = found.vector(index)
        number = complex(value) if vector.is_complex() else float(value.real)
        away = op.mv(vector).sub_(vector, alpha=number)
        sizes.append(float(torch.linalg.vector_norm(away) / torch.linalg.vector_norm(vector)))
    return np.array(sizes)

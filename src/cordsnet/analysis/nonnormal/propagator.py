"""exp(A t) as an operator, by products with A alone."""

import math

import torch
from torch import Tensor

from cordsnet._checks import is_number
from cordsnet.analysis.exact import exact
from cordsnet.analysis.operators import LinearOperator, check_square

DEGREE, MAX_STEP = 20, 3.0
"""Terms of the Taylor series, and the largest |A - shift| x step: what is left out is 2e-10 of e^3."""
MOST_STEPS = 50_000
"""Largest number of steps that is accepted, which is a million products."""


def check_length(time: float, norm: float, name: str = "time") -> None:
    """Raise ValueError if exp(A t) would take more than `MOST_STEPS` steps."""
    if norm * time / MAX_STEP > MOST_STEPS:
        raise ValueError(
            f"{name} = {time:g} ms is too long for |A| = {norm:.3g} / ms: it would take {norm * time / MAX_STEP:.2g} "
            f"steps of {DEGREE} products; give at most {MAX_STEP * MOST_STEPS / norm:.3g} ms"
        )


class Propagator(LinearOperator):
    """x(0) -> x(t) of dx/dt = A x.

    Time is divided into equal steps, each a Taylor polynomial of degree 20 of (A - shift) step. The transpose uses the
    same polynomial of A', so it is the exact adjoint. One application takes 20 products per time 3 / |A - shift|.

    Parameters
    ----------
    operator : A, square, in 1 / unit of time (1/ms for the flow).
    time : t, at least 0.
    norm : |A - shift| or an upper bound; a value 20 % too small leaves an error of 1e-8 per step.
    shift : multiple of the identity handled as exp(shift t); the mean of the diagonal makes `norm` small.

    Raises
    ------
    ValueError : an operator that is not square, or a number that is not finite or negative, by name.

    Source: Al-Mohy & Higham 2011, SIAM J. Sci. Comput. 33:488 (scaling, truncated series and shift).
    """

    def __init__(self, operator: LinearOperator, time: float, norm: float, shift: float = 0.0) -> None:
        check_square(operator)
        for name, value in {"time": time, "norm": norm}.items():
            if not (is_number(value) and math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a finite number of 0 or more, got {value!r}")
        check_length(time, norm)
        super().__init__(operator.domain, operator.domain, operator.dtype, operator.device)
        self.operator, self.time, self.shift_by = operator, float(time), float(shift)
        self.steps = math.ceil(norm * time / MAX_STEP)

    @property
    def products(self) -> int:
        """Products with A (or A') per application and vector."""
        return self.steps * DEGREE

    def apply(self, batch: Tensor) -> Tensor:
        """exp(A t) x."""
        return self._series(self.operator, batch)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """exp(A' t) y."""
        return self._series(self.operator.T, batch)

    @exact()
    def _series(self, operator: LinearOperator, value: Tensor) -> Tensor:
        if self.steps == 0:
            return value * math.exp(self.shift_by * self.time)
        step = self.time / self.steps
        for _ in range(self.steps):
            term, total = value, value
            for order in range(1, DEGREE + 1):
                # ((A - shift) step)^order x / order!, from the term before
                term = torch.sub(operator.apply(term), term, alpha=self.shift_by).mul_(step / order)
                total = total + term
            value = total * math.exp(self.shift_by * step)
        return value

"""exp(A t) as an operator: what a linear flow makes of a state in a time t, by products with A alone."""

import math

import torch
from torch import Tensor

from cordsnet._checks import is_number
from cordsnet.analysis.exact import exact
from cordsnet.analysis.operators import LinearOperator, check_square

DEGREE, REACH = 20, 3.0
"""Terms of the Taylor series, and |A - shift| x step up to which they are used: what is left out is 2e-10 of e^3."""


class Propagator(LinearOperator):
    """x(0) -> x(t) of dx/dt = A x.

    The time is cut into equal steps, each a Taylor polynomial of degree 20 of (A - shift) step, so products with the
    transpose are exactly those of the adjoint. One application takes 20 products for each 3 / |A - shift| of time.

    Parameters
    ----------
    operator : A, square, in 1 / unit of time (1/ms for the flow).
    time : t, not negative.
    norm : |A - shift|, or a bound of it from above; one that is 20 % too small leaves an error of 1e-8 per step.
    shift : number taken out of the series and put back as exp(shift t); the mean of the diagonal makes `norm` small.

    Raises
    ------
    ValueError : an operator that is not square, or a number that is not finite or negative, by name.

    Source: Al-Mohy & Higham 2011, SIAM J. Sci. Comput. 33:488 (scaling and truncated series, with shift).
    """

    def __init__(self, operator: LinearOperator, time: float, norm: float, shift: float = 0.0) -> None:
        check_square(operator)
        for name, value in {"time": time, "norm": norm}.items():
            if not (is_number(value) and math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a finite number of 0 or more, got {value!r}")
        super().__init__(operator.domain, operator.domain, operator.dtype, operator.device)
        self.operator, self.time, self.about = operator, float(time), float(shift)
        self.steps = math.ceil(norm * time / REACH)

    @property
    def products(self) -> int:
        """Products with A (or A') that one application takes for each vector."""
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
            return value * math.exp(self.about * self.time)
        step = self.time / self.steps
        for _ in range(self.steps):
            term, total = value, value
            for order in range(1, DEGREE + 1):
                term = torch.sub(operator.apply(term), term, alpha=self.about).mul_(step / order)
                total = total + term
            value = total * math.exp(self.about * step)
        return value

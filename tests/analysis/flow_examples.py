"""Dynamical systems whose behaviour is known, for tests."""

import math

import torch

from cordsnet.analysis.flows.flows import FunctionFlow, RateFlow
from cordsnet.analysis.operators import MatrixOperator


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


class Lorenz(FunctionFlow):
    """Lorenz 1963: sigma 10, rho 28, beta 8/3; its Jacobian is written down, which saves time in long runs."""

    def __init__(self) -> None:
        super().__init__(self.formula, (3,))

    @staticmethod
    def formula(s):
        x, y, z = s.unbind(-1)
        return torch.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], -1)

    def jacobian(self, x):
        x, y, z = x.tolist()
        return MatrixOperator(torch.tensor([[-10, 10, 0], [28 - z, -1, -x], [y, x, -8 / 3]], dtype=torch.float64))


def lorenz() -> Lorenz:
    return Lorenz()


def linear(matrix) -> FunctionFlow:
    matrix = torch.as_tensor(matrix, dtype=torch.float64)
    return FunctionFlow(lambda x: x @ matrix.T, (len(matrix),))


def double_well() -> FunctionFlow:
    """dx/dt = x - x^3, dy/dt = -y: at rest at x = -1, 1 (stable) and 0 (not)."""
    return FunctionFlow(lambda s: torch.stack([s[..., 0] - s[..., 0] ** 3, -s[..., 1]], -1), (2,))


def van_der_pol(mu=1.0) -> FunctionFlow:
    return FunctionFlow(lambda s: torch.stack([s[..., 1], mu * (1 - s[..., 0] ** 2) * s[..., 1] - s[..., 0]], -1), (2,))


def random_tanh(units, gain, seed, tau_ms=1.0, stepper="rk4") -> RateFlow:
    """tau dr/dt = -r + tanh(g J r), J normal of variance 1/N.

    x = g J r obeys tau dx/dt = -x + g J tanh(x) (Sompolinsky, Crisanti & Sommers 1988), with the same exponents.
    """
    weights = gain * draw(units, units, seed=seed) / math.sqrt(units)
    return RateFlow(MatrixOperator(weights), 0.0, "tanh", tau_ms, stepper)


def ring(units=64, even=-1.0, tuned=4.0, bias=1.0, tau_ms=10.0) -> RateFlow:
    """Threshold-linear units on a circle, weights (even + tuned cos(difference)) / N (Ben-Yishai et al. 1995).

    Above tuned = 2 the even state gives way to a bump that can stand anywhere.
    """
    angle = 2 * math.pi * torch.arange(units, dtype=torch.float64) / units
    weights = (even + tuned * torch.cos(angle[:, None] - angle[None])) / units
    return RateFlow(MatrixOperator(weights), bias, "relu", tau_ms)


def line(units=8, tau_ms=10.0, seed=3) -> RateFlow:
    """Linear units with one direction of gain exactly one, an integrator; the others decay."""
    basis, _ = torch.linalg.qr(draw(units, units, seed=seed))
    gains = torch.linspace(1.0, -0.5, units, dtype=torch.float64)
    gains[1:] -= 0.3
    return RateFlow(MatrixOperator(basis @ torch.diag(gains) @ basis.T), 0.0, "identity", tau_ms)

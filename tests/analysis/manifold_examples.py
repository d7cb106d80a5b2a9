"""Networks written down by hand whose attractor is known, with states that lead to it."""

import math

import torch
from flow_examples import draw, ring

from cordsnet.analysis import FunctionFlow, LinearOperator, MatrixOperator, RateFlow


class LowRank(LinearOperator):
    """U V', by products alone."""

    def __init__(self, left, right):
        super().__init__((len(left),), (len(left),), left.dtype, left.device)
        self.left, self.right = left, right

    def apply(self, batch):
        return batch @ self.right @ self.left.T

    def apply_transpose(self, batch):
        return batch @ self.left @ self.right.T


def ring_network(units=64):
    """Ben-Yishai et al. 1995, and random states from which a bump grows."""
    return ring(units), draw(64, units), {"slow_ms": 100.0, "dt": 5.0, "settle_ms": 600.0}


def large_ring(units=10_000, even=-1.0, tuned=4.0, count=16):
    """The same weights as three factors, and noisy bumps of random place and height."""
    angle = 2 * math.pi * torch.arange(units, dtype=torch.float64) / units
    waves = torch.stack([torch.ones_like(angle), angle.cos(), angle.sin()], 1)
    flow = RateFlow(LowRank(waves * torch.tensor([even, tuned, tuned]).double() / units, waves), 1.0, "relu", 10.0)
    drawn = torch.rand(count, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    places = 2 * math.pi * (torch.arange(count)[:, None] + drawn[:, 1:]) / count
    starts = (3 * drawn[:, :1] + 0.5) * (angle - places).cos().clamp(min=0)
    return flow, starts + 0.5 * draw(count, units), {"slow_ms": 100.0, "dt": 10.0, "settle_ms": 200.0, "tested": 1}


def integrator(units=32):
    """Weights u u' of gain one below saturation: a line of fixed points between two ends (Seung 1996)."""
    u = draw(units, seed=1).sign() / math.sqrt(units)
    flow = FunctionFlow(lambda x: ((x @ u)[..., None] * u).clamp(-1, 1) / 10 - x / 10, (units,))
    return flow, 1.2 * draw(24, units), {"slow_ms": 100.0, "dt": 5.0}


def hopfield(units=60, patterns=3):
    """Hopfield 1984: patterns and their opposites are stable; states near one of them."""
    stored = draw(patterns, units, seed=2).sign()
    flow = RateFlow(MatrixOperator(2.0 * stored.T @ stored / units), 0.0, "tanh", 10.0)
    which = torch.arange(24) % (2 * patterns)
    starts = torch.cat([stored, -stored])[which] + 0.5 * draw(24, units)
    return flow, starts, {"slow_ms": 100.0, "dt": 5.0}


def oscillator(units=30):
    """A rotation that grows until it saturates, in two directions of a network; all others decay."""
    basis, _ = torch.linalg.qr(draw(units, 2, seed=5))
    turn = 1.6 * torch.tensor([[1.0, -0.7], [0.7, 1.0]]).double()
    flow = RateFlow(MatrixOperator(basis @ turn @ basis.T), 0.0, "tanh", 10.0)
    return flow, draw(24, units), {"slow_ms": 150.0, "dt": 2.0, "settle_ms": 300.0}


def contracting(units=50):
    """Symmetric weights of norm 0.5 and a bias: one fixed point that attracts everything."""
    weights = draw(units, units, seed=6)
    weights = weights + weights.T
    weights = 0.5 * weights / torch.linalg.matrix_norm(weights, 2)
    return (
        RateFlow(MatrixOperator(weights), draw(units, seed=7), "tanh", 10.0),
        draw(24, units),
        {"slow_ms": 100.0, "dt": 5.0},
    )

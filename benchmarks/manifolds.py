"""Verdicts of `find_manifold` on networks whose attractor is known, as a table of Markdown.

    python benchmarks/manifolds.py
    python benchmarks/manifolds.py --seeds 2 --units 1000

Random networks below the transition to chaos (gain 0.7) hold a single point, and those far above it (gain 3) hold none
of the attractors that can be claimed (Sompolinsky, Crisanti & Sommers 1988). The ring of threshold-linear units
(Ben-Yishai et al. 1995) is given by its three factors, so that its weights are never made. The exit status is 1 if a
verdict is not among those that are true of its network.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from cordsnet.analysis import LinearOperator, ManifoldReport, MatrixOperator, RateFlow, find_manifold

TRUE = {0.7: ("single point",), 3.0: ("none", "undecided")}
"""Gain -> verdicts that are true of such a random network."""

TAU_MS = 10.0


class Factors(LinearOperator):
    """The product of two thin matrices [units, rank], left times right transposed."""

    def __init__(self, left: Tensor, right: Tensor) -> None:
        super().__init__((len(left),), (len(left),), left.dtype, left.device)
        self.left, self.right = left, right

    def apply(self, batch: Tensor) -> Tensor:
        """Products [K, units]."""
        return batch @ self.right @ self.left.T

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """Transposed products [K, units]."""
        return batch @ self.left @ self.right.T


def draw(*shape: int, seed: int) -> Tensor:
    """Return normal numbers in double precision."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_network(units: int, gain: float, seed: int) -> ManifoldReport:
    """Return the verdict on tau dr/dt = -r + tanh(g J r), J normal of variance 1 / units."""
    weights = MatrixOperator(gain * draw(units, units, seed=seed) / math.sqrt(units))
    flow = RateFlow(weights, 0.0, "tanh", TAU_MS, "euler")
    starts = draw(16, units, seed=100 + seed)
    return find_manifold(flow, starts, slow_ms=10 * TAU_MS, dt=2.0, settle_ms=400.0, tested=2)


def ring(units: int, starts: int = 32) -> ManifoldReport:
    """Return the verdict on a ring with weights (-1 + 4 cos(difference)) / units, from noisy bumps all round it."""
    angle = 2 * math.pi * torch.arange(units, dtype=torch.float64) / units
    waves = torch.stack([torch.ones_like(angle), angle.cos(), angle.sin()], 1)
    strength = torch.tensor([-1.0, 4.0, 4.0], dtype=torch.float64) / units
    flow = RateFlow(Factors(waves * strength, waves), 1.0, "relu", TAU_MS)
    drawn = torch.rand(starts, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    places = 2 * math.pi * (torch.arange(starts)[:, None] + drawn[:, 1:]) / starts
    bumps = (3 * drawn[:, :1] + 0.5) * (angle - places).cos().clamp(min=0)
    noisy = bumps + 0.5 * draw(starts, units, seed=0)
    return find_manifold(flow, noisy, slow_ms=10 * TAU_MS, dt=5.0, settle_ms=200.0, tested=4)


def verdicts(seeds: int, units: int) -> Iterator[tuple[str, tuple[str, ...], ManifoldReport]]:
    """Yield what the network is, the verdicts that are true of it, and the report."""
    for gain, true in TRUE.items():
        for seed in range(seeds):
            yield f"random, 100 units, gain {gain:g}, seed {seed}", true, random_network(100, gain, seed)
    yield f"ring, {units:,} units", ("ring",), ring(units)


def main() -> int:
    """Print the table, and return 1 if a verdict is not true."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="random networks of each gain")
    parser.add_argument("--units", type=int, default=10_000, help="units of the ring")
    given = parser.parse_args()
    print("| network | verdict | spectrum | pushes | topology | residual | s | true |")
    print("|---" * 8 + "|")
    wrong, begun = 0, time.process_time()
    for name, true, found in verdicts(given.seeds, given.units):
        spent, begun = time.process_time() - begun, time.process_time()
        holds = found.kind in true
        wrong += not holds
        words = " | ".join(witness.kind for witness in found.witnesses.values())
        residual = f"{found.spectrum.residual:.1e} | {spent:.1f}"
        print(f"| {name} | {found.kind} | {words} | {residual} | {'yes' if holds else 'NO'} |", flush=True)
    print(f"\n{wrong} verdicts that are not true")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

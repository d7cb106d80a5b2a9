"""Leading eigenvalues of a convolution: ours, beside SciPy's ARPACK and the plain Arnoldi iteration of the paper."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch

from cordsnet.analysis import ConvOperator, Eigenpairs, eigenvalues

Rival: TypeAlias = Literal["arpack", "arnoldi"]

RIVAL_BASIS = {"arpack": 36, "arnoldi": 150}
"""Vectors that the rivals hold: ARPACK as many as we may, plain Arnoldi (never restarted) as many as it has steps."""


@dataclass(frozen=True)
class SpectrumWork:
    """The k eigenvalues of largest modulus of a random zero-padded convolution, whose spectrum fills a disc.

    Attributes
    ----------
    channels, size : of the maps, [channels, size, size].
    tol : relative residual asked for, on both sides.
    rival : the reference: SciPy's ARPACK on the same products, or plain Arnoldi, which stops after its steps.
    """

    name: str
    channels: int
    size: int
    rival: Rival
    tol: float
    k: int = 8
    batch: int = 1
    precision: str = "float32"
    device: str | None = None

    def operator(self, device: str) -> ConvOperator:
        """A kernel with the spectral radius 1 in the limit of many channels (circular law)."""
        draw = torch.Generator().manual_seed(0)
        kernel = torch.randn(self.channels, self.channels, 3, 3, generator=draw) / (3 * self.channels**0.5)
        return ConvOperator(kernel.to(device), (self.size, self.size))

    def flops(self) -> None:
        """How many products are needed is not known beforehand."""
        return

    def asks_of_reference(self) -> tuple[object, ...]:
        """What the reference side depends on."""
        return self.channels, self.size, self.rival, self.tol, self.k


def solve(work: SpectrumWork, side: str, device: str = "cpu") -> Callable[[], Eigenpairs]:
    """One side of a work, ready to be run."""
    op = work.operator(device)
    if side == "ours":
        return lambda: eigenvalues(op, work.k, "LM", tol=work.tol)
    basis = RIVAL_BASIS[work.rival]
    return lambda: eigenvalues(op, work.k, "LM", tol=work.tol, method=work.rival, basis=basis)

"""Leading eigenvalues of a convolution: our solver, SciPy's ARPACK, and plain Arnoldi iteration as in the paper."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch

from cordsnet.analysis import ConvOperator, Eigenpairs, eigenvalues

ReferenceMethod: TypeAlias = Literal["arpack", "arnoldi"]

REFERENCE_BASIS = {"arpack": 36, "arnoldi": 150}
"""Number of basis vectors: for ARPACK as many as our solver may use, for plain Arnoldi one per step (no restarts)."""


@dataclass(frozen=True)
class SpectrumWorkload:
    """The k eigenvalues of largest modulus of a random zero-padded convolution, whose spectrum fills a disc.

    Attributes
    ----------
    name : name of the workload.
    channels, size : shape of the maps, [channels, size, size].
    method : method of the reference: "arpack" (SciPy, with the same operator products) or "arnoldi" (plain Arnoldi
        iteration, which stops after a fixed number of steps).
    tol : relative residual asked of both sides.
    k : number of eigenvalues.
    batch, precision, device : as in `Workload`.
    """

    name: str
    channels: int
    size: int
    method: ReferenceMethod
    tol: float
    k: int = 8
    batch: int = 1
    precision: str = "float32"
    device: str | None = None

    def operator(self, device: str) -> ConvOperator:
        """Make the operator. Its spectral radius tends to 1 with the number of channels (circular law)."""
        draw = torch.Generator().manual_seed(0)
        kernel = torch.randn(self.channels, self.channels, 3, 3, generator=draw) / (3 * self.channels**0.5)
        return ConvOperator(kernel.to(device), (self.size, self.size))

    def flops(self) -> None:
        """None, because the number of operator products is not known beforehand."""
        return

    def reference_key(self) -> tuple[object, ...]:
        """Key of the reference's measurement: everything that it depends on."""
        return self.channels, self.size, self.method, self.tol, self.k


def solve(workload: SpectrumWorkload, side: str, device: str = "cpu") -> Callable[[], Eigenpairs]:
    """Prepare one side of a workload as a function that can be called repeatedly."""
    op = workload.operator(device)
    if side == "ours":
        return lambda: eigenvalues(op, workload.k, "LM", tol=workload.tol)
    basis = REFERENCE_BASIS[workload.method]
    return lambda: eigenvalues(op, workload.k, "LM", tol=workload.tol, method=workload.method, basis=basis)

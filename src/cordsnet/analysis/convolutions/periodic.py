"""Exact spectra of periodic convolutions: each spatial frequency is a small separate problem.

Networks use zero padding, which has no such solution. But a periodic convolution on maps larger by the kernel's reach
contains the zero-padded one (`bounds`), and both agree away from the borders.

Each frequency is solved from scratch: of 24 random kernels with 64 channels, Newton's method from the eigenvectors of a
frequency 1/56 away converged for one. Gram matrices would be no faster than singular values of the symbols.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis.convolutions.symbols import half_grid, in_threads, symbol, whole_grid
from cordsnet.analysis.operators.convolution import check_kernel_shape


@dataclass(frozen=True)
class PeriodicSpectrum:
    """Eigenvalues of a periodic convolution.

    Attributes
    ----------
    values : complex [H, W, C], per spatial frequency, the largest modulus first.
    frequencies : [H, W, 2], of rows and of columns, cycles per unit, from -1/2 to 1/2.
    kernel : [C, C, k, k], the kernel.
    """

    values: Tensor
    frequencies: Tensor
    kernel: Tensor

    @property
    def radius(self) -> float:
        """Largest modulus of all eigenvalues."""
        return float(self.values.abs().max())

    @property
    def abscissa(self) -> float:
        """Largest real part: r' = -r + K * r on periodic maps is stable if it is below 1."""
        return float(self.values.real.max())

    def leading(self, count: int) -> list[tuple[int, int, int]]:
        """Indices (row, column, rank) of `values` of the `count` eigenvalues of largest modulus."""
        flat = self.values.abs().flatten().argsort(descending=True)[:count].cpu()
        return [tuple(int(n) for n in torch.unravel_index(one, self.values.shape)) for one in flat]  # type: ignore[misc]

    def mode(self, index: Sequence[int]) -> Tensor:
        """The eigenvector of `values[index]` as maps, complex [C, H, W] of norm 1: a plane wave x a channel pattern.

        Raises ValueError for an index that is not (row, column, rank) of `values`.
        """
        shape = self.values.shape
        if len(index) != 3 or any(not 0 <= one < n for one, n in zip(index, shape, strict=True)):
            raise ValueError(f"index must be (row, column, rank) below {tuple(shape)}, got {tuple(index)}")
        row, column, rank = index
        turn = self.frequencies[row, column]
        values, vectors = torch.linalg.eig(symbol(self.kernel, turn[:1], turn[1:])[0, 0].cpu())
        # the same problem solved alone may return its eigenvalues in another order
        apart = (self.values[row, column].cpu()[:, None] - values).abs()
        pattern = vectors[:, linear_sum_assignment(apart.numpy())[1][rank]].to(self.kernel.device)
        down, right = (torch.arange(n, dtype=turn.dtype, device=turn.device) for n in shape[:2])
        phase = 2 * torch.pi * (turn[0] * down[:, None] + turn[1] * right)
        wave = torch.polar(torch.ones_like(phase), phase) / phase.numel() ** 0.5
        maps: Tensor = pattern[:, None, None] * wave
        return maps


@check_arguments
@torch.no_grad()
def periodic_spectrum(kernel: Tensor, size: Sequence[int]) -> PeriodicSpectrum:
    """All eigenvalues of kernel * x on periodic maps.

    Parameters
    ----------
    kernel : [C, C, k, k], k odd; computed in its precision, on the CPU.
    size : (H, W) of the maps; a kernel larger than the maps wraps around more than once.

    Returns
    -------
    PeriodicSpectrum of H W C eigenvalues. Half of the frequencies are solved (C x C each); the others are conjugates.

    Raises
    ------
    ValueError : a kernel that is not square in channels, a kernel or size that does not fit, by name.

    Source: Sedghi, Gupta & Long 2019, section 2, for singular values; eigenvalues likewise.
    """
    check_kernel(kernel, size)
    if kernel.shape[0] != kernel.shape[1]:
        raise ValueError(
            f"kernel must have as many outputs as inputs, got {kernel.shape[0]} and {kernel.shape[1]}; "
            "for others ask for periodic_singular_values"
        )
    values = whole_grid(_over_grid(kernel, size, _eigenvalues), size[1])
    dtype, device = kernel.dtype, kernel.device
    rows, columns = (torch.fft.fftfreq(n, dtype=dtype, device=device) for n in size)
    frequencies = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1)
    return PeriodicSpectrum(values.to(device), frequencies, kernel.detach())


@check_arguments
@torch.no_grad()
def periodic_singular_values(kernel: Tensor, size: Sequence[int]) -> Tensor:
    """All singular values of kernel * x on periodic maps: [H, W, min(out, in)], per frequency, largest first.

    Parameters and errors as for `periodic_spectrum`; the kernel [out, in, k, k] may have any numbers of channels. They
    are computed from the symbols, not from Gram matrices, so small ones are as accurate as large ones: the error is a
    few roundings of the largest.

    Source: Sedghi, Gupta & Long 2019, theorem 6.
    """
    check_kernel(kernel, size)
    return whole_grid(_over_grid(kernel, size, torch.linalg.svdvals), size[1]).to(kernel.device)


def _eigenvalues(matrices: Tensor) -> Tensor:
    values: Tensor = torch.linalg.eigvals(matrices)
    return values.gather(-1, values.abs().argsort(-1, descending=True))


def _over_grid(kernel: Tensor, size: Sequence[int], solve: Callable[[Tensor], Tensor]) -> Tensor:
    symbols = symbol(kernel.detach().cpu(), *half_grid(size, kernel.dtype))
    return in_threads(solve, symbols.flatten(0, 1)).reshape(*symbols.shape[:2], -1)


def check_kernel(kernel: Tensor, size: Sequence[int] | None = None) -> None:
    """Raise TypeError or ValueError unless kernel is finite, real, [out, in, k, k] with k odd, and size is (H, W)."""
    if not kernel.is_floating_point() or kernel.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"kernel must be float32 or float64, got {kernel.dtype}; convert it with .float()")
    check_kernel_shape(kernel, size)
    if not bool(torch.isfinite(kernel).all()):
        raise ValueError("kernel holds NaN or infinite values; load earlier weights")

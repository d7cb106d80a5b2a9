"""Rigorous bounds on zero-padded convolutions, for maps of one size or of any size.

A zero-padded convolution of reach r on H x W maps is a part of the periodic one on maps of (H + r) x (W + r) or more,
since no tap is long enough to wrap around. So an inequality for all vectors of the periodic convolution, whose spectrum
is known frequency by frequency (`periodic`), holds for the zero-padded one. For maps with more frequencies than are
computed, the infinite grid replaces the periodic one, and frequencies are continuous. For fixed vectors u and v,
u* S(f) v is a trigonometric polynomial of degree r in either frequency. If it is at most m in modulus at N > 2r evenly
spaced points, it is at most m / cos(pi r / N) everywhere (Ehlich & Zeller 1964, from M. Riesz 1914: around its maximum
it stays above a cosine of its degree, and some point lies within pi / N of the maximum). One such factor per axis turns
a maximum over a grid into a bound over all frequencies. At 48 points and r = 1 the two factors give 1.0043; the bound
of Pfister & Bresler (2018), (1 - 2 r / N)^(-1) in two dimensions, gives 1.043.

All three bounds are proportional to the kernel. They take weights w > 0, one per channel, and then bound w K w^-1,
which is again a convolution. Rounding is accounted for: that of the sum over taps, and 4 C units in the last place of
singular values of C channels, which exceeds the backward error of LAPACK.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import seeded_generator
from cordsnet.analysis.convolutions.periodic import check_kernel
from cordsnet.analysis.convolutions.symbols import half_grid, in_threads, symbol
from cordsnet.analysis.operators import ConvOperator

POINTS = 48
"""Largest number of frequencies per axis; larger maps are bounded over continuous frequencies."""


@dataclass(frozen=True)
class FrequencyGrid:
    """The grid whose maximum is taken, and the factor that turns it into a bound for all maps."""

    grid: tuple[int, int]
    factor: float


def frequency_grid(kernel: Tensor, size: Sequence[int] | None, points: int = POINTS) -> FrequencyGrid:
    """Grid and factor for a kernel on maps of `size`, None for any size. Raises ValueError for too few `points`."""
    grid, factor = [], 1.0
    for axis in (0, 1):
        reach = kernel.shape[2 + axis] // 2
        enough = 1 if reach == 0 else math.inf if size is None else size[axis] + reach
        if points <= 2 * reach:
            raise ValueError(f"points must be more than twice the kernel's reach {reach}, got {points}")
        if enough <= points:
            grid.append(int(enough))
        else:
            grid.append(points)
            factor /= math.cos(math.pi * reach / points)
    return FrequencyGrid((grid[0], grid[1]), factor)


@check_arguments
@torch.no_grad()
def norm_bound(
    kernel: Tensor, size: Sequence[int] | None = None, *, weights: Tensor | None = None, points: int = POINTS
) -> float:
    """Upper bound on |w (kernel * x) / w| / |x|, the spectral norm of the zero-padded convolution.

    Parameters
    ----------
    kernel : [out, in, k, k], k odd; float32 or float64, computed in float64.
    size : (H, W) of the maps; None bounds the norm on maps of all sizes.
    weights : [C] above zero, for kernels with as many outputs as inputs; None is ones.
    points : largest number of frequencies per axis.

    Raises
    ------
    TypeError, ValueError : kernel, size, weights or points that do not fit, by name.

    Source: Sedghi, Gupta & Long 2019 (periodic convolutions); Ehlich & Zeller 1964 (between frequencies).
    """
    kernel = balanced_kernel(kernel, size, weights)
    where = frequency_grid(kernel, size, points)
    largest = float(largest_per_frequency(kernel, where.grid, "norm").max())
    return _round_up(where.factor * (largest + _rounding(kernel)))


@torch.no_grad()
def hermitian_bound(
    kernel: Tensor, size: Sequence[int] | None = None, *, weights: Tensor | None = None, points: int = POINTS
) -> float:
    """Upper bound on x' w (kernel * x) / w / |x|^2: the largest eigenvalue of the symmetric part of w K w^-1.

    It is at most `norm_bound`, far below it if inhibition dominates, and may be negative. For continuous frequencies
    the inequality is applied to h + b >= 0, with h the polynomial and b the bound on the norm.

    Parameters and errors as for `norm_bound`; the kernel must have as many outputs as inputs.
    """
    _check_square(kernel)
    scaled = balanced_kernel(kernel, size, weights)
    where = frequency_grid(scaled, size, points)
    largest = float(largest_per_frequency(scaled, where.grid, "hermitian").max()) + _rounding(scaled)
    if where.factor == 1:
        return _round_up(largest)
    return _round_up(
        largest + (where.factor - 1) * (largest + norm_bound(kernel, size, weights=weights, points=points))
    )


@torch.no_grad()
def perron_bound(kernel: Tensor, size: Sequence[int] | None = None, *, weights: Tensor | None = None) -> float:
    """max over c of the sum over d of w_c M[c, d] / w_d, at least 0.

    M[c, d] is the sum over taps of |K[c, d]|, in which the centre tap of c = d keeps its sign. The bound limits growth
    under D K for every diagonal D with entries from 0 to 1: in the norm max w |x|, the logarithmic norm of -1 + D K is
    the maximum over units i of -1 + D_i (K_ii + sum over other j of w_i |K_ij| / w_j), which is at most
    -1 + max(0, the bracket) (Desoer & Vidyasagar 1975, chapter 2). Taps cut off by padding only lower the bracket.
    For w = 1 / p, with p the Perron vector of M, it is the largest eigenvalue of M (Collatz 1942; Wielandt 1950).

    Parameters and errors as for `norm_bound`; the kernel must have as many outputs as inputs.
    """
    _check_square(kernel)
    scaled = balanced_kernel(kernel, size, weights)
    matrix, terms = signed_sums(scaled), scaled[0].numel()
    slack = 2 * (terms + 8) * torch.finfo(torch.float64).eps * float(_sums(scaled).sum(1).max())
    return max(0.0, _round_up(float(matrix.sum(1).max()) + slack))


@torch.no_grad()
def norm_reached(kernel: Tensor, size: Sequence[int], *, products: int = 40, seed: int = 0) -> float:
    """Lower bound on the norm of the zero-padded convolution on maps (H, W), by power iteration.

    Some maps are amplified by this factor; the norm may be larger. `products` is the number of products with K' K.
    """
    check_kernel(kernel, size)
    op = ConvOperator(kernel.double(), size)
    vector, reached = op.random(seeded_generator(seed)), 0.0
    for _ in range(products):
        vector = vector / vector.norm().clamp_min(torch.finfo(torch.float64).tiny)
        image = op.mv(vector)
        reached = max(reached, float(image.norm()))
        vector = op.rmv(image)
    return reached


def largest_per_frequency(kernel: Tensor, grid: tuple[int, int], criterion: str) -> Tensor:
    """Largest singular value, or eigenvalue of the Hermitian part, at each frequency of a half grid."""
    symbols = symbol(kernel.cpu(), *half_grid(grid, torch.float64)).flatten(0, 1)
    if criterion == "norm":
        return in_threads(torch.linalg.svdvals, symbols)[:, 0]
    return in_threads(torch.linalg.eigvalsh, (symbols + symbols.mH) / 2)[:, -1]


def balanced_kernel(kernel: Tensor, size: Sequence[int] | None, weights: Tensor | None) -> Tensor:
    """w K w^-1 in double precision, without the taps that are longer than the maps."""
    check_kernel(kernel, size)
    kernel = kernel.detach().double()
    for axis in (0, 1) if size is not None else ():
        reach = kernel.shape[2 + axis] // 2
        used = min(reach, size[axis] - 1) if size is not None else reach
        kernel = kernel.narrow(2 + axis, reach - used, 2 * used + 1)
    if weights is None:
        return kernel
    _check_square(kernel)
    fits = not weights.is_complex() and weights.shape == kernel.shape[:1]
    if not fits or not bool((torch.isfinite(weights) & (weights > 0)).all()):
        raise ValueError(f"weights must be {len(kernel)} finite numbers above 0, one per channel, got {weights}")
    weights = weights.to(kernel)
    return kernel * weights[:, None, None, None] / weights[None, :, None, None]


def signed_sums(kernel: Tensor) -> Tensor:
    """M of `perron_bound`, [C, C]."""
    matrix = _sums(kernel)
    own = kernel[..., kernel.shape[2] // 2, kernel.shape[3] // 2].diagonal()
    matrix.diagonal().add_(own - own.abs())
    return matrix


def _sums(kernel: Tensor) -> Tensor:
    return kernel.abs().sum((2, 3))


def _rounding(kernel: Tensor) -> float:
    """Bound on how much a computed singular value of a symbol may be too small."""
    channels, _, height, width = kernel.shape
    # In units of eps |K|: the sum over taps, the phases of the waves along either axis, and the LAPACK solver
    units = height * width + 8 * (height + width) + 4 * max(channels, kernel.shape[1])
    return units * torch.finfo(torch.float64).eps * float(_sums(kernel).norm())


def _round_up(value: float) -> float:
    return value + 8 * torch.finfo(torch.float64).eps * abs(value)


def _check_square(kernel: Tensor) -> None:
    if kernel.ndim == 4 and kernel.shape[0] != kernel.shape[1]:
        raise ValueError(f"kernel must have as many outputs as inputs, got {kernel.shape[0]} and {kernel.shape[1]}")

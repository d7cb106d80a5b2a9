"""Bounds on a convolution with zero padding that hold for certain, for maps of one size or of any size.

Cut to H x W maps, a convolution of reach r on periodic maps of (H + r) x (W + r) or more is the zero-padded one: a tap
that went round would have to be longer than r. So what holds for all vectors of the periodic convolution, whose
spectrum is known frequency by frequency (`periodic`), holds for the zero-padded one. On maps too large for that, the
infinite grid takes the place of the periodic one, and frequencies are continuous. For fixed vectors u and v, u* S(f) v
is a trigonometric polynomial of degree r in either frequency, and one that is at most m in modulus at N > 2r evenly
spaced points is at most m / cos(pi r / N) everywhere (Ehlich & Zeller 1964, from M. Riesz 1914: around its maximum it
stays above a cosine of its degree, and some point lies within pi / N of it). One such factor per axis turns a maximum
over a grid into a bound over the continuum. At 48 points and r = 1 both together are 1.0043; the bound of Pfister &
Bresler (2018), (1 - 2 r / N)^(-1) in two dimensions, would be 1.043.

All three bounds grow in proportion to the kernel, and weights w > 0, one per channel, are part of them: they are
bounds on w K w^-1, which is a convolution again. Rounding is allowed for: of the sum over taps, and 4 C units of the
last place in singular values, C channels, as LAPACK's backward stability has it with room to spare.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.analysis.convolutions.periodic import check_kernel
from cordsnet.analysis.convolutions.symbols import half_grid, in_threads, symbol
from cordsnet.analysis.operators import ConvOperator

POINTS = 48
"""Frequencies per axis at most; larger maps are bounded over the continuum."""


@dataclass(frozen=True)
class Frequencies:
    """The grid over which a bound is taken, and by what its maximum is multiplied to hold for all maps."""

    grid: tuple[int, int]
    factor: float


def frequencies(kernel: Tensor, size: Sequence[int] | None, points: int = POINTS) -> Frequencies:
    """Grid and factor for a kernel on maps of `size`, None for any. Raises ValueError for too few `points`."""
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
    return Frequencies((grid[0], grid[1]), factor)


@torch.no_grad()
def norm_bound(
    kernel: Tensor, size: Sequence[int] | None = None, *, weights: Tensor | None = None, points: int = POINTS
) -> float:
    """An upper bound on |w (kernel * x) / w| / |x|, the spectral norm of the zero-padded convolution.

    Parameters
    ----------
    kernel : [out, in, k, k], k odd; float32 or float64, computed in float64.
    size : (H, W) of the maps; None bounds the norm on maps of all sizes.
    weights : [C] above zero, for kernels with as many outputs as inputs; None are ones.
    points : frequencies per axis at most.

    Raises
    ------
    TypeError, ValueError : kernel, size, weights or points that do not fit, by name.
    """
    kernel = prepared(kernel, size, weights)
    where = frequencies(kernel, size, points)
    largest = float(over_grid(kernel, where.grid, "norm").max())
    return _up(where.factor * (largest + _rounding(kernel)))


@torch.no_grad()
def hermitian_bound(
    kernel: Tensor, size: Sequence[int] | None = None, *, weights: Tensor | None = None, points: int = POINTS
) -> float:
    """An upper bound on x' w (kernel * x) / w / |x|^2: the largest eigenvalue of the symmetric part of w K w^-1.

    It is at most `norm_bound`, far below it where inhibition dominates, and may be negative. Over the continuum the
    inequality is applied to h + b >= 0, h being the polynomial and b the bound on the norm.

    Parameters and errors as for `norm_bound`; the kernel must have as many outputs as inputs.
    """
    _check_square(kernel)
    scaled = prepared(kernel, size, weights)
    where = frequencies(scaled, size, points)
    largest = float(over_grid(scaled, where.grid, "hermitian").max()) + _rounding(scaled)
    if where.factor == 1:
        return _up(largest)
    return _up(largest + (where.factor - 1) * (largest + norm_bound(kernel, size, weights=weights, points=points)))


@torch.no_grad()
def perron_bound(kernel: Tensor, size: Sequence[int] | None = None, *, weights: Tensor | None = None) -> float:
    """max over c of the sum over d of w_c M[c, d] / w_d, at least 0; M[c, d] is the sum over taps of |K[c, d]|, the
    centre tap of c = d with its sign.

    It bounds the growth under D K for every diagonal D with entries from 0 to 1: in the norm max w |x|, the logarithmic
    norm of -1 + D K is the largest, over units i, of -1 + D_i (K_ii + sum over other j of w_i |K_ij| / w_j), at most -1
    + max(0, the bracket) (Desoer & Vidyasagar 1975, chapter 2), and taps that padding cuts off only lower the bracket.
    For w = 1 / p, p the Perron vector of M, it is M's largest eigenvalue (Collatz 1942; Wielandt 1950).

    Parameters and errors as for `norm_bound`; the kernel must have as many outputs as inputs.
    """
    _check_square(kernel)
    scaled = prepared(kernel, size, weights)
    matrix, terms = signed_sums(scaled), scaled[0].numel()
    slack = 2 * (terms + 8) * torch.finfo(torch.float64).eps * float(_sums(scaled).sum(1).max())
    return max(0.0, _up(float(matrix.sum(1).max()) + slack))


@torch.no_grad()
def norm_reached(kernel: Tensor, size: Sequence[int], *, products: int = 40, seed: int = 0) -> float:
    """A lower bound on the norm of the zero-padded convolution on maps (H, W), by power iteration.

    What it says is reached by some maps; how far the norm lies above it is not known. `products` with K' K are taken.
    """
    check_kernel(kernel, size)
    op = ConvOperator(kernel.double(), size)
    vector, reached = op.random(torch.Generator().manual_seed(seed)), 0.0
    for _ in range(products):
        vector = vector / vector.norm().clamp_min(torch.finfo(torch.float64).tiny)
        image = op.mv(vector)
        reached = max(reached, float(image.norm()))
        vector = op.rmv(image)
    return reached


def over_grid(kernel: Tensor, grid: tuple[int, int], criterion: str) -> Tensor:
    """At each frequency of a half grid, the largest singular value, or eigenvalue of the Hermitian part."""
    symbols = symbol(kernel.cpu(), *half_grid(grid, torch.float64)).flatten(0, 1)
    if criterion == "norm":
        return in_threads(torch.linalg.svdvals, symbols)[:, 0]
    return in_threads(torch.linalg.eigvalsh, (symbols + symbols.mH) / 2)[:, -1]


def prepared(kernel: Tensor, size: Sequence[int] | None, weights: Tensor | None) -> Tensor:
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
    if weights.shape != kernel.shape[:1] or not bool((torch.isfinite(weights) & (weights > 0)).all()):
        raise ValueError(f"weights must be {len(kernel)} finite numbers above 0, one per channel, got {weights}")
    weights = weights.to(kernel)
    return kernel * weights[:, None, None, None] / weights[None, :, None, None]


def signed_sums(kernel: Tensor) -> Tensor:
    """M of `perron_bound` [C, C]."""
    matrix = _sums(kernel)
    own = kernel[..., kernel.shape[2] // 2, kernel.shape[3] // 2].diagonal()
    matrix.diagonal().add_(own - own.abs())
    return matrix


def _sums(kernel: Tensor) -> Tensor:
    return kernel.abs().sum((2, 3))


def _rounding(kernel: Tensor) -> float:
    """By how much a computed singular value of a symbol may be too small, at most."""
    channels, _, height, width = kernel.shape
    units = height * width + 8 * (height + width) + 4 * max(channels, kernel.shape[1])
    return units * torch.finfo(torch.float64).eps * float(_sums(kernel).norm())


def _up(value: float) -> float:
    return value + 8 * torch.finfo(torch.float64).eps * abs(value)


def _check_square(kernel: Tensor) -> None:
    if kernel.ndim == 4 and kernel.shape[0] != kernel.shape[1]:
        raise ValueError(f"kernel must have as many outputs as inputs, got {kernel.shape[0]} and {kernel.shape[1]}")

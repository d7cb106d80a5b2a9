"""The recurrence of one area, held as weights: dense, of low rank, sparse or convolutional, with or without Dale's law.

A holder draws its weights from torch's generator and gives them as a linear map in the graph (`map`).
"""

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from cordsnet.dynamics import ConvMap, DenseMap, KernelMap, LowRankMap, channels_last

HALF_NORMAL_MEAN = math.sqrt(2 / math.pi)
"""Mean of |x| for a standard normal x."""


@runtime_checkable
class MatrixSpec(Protocol):
    """Fields of a model's spec that a holder of a matrix W [units, units] reads."""

    @property
    def units(self) -> int:
        """Number of units, N."""

    @property
    def rank(self) -> int:
        """Columns of the factors of a W of low rank."""

    @property
    def entries(self) -> int:
        """Entries of a sparse W that are not zero."""

    @property
    def gain(self) -> float:
        """Spectral radius of W as it is drawn, in the limit of many units."""


@runtime_checkable
class KernelSpec(Protocol):
    """Fields of a model's spec that the holder of a convolution reads."""

    @property
    def channels(self) -> int:
        """Feature maps."""

    @property
    def kernel(self) -> int:
        """Side of the kernel, odd."""

    @property
    def gain(self) -> float:
        """Spectral radius of the convolution as it is drawn, in the limit of many channels."""


class Signed(nn.Module):
    """Base of holders whose sources may keep one sign: the weight in use is |weight| times the sign of its source.

    Parameters
    ----------
    sign : 1 for excitatory and -1 for inhibitory sources [in], saved with the weights; None leaves weights as they are.
    """

    sign: Tensor | None

    def __init__(self, sign: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("sign", sign)

    def signed(self, weight: Tensor) -> Tensor:
        """The weight in use, from the weight [out, in, ...] that is trained."""
        return weight if self.sign is None else weight.abs() * _along_sources(self.sign, weight)


class Dense(Signed):
    """Every entry of W."""

    def __init__(self, spec: MatrixSpec, sign: Tensor | None = None) -> None:
        super().__init__(sign)
        n = spec.units
        if sign is None:
            drawn = normal(n, n, std=spec.gain / math.sqrt(n))
        else:
            drawn = balanced(normal(n, n, std=spec.gain * _signed_std(sign, n)), sign)
        self.weight = nn.Parameter(drawn)

    def map(self) -> KernelMap:
        """W as a linear map, in the graph."""
        return DenseMap(now(self.signed(self.weight)))


class LowRank(nn.Module):
    """W = left right' / N, drawn so that its entries have the variance of a dense W's."""

    def __init__(self, spec: MatrixSpec) -> None:
        super().__init__()
        std = math.sqrt(spec.gain * math.sqrt(spec.units / spec.rank))
        self.left, self.right = (nn.Parameter(normal(spec.units, spec.rank, std=std)) for _ in range(2))

    def map(self) -> KernelMap:
        """W as a linear map by its factors, in the graph."""
        return LowRankMap(now(torch.stack((self.left, self.right))))


class Sparse(Signed):
    """The entries of W where the mask [N, N] is True, row by row; the others are zero and stay so in training."""

    mask: Tensor

    def __init__(self, spec: MatrixSpec, sign: Tensor | None = None) -> None:
        super().__init__(sign)
        n, count = spec.units, spec.entries
        std = 1 / math.sqrt(count / n) if sign is None else _signed_std(sign, n, count / n**2)
        self.values = nn.Parameter(normal(count, std=spec.gain * std))
        mask = torch.zeros(n * n, dtype=torch.bool)
        if not mask.is_meta:
            mask[torch.randperm(n * n)[:count]] = True
        self.register_buffer("mask", mask.view(n, n))
        if sign is not None and not mask.is_meta:
            with torch.no_grad():
                self.values.copy_(balanced(self._filled(), sign)[self.mask])

    def map(self) -> KernelMap:
        """W as a linear map, in the graph."""
        return DenseMap(now(self.signed(self._filled())))

    def _filled(self) -> Tensor:
        return torch.zeros_like(self.mask, dtype=self.values.dtype).masked_scatter(self.mask, self.values)


class Conv(Signed):
    """A kernel [C, C, k, k] on maps; a sign is that of a channel."""

    def __init__(self, spec: KernelSpec, sign: Tensor | None = None) -> None:
        super().__init__(sign)
        shape, taps = (spec.channels, spec.channels, spec.kernel, spec.kernel), spec.kernel**2
        if sign is None:
            drawn = normal(*shape, std=spec.gain / math.sqrt(spec.channels * taps))
        else:
            drawn = balanced(normal(*shape, std=spec.gain * _signed_std(sign, spec.channels * taps)), sign)
        self.weight = nn.Parameter(drawn)

    def map(self, compute: torch.dtype | None = None) -> KernelMap:
        """The convolution as a linear map in the graph, computed in the precision `compute`."""
        return ConvMap(channels_last(now(self.signed(self.weight))), 1, compute)


def signs(sources: int, excitatory: float) -> Tensor:
    """1 for the first sources and -1 for the others [sources], at least one of either, for a share that excites."""
    count = min(max(round(excitatory * sources), 1), sources - 1)
    return torch.cat((torch.ones(count), -torch.ones(sources - count)))


def balanced(weight: Tensor, sign: Tensor) -> Tensor:
    """Sizes [out, in, ...] such that excitation and inhibition of every target are equal in sum.

    Inhibitory sizes are scaled target by target, so that W 1 = 0 and the common sign of columns makes no large
    eigenvalue (Rajan & Abbott 2006). A target that lacks one of the two keeps the sizes that were drawn.
    """
    size, sign = weight.abs(), _along_sources(sign, weight)
    axes = tuple(range(1, weight.ndim))
    excites, inhibits = ((size * (sign == one)).sum(axes, keepdim=True) for one in (1, -1))
    ratio = torch.where((excites > 0) & (inhibits > 0), excites / inhibits.clamp_min(1e-30), torch.ones_like(excites))
    return torch.where(sign > 0, size, size * ratio)


def _signed_std(sign: Tensor, inputs: int, density: float = 1.0) -> float:
    """Width of the half-normal sizes of excitatory entries that gives a balanced W the spectral radius 1.

    Entries x s of columns with the relative size s of excitation (1) or inhibition (E / I, their numbers) have the
    variance s^2 (p - 2 p^2 / pi) at density p; the squared radius is the sum of the variances of a row.
    """
    excitatory = _excitatory_share(sign)
    variance = density - (density * HALF_NORMAL_MEAN) ** 2
    return 1 / math.sqrt(inputs * variance * excitatory / (1 - excitatory))


def _excitatory_share(sign: Tensor) -> float:
    if sign.is_meta:  # counts of parameters alone are asked for there
        return 0.5
    return float((sign > 0).double().mean())


def _along_sources(sign: Tensor, weight: Tensor) -> Tensor:
    return sign.to(weight.dtype).view(1, -1, *(1,) * (weight.ndim - 2))


def now(weight: Tensor) -> Tensor:
    """The weight in the graph; without one, its numbers as they are now, also when parameters change later."""
    return weight if torch.is_grad_enabled() else weight.detach().clone()


def normal(*shape: int, std: float) -> Tensor:
    """Normal numbers, drawn in single precision from torch's generator."""
    made = torch.empty(*shape, dtype=torch.float32)
    return made if made.is_meta else made.normal_(std=std)

"""Linear maps between areas: dense, of low rank, pooling, flattening, enlarging, masked and chained ones."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._checks import check_type, is_whole


@runtime_checkable
class LinearMap(Protocol):
    """A linear operator on what a source emits, with all weights that it holds."""

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """Tensors that gradients are asked for."""

    def __call__(self, values: Tensor) -> Tensor:
        """The operator applied to [B, *shape]."""


@runtime_checkable
class KernelMap(LinearMap, Protocol):
    """A linear map with one weight, its adjoint, and the gradient of that weight."""

    @property
    def weight(self) -> Tensor:
        """The weight."""

    def transpose(self, drive: Tensor, size: Sequence[int] | None = None) -> Tensor:
        """The adjoint operator applied to a drive; `size` is (H, W) of the maps that it returns."""

    def weight_gradient(self, rates: Tensor, drive: Tensor) -> Tensor:
        """Gradient of <drive, operator(rates)> with respect to `weight`, summed over the batch."""


class DenseMap:
    """A matrix [out, in] applied to vectors [B, in], in the precision of the matrix; results keep that of the vectors.

    Values with more axes are flattened first, so that every unit of a map has a weight of its own.
    """

    def __init__(self, weight: Tensor) -> None:
        check_type(weight, Tensor, "weight", "a torch tensor [out, in]")
        if weight.ndim != 2:
            raise ValueError(f"weight must have the axes [out, in], got shape {list(weight.shape)}")
        self.weight = weight

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """The matrix."""
        return (self.weight,)

    def __call__(self, values: Tensor) -> Tensor:
        """weight x values."""
        return functional.linear(values.flatten(1).to(self.weight.dtype), self.weight).to(values.dtype)

    def transpose(self, drive: Tensor, size: Sequence[int] | None = None) -> Tensor:
        """The transposed matrix applied to [B, out]; vectors alone, since a flattened map has lost its shape."""
        return (drive.to(self.weight.dtype) @ self.weight).to(drive.dtype)

    def weight_gradient(self, rates: Tensor, drive: Tensor) -> Tensor:
        """drive' rates, summed over the batch."""
        return drive.to(self.weight.dtype).T @ rates.flatten(1).to(self.weight.dtype)


class LowRankMap:
    """left right' / N on vectors [B, N], by its two factors: a matrix of low rank that is never made.

    Results keep the precision of the vectors.

    Parameters
    ----------
    weight : the factors [2, N, rank], left and right, in one tensor.
    """

    def __init__(self, weight: Tensor) -> None:
        check_type(weight, Tensor, "weight", "a torch tensor [2, N, rank]")
        if weight.ndim != 3 or len(weight) != 2:
            raise ValueError(f"weight must have the axes [2, N, rank], got shape {list(weight.shape)}")
        self.weight = weight
        self.units = weight.shape[1]

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """The factors."""
        return (self.weight,)

    def __call__(self, values: Tensor) -> Tensor:
        """left (right' values) / N."""
        left, right = self.weight
        return functional.linear(values.to(self.weight.dtype) @ right, left / self.units).to(values.dtype)

    def transpose(self, drive: Tensor, size: Sequence[int] | None = None) -> Tensor:
        """right (left' drive) / N."""
        left, right = self.weight
        return functional.linear(drive.to(self.weight.dtype) @ left, right / self.units).to(drive.dtype)

    def weight_gradient(self, rates: Tensor, drive: Tensor) -> Tensor:
        """Gradients of both factors, summed over the batch."""
        left, right = self.weight
        rates, drive = rates.to(self.weight.dtype), drive.to(self.weight.dtype)
        return torch.stack((drive.T @ (rates @ right), rates.T @ (drive @ left))) / self.units


class Pool:
    """Mean over all positions: maps [B, C, H, W] to vectors [B, C]."""

    weights: tuple[Tensor, ...] = ()

    def __call__(self, values: Tensor) -> Tensor:
        """The mean."""
        return values.mean((2, 3))


class Unflatten:
    """Vectors [B, N] as maps [B, *shape], N = the product of `shape`: the inverse of flattening."""

    weights: tuple[Tensor, ...] = ()

    def __init__(self, shape: Sequence[int]) -> None:
        if not (isinstance(shape, Sequence) and shape and all(is_whole(side) and side > 0 for side in shape)):
            raise ValueError(f"shape must be whole numbers above 0, such as (C, H, W), got {shape!r:.100}")
        self.shape = tuple(shape)

    def __call__(self, values: Tensor) -> Tensor:
        """The maps."""
        return values.reshape(len(values), *self.shape)


class Enlarge:
    """Maps enlarged to (H, W) `size` by repeating the nearest unit, as feedback from a smaller map needs."""

    weights: tuple[Tensor, ...] = ()

    def __init__(self, size: Sequence[int]) -> None:
        if not (isinstance(size, Sequence) and len(size) == 2 and all(is_whole(side) and side > 0 for side in size)):
            raise ValueError(f"size must be two whole numbers above 0, (H, W), got {size!r:.100}")
        self.size = tuple(size)

    def __call__(self, values: Tensor) -> Tensor:
        """The enlarged maps."""
        return functional.interpolate(values, size=self.size, mode="nearest")


class Chain:
    """Linear maps one after another, the first one first."""

    def __init__(self, *maps: LinearMap) -> None:
        self.maps = maps

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """Weights of all maps."""
        return tuple(weight for one in self.maps for weight in one.weights)

    def __call__(self, values: Tensor) -> Tensor:
        """The last map of ... of the first map of `values`."""
        for one in self.maps:
            values = one(values)
        return values


class Masked:
    """A linear map whose result is multiplied by `factor` [*shape]: a lesion of some of the units that it reaches."""

    def __init__(self, inner: LinearMap, factor: Tensor) -> None:
        check_type(factor, Tensor, "factor", "a torch tensor")
        self.inner, self.factor = inner, factor

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """Weights of the map."""
        return self.inner.weights

    @property
    def weight(self) -> Tensor:
        """The weight of a map with one weight."""
        return self._kernel().weight

    def __call__(self, values: Tensor) -> Tensor:
        """factor x map(values)."""
        return self.inner(values) * self.factor

    def transpose(self, drive: Tensor, size: Sequence[int] | None = None) -> Tensor:
        """The adjoint."""
        return self._kernel().transpose(drive * self.factor, size)

    def weight_gradient(self, rates: Tensor, drive: Tensor) -> Tensor:
        """Gradient of the weight."""
        return self._kernel().weight_gradient(rates, drive * self.factor)

    def _kernel(self) -> KernelMap:
        if not isinstance(self.inner, KernelMap):
            raise TypeError(f"{type(self.inner).__name__} has no adjoint of its own; ask for one of its maps")
        return self.inner


def weights_of(maps: Sequence[LinearMap | None]) -> list[Tensor]:
    """All weights of some maps, each once."""
    found: dict[int, Tensor] = {}
    for one in maps:
        for weight in () if one is None else one.weights:
            found[id(weight)] = weight
    return list(found.values())


def channels_last(value: Tensor) -> Tensor:
    """The same numbers with the channels last in memory, where convolutions are fastest; vectors as they are."""
    check_type(value, Tensor, "value", "a torch tensor")
    return value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value.contiguous()

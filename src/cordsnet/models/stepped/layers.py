"""Layers of a model as its system computes with them: tensors as they are now, in the precision that was asked for."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional

from cordsnet.dynamics.kernel import Kernel
from cordsnet.dynamics.precision import Precision

Watch: TypeAlias = Callable[[str, Tensor], None]
"""Receives the name of a batch norm and what it is about to normalise [B, C, H, W]."""

Normalise: TypeAlias = Callable[[Tensor], Tensor]


class Conv:
    """A convolution that keeps the size at stride 1, with its bias if it has one.

    Where no graph is kept, the kernel is converted and packed once (see `dynamics.kernel`).
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, stride: int, compute: torch.dtype) -> None:
        self.weight, self.stride, self.compute = weight, stride, compute
        self.bias = None if bias is None else bias.to(compute)
        self.padding = (weight.shape[-1] - 1) // 2
        self._kernel: Kernel | None = None

    def __call__(self, maps: Tensor) -> Tensor:
        """Convolve maps [B, C, H, W]; the result has their precision."""
        if torch.is_grad_enabled():
            value, weight = maps.to(self.compute), self.weight.to(self.compute)
            return functional.conv2d(value, weight, self.bias, self.stride, self.padding).to(maps.dtype)
        if self._kernel is None:
            self._kernel = Kernel(self.weight, self.stride, self.compute, self.bias)
        return self._kernel(maps)


class Layers:
    """Layers of a model by the dotted names of their modules.

    Convolutions are computed in the precision `compute`, everything else in `rates`. Nothing is changed in the model:
    in training mode batch norms use the statistics of the batch and do not remember them.

    Parameters
    ----------
    model : holds the layers.
    like : a parameter of the model, for device and dtype.
    precision : of convolutions and of rates.
    watch : receives what every batch norm is about to normalise.
    """

    def __init__(self, model: nn.Module, like: Tensor, precision: Precision, watch: Watch | None = None) -> None:
        self.rates, self.compute = precision.of_rates(like), precision.of_convolutions(like)
        self.like = like.detach().new_empty(0, dtype=self.rates)
        self.uses_batch, self.watch = model.training, watch
        self.convs: dict[str, Conv] = {}
        self.transposed: dict[str, Callable[[Tensor], Tensor]] = {}
        self.norms: dict[str, Normalise] = {}
        self.linear: dict[str, Callable[[Tensor], Tensor]] = {}
        self._modules = model
        for name, layer in model.named_modules():
            if isinstance(layer, nn.ConvTranspose2d):
                self.transposed[name] = _transposed(layer, self.compute)
            elif isinstance(layer, nn.Conv2d):
                self.convs[name] = Conv(layer.weight, layer.bias, layer.stride[0], self.compute)
            elif isinstance(layer, nn.Linear):
                self.linear[name] = _linear(layer, self.rates)
            elif type(layer) in NORMS:
                self.norms[name] = NORMS[type(layer)](layer, self.rates)
        self.uses_batch = self.uses_batch and any(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())

    def tensor(self, name: str) -> Tensor:
        """A parameter or buffer by its dotted name, in the precision of the rates."""
        module, _, last = name.rpartition(".")
        value = getattr(self._modules.get_submodule(module), last)
        assert isinstance(value, Tensor)
        return value.to(self.rates)

    def optional(self, name: str) -> Tensor | None:
        """As `tensor`; None for a parameter that is None."""
        module, _, last = name.rpartition(".")
        return None if getattr(self._modules.get_submodule(module), last) is None else self.tensor(name)

    def conv(self, name: str, maps: Tensor, stride: int | None = None) -> Tensor:
        """A convolution of maps [B, C, H, W], with the stride of its layer or another one."""
        conv = self.convs[name]
        if stride is not None and stride != conv.stride:
            key = f"{name} at stride {stride}"
            if key not in self.convs:
                self.convs[key] = Conv(conv.weight, conv.bias, stride, self.compute)
            conv = self.convs[key]
        return conv(maps)

    def norm(self, name: str, maps: Tensor) -> Tensor:
        """A normalisation of maps [B, C, H, W].

        Raises ValueError for a batch norm in training mode that sees a single number per map.
        """
        normalise = self.norms[name]
        if isinstance(normalise, BatchNorm):
            if normalise.mean is None and maps.numel() == maps.shape[1]:
                raise ValueError(
                    f"{name} has a single unit per map to take the statistics of a batch from, in a batch of one "
                    "image; give more or larger images, or call model.eval()"
                )
            if self.watch is not None:
                self.watch(name, maps)
        return normalise(maps.contiguous() if _differentiated_forwards(maps) else maps)


def _differentiated_forwards(maps: Tensor) -> bool:
    """True in forward differentiation, where torch's group norm takes maps with channels first alone."""
    return not torch.compiler.is_compiling() and forward_ad.unpack_dual(maps).tangent is not None  # type: ignore[no-untyped-call]


class BatchNorm:  # no frozen dataclass, which torch.compile cannot make while it traces
    """A batch norm's weights [C] and, in evaluation, its population statistics [C]; None takes those of the batch."""

    def __init__(self, layer: nn.BatchNorm2d, dtype: torch.dtype) -> None:
        self.weight = None if layer.weight is None else layer.weight.to(dtype)
        self.bias = None if layer.bias is None else layer.bias.to(dtype)
        self.mean = self.var = None
        if not layer.training and layer.running_mean is not None and layer.running_var is not None:
            self.mean, self.var = layer.running_mean.to(dtype), layer.running_var.to(dtype)
        self.eps = layer.eps

    def __call__(self, maps: Tensor) -> Tensor:
        """Normalised maps [B, C, H, W]; nothing is remembered."""
        return functional.batch_norm(
            maps, self.mean, self.var, self.weight, self.bias, training=self.mean is None, eps=self.eps
        )


def _group_norm(layer: nn.GroupNorm, dtype: torch.dtype) -> Normalise:
    weight, bias = _to(layer.weight, dtype), _to(layer.bias, dtype)
    return partial(functional.group_norm, num_groups=layer.num_groups, weight=weight, bias=bias, eps=layer.eps)


def _layer_norm(layer: nn.LayerNorm, dtype: torch.dtype) -> Normalise:
    weight, bias, shape = _to(layer.weight, dtype), _to(layer.bias, dtype), list(layer.normalized_shape)
    return partial(functional.layer_norm, normalized_shape=shape, weight=weight, bias=bias, eps=layer.eps)


class ResponseNorm:
    """A response normalisation between maps, as torch defines it: x / (k + alpha / size * sum of squares) ** beta.

    The sum over neighbouring maps is a product with a matrix of zeros and ones, which takes a tenth of the time of
    torch's own pool over channels.
    """

    def __init__(self, layer: nn.LocalResponseNorm, dtype: torch.dtype) -> None:
        self.size, self.share, self.beta, self.k = layer.size, layer.alpha / layer.size, layer.beta, layer.k

    def __call__(self, maps: Tensor) -> Tensor:
        """Normalised maps [B, C, H, W]."""
        near = maps.new_full((maps.shape[1],) * 2, self.share).triu_(-(self.size // 2)).tril_((self.size - 1) // 2)
        total = torch.matmul(near, maps.square().flatten(2)).view_as(maps)
        return maps * (self.k + total).pow(-self.beta)


NORMS: dict[type[nn.Module], Callable[..., Normalise]] = {
    nn.BatchNorm2d: BatchNorm,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
    nn.LocalResponseNorm: ResponseNorm,
}
"""Class of a layer -> what binds it to a precision."""


def _transposed(layer: nn.ConvTranspose2d, compute: torch.dtype) -> Callable[[Tensor], Tensor]:
    weight, bias = layer.weight.to(compute), _to(layer.bias, compute)
    stride, padding, more = layer.stride, layer.padding, layer.output_padding

    def apply(maps: Tensor) -> Tensor:
        value = functional.conv_transpose2d(maps.to(compute), weight, bias, stride, padding, more)  # type: ignore[arg-type]
        return value.to(maps.dtype)

    return apply


def _linear(layer: nn.Linear, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    return partial(functional.linear, weight=layer.weight.to(dtype), bias=_to(layer.bias, dtype))


def _to(value: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if value is None else value.to(dtype)

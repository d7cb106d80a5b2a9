"""Cost of one update: floating-point operations, and what is kept for the gradient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import (
    FlopCounterMode,
    conv_flop_count,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

from cordsnet.data import BatchShare
from cordsnet.dynamics.kernel import HAS_ONEDNN, ONEDNN
from cordsnet.training.loss import Batch
from cordsnet.training.order import mix_seed
from cordsnet.training.sources import Source


@dataclass(frozen=True)
class UpdateCost:
    """Cost of the loss of one batch and of its gradient.

    Attributes
    ----------
    flops : operations of matrix products and convolutions, a multiplication and an addition counted as two.
    kept_bytes : of the tensors that the forward pass keeps for the gradient, without parameters.
    """

    flops: float
    kept_bytes: int


def update_cost(module: Any, batch: Batch) -> UpdateCost:
    """Measure one forward and backward pass of a stage's module; gradients and random numbers are left as they were.

    Parameters
    ----------
    module : module of a stage, with `loss_of(batch)`.
    batch : inputs and targets, on the device of its model.
    """
    before = {name: p.grad for name, p in module.named_parameters()}
    statistics = [(buffer, buffer.clone()) for buffer in module.buffers()]  # of batch norms, which see this batch
    kept, counter = Kept(module), flop_counter()
    with torch.random.fork_rng(), counter:
        with torch.autograd.graph.saved_tensors_hooks(kept.note, lambda tensor: tensor):
            total = module.loss_of(batch).total
        total.backward()
    for name, parameter in module.named_parameters():
        parameter.grad = before[name]
    with torch.no_grad():
        for buffer, value in statistics:
            buffer.copy_(value)
    return UpdateCost(float(counter.get_total_flops()), kept.bytes)


def flop_counter() -> FlopCounterMode:
    """Torch's counter of operations, which also knows convolutions packed by oneDNN, and attention on a CPU."""
    known: dict[Any, Any] = {
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward_flops,
    }
    if HAS_ONEDNN:
        known[ONEDNN._convolution_pointwise] = _packed_flops
    return FlopCounterMode(display=False, custom_mapping=known)


def _attention_flops(query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


def _attention_backward_flops(
    upstream: Sequence[int], query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: Any, **__: Any
) -> int:
    return int(sdpa_backward_flop_count(upstream, query, key, value))  # type: ignore[no-untyped-call]


def _packed_flops(maps: Sequence[int], kernel: Sequence[int], *_: Any, out_shape: Any = None, **__: Any) -> int:
    """Operations of a convolution whose kernel oneDNN has packed, which torch's counter does not know."""
    return int(conv_flop_count(list(maps), list(kernel), list(out_shape)))


class Kept:
    """Adds up what is kept for the gradient: each piece of memory once, parameters not at all."""

    def __init__(self, module: nn.Module) -> None:
        self.seen = {p.untyped_storage().data_ptr() for p in module.parameters()}
        self.alive: list[Tensor] = []  # so that memory that was given up is not counted as that of another tensor
        self.bytes = 0

    def note(self, tensor: Tensor) -> Tensor:
        """Count a tensor."""
        place = tensor.untyped_storage().data_ptr()
        if place not in self.seen:
            self.seen.add(place)
            self.alive.append(tensor.detach())
            self.bytes += tensor.untyped_storage().nbytes()
        return tensor


def first_batch(source: Source, size: int, seed: int, augmentation: str, like: Tensor) -> Batch:
    """The first training batch, prepared on a device; random numbers are left as they were."""
    feed = source.feed(augmentation)
    raw = next(iter(source.loader(size, 1, seed, BatchShare())))
    moved = [part.to(like.device) if isinstance(part, Tensor) else part for part in feed.received(raw)]
    with torch.random.fork_rng():
        torch.manual_seed(mix_seed(seed, 0))
        batch = feed.batch(moved)
    targets, mask = (None if part is None else _there(part, like) for part in (batch.targets, batch.mask))
    assert targets is not None
    return Batch(_like(batch.inputs, like), targets, mask, batch.frame_ms)


def _there(parts: Mapping[str, Tensor], like: Tensor) -> dict[str, Tensor]:
    """Targets or weights on a device, where a program made them elsewhere."""
    return {name: values.to(like.device) for name, values in parts.items()}


def _like(inputs: Mapping[str, Tensor], like: Tensor) -> dict[str, Tensor]:
    return {name: values.to(like) if values.is_floating_point() else values for name, values in inputs.items()}

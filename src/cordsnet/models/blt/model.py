"""Base of the BLT networks: layers from connections."""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import nn

from cordsnet.dynamics import Clock
from cordsnet.models.blt.spec import BLTSpec
from cordsnet.models.blt.wiring import Connection
from cordsnet.models.stepped.model import SteppedModel
from cordsnet.models.weights import conv_layer


class BLTModel(SteppedModel):
    """A network of bottom-up, lateral and top-down connections.

    A network without lateral and top-down connections whose areas are updated bottom to top answers at once: its clock
    is static. All others have a clock of steps.
    """

    spec: BLTSpec

    @property
    def clock(self) -> Clock:
        """Steps of `spec.ms_per_step`; static for a feedforward network that is updated bottom to top."""
        return Clock(self.spec.ms_per_step, "static" if self.spec.is_static else "steps")

    @property
    def response_ms(self) -> float:
        """As many steps as the spec says, ms; one step of a static network."""
        return self.spec.ms_per_step if self.spec.is_static else super().response_ms

    @property
    def timing(self) -> str:
        """Time step and order of updates, in words."""
        if self.spec.is_static:
            return "one pass, without time"
        order = {"sweep": "the image reaches every area", "sync": "the image reaches one area more"}
        return f"steps of {self.spec.ms_per_step:g} ms by convention, in which {order[self.system_type.unrolling]}"

    def add_layers(self, layers: Mapping[str, nn.Module]) -> None:
        """Add layers under dotted names, such as "area1.lateral"."""
        for name, layer in layers.items():
            group, _, last = name.rpartition(".")
            if not group:
                self.add_module(last, layer)
                continue
            if group not in self._modules:
                self.add_module(group, nn.ModuleDict())
            found = self.get_submodule(group)
            assert isinstance(found, nn.ModuleDict)
            found[last] = layer


def layers_of(connections: Iterable[Connection]) -> dict[str, nn.Module]:
    """Dotted name -> layer of every connection that has weights of its own, drawn from torch's generator.

    Kernels are normal with variance 2 / (inputs of a unit) (He et al. 2015, equation 10); biases are zero.
    """
    return {one.layer: _LAYERS[one.kind](one) for one in connections if one.kind != "plain"}


def decoder(units: int, classes: int, bias: bool = True) -> nn.Linear:
    """A linear readout, initialised as torch does it."""
    return nn.Linear(units, classes, bias=bias, dtype=torch.float32)


def _conv(one: Connection) -> nn.Module:
    std = math.sqrt(2 / (one.reads * one.kernel**2))
    return conv_layer(one.reads, one.gives, one.kernel, std, bias=one.bias)


def _up(one: Connection) -> nn.Module:
    """A transposed convolution of stride 2: a unit that it gives has a quarter of the kernel as its inputs."""
    size = one.reads, one.gives, one.kernel, 2, (one.kernel - 1) // 2, 1
    device = torch.get_default_device()
    layer: nn.ConvTranspose2d = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.ConvTranspose2d, *size, bias=one.bias, device=device, dtype=torch.float32
    )
    if not layer.weight.is_meta:
        nn.init.normal_(layer.weight, std=math.sqrt(2 / (one.reads * max(one.kernel**2 / 4, 1))))
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return layer


def _linear(one: Connection) -> nn.Module:
    return nn.Linear(one.reads, one.gives, bias=one.bias, dtype=torch.float32)


_LAYERS = {"conv": _conv, "up": _up, "linear": _linear}

"""A network with its weights materialised: what the rate equation asks of a convolutional network."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import ConvMap, Held, LinearMap, Precision, Reader
from cordsnet.models.cordsnet.layout import MapShape, layout
from cordsnet.models.cordsnet.spec import STEM, NetworkSpec, Onto
from cordsnet.models.cordsnet.wiring import Wiring, encode, pool, transmit, weight_of


class ConvCircuit:
    """Pure functions of rates and frames over weights that were computed once.

    Weight normalisation costs a norm and a product per kernel; here it is paid once per circuit
    instead of once per use. Gradients flow through to gain and direction.
    """

    source = STEM

    def __init__(
        self,
        spec: NetworkSpec,
        wiring: Wiring,
        bias: Mapping[str, Tensor],
        tau_ms: Mapping[str, float | Tensor],
        precision: Precision,
    ) -> None:
        self.spec, self.bias, self.tau_ms = spec, bias, tau_ms
        self.layout = layout(spec)
        self.areas = tuple(area.name for area in spec.areas)
        self.is_cascade = spec.is_cascade
        self.shapes: Mapping[str, MapShape] = self.layout.shapes
        self.stem_weight = channels_last(weight_of(wiring.stem))
        self.compute, self.dtype = precision.of_convolutions(self.stem_weight), precision.of_rates(self.stem_weight)
        self.feedforward: Mapping[str, LinearMap] = {
            area.name: ConvMap(channels_last(weight_of(wiring.feedforward[area.name])), area.stride, self.compute)
            for area in spec.areas
        }
        self.recurrent: Mapping[str, LinearMap] = {
            name: ConvMap(channels_last(weight_of(kernel)), 1, self.compute)
            for name, kernel in wiring.recurrent.items()
        }
        self.link_weight = {name: channels_last(weight_of(kernel)) for name, kernel in wiring.links.items()}
        self.readout_weight, self.readout_bias = weight_of(wiring.readout), wiring.readout.get_parameter("bias")
        self.delays_ms: Mapping[str, tuple[float, ...]] = _delays(spec)

    def hold(self, frame: Tensor | None) -> Held:
        """The stem, and all that depends on it without delay; a blank field costs nothing."""
        if frame is None:
            blank = self.stem_weight.new_zeros(1, *self.shapes[STEM], dtype=self.dtype)
            return Held({area: channels_last(self.bias[area][None].to(self.dtype)) for area in self.areas}, blank)
        encoded = pool(encode(frame, self.stem_weight, self.spec.stem), self.spec.stem)
        drive = {}
        for area in self.areas:
            total = self.bias[area][None]
            if (gathered := self._sum(area, "input", True, lambda source, delay: encoded)) is not None:
                total = total + self.feedforward[area](gathered)
            if (direct := self._sum(area, "drive", True, lambda source, delay: encoded)) is not None:
                total = total + direct
            drive[area] = channels_last(total.to(self.dtype))
        return Held(drive, encoded.to(self.dtype))

    def reads(self, area: str) -> list[tuple[str, str]]:
        """(source, onto) of every connection from other areas into `area`."""
        return [(link.source, link.onto) for link in self.spec.into(area) if link.source != STEM]

    def link_kernels(self, area: str) -> list[Tensor]:
        """Kernels of the connections from other areas into `area`."""
        links = [link.name for link in self.spec.into(area) if link.source != STEM]
        return [self.link_weight[name] for name in links if name in self.link_weight]

    def gather(self, area: str, read: Reader) -> Tensor | None:
        """What the feedforward kernel reads from other areas, and from the stem with a delay."""
        return self._sum(area, "input", False, read)

    def onto_drive(self, area: str, read: Reader) -> Tensor | None:
        """What arrives on the drive itself from other areas, and from the stem with a delay."""
        return self._sum(area, "drive", False, read)

    def readout(self, read: Reader) -> Tensor:
        """Global average pool of what the readout areas emit, summed, then linear."""
        pooled = torch.stack([read(area, 0.0).mean((2, 3)) for area in self.spec.readout]).sum(0)
        return functional.linear(pooled.to(self.readout_weight.dtype), self.readout_weight, self.readout_bias)

    def _sum(self, area: str, onto: Onto, from_stem_at_once: bool, read: Reader) -> Tensor | None:
        """Sum of what arrives through the connections of one kind; None when there are none."""
        total: Tensor | None = None
        for link in self.spec.into(area):
            at_once = link.source == STEM and link.delay_ms == 0
            if link.onto != onto or at_once != from_stem_at_once:
                continue
            weight, landing = self.link_weight.get(link.name), self.layout.landing[link.name]
            value = transmit(read(link.source, link.delay_ms), link, weight, landing, self.compute)
            total = value if total is None else total + value
        return total


def channels_last(value: Tensor) -> Tensor:
    """The same numbers with the channels last in memory, where convolutions are fastest."""
    return value.contiguous(memory_format=torch.channels_last)


def _delays(spec: NetworkSpec) -> dict[str, tuple[float, ...]]:
    delays: dict[str, tuple[float, ...]] = {}
    for link in spec.connections:
        if link.delay_ms > 0:
            delays[link.source] = (*delays.get(link.source, ()), link.delay_ms)
    return delays

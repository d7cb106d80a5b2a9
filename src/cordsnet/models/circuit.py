"""A network with its weights materialised: what the rate equation asks of a convolutional network."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import Held, LinearMap, emit
from cordsnet.models.layout import MapShape, layout
from cordsnet.models.spec import STEM, ConnectionSpec, NetworkSpec
from cordsnet.models.wiring import ConvMap, Wiring, convolve, encode, pool, transmit, weight_of


class ConvCircuit:
    """Pure functions of rates and frames over weights that were computed once.

    Weight normalisation costs a norm and a product per kernel; here it is paid once per circuit
    instead of once per use. Gradients flow through to gain and direction.
    """

    source = STEM

    def __init__(
        self, spec: NetworkSpec, wiring: Wiring, bias: Mapping[str, Tensor], tau_ms: Mapping[str, float | Tensor]
    ) -> None:
        self.spec, self.bias, self.tau_ms = spec, bias, tau_ms
        self.layout = layout(spec)
        self.areas = tuple(area.name for area in spec.areas)
        self.shapes: Mapping[str, MapShape] = self.layout.shapes
        self.stem_weight = weight_of(wiring.stem)
        self.feedforward_weight = {name: weight_of(kernel) for name, kernel in wiring.feedforward.items()}
        self.recurrent: Mapping[str, LinearMap] = {
            name: ConvMap(weight_of(kernel)) for name, kernel in wiring.recurrent.items()
        }
        self.link_weight = {name: weight_of(kernel) for name, kernel in wiring.links.items()}
        self.readout_weight, self.readout_bias = weight_of(wiring.readout), wiring.readout.get_parameter("bias")
        self.delays_ms: Mapping[str, tuple[float, ...]] = _delays(spec)

    def hold(self, frame: Tensor | None) -> Held:
        """The stem, and all that depends on it without delay; a blank field costs nothing."""
        if frame is None:
            blank = self.stem_weight.new_zeros(1, *self.shapes[STEM])
            return Held({area: self.bias[area][None] for area in self.areas}, blank)
        encoded = pool(encode(frame, self.stem_weight, self.spec.stem), self.spec.stem)
        drive = {}
        for area in self.areas:
            direct = self._gather(area, _from_stem_at_once, lambda source, delay: encoded)
            drive[area] = self.bias[area] if direct is None else self.bias[area] + direct
        return Held({area: d if d.ndim == 4 else d[None] for area, d in drive.items()}, encoded)

    def afferent(self, area: str, read: Callable[[str, float], Tensor]) -> Tensor | None:
        """Feedforward kernel over what the area reads from others, plus connections onto its drive."""
        return self._gather(area, _not_from_stem_at_once, read)

    def readout(self, rates: Mapping[str, Tensor]) -> Tensor:
        """Global average pool of what the readout areas emit, summed, then linear."""
        pooled = torch.stack([emit(rates[area]).mean((2, 3)) for area in self.spec.readout]).sum(0)
        return functional.linear(pooled, self.readout_weight, self.readout_bias)

    def _gather(
        self,
        area: str,
        keep: Callable[[ConnectionSpec], bool],
        read: Callable[[str, float], Tensor],
    ) -> Tensor | None:
        joined: dict[str, Tensor] = {}
        for link in filter(keep, self.spec.into(area)):
            value = read(link.source, link.delay_ms)
            value = transmit(value, link, self.link_weight.get(link.name), self.layout.landing[link.name])
            joined[link.onto] = joined[link.onto] + value if link.onto in joined else value
        if "input" in joined:
            through = convolve(joined["input"], self.feedforward_weight[area], self.spec.area(area).stride)
            joined["drive"] = joined["drive"] + through if "drive" in joined else through
        return joined.get("drive")


def _from_stem_at_once(link: ConnectionSpec) -> bool:
    return link.source == STEM and link.delay_ms == 0


def _not_from_stem_at_once(link: ConnectionSpec) -> bool:
    return not _from_stem_at_once(link)


def _delays(spec: NetworkSpec) -> dict[str, tuple[float, ...]]:
    delays: dict[str, tuple[float, ...]] = {}
    for link in spec.connections:
        if link.delay_ms > 0:
            delays[link.source] = (*delays.get(link.source, ()), link.delay_ms)
    return delays

"""A spec with its weights materialised, as areas, pathways and outputs."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cordsnet.dynamics import (
    Chain,
    Circuit,
    ConvMap,
    DenseMap,
    Enlarge,
    Inputs,
    LinearMap,
    Pathway,
    Pool,
    Precision,
    channels_last,
)
from cordsnet.models.cordsnet.layout import Layout, layout
from cordsnet.models.cordsnet.spec import STEM, ConnectionSpec, NetworkSpec
from cordsnet.models.cordsnet.wiring import Wiring, encode, pool
from cordsnet.models.kernels import bias_of, weight_of

SCORES = "scores"


def build_circuit(
    spec: NetworkSpec,
    wiring: Wiring,
    bias: Mapping[str, Tensor],
    tau_ms: Mapping[str, float | Tensor],
    precision: Precision,
) -> Circuit:
    """The circuit of a CordsNet. Weights are computed here, once, in the graph when gradients are on.

    Weight normalisation costs a norm and a product per kernel; that is paid once per circuit instead of once per use.
    """
    sizes = layout(spec)
    readout_bias = bias_of(wiring.readout)
    compute, dtype = precision.of_convolutions(readout_bias), precision.of_rates(readout_bias)

    if not torch.is_grad_enabled():  # weights as they are now, also when parameters change later
        bias = {area: value.detach().clone() for area, value in bias.items()}
        readout_bias = readout_bias.detach().clone()

    def conv(kernel: torch.nn.Module, stride: int = 1) -> ConvMap:
        return ConvMap(channels_last(weight_of(kernel)), stride, compute)

    links = {name: conv(kernel, _link(spec, name).stride) for name, kernel in wiring.links.items()}
    areas = tuple(area.name for area in spec.areas)
    pathways = [
        Pathway(link.source, link.target, _map(link, links, sizes), link.onto, link.delay_ms)
        for link in spec.connections
    ]
    pathways += [Pathway(area, area, conv(kernel), recurrent=True) for area, kernel in wiring.recurrent.items()]
    pathways += [Pathway(area, SCORES, Pool(), onto="input") for area in spec.readout]
    feedforward = {area.name: conv(wiring.feedforward[area.name], area.stride) for area in spec.areas}
    return Circuit(
        areas=areas,
        shapes=sizes.shapes,
        pathways=tuple(pathways),
        encoders={STEM: _Stem(spec, channels_last(weight_of(wiring.stem)))},
        feedforward={**feedforward, SCORES: DenseMap(weight_of(wiring.readout))},
        bias={**bias, SCORES: readout_bias},
        tau_ms=tau_ms,
        outputs={SCORES: ("class",)},
        dtype=dtype,
    )


class _Stem:
    """Images as the areas read them: a convolution, then an average pool."""

    def __init__(self, spec: NetworkSpec, weight: Tensor) -> None:
        self.spec, self.weight = spec.stem, weight

    def __call__(self, inputs: Inputs) -> Tensor | None:
        image = inputs.get("image")
        return None if image is None else pool(encode(image, self.weight, self.spec), self.spec)


def _link(spec: NetworkSpec, name: str) -> ConnectionSpec:
    return next(link for link in spec.connections if link.name == name)


def _map(link: ConnectionSpec, kernels: Mapping[str, ConvMap], sizes: Layout) -> LinearMap | None:
    """Linear map of a connection: its kernel, then enlargement where the source is the smaller map."""
    parts: list[LinearMap] = [kernels[link.name]] if link.name in kernels else []
    arrives = tuple(-(-n // link.stride) for n in sizes.shapes[link.source][1:])
    if arrives != sizes.landing[link.name][1:]:
        parts.append(Enlarge(sizes.landing[link.name][1:]))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Chain(*parts)

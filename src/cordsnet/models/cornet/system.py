"""CORnet-S bound to the duration of a step: what the engines run."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.convolution import convolve
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import MAP_AXES, Signal, State
from cordsnet.dynamics.system import Inputs, System
from cordsnet.models.cornet.spec import AREAS, CornetSpec
from cordsnet.models.weights import tensor_of

Watch: TypeAlias = Callable[[str, Tensor], None]
"""Receives the name of a batch norm and what it is about to normalise [B, C, H, W]."""

OUTPUTS = {"scores": ("class",)}


class Norm:  # no frozen dataclass, which torch.compile cannot make while it traces
    """A batch norm's weights [C] and, in evaluation, its population statistics [C]; None takes those of the batch."""

    def __init__(self, weight: Tensor, bias: Tensor, mean: Tensor | None, var: Tensor | None, eps: float) -> None:
        self.weight, self.bias, self.mean, self.var, self.eps = weight, bias, mean, var, eps

    def __call__(self, maps: Tensor) -> Tensor:
        """Normalised maps [B, C, H, W]; nothing is remembered."""
        return functional.batch_norm(
            maps, self.mean, self.var, self.weight, self.bias, training=self.mean is None, eps=self.eps
        )


class CornetSystem(System[Tensor]):
    """One step is one frame: every area runs all its iterations, from the frame alone, before the next area starts.

    An area's rate is that of its last iteration; "AREA.iterations" holds all of them. Interventions act on every
    iteration: a drive is the sum of a block's output and its skip, before the rectification. "V1 -> V2" delivers what
    V2's input convolution makes of V1's rate, on the map of V1; a factor for single units of V2 acts on the positions
    that they read. "V2 -> V2" delivers the rate of one iteration to the next, whose block and skip both read it.

    Parameters
    ----------
    model : holds the layers, under the public names.
    dt : duration of a step, ms.
    precision : of convolutions and of rates.
    watch : receives what every batch norm is about to normalise.
    """

    unrolling = "inner"
    outputs: Mapping[str, tuple[str, ...]] = OUTPUTS

    def __init__(
        self, model: nn.Module, spec: CornetSpec, dt: float, precision: Precision, watch: Watch | None = None
    ) -> None:
        weight = tensor_of(model, "decoder.linear.weight")
        rates, compute = precision.of_rates(weight), precision.of_convolutions(weight)
        self.clock = Clock(dt, "steps")
        self.spec, self.watch, self.like = spec, watch, weight.detach().new_empty(0, dtype=rates)
        self.identity = model.training, compute, rates
        self.signals = signals(spec)
        between = [f"{source} -> {target}" for source, target in pairwise(("image", *AREAS))]
        self.pathways = (*between, *(f"{area} -> {area}" for area, count in spec.iterations.items() if count > 1))
        self.uses_batch = model.training
        self.kernels: dict[str, Tensor] = {}
        self.norms: dict[str, Norm] = {}
        for name, layer in model.named_modules():
            if isinstance(layer, nn.Conv2d):
                self.kernels[name] = layer.weight.to(compute)
            elif isinstance(layer, nn.BatchNorm2d):
                self.norms[name] = _norm(layer, rates)
        self.readout = weight.to(rates), tensor_of(model, "decoder.linear.bias").to(rates)

    def hold(self, inputs: Inputs) -> Tensor:
        """V1's first convolution of the image; of a blank field for one trial."""
        image = inputs.get("image")
        if image is None:
            image = self.like.new_zeros(1, self.spec.in_channels, *self.spec.image_size)
        return convolve(image.to(self.like.dtype), self.kernels["V1.conv1"], self.spec.stem_stride)

    def advance(self, state: State, context: Tensor, effects: Effects = NONE) -> State:
        """All iterations of all areas on the frame that is held."""
        if self.uses_batch:
            context = context.expand(state.batch, *context.shape[1:])
        rate = self._first(self._deliver("image", "V1", context, effects), effects)
        values = {"V1": rate, "V1.iterations": rate[:, None]}
        for below, area in pairwise(AREAS):
            fed = self._deliver(below, area, convolve(rate, self.kernels[f"{area}.conv_input"]), effects)
            iterations = self._iterate(area, fed, effects)
            rate = iterations[-1]
            values |= {area: rate, f"{area}.iterations": torch.stack(iterations, 1)}
        return state.after({name: value.expand(state.batch, *value.shape[1:]) for name, value in values.items()})

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K] of IT's last iteration."""
        return {"scores": self.decode(state.values["IT"])}

    def decode(self, maps: Tensor) -> Tensor:
        """Class scores [..., K] of IT's rates [..., C, H, W], such as all iterations [B, iterations, C, H, W]."""
        return functional.linear(maps.mean((-2, -1)), *self.readout)

    def _deliver(self, source: str, area: str, maps: Tensor, effects: Effects) -> Tensor:
        """Signal that a pathway delivers, on the larger map of its source, scaled per unit of its target."""
        name = f"{source} -> {area}"
        if not effects:
            return effects.pathway(name, maps)
        factor = effects.pathway(name, self.like.new_ones(1, *self.spec.shapes[area]))
        return maps * functional.interpolate(factor, size=maps.shape[-2:], mode="nearest")

    def _first(self, fed: Tensor, effects: Effects) -> Tensor:
        maps = functional.max_pool2d(torch.relu_(self._normalise("V1.norm1", fed)), 3, stride=2, padding=1)
        drive = self._normalise("V1.norm2", convolve(maps, self.kernels["V1.conv2"]))
        return effects.rate("V1", torch.relu(effects.drive("V1", drive)))

    def _iterate(self, area: str, fed: Tensor, effects: Effects) -> list[Tensor]:
        """The rates of an area after every iteration. All share their kernels, and each has batch norms of its own."""
        first, second, third = (self.kernels[f"{area}.conv{k}"] for k in (1, 2, 3))
        itself, rate, found = f"{area} -> {area}", fed, list[Tensor]()
        for t in range(self.spec.iterations[area]):
            if t == 0:
                skip = self._normalise(f"{area}.norm_skip", convolve(fed, self.kernels[f"{area}.skip"], 2))
            else:
                rate = skip = effects.pathway(itself, rate)
            inner = torch.relu_(self._normalise(f"{area}.norm1_{t}", convolve(rate, first)))
            inner = torch.relu_(self._normalise(f"{area}.norm2_{t}", convolve(inner, second, 1 if t else 2)))
            drive = self._normalise(f"{area}.norm3_{t}", convolve(inner, third)) + skip
            rate = effects.rate(area, torch.relu(effects.drive(area, drive)))
            found.append(rate)
        return found

    def _normalise(self, name: str, maps: Tensor) -> Tensor:
        if self.uses_batch and maps.numel() == maps.shape[1]:
            raise ValueError(
                f"{name} has a single unit per map to take the statistics of a batch from, in a batch of one image; "
                "give more or larger images, or call model.eval()"
            )
        if self.watch is not None:
            self.watch(name, maps)
        return self.norms[name](maps)


def signals(spec: CornetSpec) -> tuple[Signal, ...]:
    """Signals of a CORnet-S: for every area its rate [C, H, W] and its iterations [iterations, C, H, W]."""
    found: list[Signal] = []
    for area, shape in spec.shapes.items():
        found.append(Signal(area, shape))
        found.append(Signal(area, (spec.iterations[area], *shape), "iterations", ("iteration", *MAP_AXES)))
    return tuple(found)


def _norm(layer: nn.BatchNorm2d, dtype: torch.dtype) -> Norm:
    assert layer.running_mean is not None
    assert layer.running_var is not None
    weight, bias = layer.weight.to(dtype), layer.bias.to(dtype)
    if layer.training:
        return Norm(weight, bias, None, None, layer.eps)
    return Norm(weight, bias, layer.running_mean.to(dtype), layer.running_var.to(dtype), layer.eps)

"""Base of the systems of networks that evolve in steps."""

from collections.abc import Mapping
from typing import Any, TypeVar

from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.effects import Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import MAP_AXES, Signal
from cordsnet.dynamics.system import Inputs, System
from cordsnet.models.stepped.layers import Layers, Watch

Context = TypeVar("Context")

OUTPUTS = {"scores": ("class",)}


class SteppedSystem(System[Context]):
    """A network of steps bound to the duration of a step; subclasses give `hold`, `advance` and `read`.

    Attributes
    ----------
    layers : the layers of the model, with their tensors as they are now.
    spec : the network as data.
    sees_anew : True if `advance` computes anew, while effects act, all that `hold` normalises.

    Parameters
    ----------
    model : a `SteppedModel`.
    dt : duration of a step, ms.
    precision : of convolutions and of rates.
    watch : receives the name of every batch norm and what it is about to normalise.
    """

    outputs: Mapping[str, tuple[str, ...]] = OUTPUTS
    sees_anew = False

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        self.layers = Layers(model, model.like, precision, watch)
        self.spec, self.like = model.spec, self.layers.like
        self.clock = Clock(dt, model.clock.kind)
        self.identity = model.training, self.layers.compute, self.layers.rates
        self.signals = tuple(Signal(area, shape) for area, shape in model.shapes.items())

    def image(self, inputs: Inputs) -> Tensor:
        """The image [B, C, H, W] in the precision of the rates; a blank field is one trial of zeros."""
        image = inputs.get("image")
        if image is None:
            return self.like.new_zeros(1, self.spec.in_channels, *self.spec.image_size)
        return image.to(self.like.dtype)

    def zeros(self, area: str) -> Tensor:
        """Zero rates of an area for one trial, [1, *shape]."""
        return self.like.new_zeros(1, *self.spec.shapes[area])

    def deliver(self, source: str, target: str, maps: Tensor, effects: Effects) -> Tensor:
        """Give what a pathway brings, scaled by interventions, on maps of its target's channels and another size.

        A factor for single units of the target acts on the positions that they read.
        """
        name = f"{source} -> {target}"
        if not effects:
            return effects.pathway(name, maps)
        factor = effects.pathway(name, self.like.new_ones(1, *self.spec.shapes[target]))
        return maps * functional.interpolate(factor, size=maps.shape[-2:], mode="nearest")


def with_iterations(shapes: Mapping[str, tuple[int, ...]], iterations: Mapping[str, int]) -> tuple[Signal, ...]:
    """Signals of a network that iterates within a step, from area -> [C, H, W] and area -> number of iterations.

    Every area has its rate [C, H, W] and its iterations [iterations, C, H, W].
    """
    found: list[Signal] = []
    for area, shape in shapes.items():
        found.append(Signal(area, shape))
        found.append(Signal(area, (iterations[area], *shape), "iterations", ("iteration", *MAP_AXES)))
    return tuple(found)

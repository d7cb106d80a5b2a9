"""CORnet-S bound to the duration of a step: what the engines run."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import Inputs
from cordsnet.models.cornet.spec import AREAS, CornetSpec
from cordsnet.models.stepped.layers import Watch
from cordsnet.models.stepped.system import SteppedSystem, with_iterations


class CornetSystem(SteppedSystem[Tensor]):
    """One step is one frame: every area runs all its iterations, from the frame alone, before the next area starts.

    An area's rate is that of its last iteration; "AREA.iterations" holds all of them. Interventions act on every
    iteration: a drive is the sum of a block's output and its skip, before the rectification. "V1 -> V2" delivers what
    V2's input convolution makes of V1's rate, on the map of V1; a factor for single units of V2 acts on the positions
    that they read. "V2 -> V2" delivers the rate of one iteration to the next, whose block and skip both read it.
    """

    unrolling = "inner"
    spec: CornetSpec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        self.signals = with_iterations(self.spec.shapes, self.spec.iterations)
        between = [f"{source} -> {target}" for source, target in pairwise(("image", *AREAS))]
        self.pathways = (*between, *(f"{area} -> {area}" for area, count in self.spec.iterations.items() if count > 1))

    def hold(self, inputs: Inputs) -> Tensor:
        """V1's first convolution of the image; of a blank field for one trial."""
        return self.layers.conv("V1.conv1", self.image(inputs))

    def advance(self, state: State, context: Tensor, effects: Effects = NONE) -> State:
        """All iterations of all areas on the frame that is held."""
        if self.layers.uses_batch:
            context = context.expand(state.batch, *context.shape[1:])
        rate = self._first(self.deliver("image", "V1", context, effects), effects)
        values = {"V1": rate, "V1.iterations": rate[:, None]}
        for below, area in pairwise(AREAS):
            fed = self.deliver(below, area, self.layers.conv(f"{area}.conv_input", rate), effects)
            iterations = self._iterate(area, fed, effects)
            rate = iterations[-1]
            values |= {area: rate, f"{area}.iterations": torch.stack(iterations, 1)}
        return state.after({name: value.expand(state.batch, *value.shape[1:]) for name, value in values.items()})

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K] of IT's last iteration."""
        return {"scores": self.decode(state.values["IT"])}

    def decode(self, maps: Tensor) -> Tensor:
        """Class scores [..., K] of IT's rates [..., C, H, W], such as all iterations [B, iterations, C, H, W]."""
        return self.layers.linear["decoder.linear"](maps.mean((-2, -1)))

    def _first(self, fed: Tensor, effects: Effects) -> Tensor:
        maps = functional.max_pool2d(torch.relu_(self.layers.norm("V1.norm1", fed)), 3, stride=2, padding=1)
        drive = self.layers.norm("V1.norm2", self.layers.conv("V1.conv2", maps))
        return effects.rate("V1", torch.relu(effects.drive("V1", drive)))

    def _iterate(self, area: str, fed: Tensor, effects: Effects) -> list[Tensor]:
        """The rates of an area after every iteration. All share their kernels, and each has batch norms of its own."""
        first, second, third = (f"{area}.conv{k}" for k in (1, 2, 3))
        norm, conv, itself, rate, found = self.layers.norm, self.layers.conv, f"{area} -> {area}", fed, list[Tensor]()
        for t in range(self.spec.iterations[area]):
            if t == 0:
                skip = norm(f"{area}.norm_skip", conv(f"{area}.skip", fed))
            else:
                rate = skip = effects.pathway(itself, rate)
            inner = torch.relu_(norm(f"{area}.norm1_{t}", conv(first, rate)))
            inner = torch.relu_(norm(f"{area}.norm2_{t}", conv(second, inner, 1 if t else 2)))
            drive = norm(f"{area}.norm3_{t}", conv(third, inner)) + skip
            rate = effects.rate(area, torch.relu(effects.drive(area, drive)))
            found.append(rate)
        return found

"""BLT networks bound to the duration of a step: what the engines run."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import Inputs, Unrolling
from cordsnet.models.blt.spec import BLTSpec
from cordsnet.models.blt.wiring import POOLS, Connection
from cordsnet.models.interface import IMAGE
from cordsnet.models.stepped.layers import Watch
from cordsnet.models.stepped.system import SteppedSystem


class Held(NamedTuple):
    """All that is constant while an image is held, with 1 or B trials.

    Attributes
    ----------
    image : encoded image [., C, H, W].
    fed : pathway -> what it brings, for those from the image and from areas in `rates`.
    rates : area -> its rate, for areas that hear from nothing that changes.
    """

    image: Tensor
    fed: dict[str, Tensor]
    rates: dict[str, Tensor]

    def expanded(self, batch: int) -> "Held":
        """The same with all trials, as batch norms of a batch need it."""
        fed = {name: value.expand(batch, *value.shape[1:]) for name, value in self.fed.items()}
        return Held(self.image, fed, self.rates)


class BLTSystem(SteppedSystem[Held]):
    """Areas hear from below, from themselves and from above; what they hear is summed, normalised and rectified.

    Areas are updated bottom to top: an area hears what the ones below have just become, and what itself and the ones
    above were in the step before (unrolling "sweep"). A subclass may read all areas from the step before ("sync").

    Interventions: the drive of an area is what the rectification receives. Pathways bring the result of their kernels
    without biases. Areas that hear from nothing that changes are computed once for an image, and in every step while
    an intervention acts.
    """

    unrolling: ClassVar[Unrolling] = "sweep"
    spec: BLTSpec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        used = [one for one in self.spec.connections if one.is_used]
        self.into = {area: [one for one in used if one.target == area] for area in model.shapes}
        self.pathways = tuple(one.name for one in used)
        self.biases = {one.name: self._bias(one) for one in used if one.bias}
        self._carriers = {"conv": self.layers.convs, "up": self.layers.transposed, "linear": self.layers.linear}
        self._still = self._still_areas() if self.unrolling == "sweep" and not self.layers.uses_batch else ()

    def hold(self, inputs: Inputs) -> Held:
        """Encode the image, and compute what it alone determines; for a blank field, of one trial."""
        image = self.encode(self.image(inputs))
        rates: dict[str, Tensor] = {}
        fed = {one.name: self.carry(one, image) for area in self.into for one in self._from(IMAGE, area)}
        for area in self._still:
            parts = [fed[one.name] for one in self.into[area]]
            rates[area] = self.activate(area, self.combine(parts), 0, NONE)
            fed |= {one.name: self.carry(one, rates[area]) for target in self.into for one in self._from(area, target)}
        return Held(image, fed, rates)

    def advance(self, state: State, context: Held, effects: Effects = NONE) -> State:
        """One step of all areas."""
        if self.layers.uses_batch:
            context = context.expanded(state.batch)
        values: dict[str, Tensor] = {}
        for area, connections in self.into.items():
            if not effects and area in context.rates:
                rate = context.rates[area]
            else:
                heard = [one for one in connections if self.hears(one, state.step)]
                parts = [self._bring(one, values, state, context, effects) for one in heard]
                rate = self.update(area, parts, state, effects)
            values[area] = rate if len(rate) == state.batch else rate.expand(state.batch, *rate.shape[1:])
        return state.after(values)

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K] from the mean of every map of the highest area."""
        return {"scores": self.decode(state.values[self.areas[-1]])}

    def decode(self, maps: Tensor) -> Tensor:
        """Class scores [B, K] from the mean of every map [B, C, H, W] of the highest area."""
        return self.layers.linear["decoder"](maps.mean((2, 3)))

    def encode(self, image: Tensor) -> Tensor:
        """Find what areas hear from of an image [B, C, H, W]: the image itself, unless a subclass says otherwise."""
        return image

    def hears(self, connection: Connection, step: int) -> bool:
        """True if a connection brings something in this step."""
        return True

    def combine(self, parts: Sequence[Tensor]) -> Tensor:
        """The sum of what an area hears from below, from itself and from above, [B, *shape] each."""
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def update(self, area: str, parts: Sequence[Tensor], state: State, effects: Effects) -> Tensor:
        """The new rate of an area from what it hears."""
        return self.activate(area, self.combine(parts), state.step, effects)

    def activate(self, area: str, total: Tensor, step: int, effects: Effects) -> Tensor:
        """The rate of an area: normalised, then rectified."""
        drive = effects.drive(area, self.layers.norm(self.norm_of(area, step), total))
        return effects.rate(area, torch.relu(drive))

    def norm_of(self, area: str, step: int) -> str:
        """Name of the normalisation of an area in a step."""
        return f"{area}.norm"

    def carry(self, one: Connection, value: Tensor) -> Tensor:
        """Compute what a connection makes of its source's rate, with its bias."""
        if one.pool:
            value = POOLS[one.pool](value)
        return value if one.kind == "plain" else self._carriers[one.kind][one.layer](value)  # type: ignore[index]

    def _bring(
        self, one: Connection, values: dict[str, Tensor], state: State, context: Held, effects: Effects
    ) -> Tensor:
        """Compute what a connection brings to its target; interventions act on it without the bias."""
        if one.name in context.fed and (one.source == IMAGE or not effects):
            value = context.fed[one.name]
        else:
            is_new = self.unrolling == "sweep" and one.source in values
            value = self.carry(one, values[one.source] if is_new else state.values[one.source])
        bias = self.biases.get(one.name)
        if bias is None or one.name not in effects.factors:
            return effects.pathway(one.name, value)
        return effects.pathway(one.name, value - bias) + bias

    def _from(self, source: str, area: str) -> list[Connection]:
        return [one for one in self.into[area] if one.source == source]

    def _bias(self, one: Connection) -> Tensor:
        return self.layers.tensor(f"{one.layer}.bias").view(-1, 1, 1)

    def _still_areas(self) -> tuple[str, ...]:
        """Areas, lowest first, that hear from the image and from one another alone."""
        found = [IMAGE]
        for area, connections in self.into.items():
            if all(one.source in found for one in connections):
                found.append(area)
        return tuple(found[1:])

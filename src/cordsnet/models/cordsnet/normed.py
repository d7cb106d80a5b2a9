"""A discrete-time recurrent CNN with batch norms, bound to the duration of a step."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from cordsnet.dynamics import NONE, Activation, Effects, Held, Inputs, Precision, RateSystem, State
from cordsnet.models.stepped.layers import Watch
from cordsnet.models.stepped.system import SteppedSystem


class NormedSystem(SteppedSystem[Held]):
    """r(t + 1) = phi(BN(R * r(t) + F * h(t))) in all areas at once, with a batch norm for every area and step.

    Interventions: the drive of an area is what its norm makes of the sum, before phi; pathways deliver before the norm.
    """

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        inner: RateSystem = model.rate_system(dt, precision, Activation("identity"))
        self.linear, self.activation, self.inner = inner.equation, model.activation, inner
        self.identity = self.identity, model.activation
        self.outputs, self.pathways, self.sources = inner.outputs, inner.pathways, inner.sources
        self.norms = {area: tuple(map(int, norms)) for area, norms in model.norms.items()}

    def silent_past(self, batch: int) -> dict[str, tuple[Tensor, ...]]:
        """Zeros in every delayed pathway."""
        return self.inner.silent_past(batch)

    def hold(self, inputs: Inputs) -> Held:
        """Compute what the held inputs bring to every area, and the encoded inputs."""
        return self.inner.hold(inputs)

    def encoded(self, context: Held) -> Mapping[str, Tensor]:
        """The stem's maps."""
        return self.inner.encoded(context)

    def advance(self, state: State, context: Held, effects: Effects = NONE) -> State:
        """One synchronous update."""
        delivered = self.linear.targets(state.values, state, context, self.dt, Effects(factors=effects.factors))
        rates = {}
        for area, total in delivered.items():
            drive = self._norm(area, total.expand(state.batch, *total.shape[1:]), state.step)
            rates[area] = effects.rate(area, self.activation(effects.drive(area, drive)))
        return self.linear.carry(state, rates, context)

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores."""
        return self.inner.read(state)

    def _norm(self, area: str, drive: Tensor, step: int) -> Tensor:
        """Normalised drive of an area in a step; as it is before the image can have reached the area."""
        first, last = self.norms[area][0], self.norms[area][-1]
        return drive if step < first else self.layers.norm(f"norms.{area}.{min(step, last)}", drive)

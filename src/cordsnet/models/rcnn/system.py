"""RCNN bound to the duration of a step: what the engines run."""

from itertools import pairwise
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import noise
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import Inputs
from cordsnet.models.rcnn.spec import AREAS, READ_THROUGH_A_POOL, RCNNSpec
from cordsnet.models.stepped.layers import Watch
from cordsnet.models.stepped.system import SteppedSystem, with_iterations

FIRST, *RECURRENT = AREAS


class RCNNSystem(SteppedSystem[Tensor]):
    """Base of both orders of updates: one iteration of an area.

        z(t) = F * u + R * x(t - 1) + b,    x(t) = LRN(relu(z(t)))      (Liang & Hu 2015, section 3)

    "area1 -> area2" delivers F * u, where u is what area2 reads, pooled; "area2 -> area2" delivers R * x. The drive of
    an area is what it rectifies.
    """

    spec: RCNNSpec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        between = (f"{source} -> {target}" for source, target in pairwise(("image", *AREAS)))
        recurs = RECURRENT if self.spec.repetitions > 1 else ()
        self.pathways = (*between, *(f"{area} -> {area}" for area in recurs))
        self.bias: dict[str, Tensor | None] = dict.fromkeys(AREAS)
        for area in AREAS if self.spec.norm != "bn_per_step" else ():
            self.bias[area] = self.layers.tensor(f"{area}.input.bias")[:, None, None]
            self.layers.convs[f"{area}.input"].bias = None  # what a pathway delivers has none
        # statistics of batch norms are taken from whole areas, as evaluation mode has them
        self.dropout = self.spec.dropout if model.training and watch is None else 0.0
        self.has_noise = self.dropout > 0

    def hold(self, inputs: Inputs) -> Tensor:
        """Convolve the image by area1's kernel; a blank field for one trial."""
        return self.layers.conv(f"{FIRST}.input", self.image(inputs))

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K] of the last iteration of the highest area."""
        return {"scores": self.decode(state.values[AREAS[-1]])}

    def decode(self, maps: Tensor) -> Tensor:
        """Class scores [..., K] from the largest rate of every map [..., C, H, W] of the highest area."""
        return self.layers.linear["decoder"](maps.amax((-2, -1)))

    def first(self, context: Tensor, state: State, effects: Effects) -> Tensor:
        """The rate of area1 [1 or B, C, H, W], which has no recurrence."""
        if self.layers.uses_batch:
            context = context.expand(state.batch, *context.shape[1:])
        return self.iterate(FIRST, 0, self.biased(FIRST, effects.pathway(f"image -> {FIRST}", context)), effects)

    def arriving(self, below: str, area: str, maps: Tensor, state: State, effects: Effects) -> Tensor:
        """Compute what an area is given from the maps of the one below, with its bias."""
        if area in READ_THROUGH_A_POOL:
            maps = functional.max_pool2d(maps, 3, stride=2, padding=1)
        if self.dropout:
            maps = maps * self._kept(AREAS.index(area), state, maps)
        fed = effects.pathway(f"{below} -> {area}", self.layers.conv(f"{area}.input", maps))
        return self.biased(area, fed)

    def biased(self, area: str, fed: Tensor) -> Tensor:
        """With the bias of an area, where it has one."""
        bias = self.bias[area]
        return fed if bias is None else fed + bias

    def recurring(self, area: str, rate: Tensor, effects: Effects) -> Tensor:
        """Compute what an area gives to itself."""
        return effects.pathway(f"{area} -> {area}", self.layers.conv(f"{area}.recurrent", rate))

    def iterate(self, area: str, t: int, drive: Tensor, effects: Effects) -> Tensor:
        """The rate of an area after iteration `t`, from the sum of what it is given."""
        if self.spec.norm == "bn_per_step":
            drive = self.layers.norm(f"{area}.norm_{t}", drive)
        rate = torch.relu(effects.drive(area, drive))
        if self.spec.norm == "lrn" and area != FIRST:
            rate = self.layers.norm(f"{area}.norm", rate)
        return effects.rate(area, rate)

    def _kept(self, stream: int, state: State, maps: Tensor) -> Tensor:
        """Factors of dropout [B, C, H, W], from counters: a block of time that is run twice meets the same ones."""
        assert state.seeds is not None
        drawn = noise.normal(state.seeds, stream, state.step, maps.shape[1:], maps.dtype)
        return (drawn > NormalDist().inv_cdf(self.dropout)).to(maps.dtype) / (1 - self.dropout)


class InnerSystem(RCNNSystem):
    """One step is one frame: every area runs all its iterations, from the frame alone, before the next area starts.

    An area's rate is that of its last iteration; "AREA.iterations" holds all of them. Interventions act on every
    iteration.
    """

    unrolling = "inner"

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        self.signals = with_iterations(self.spec.shapes, self.spec.iterations)

    def advance(self, state: State, context: Tensor, effects: Effects = NONE) -> State:
        """All iterations of all areas on the frame that is held."""
        rate = self.first(context, state, effects)
        values = {FIRST: rate, f"{FIRST}.iterations": rate[:, None]}
        for below, area in pairwise(AREAS):
            fed = self.arriving(below, area, rate, state, effects)
            iterations = [rate := self.iterate(area, 0, fed, effects)]
            for t in range(1, self.spec.repetitions):
                rate = self.iterate(area, t, fed + self.recurring(area, rate, effects), effects)
                iterations.append(rate)
            values |= {area: rate, f"{area}.iterations": torch.stack(iterations, 1)}
        return state.after({name: value.expand(state.batch, *value.shape[1:]) for name, value in values.items()})


class SyncSystem(RCNNSystem):
    """All areas take one iteration per step; each reads what the one below, and itself, were a step before.

    An area begins at the step at which an image can first reach it, with its feedforward iteration; its rate is zero
    until then. After its last iteration it goes on with the batch norm of that one.
    """

    unrolling = "sync"

    def advance(self, state: State, context: Tensor, effects: Effects = NONE) -> State:
        """One iteration of every area."""
        rate = self.first(context, state, effects)
        values = {FIRST: rate.expand(state.batch, *rate.shape[1:])}
        for delay, (below, area) in enumerate(pairwise(AREAS), 1):
            t = min(state.step - delay, self.spec.repetitions - 1)
            if t < 0:
                silent = effects.drive(area, torch.zeros_like(state.values[area]))
                values[area] = effects.rate(area, torch.relu(silent))
                continue
            drive = self.arriving(below, area, state.values[below], state, effects)
            if self.spec.repetitions > 1:
                drive = drive + self.recurring(area, state.values[area], effects)
            values[area] = self.iterate(area, t, drive, effects)
        return state.after(values)


SYSTEMS: dict[str, type[RCNNSystem]] = {"inner": InnerSystem, "sync": SyncSystem}
"""Order of updates -> system."""

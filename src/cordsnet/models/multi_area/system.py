"""A front end and vector areas bound to a step: what the engines run."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import NONE, Clock, Effects, Inputs, RateSystem, Signal, State, System
from cordsnet.dynamics.circuit import emit
from cordsnet.dynamics.engines.blocks import Block
from cordsnet.dynamics.noise import normal
from cordsnet.dynamics.transforms import in_transform


@dataclass(frozen=True, eq=False)
class VectorArea:
    """A vector area with its weights materialised.

    Attributes
    ----------
    name, sources : of the area, and of the areas that it reads.
    units : number N of units.
    into : weights of what it reads of each source [N, M].
    within : recurrent weights [N, N].
    bias : [N].
    share : of the way to its target that one step covers.
    noise : standard deviation of the noise in its drive; 0 for none.
    stream : number of its noise.
    """

    name: str
    sources: tuple[str, ...]
    units: int
    into: tuple[Tensor, ...]
    within: Tensor
    bias: Tensor
    share: float
    noise: float
    stream: int


class MultiAreaSystem(System[tuple[Any, bool]]):
    """A front end's own system, and vector areas that read the rates of the step before, as areas of circuits do.

    The context is that of the front end, and if a gradient can reach it through its inputs. A frozen front end runs
    without a graph unless its inputs, its state or what acts on it need one.

    Interventions: those on areas and pathways of the front end are its own; the drive of a vector area is the argument
    of its rectifier, noise included. Feedback joins the drive of the front end's area.

    Parameters
    ----------
    model : a `MultiArea`.
    front : the system of its front end.
    clock : of the whole network.
    vectors : vector areas, the first of which reads the front end.
    ways : pathways of the front end, also those that it has lost.
    """

    def __init__(
        self, model: Any, front: System[Any], clock: Clock, vectors: tuple[VectorArea, ...], ways: tuple[str, ...]
    ) -> None:
        self.front, self.clock, self.vectors, self.outputs = front, clock, vectors, model.outputs
        self.read_areas, self.reads, self.frozen, self.like = (
            model.read_areas,
            model.spec.reads,
            model.frozen,
            front.like,
        )
        self.source = self.read_areas[-1]
        self.signals = (*front.signals, *(Signal(area.name, (area.units,)) for area in vectors))
        self.sources, self.noisy = front.sources, any(area.noise for area in vectors)
        self.has_noise = front.has_noise or self.noisy
        self.identity = front.identity, self.reads, tuple((area.share, area.noise) for area in vectors)
        for name in ("unrolling",):  # as the front end says; vector areas are synchronous
            setattr(self, name, getattr(front, name))
        dtype, last = self.like.dtype, vectors[-1].name
        self.back = model.back.to(dtype) if model.spec.feedback else None
        self.way_back = f"{last} -> {self.source}"
        own = [f"{source} -> {area.name}" for area in vectors for source in (*area.sources, area.name)]
        self.ways = frozenset(ways)
        self.pathways = (*ways, *own, *((self.way_back,) if self.back is not None else ()))
        self.head = {name: (model.head[name].to(dtype), model.bias[name].to(dtype)) for name in self.outputs}

    @property
    def rectified(self) -> frozenset[str]:
        """Those of the front end, and vector areas."""
        return self.front.rectified | {area.name for area in self.vectors}

    def zero_state(self, batch: int, seed: int = 0) -> State:
        """All signals at zero."""
        return self._joined(self.front.zero_state(batch, seed), batch, seed)

    def begin(self, batch: int, seed: int = 0) -> State:
        """The front end's own start, and zero rates in the vector areas."""
        return self._joined(self.front.begin(batch, seed), batch, seed)

    def silent_past(self, batch: int) -> dict[str, tuple[Tensor, ...]]:
        """Zeros in delayed pathways of the front end."""
        return self.front.silent_past(batch)

    def hold(self, inputs: Inputs) -> tuple[Any, bool]:
        """Compute once what the front end needs of held inputs, and say if they need a gradient."""
        needs = in_transform() or any(values.requires_grad for values in inputs.values())
        with self._graph(needs):
            return self.front.hold(inputs), needs

    def encoded(self, context: tuple[Any, bool]) -> Mapping[str, Tensor]:
        """The held inputs as the front end gives them on."""
        return self.front.encoded(context[0])

    def advance(self, state: State, context: tuple[Any, bool], effects: Effects = NONE) -> State:
        """One step of the front end and of the vector areas, all from the state before."""
        before, acting = self._of_front(state), self._on_front(effects)
        if self.back is not None:
            acting = acting & Effects(currents={self.source: self._fed_back(state, effects)})
        held, needs = context
        needs = needs or bool(acting) or in_transform() or any(value.requires_grad for value in before.values.values())
        with self._graph(needs):
            after = self.front.advance(before, held, acting)
        values = dict(after.values)
        for area in self.vectors:
            values[area.name] = self._advanced(area, state, effects)
        return state.after(values, after.past)

    @property
    def lead(self) -> RateSystem | None:
        """The front end, where it is a rate equation of which one area is read, and gets no feedback."""
        alone = self.back is None and len(self.read_areas) == 1
        return self.front if isinstance(self.front, RateSystem) and alone else None

    def lead_state(self, state: State) -> State:
        """The front end's part of a state."""
        return self._of_front(state)

    def lead_needs_graph(self, block: Block, state: State) -> bool:
        """True unless the front end is frozen, and neither its inputs nor its state need a gradient."""
        shown = (values for held in block.inputs for values in held.values())
        given = (*shown, *self._of_front(state).values.values())
        return not self.frozen or any(values.requires_grad for values in given)

    def follow(self, state: State, read: Tensor) -> dict[str, Tensor]:
        """Rates of the vector areas after each step [T, B, N], from those of the front end before each [T, B, ...]."""
        found: dict[str, Tensor] = {}
        for area in self.vectors:
            (source,), (into,) = area.sources, area.into
            seen = torch.unflatten(self._seen(source, read.flatten(0, 1)), 0, read.shape[:2])
            found[area.name] = self._course(area, state, functional.linear(seen, into) + area.bias)
            read = torch.cat([state.values[area.name][None], found[area.name][:-1]])
        return found

    def read(self, state: State) -> dict[str, Tensor]:
        """Outputs, linear in what the last vector area emits."""
        emitted = emit(state.values[self.vectors[-1].name])
        return {name: functional.linear(emitted, weight, bias) for name, (weight, bias) in self.head.items()}

    def check_state(self, state: State) -> None:
        """As for every system, the front end's own checks included."""
        super().check_state(state)
        if self.has_noise and state.seeds is None:
            raise ValueError("initial_state has no seeds for the noise of this model; start from model.initial_state()")
        self.front.check_state(self._of_front(state))

    def admit(self, state: State) -> State:
        """A state that comes from outside, checked, and without what the front end has lost."""
        state = super().admit(state)
        return state.with_values(self.front.admit(self._of_front(state)).values)

    def intervened(self, state: State, effects: Effects) -> State:
        """The state with which interventions begin, without what the front end has lost."""
        state = effects.begin(state)
        return state.with_values(self.front.intervened(self._of_front(state), self._on_front(effects)).values)

    def _joined(self, front: State, batch: int, seed: int) -> State:
        """A state of the front end with zero rates in the vector areas."""
        zeros = {area.name: self.like.new_zeros(batch, area.units) for area in self.vectors}
        return State({**front.values, **zeros}, 0, self.seeds(batch, seed), front.past)

    def _of_front(self, state: State) -> State:
        """The part of a state that is the front end's."""
        values = {signal.name: state.values[signal.name] for signal in self.front.signals}
        return State(values, state.step, state.seeds, state.past)

    def _on_front(self, effects: Effects) -> Effects:
        """Effects on areas and pathways of the front end."""
        if not effects:
            return NONE
        areas = set(self.front.areas)
        return Effects(
            {area: value for area, value in effects.currents.items() if area in areas},
            {area: value for area, value in effects.clamps.items() if area in areas},
            {way: value for way, value in effects.factors.items() if way in self.ways},
            effects.seen,
        )

    def _graph(self, needs: bool) -> AbstractContextManager[Any]:
        """Run the front end without a graph where it is frozen and nothing needs one."""
        return torch.set_grad_enabled(False) if self.frozen and not needs else nullcontext()

    def _fed_back(self, state: State, effects: Effects) -> Tensor:
        """Current that the last vector area sends to the maps of the front end's area, [B, C, H, W]."""
        assert self.back is not None
        sent = functional.linear(emit(state.values[self.vectors[-1].name]), self.back)
        maps = sent[:, :, None, None].expand_as(state.values[self.source])
        return effects.pathway(self.way_back, maps)

    def _advanced(self, area: VectorArea, state: State, effects: Effects) -> Tensor:
        """New rates of a vector area [B, N]."""
        rate, name = state.values[area.name], area.name
        reads = [
            effects.pathway(f"{source} -> {name}", functional.linear(self._seen(source, state.values[source]), into))
            for source, into in zip(area.sources, area.into, strict=True)
        ]
        drive = reads[0] if len(reads) == 1 else torch.stack(reads).sum(0)
        drive = drive + effects.pathway(f"{name} -> {name}", functional.linear(rate, area.within)) + area.bias
        target = functional.relu(effects.drive(name, self._with_noise(area, state, 0, drive)))
        return effects.rate(name, torch.lerp(rate, target, area.share))

    def _course(self, area: VectorArea, state: State, driven: Tensor) -> Tensor:
        """Rates of a vector area after each step [T, B, N], of which all but the recurrent drive is known."""
        rate, course = state.values[area.name], []
        for step, drive in enumerate(driven):
            drive = torch.addmm(drive, rate, area.within.T)
            rate = torch.lerp(rate, functional.relu(self._with_noise(area, state, step, drive)), area.share)
            course.append(rate)
        return torch.stack(course)

    def _with_noise(self, area: VectorArea, state: State, later: int, drive: Tensor) -> Tensor:
        """A drive [B, N] with the private noise of the step that is `later` steps after a state."""
        if not area.noise:
            return drive
        assert state.seeds is not None
        return drive + area.noise * normal(state.seeds, area.stream, state.step + later, (area.units,), drive.dtype)

    def _seen(self, source: str, rates: Tensor) -> Tensor:
        """Values that a vector area reads [B, M] of the rates of a source, rectified where they are of circuits."""
        if source not in self.read_areas:
            return emit(rates)
        rates = emit(rates) if source in self.front.rectified else rates
        return rates.mean((2, 3)) if self.reads == "pool" and rates.ndim == 4 else rates.flatten(1)

"""What to keep of a simulation, so that memory follows what was asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from cordsnet._checks import whole_steps
from cordsnet.dynamics.state import State
from cordsnet.errors import DivergedError
from cordsnet.registry import Registry

Reducer: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Reduction:
    """A reduction of rates [B, C, H, W] to what is kept, and the names of the axes that remain."""

    apply: Reducer
    axes: tuple[str, ...]


REDUCTIONS: Registry[Reduction] = Registry("reduction")
REDUCTIONS.add("none", Reduction(lambda r: r, ("channel", "row", "column")))
REDUCTIONS.add("channels", Reduction(lambda r: r.mean((2, 3)), ("channel",)))
REDUCTIONS.add("map", Reduction(lambda r: r.mean(1), ("row", "column")))
REDUCTIONS.add("mean", Reduction(lambda r: r.mean((1, 2, 3)), ()))
REDUCTIONS.add("norm", Reduction(lambda r: r.flatten(1).norm(dim=1), ()))


@dataclass(frozen=True)
class Record:
    """What to keep: which areas, when, reduced how.

    Attributes
    ----------
    areas : names of areas whose rates are kept, or "all".
    times_ms : times to keep; None keeps every `every_ms` within `window_ms`.
    every_ms : spacing of the kept times; None is every step.
    window_ms : (start, stop]: keep times after start up to stop; None is the whole protocol.
    reduce : "none" keeps [B, C, H, W]; "channels" [B, C]; "map" [B, H, W]; "mean" and "norm" [B];
        or a function of rates [B, C, H, W] that returns a tensor [B, ...], or one such function for each area.
    logits : whether class scores are kept at the same times.
    """

    areas: Sequence[str] | str = ()
    times_ms: Sequence[float] | None = None
    every_ms: float | None = None
    window_ms: tuple[float, float] | None = None
    reduce: str | Reducer | Mapping[str, Reducer] = "none"
    logits: bool = True

    def names(self, known: Sequence[str]) -> tuple[str, ...]:
        """The areas asked for, checked against those that exist."""
        if self.areas == "all":
            return tuple(known)
        if isinstance(self.areas, str):
            return self._checked((self.areas,), known)
        return self._checked(tuple(self.areas), known)

    def _checked(self, areas: tuple[str, ...], known: Sequence[str]) -> tuple[str, ...]:
        table: Registry[str] = Registry("area in record")
        for name in known:
            table.add(name, name)
        return tuple(table[name] for name in areas)

    def reductions(self, areas: Sequence[str]) -> tuple[dict[str, Reducer], tuple[str, ...] | None]:
        """The reduction of each area, and its axes when they are known."""
        if isinstance(self.reduce, str):
            row = REDUCTIONS[self.reduce]
            return dict.fromkeys(areas, row.apply), row.axes
        if not isinstance(self.reduce, Mapping):
            return dict.fromkeys(areas, self.reduce), None
        missing = [area for area in areas if area not in self.reduce]
        if missing:
            raise ValueError(f"reduce has no function for {missing[0]!r}; give one for each of {', '.join(areas)}")
        return {area: self.reduce[area] for area in areas}, None

    def steps(self, total: int, dt: float) -> list[int]:
        """The steps (1-based: step k ends at k * dt) that are kept, in order."""
        if self.times_ms is not None:
            steps = sorted({whole_steps(ms, dt, "times_ms") for ms in self.times_ms})
            outside = [step for step in steps if not 1 <= step <= total]
            if outside:
                raise ValueError(
                    f"times_ms holds {outside[0] * dt:g} ms, outside the protocol; "
                    f"use times from {dt:g} to {total * dt:g} ms"
                )
            return steps
        stride = 1 if self.every_ms is None else whole_steps(self.every_ms, dt, "every_ms")
        if stride == 0:
            raise ValueError(f"every_ms must be at least one step of dt = {dt:g} ms, got {self.every_ms} ms")
        start, stop = (0, total) if self.window_ms is None else self._window(total, dt)
        return list(range(start + stride, stop + 1, stride))

    def _window(self, total: int, dt: float) -> tuple[int, int]:
        assert self.window_ms is not None
        start, stop = (whole_steps(ms, dt, "window_ms") for ms in self.window_ms)
        if not 0 <= start < stop <= total:
            raise ValueError(
                f"window_ms = {self.window_ms} does not lie within the protocol of {total * dt:g} ms; "
                "give (start, stop) with start < stop"
            )
        return start, stop


def as_record(record: "Record | Sequence[str] | str") -> Record:
    """A `Record` from what users write: a Record, a list of areas, or "all"."""
    return record if isinstance(record, Record) else Record(areas=record)


class Recorder:
    """Receives states or courses, keeps what was asked, and watches that rates stay finite.

    With `keep_graph` the kept tensors stay in the autograd graph; without it they are copied into
    arrays allocated once.
    """

    look_every = 50

    def __init__(
        self,
        record: Record,
        areas: Sequence[str],
        total_steps: int,
        dt: float,
        readout: Callable[[State], Tensor],
        keep_graph: bool = False,
    ) -> None:
        self.areas, self.dt, self.total, self.keep_graph = record.names(areas), dt, total_steps, keep_graph
        self.steps = record.steps(total_steps, dt)
        self.logits, self.readout = record.logits, readout
        self.reduce, self.axes = record.reductions(self.areas)
        self._slot = {step: k for k, step in enumerate(self.steps)}
        self._listed: dict[str, list[Tensor]] = {}
        self._filled: dict[str, Tensor] = {}
        self._next = 0
        self._probes: list[dict[str, Tensor]] = []

    def take(self, step: int, state: State) -> None:
        """Receive the state after one step."""
        self.watch(step, state.rates)
        if step in self._slot:
            slot = self._slot[step]
            self._store(slice(slot, slot + 1), {key: value[None] for key, value in self._reduced(state).items()})

    def wanted(self, before: int, steps: int) -> tuple[int, ...]:
        """Which of the `steps` steps after step `before` are to be kept, counted from 1."""
        return tuple(k for k in range(1, steps + 1) if before + k in self._slot)

    def reduce_rows(self, rates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is to be kept of rates [n, B, ...] after wanted steps: key -> [n, B, ...]. A pure function."""
        if not rates:
            return {}
        trials = next(iter(rates.values())).shape[:2]
        flat = self._reduced(State({area: rows.flatten(0, 1) for area, rows in rates.items()}))
        return {key: value.view(*trials, *value.shape[1:]) for key, value in flat.items()}

    def watch(self, step: int, rates: Mapping[str, Tensor]) -> None:
        """Note the extreme rates after `step`, and look at them now and then: looking each step would stall a GPU.

        Raises DivergedError, naming the first step and area, when they are not finite.
        """
        self._probes.append({area: torch.stack(value.detach().aminmax()) for area, value in rates.items()})
        if step == self.total or step % self.look_every == 0:
            found = {area: torch.stack([probe[area] for probe in self._probes]) for area in rates}
            self._raise_if_diverged(step - len(self._probes), found)
            self._probes = []

    def watch_block(self, before: int, last: Mapping[str, Tensor], courses: Callable[[], Mapping[str, Tensor]]) -> None:
        """As `watch`, for the steps of a block: a rate that is not finite stays so, so its last state tells.

        `courses` gives the rates after each step [T, B, ...] and is called only when something is wrong.
        """
        if not all(bool(torch.isfinite(torch.stack(rates.detach().aminmax())).all()) for rates in last.values()):
            self._raise_if_diverged(before, {area: course.detach().flatten(1) for area, course in courses().items()})

    def _raise_if_diverged(self, before: int, rates: Mapping[str, Tensor]) -> None:
        """rates : area -> [T, ...], of the steps after step `before`."""
        bad = torch.stack([~torch.isfinite(value).all(1) for value in rates.values()])
        if bool(bad.any()):
            row = int(bad.any(0).nonzero()[0])
            area = list(rates)[int(bad[:, row].nonzero()[0])]
            raise DivergedError(area, before + row + 1, (before + row + 1) * self.dt)

    def keep(self, selected: Mapping[str, Tensor]) -> None:
        """Keep what `reduce_rows` returned, in the order of time."""
        if selected:
            count = len(next(iter(selected.values())))
            self._store(slice(self._next, self._next + count), selected)
            self._next += count

    def result(self, key: str) -> Tensor:
        """What was kept for an area, or for the logits (key ""), time first."""
        return torch.cat(self._listed[key]) if self.keep_graph else self._filled[key]

    def _reduced(self, state: State) -> dict[str, Tensor]:
        kept = {area: self.reduce[area](state.rates[area]) for area in self.areas}
        return kept | ({"": self.readout(state)} if self.logits else {})

    def _store(self, slots: slice, values: Mapping[str, Tensor]) -> None:
        """Keep rows [n, B, ...] that belong into `slots`."""
        for key, value in values.items():
            if self.keep_graph:
                self._listed.setdefault(key, []).append(value)
                continue
            if key not in self._filled:
                self._filled[key] = value.new_empty(len(self.steps), *value.shape[1:])
            self._filled[key][slots] = value.detach()

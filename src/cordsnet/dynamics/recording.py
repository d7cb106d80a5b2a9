"""Recording: memory holds only the values that were asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.limits import check_room
from cordsnet.dynamics.probing import Probe, probed
from cordsnet.dynamics.state import Signal, State
from cordsnet.dynamics.system import System
from cordsnet.errors import DivergedError
from cordsnet.registry import Registry

Reducer: TypeAlias = Callable[[Tensor], Tensor]

NOTHING: Mapping[str, Tensor] = {}

OUTPUT = "output:"
"""Begins the keys of outputs among what is kept; areas are kept under their names."""


@dataclass(frozen=True)
class Reduction:
    """A reduction of values [B, *shape] to what is kept.

    Attributes
    ----------
    apply : values -> what is kept, [B, ...].
    axes : names of the axes of `shape` -> names of those that remain.
    """

    apply: Reducer
    axes: Callable[[tuple[str, ...]], tuple[str, ...]]


def _mean(values: Tensor, first: int) -> Tensor:
    """Mean over all axes from the `first` one on."""
    return values.mean(tuple(range(first, values.ndim))) if values.ndim > first else values


REDUCTIONS: Registry[Reduction] = Registry("reduction")
REDUCTIONS.add("none", Reduction(lambda r: r, lambda axes: axes))
REDUCTIONS.add("channels", Reduction(lambda r: _mean(r, 2), lambda axes: axes[:1]))
REDUCTIONS.add("map", Reduction(lambda r: r.mean(1), lambda axes: axes[1:]))
REDUCTIONS.add("mean", Reduction(lambda r: _mean(r, 1), lambda axes: ()))
REDUCTIONS.add("norm", Reduction(lambda r: r.flatten(1).norm(dim=1), lambda axes: ()))


@check_init
@dataclass(frozen=True)
class Record:
    """Choice of the areas, times and reductions to keep.

    Attributes
    ----------
    areas : names of areas whose rates are kept, or "all"; other signals by name: "area1.drive" is the total input of
        the area before its nonlinearity, injected currents and noise included, at the beginning of the step that ends
        at the recorded time; "stem" is the encoded image; and what a model carries beside rates, such as "area1.cell".
    times_ms : times to keep; None keeps every `every_ms` within `window_ms`.
    every_ms : spacing of the kept times; None is every step.
    window_ms : (start, stop]: keep times after start up to stop; None is the whole protocol.
    reduce : "none" keeps [B, *shape]; of maps, "channels" keeps [B, C] and "map" [B, H, W]; "mean" and "norm" [B];
        or a function of values [B, *shape] that returns a tensor [B, ...], or one such function for each area.
    outputs : names of outputs that are kept at the same times, "all", or () for none.
    """

    areas: Sequence[str] | str = ()
    times_ms: Sequence[float] | None = None
    every_ms: float | None = None
    window_ms: tuple[float, float] | None = None
    reduce: str | Reducer | Mapping[str, Reducer] = "none"
    outputs: Sequence[str] | str = "all"

    def __post_init__(self) -> None:
        if self.window_ms is not None and len(self.window_ms) != 2:
            raise ValueError(f"window_ms must be (start, stop) in ms, got {len(self.window_ms)} number(s)")

    def signals(self, system: System[Any]) -> dict[str, Signal]:
        """The signals asked for, by name. Raises ValueError, offering the nearest, for those that are not there."""
        known = {signal.name: signal for signal in (*system.signals, *probed(system))}
        names = system.areas if self.areas == "all" else self.areas
        return {name: known[name] for name in _chosen(names, known, "area in record")}

    def output_names(self, system: System[Any]) -> tuple[str, ...]:
        """The outputs asked for."""
        names = tuple(system.outputs) if self.outputs == "all" else self.outputs
        return _chosen(names, system.outputs, "output in record")

    def reductions(self, signals: Mapping[str, Signal]) -> tuple[dict[str, Reducer], dict[str, tuple[str, ...] | None]]:
        """The reduction of each signal, and its axes where they are known."""
        if isinstance(self.reduce, str):
            row = REDUCTIONS[self.reduce]
            return dict.fromkeys(signals, row.apply), {name: row.axes(s.axes) for name, s in signals.items()}
        unknown: dict[str, tuple[str, ...] | None] = dict.fromkeys(signals)
        if not isinstance(self.reduce, Mapping):
            return dict.fromkeys(signals, self.reduce), unknown
        missing = [name for name in signals if name not in self.reduce]
        if missing:
            raise ValueError(f"reduce has no function for {missing[0]!r}; give one for each of {', '.join(signals)}")
        return {name: self.reduce[name] for name in signals}, unknown

    def steps(self, total: int, clock: Clock, notes: list[str] | None = None) -> list[int]:
        """The steps that are kept, in order; step k, counted from 1, ends at k x dt."""
        dt = clock.dt_ms
        if self.times_ms is not None:
            steps = sorted({clock.steps(ms, "times_ms", notes) for ms in self.times_ms})
            outside = [step for step in steps if not 1 <= step <= total]
            if outside:
                raise ValueError(
                    f"times_ms holds {outside[0] * dt:g} ms, outside the protocol; "
                    f"use times from {dt:g} to {total * dt:g} ms"
                )
            return steps
        stride = 1 if self.every_ms is None else clock.steps(self.every_ms, "every_ms", notes)
        if stride == 0:
            raise ValueError(f"every_ms must be at least one step of dt = {dt:g} ms, got {self.every_ms} ms")
        start, stop = (0, total) if self.window_ms is None else self._window(total, clock, notes)
        return list(range(start + stride, stop + 1, stride))

    def _window(self, total: int, clock: Clock, notes: list[str] | None) -> tuple[int, int]:
        assert self.window_ms is not None
        start, stop = (clock.steps(ms, "window_ms", notes) for ms in self.window_ms)
        if not 0 <= start < stop <= total:
            raise ValueError(
                f"window_ms = {self.window_ms} does not lie within the protocol of {total * clock.dt_ms:g} ms; "
                "give (start, stop) with start < stop"
            )
        return start, stop


def _chosen(names: Sequence[str] | str, known: Mapping[str, object], kind: str) -> tuple[str, ...]:
    table: Registry[str] = Registry(kind)
    for name in known:
        table.add(name, name)
    return tuple(table[name] for name in ((names,) if isinstance(names, str) else names))


def as_record(record: "Record | Sequence[str] | str") -> Record:
    """A `Record` from what users write: a Record, a list of areas, or "all"."""
    return record if isinstance(record, Record) else Record(areas=record)


class Recorder:
    """Receives states or courses, keeps what was asked, and watches that rates stay finite.

    With `keep_graph` the kept tensors stay in the autograd graph; without it they are copied into
    arrays allocated once.
    """

    def __init__(
        self,
        record: Record,
        system: System[Any],
        total_steps: int,
        keep_graph: bool = False,
        notes: list[str] | None = None,
    ) -> None:
        self.clock, self.total, self.keep_graph = system.clock, total_steps, keep_graph
        self.notes = [] if notes is None else notes
        self.steps = record.steps(total_steps, system.clock, self.notes)
        self.signals, self.outputs, self.system = record.signals(system), record.output_names(system), system
        self.reduce, self.axes = record.reductions(self.signals)
        self.is_per_trial = isinstance(record.reduce, str)
        self.probes = self.signals.keys() - {signal.name for signal in system.signals}
        self._slot = {step: k for k, step in enumerate(self.steps)}
        self._listed: dict[str, list[Tensor]] = {}
        self._filled: dict[str, Tensor] = {}
        self._next = 0

    def wanted(self, before: int, steps: int) -> tuple[int, ...]:
        """Return those of the `steps` steps after step `before` that are to be kept, counted from 1."""
        return tuple(k for k in range(1, steps + 1) if before + k in self._slot)

    def probe(self) -> Probe | None:
        """A watcher of steps; None unless drives or encoded inputs are recorded."""
        return Probe(self.system, self.probes) if self.probes else None

    def reduce_state(self, state: State, probe: Probe | None = None) -> dict[str, Tensor]:
        """Reduce a state after a wanted step to the values to keep: key -> [1, B, ...]. A pure function.

        `probe` has watched that step.
        """
        return {key: value[None] for key, value in self._reduced(state, {} if probe is None else probe.found).items()}

    def reduce_rows(self, rates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Reduce rates [n, B, ...] after wanted steps to the values to keep: key -> [n, B, ...]. A pure function."""
        if not rates:
            return {}
        if not self.is_per_trial:  # a function of the user's may look across trials, so it sees one step at a time
            count = len(next(iter(rates.values())))
            steps = [self.system.state_of({area: rows[k] for area, rows in rates.items()}) for k in range(count)]
            each = [self._reduced(state) for state in steps]
            return {key: torch.stack([one[key] for one in each]) for key in each[0]}
        trials = next(iter(rates.values())).shape[:2]
        flat = self._reduced(self.system.state_of({area: rows.flatten(0, 1) for area, rows in rates.items()}))
        return {key: value.view(*trials, *value.shape[1:]) for key, value in flat.items()}

    def watch_block(self, before: int, last: Mapping[str, Tensor], courses: Callable[[], Mapping[str, Tensor]]) -> None:
        """Raise DivergedError, naming the first step and area, when rates stopped being finite within a block.

        A rate of a rate equation that is not finite stays so: the last rates of a block tell. Recorded values are
        checked again by `check_kept`. `courses` gives the rates after each step [T, B, ...] and is called only when
        something is wrong.
        """
        if not all(bool(torch.isfinite(torch.stack(rates.detach().aminmax())).all()) for rates in last.values()):
            self._raise_if_diverged(before, {area: course.detach().flatten(1) for area, course in courses().items()})

    def _raise_if_diverged(self, before: int, rates: Mapping[str, Tensor]) -> None:
        """rates : area -> [T, ...], of the steps after step `before`."""
        bad = torch.stack([~torch.isfinite(value).all(1) for value in rates.values()])
        if bool(bad.any()):
            row = int(bad.any(0).nonzero()[0])
            area = list(rates)[int(bad[:, row].nonzero()[0])]
            raise DivergedError(area, before + row + 1, self.clock.time_ms(before + row + 1))

    def keep(self, selected: Mapping[str, Tensor]) -> None:
        """Keep what `reduce_rows` or `reduce_state` returned, in the order of time."""
        if not selected:
            return
        if self._next == 0:
            self._check_room(selected)
        count = len(next(iter(selected.values())))
        slots = slice(self._next, self._next + count)
        self._next += count
        for key, value in selected.items():
            if self.keep_graph:
                self._listed.setdefault(key, []).append(value)
                continue
            if key not in self._filled:
                self._filled[key] = value.new_empty(len(self.steps), *value.shape[1:])
            self._filled[key][slots] = value.detach()

    def _check_room(self, selected: Mapping[str, Tensor]) -> None:
        """Raise ValueError, with the sizes, when all that is to be kept does not fit into memory."""
        rows = {key: value[0].numel() * value.element_size() for key, value in selected.items()}
        names = ", ".join(key.removeprefix(OUTPUT) for key in rows)
        device = next(iter(selected.values())).device
        advice = "record fewer areas or times, such as Record(every_ms=...), or reduce='mean'"
        check_room(
            sum(rows.values()) * len(self.steps), f"recording {names} at {len(self.steps):,} times", advice, device
        )

    def check_kept(self) -> None:
        """Raise DivergedError when a recorded signal is not finite, also where the last rates of all blocks were."""
        for name in self.signals if self.is_per_trial else ():
            rows = self.result(name).detach().flatten(1)
            if rows.numel() and not bool(torch.isfinite(torch.stack(rows.aminmax())).all()):
                step = self.steps[int((~torch.isfinite(rows).all(1)).nonzero()[0])]
                raise DivergedError(name, step, self.clock.time_ms(step))

    def result(self, key: str) -> Tensor:
        """The recorded values of a signal, or of an output (its name after `OUTPUT`), time first."""
        return torch.cat(self._listed[key]) if self.keep_graph else self._filled[key]

    def _reduced(self, state: State, found: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:
        values = {**state.values, **found}
        kept = {name: self.reduce[name](values[name]) for name in self.signals}
        if wrong := [name for name, value in kept.items() if not isinstance(value, Tensor)]:
            raise TypeError(f"reduce must return a torch tensor [B, ...], got {type(kept[wrong[0]]).__name__}")
        if self.outputs:
            read = self.system.read(state)
            kept |= {OUTPUT + name: read[name] for name in self.outputs}
        return kept

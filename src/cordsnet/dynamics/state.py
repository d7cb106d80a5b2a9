"""State of a dynamical model: the signals carried from one step to the next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._checks import check_type

MAP_AXES = ("channel", "row", "column")
"""Names of the axes of a map [C, H, W]."""


@dataclass(frozen=True)
class Signal:
    """One tensor that a model carries from step to step.

    Attributes
    ----------
    area : the area to which it belongs.
    shape : without the batch axis.
    kind : "rate" for what experiments, recordings and losses read; any other word ("cell", "gate", "iterations", ...)
        for what the model carries beside it.
    axes : names of the axes of `shape`; empty takes ("channel", "row", "column") for maps and ("unit",) for vectors.
    """

    area: str
    shape: tuple[int, ...]
    kind: str = "rate"
    axes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_type(self.area, str, "area", "a text")
        check_type(self.kind, str, "kind", "a text")
        check_type(self.shape, tuple, "shape", "a tuple of whole numbers")
        check_type(self.axes, tuple, "axes", "a tuple of names")
        if "." in self.area:
            raise ValueError(f"name of an area must have no dot, got {self.area!r}")
        known = {3: MAP_AXES, 1: ("unit",)}.get(len(self.shape), tuple(f"axis{k}" for k in range(len(self.shape))))
        object.__setattr__(self, "axes", self.axes or known)

    @property
    def name(self) -> str:
        """Key in `State.values`: the area's name for its rate, "area.kind" for everything else."""
        return self.area if self.kind == "rate" else f"{self.area}.{self.kind}"


@dataclass(frozen=True)
class State:
    """The signals of a model, and what else its next step depends on.

    Attributes
    ----------
    values : name of a signal -> [B, *shape].
    step : number of steps since the model began; keys batch norms per step and noise.
    seeds : seed of every trial's noise [B]; None for a model without noise.
    past : source -> what it emitted 1, 2, ... steps ago, newest first; only sources that some pathway reads with a
        delay are kept.
    """

    values: Mapping[str, Tensor]
    step: int = 0
    seeds: Tensor | None = None
    past: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_type(self.values, Mapping, "values", "a mapping of signals to tensors")
        if not (isinstance(self.past, Mapping) and all(isinstance(queue, tuple) for queue in self.past.values())):
            raise ValueError(f"past must map sources to tuples of what they emitted, got {self.past!r:.100}")
        if not (self.seeds is None or (isinstance(self.seeds, Tensor) and self.seeds.dtype == torch.int64)):
            raise ValueError(f"seeds must be whole numbers [B] in a torch tensor, or None, got {self.seeds!r:.100}")
        if not (isinstance(self.step, int) and self.step >= 0):
            raise ValueError(f"step must be a whole number of at least 0, got {self.step!r:.100}")

    @property
    def rates(self) -> dict[str, Tensor]:
        """Area -> its rates [B, *shape]: the signals whose name is that of their area."""
        return {name: value for name, value in self.values.items() if "." not in name}

    @property
    def batch(self) -> int:
        """Number of trials."""
        return next(iter(self.values.values())).shape[0]

    def after(
        self, values: Mapping[str, Tensor], past: Mapping[str, tuple[Tensor, ...]] | None = None, steps: int = 1
    ) -> "State":
        """The state one step (or several) later, with other values."""
        return replace(self, values=values, step=self.step + steps, past=self.past if past is None else past)

    def with_values(self, values: Mapping[str, Tensor]) -> "State":
        """The state at the same step with some values replaced."""
        return replace(self, values={**self.values, **values})

    def map(self, change: Callable[[Tensor], Tensor]) -> "State":
        """The state with `change` applied to every signal and every delayed signal."""
        values = {name: change(value) for name, value in self.values.items()}
        past = {name: tuple(change(value) for value in queue) for name, queue in self.past.items()}
        return replace(self, values=values, past=past)

    def zip(self, other: "State", combine: Callable[[Tensor, Tensor], Tensor]) -> "State":
        """Both states' signals and delayed signals combined, one by one."""
        values = {name: combine(value, other.values[name]) for name, value in self.values.items()}
        past = {
            name: tuple(combine(*pair) for pair in zip(queue, other.past[name], strict=True))
            for name, queue in self.past.items()
        }
        return replace(self, values=values, past=past)

    def detach(self) -> "State":
        """The state cut from the autograd graph."""
        return self.map(Tensor.detach)

    def clone(self) -> "State":
        """The state in memory of its own."""
        return self.map(torch.clone)

    def trials(self, rows: slice | Tensor) -> "State":
        """Some of the trials; `rows` indexes the batch axis and keeps it."""
        seeds = None if self.seeds is None else self.seeds[rows]
        return replace(self.map(lambda value: value if len(value) == 1 < self.batch else value[rows]), seeds=seeds)

    def expand(self, batch: int) -> "State":
        """A one-trial state shown as `batch` equal trials, without copying.

        Raises ValueError when the state holds another number of trials than 1 or `batch`.
        """
        if self.batch not in (1, batch):
            raise ValueError(
                f"initial_state holds {self.batch} trials but the protocol shows {batch}; "
                "give a state of one trial or of as many trials as images"
            )
        return self.map(lambda value: value.expand(batch, *value.shape[1:]))

    @staticmethod
    def cat(states: Sequence["State"]) -> "State":
        """The trials of several states of the same model and step, one after another."""
        first = states[0]
        names, step = set(first.values), first.step
        if any(set(state.values) != names or state.step != step for state in states):
            raise ValueError("states to be joined must be of the same model and the same step; simulate them alike")
        seeds = None if first.seeds is None else torch.cat([s.seeds for s in states if s.seeds is not None])
        past = {
            source: tuple(torch.cat(row) for row in zip(*(_full(s, s.past[source]) for s in states), strict=True))
            for source in first.past
        }
        return State({name: torch.cat([s.values[name] for s in states]) for name in first.values}, step, seeds, past)


def _full(state: State, queue: tuple[Tensor, ...]) -> list[Tensor]:
    """Delayed signals with all trials: those of a blank field have batch size 1."""
    return [value.expand(state.batch, *value.shape[1:]) for value in queue]


def flush(values: Tensor) -> Tensor:
    """`values` with those below 1e5 times the smallest normal number set to zero (1e-33 in float32).

    The rate of a silent unit decays geometrically, and after some 400 steps of dt / tau = 0.2 it would stay
    forever at a subnormal number, with which processors compute ten times slower. Gradients pass unchanged. Half
    precision (float16) has too few exponents for this, and is left as it is.
    """
    if values.dtype == torch.float16:
        return values.clone()
    with torch.no_grad():
        kept = functional.hardshrink(values, 1e5 * torch.finfo(values.dtype).tiny)
    return values + (kept - values).detach() if values.requires_grad else kept

"""Words of the three witnesses, the thresholds they share, and what follows where they agree."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from cordsnet._checks import check_count, check_positive
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.status import Status

KEPT, LOST = 0.5, 0.1
"""A direction is slow if a displacement keeps at least the first proportion over `slow_ms`, fast if at most the second.
In decay times: slower than 1.4 x `slow_ms`, faster than 0.43 x `slow_ms`; between them nothing is decided."""
GROWS = 2.0
"""Factor over `slow_ms` from which on a displacement counts as growing."""
AT_REST, SAME = 0.1, 0.05
"""In units of size: largest movement within `slow_ms` of a state at rest, and width of what counts as one place."""
MAJORITY = 0.75
"""Smallest proportion of the tested states that must say the same."""
MOST_TESTED, MOST_STEPS = 1_000, 10_000_000
"""Largest numbers of states that are tested, and of steps, that are accepted."""

ALLOWS: dict[str, frozenset[str]] = {
    "point": frozenset({"single point", "points"}),
    "curve": frozenset({"line", "ring"}),
    "cycle": frozenset({"cycle"}),
    "none": frozenset({"none"}),
    "one place": frozenset({"single point"}),
    "places": frozenset({"points"}),
    "arc": frozenset({"line"}),
    "loop": frozenset({"ring", "cycle"}),
    "undecided": frozenset(),
}
"""Word of a witness -> the attractors that it is compatible with."""


@dataclass(frozen=True)
class Witness:
    """Verdict of one witness, and the numbers behind it.

    Attributes
    ----------
    kind : of the spectrum and the perturbation "point", "curve" (one neutral direction), "cycle" or "none"; of the
        topology "one place", "places", "arc", "loop" or "none"; of any of them "undecided".
    numbers : the measurements; NaN if one does not apply.
    residual : largest residual behind the kind, in units of its threshold or of size; 0 where nothing was solved.
    status : outcome of the computation.
    notes : in words, such as states that disagree.
    """

    kind: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    residual: float = 0.0
    status: Status = Status.CONVERGED
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """Verdict of a witness on one tested state, and the numbers behind it."""

    kind: str
    numbers: Mapping[str, float]
    residual: float = 0.0
    status: Status = Status.CONVERGED


def verdict(witnesses: Sequence[Witness]) -> str:
    """The one attractor that is compatible with all witnesses, else "undecided"."""
    common = frozenset.intersection(*(ALLOWS[one.kind] for one in witnesses))
    return next(iter(common)) if len(common) == 1 else "undecided"


def gather(judged: Sequence[Judged]) -> Witness:
    """The word of most tested states, with the median of their numbers."""
    word, count = Counter(one.kind for one in judged).most_common(1)[0]
    notes = () if count == len(judged) else (_tally(judged),)
    names = dict.fromkeys(name for one in judged for name in one.numbers)
    agreed = count >= MAJORITY * len(judged)
    heard = [one for one in judged if one.kind == word] if agreed else judged
    numbers = {name: _median([one.numbers.get(name, math.nan) for one in heard]) for name in names}
    worst = next((one.status for one in judged if one.status is not Status.CONVERGED), Status.CONVERGED)
    return Witness(word if agreed else "undecided", numbers, max(one.residual for one in heard), worst, notes)


def _tally(judged: Sequence[Judged]) -> str:
    counts = Counter(one.kind for one in judged).most_common()
    return "tested states differ: " + ", ".join(f"{count} {word}" for word, count in counts)


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan


def check_scales(
    flow: Flow, states: Tensor, slow_ms: float, dt: float, size: float, tested: int, named: str = "states"
) -> None:
    """Raise TypeError or ValueError, by name, unless states, times and sizes fit the flow."""
    flow.check_states(states, named)
    if not bool(torch.isfinite(states).all()):
        raise ValueError(f"{named} hold values that are not finite; leave those states out")
    for name, value in {"slow_ms": slow_ms, "dt": dt, "size": size}.items():
        check_positive(value, name)
    check_steps(flow, slow_ms, dt, "slow_ms")
    check_count(tested, "tested", 1, MOST_TESTED)


def check_steps(flow: Flow, ms: float, dt: float, name: str) -> None:
    """Raise ValueError unless a duration holds ten to ten million steps; of a map a step is 1."""
    if flow.is_map and dt != 1:
        raise ValueError(f"dt must be 1 for a map, whose time is discrete, got {dt:g}")
    if not 10 * dt <= ms <= MOST_STEPS * dt:
        raise ValueError(f"{name} must hold 10 to {MOST_STEPS:,} steps of {dt:g} ms, got {ms:g}; change it or dt")

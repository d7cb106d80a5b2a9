"""The attractor that a flow settles onto: a point, several, a line, a ring or a cycle, where three witnesses agree."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.manifolds.perturbation import perturbation_witness
from cordsnet.analysis.manifolds.runs import norms, run
from cordsnet.analysis.manifolds.spectrum import spectrum_witness
from cordsnet.analysis.manifolds.topology import FEWEST, topology_witness
from cordsnet.analysis.manifolds.witness import Witness, check_scales, check_steps, verdict
from cordsnet.analysis.status import Status

CLAIMS = ("points", "line", "ring", "cycle")
"""Verdicts that say more than that a flow forgets where it began."""


@dataclass(frozen=True)
class ManifoldReport:
    """The attractor that a flow settles onto, and what each witness said.

    Attributes
    ----------
    kind : "single point", "points" (several), "line", "ring", "cycle", "none" (all three exclude those), or "undecided"
        where the witnesses do not agree on one of them.
    spectrum, perturbation, topology : the witnesses.
    states : [K, *domain], where the starts were after `settle_ms`.
    slow_ms, settle_ms, size : the scales.
    status : CONVERGED; DIVERGED if some start did; else that of the spectrum.
    notes : in words, such as which witnesses disagree.
    """

    kind: str
    spectrum: Witness
    perturbation: Witness
    topology: Witness
    states: Tensor
    slow_ms: float
    settle_ms: float
    size: float
    status: Status
    notes: tuple[str, ...] = ()

    @property
    def claims(self) -> bool:
        """True if memory or rhythm is claimed: several points, a line, a ring or a cycle."""
        return self.kind in CLAIMS

    @property
    def witnesses(self) -> dict[str, Witness]:
        """The three by name."""
        return {"spectrum": self.spectrum, "perturbation": self.perturbation, "topology": self.topology}

    def row(self) -> dict[str, str | float]:
        """Verdict, words and numbers as columns of a table."""
        columns: dict[str, str | float] = {"kind": self.kind}
        for name, witness in self.witnesses.items():
            columns |= {name: witness.kind}
            columns |= {f"{name}_{number}": value for number, value in witness.numbers.items()}
        return columns


@check_arguments
@exact()
def find_manifold(
    flow: Flow,
    starts: Tensor,
    *,
    slow_ms: float,
    dt: float,
    settle_ms: float | None = None,
    size: float | None = None,
    tested: int = 8,
    seed: int = 0,
) -> ManifoldReport:
    """Say onto what a flow settles from `starts`, by three witnesses that do not know of one another.

    The flow runs for `settle_ms` from each start. A verdict is given only where exactly one attractor is compatible
    with `spectrum_witness`, `perturbation_witness` and `topology_witness` of the states there:

    | attractor | spectrum | pushes | topology |
    |---|---|---|---|
    | single point | no slow direction | come back | one place |
    | points | no slow direction | come back | places |
    | line | one slow direction | come back to a shifted place | arc |
    | ring | one slow direction | come back to a shifted place | loop |
    | cycle | one multiplier near 1, others fast | come back with a shifted phase | loop |

    Spread the starts widely, since a part of a ring is an arc. A cycle slower than `slow_ms`, one of few steps of a
    map, and a line whose states drift by a tenth of `size` within `slow_ms`, as of a leaky integrator, are undecided.

    Parameters
    ----------
    flow : any flow or map.
    starts : [K, *domain], at least twelve.
    slow_ms : time scale, ms, beyond which a direction counts as slow, such as a delay that a network has to bridge, or
        ten times its longest time constant; in steps for a map. Directions that decay in 0.43 to 1.4 times that are
        neither slow nor fast.
    dt : step, ms; 1 for a map.
    settle_ms : for how long the flow runs first; None is twice `slow_ms`.
    size : unit of distances, as a norm; None is the root mean square distance of the starts from their mean.
    tested : states that spectrum and pushes look at, drawn at random.
    seed : seed of all that is drawn.

    Raises
    ------
    TypeError, ValueError : starts, times or sizes that do not fit, by name.

    Source: three lines of evidence for attractors, Khona & Fiete 2022; see the witnesses.
    """
    flow.check_states(starts)
    unit = _size(starts) if size is None else size
    settle = 2 * slow_ms if settle_ms is None else settle_ms
    _check(flow, starts, slow_ms, dt, unit, tested, settle)
    states = run(flow, starts, settle, dt)
    if not bool(torch.isfinite(states).all()):
        return _diverged(states, slow_ms, settle, unit)
    scales = {"slow_ms": slow_ms, "dt": dt, "size": unit, "seed": seed}
    return _report(flow, states, scales, settle, tested)


def _report(flow: Flow, states: Tensor, scales: dict[str, Any], settle_ms: float, tested: int) -> ManifoldReport:
    """Ask the witnesses about the states that a flow has reached."""
    spectrum = spectrum_witness(flow, states, tested=tested, **scales)
    pushed = perturbation_witness(flow, states, tested=tested, **scales)
    topology = topology_witness(flow, states, **scales)
    kind = verdict((spectrum, pushed, topology))
    notes = _notes(kind, {"spectrum": spectrum, "perturbation": pushed, "topology": topology})
    slow_ms, size = scales["slow_ms"], scales["size"]
    return ManifoldReport(kind, spectrum, pushed, topology, states, slow_ms, settle_ms, size, spectrum.status, notes)


def _check(flow: Flow, starts: Tensor, slow_ms: float, dt: float, size: float, tested: int, settle_ms: float) -> None:
    if len(starts) < FEWEST:
        raise ValueError(f"starts must be at least {FEWEST}, to see the shape of where they end, got {len(starts)}")
    check_scales(flow, starts, slow_ms, dt, size, tested, "starts")
    check_positive(settle_ms, "settle_ms")
    check_steps(flow, settle_ms, dt, "settle_ms")


def _size(starts: Tensor) -> float:
    """Root mean square distance from the mean; of the states from zero where all are alike; 1 if they are zero."""
    spread = float(norms(starts - starts.mean(0)).square().mean().sqrt())
    return spread or float(norms(starts).square().mean().sqrt()) or 1.0


def _diverged(states: Tensor, slow_ms: float, settle_ms: float, size: float) -> ManifoldReport:
    lost = int((~torch.isfinite(states.flatten(1)).all(1)).sum())
    silent = Witness("undecided", residual=math.nan, status=Status.DIVERGED)
    note = f"{lost} of {len(states)} starts diverged within settle_ms = {settle_ms:g}"
    return ManifoldReport(
        "undecided", silent, silent, silent, states, slow_ms, settle_ms, size, Status.DIVERGED, (note,)
    )


def _notes(kind: str, witnesses: dict[str, Witness]) -> tuple[str, ...]:
    notes = [f"{name}: {note}" for name, witness in witnesses.items() for note in witness.notes]
    if kind == "undecided":
        notes.append(
            "the witnesses do not agree: " + ", ".join(f"{name} {one.kind}" for name, one in witnesses.items())
        )
    return tuple(notes)

"""Attractors that networks have grown in a task, by three witnesses, beside those of the same networks as drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cordsnet.analysis import ManifoldReport
from cordsnet.analysis.manifolds.witness import ALLOWS
from cordsnet.experiments.claims import Measured
from cordsnet.experiments.result import LabelledArray, axis, labelled
from cordsnet.tasks import Task, task_attractor

TURNS = 1.5
"""Time in turns of the task's own answer within which an orbit has to close."""

COMPONENTS = 2


@dataclass(frozen=True)
class Question:
    """Attractor that is expected of a network trained on a task.

    Attributes
    ----------
    kind : the attractor, as `find_manifold` names it.
    period : the period whose inputs are held.
    condition : condition of the trials that is remembered.
    split : condition whose values are asked one by one, since each has an attractor of its own; "" is none.
    stepper, dt_ms : how the network runs while it is asked; a step of None is its own.
    turns : time in turns of a rhythm within which an orbit has to close.
    settings : settings of the task that are changed for the trials from which the network starts.
    """

    kind: str
    period: str
    condition: str
    split: str = ""
    stepper: str = "euler"
    dt_ms: float | None = None
    turns: float = TURNS
    settings: Mapping[str, Any] = field(default_factory=dict)

    def parts(self, task: Task, seed: int, trials: int) -> list[dict[str, float]]:
        """Conditions that are asked one by one; one empty set of them where none are."""
        if not self.split:
            return [{}]
        values = map(float, _shown(task, seed, trials)[self.split].tolist())
        return [{self.split: value} for value in sorted(set(values))]


QUESTIONS: Mapping[str, Question] = {
    "match_to_sample": Question("points", "delay", "sample"),
    "parametric_memory": Question("line", "delay", "f1_hz"),
    "delayed_saccade": Question("ring", "delay", "angle"),
    "sequence": Question("cycle", "go", "start", split="direction"),
}
"""Task -> the attractor that is expected of networks that learnt it (Soo et al. 2024, Figure 1B)."""


def slow_of(task: Task, slow_ms: float, turns: float = TURNS) -> float:
    """Time beyond which a direction counts as slow: `slow_ms`; of a rhythm, so many turns of the answer."""
    speed = getattr(task, "speed_deg_s", None)
    return slow_ms if speed is None else turns * 360_000 / float(speed)


def attractor_rows(
    model: Any, task: Task, slow_ms: float, trials: int, seed: int, question: Question | None = None
) -> tuple[list[dict[str, Any]], list[tuple[Tensor, Tensor]]]:
    """A row for each part of the question of a task; and the states [K, units] there, with the condition [K] of each.

    Without a question it is that of `QUESTIONS`, where a network takes the steps with which it was trained.
    A witness confirms the expected attractor where its word is compatible with that (`find_manifold`); all three may do
    so while the verdict names none, if they fit two.
    """
    question = QUESTIONS[task.kind] if question is None else question
    rows, states = list[dict[str, Any]](), list[tuple[Tensor, Tensor]]()
    task, model, slow = task.changed(**question.settings), model.double(), slow_of(task, slow_ms, question.turns)
    conditions = _shown(task, seed, trials)
    for only in question.parts(task, seed, trials):
        how = (question.period, trials, slow, seed, only, question.stepper, question.dt_ms)
        report = task_attractor(model, task, *how)
        kept = torch.ones(trials, dtype=torch.bool)
        for name, value in only.items():
            kept &= conditions[name].double() == value
        said = ", ".join(f"{name} {value:g}" for name, value in only.items())
        rows.append({"trials": said or "all", "expected": question.kind, **_columns(report, question.kind)})
        states.append((report.states.flatten(1), _numbers(conditions[question.condition])[kept]))
    return rows, states


def confirmed(rows: Sequence[Mapping[str, Any]]) -> Measured:
    """Share of networks of which every row names the expected attractor; NaN without networks."""
    named: dict[tuple[str, int], bool] = {}
    for row in rows:
        network = row["model"], row["seed"]
        named[network] = named.get(network, True) and row["kind"] == row["expected"]
    return Measured(sum(named.values()) / len(named), None, len(named)) if named else Measured(float("nan"))


def shown_states(parts: Sequence[tuple[Tensor, Tensor]], condition: str) -> LabelledArray | None:
    """States along their first two principal components [states, 2], with the condition as coordinate.

    None where a state is not finite.
    """
    states, values = (torch.cat(list(one)) for one in zip(*parts, strict=True))
    if not bool(torch.isfinite(states).all()):
        return None
    left, sizes, _ = torch.linalg.svd(states - states.mean(0), full_matrices=False)
    axes = (axis(condition, values), axis("component", range(1, 1 + COMPONENTS)))
    return labelled((left * sizes)[:, :COMPONENTS], axes, description="states onto which the network settled")


def _columns(report: ManifoldReport, expected: str) -> dict[str, Any]:
    """Verdict, words of the witnesses, how many confirm what is expected, scales and numbers."""
    words = {name: witness.kind for name, witness in report.witnesses.items()}
    count = sum(expected in ALLOWS[word] for word in words.values())
    row = report.row()
    numbers = {name: value for name, value in row.items() if name not in ("kind", *words) and np.isfinite(float(value))}
    head = {"kind": report.kind, **words, "confirm": count, "claims": report.claims, "slow_ms": report.slow_ms}
    return head | {"status": report.status.value, **numbers, "notes": "; ".join(report.notes)}


def _numbers(values: Tensor) -> Tensor:
    """A condition as a number [B]: of signs [B, bits], that of the pattern, whose last bit counts 1."""
    if values.ndim == 1:
        return values.double()
    places = 2.0 ** torch.arange(values.shape[1] - 1, -1, -1, dtype=torch.float64)
    return ((values > 0).double() * places).sum(1)


def _shown(task: Task, seed: int, trials: int) -> Mapping[str, Tensor]:
    """Conditions of the trials that `task_attractor` shows."""
    return task.for_tests().changed(noise=0.0).sample(trials, seed).conditions

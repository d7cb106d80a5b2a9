"""Attractors that networks have grown in a task, by three witnesses, beside those of the same networks as drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    """What is expected of a task.

    Attributes
    ----------
    kind : the attractor, as `find_manifold` names it.
    period : the period whose inputs are held.
    condition : condition of the trials that is remembered.
    split : condition whose values are asked one by one, since each has an attractor of its own; "" is none.
    """

    kind: str
    period: str
    condition: str
    split: str = ""

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


def slow_of(task: Task, slow_ms: float) -> float:
    """Time beyond which a direction counts as slow: `slow_ms`; of a rhythm, one and a half turns of the answer."""
    speed = getattr(task, "speed_deg_s", None)
    return slow_ms if speed is None else TURNS * 360_000 / float(speed)


def attractor_rows(
    model: Any, task: Task, slow_ms: float, trials: int, seed: int
) -> tuple[list[dict[str, Any]], list[tuple[Tensor, Tensor]]]:
    """A row for each part of the question of a task; and the states [K, units] there, with the condition [K] of each.

    The network takes the steps with which it was trained. A witness confirms the expected attractor where its word is
    compatible with that (`find_manifold`); all three may do so while the verdict names none, if they fit two.
    """
    question, rows, states = QUESTIONS[task.kind], list[dict[str, Any]](), list[tuple[Tensor, Tensor]]()
    model, slow = model.double(), slow_of(task, slow_ms)
    conditions = _shown(task, seed, trials)
    for only in question.parts(task, seed, trials):
        report = task_attractor(model, task, question.period, trials, slow, seed, only, "euler")
        kept = torch.ones(trials, dtype=torch.bool)
        for name, value in only.items():
            kept &= conditions[name].double() == value
        said = ", ".join(f"{name} {value:g}" for name, value in only.items())
        rows.append({"trials": said or "all", "expected": question.kind, **_columns(report, question.kind)})
        states.append((report.states.flatten(1), conditions[question.condition][kept].double()))
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


def _shown(task: Task, seed: int, trials: int) -> Mapping[str, Tensor]:
    """Conditions of the trials that `task_attractor` shows."""
    return task.for_tests().changed(noise=0.0).sample(trials, seed).conditions

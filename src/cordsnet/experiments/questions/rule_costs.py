"""Gradient rules as they are compared, and what an update with each costs."""

import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch

from cordsnet.dynamics import GRADIENTS, Gradient
from cordsnet.experiments.questions.live_tensors import peak_bytes
from cordsnet.models.interface import IMAGE
from cordsnet.training import LastStep, compare_gradients
from cordsnet.training.loss import SCORES, Batch, Bound

REPEATS = 5
"""Number of times that an update is timed; rules take turns."""


@dataclass(frozen=True)
class Rule:
    """A gradient rule, and the penalty on expansion with which it is trained."""

    gradient: Gradient
    expansion_weight: float = 0.0


def rules() -> dict[str, Rule]:
    """Every row of `GRADIENTS` with its own settings; "rbp" without its early stop, and with it and the penalty."""
    own = {
        "rbp": Rule(Gradient("rbp", stop_early=False)),
        "implicit": Rule(Gradient("implicit", unsettled="accept")),
    }
    found = {name: own.get(name, Rule(Gradient(name))) for name in GRADIENTS}
    return found | {"c_rbp": Rule(Gradient("rbp"), expansion_weight=10.0)}


def measure_rules(
    model: Any, images: torch.Tensor, labels: torch.Tensor, ms: float, dt: float | None
) -> dict[str, dict[str, float]]:
    """Rule -> what was measured; a rule that is not defined for the model has nothing."""
    known = rules()
    chosen = [rule.gradient for rule in known.values()]
    table = compare_gradients(model, images, labels, ms=ms, dt=dt, gradients=chosen)
    found: dict[str, dict[str, float]] = {}
    for name, row in zip(known, table.rows, strict=True):
        found[name] = {} if row.refused else {"cosine": row.cosine, "size": row.size}
        if not row.refused and row.settled_share is not None:
            found[name]["settled"] = row.settled_share
        if row.kept is not None:
            found[name]["kept"] = float(row.kept)
    updates = {name: _Update(model, images, labels, known[name], ms, dt) for name in known if found[name]}
    for name, update in updates.items():
        found[name]["peak"] = float(peak_bytes(update, list(model.parameters())))
    taken: dict[str, list[float]] = {name: [] for name in updates}
    for _ in range(REPEATS):
        for name, update in updates.items():
            began = time.perf_counter()
            update()
            taken[name].append(time.perf_counter() - began)
    for name, seconds in taken.items():
        found[name]["seconds"] = statistics.median(seconds)
    model.zero_grad()
    return found


class _Update:
    """Forward and backward pass of one batch with a rule, from spontaneous activity that is computed once."""

    def __init__(
        self, model: Any, images: torch.Tensor, labels: torch.Tensor, rule: Rule, ms: float, dt: float | None
    ) -> None:
        self.model, self.rule, self.dt = model, rule, dt
        self.batch = Batch({IMAGE: images}, {SCORES: labels})
        self.loss = LastStep(ms, rule.expansion_weight)
        with torch.no_grad():
            self.start = Bound.of(model, dt).resting()

    def __call__(self) -> None:
        self.model.zero_grad()
        bound = Bound.of(self.model, self.dt, gradient=self.rule.gradient, rest=lambda system, ms: self.start)
        self.loss(bound, self.batch).total.backward()  # type: ignore[no-untyped-call]

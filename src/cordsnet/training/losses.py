"""Losses for any model: at the last step, at every step, masked, and at the settled state."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

from cordsnet._arguments import check_init
from cordsnet._checks import check_at_least
from cordsnet.dynamics import Equilibrium, Solver, steady_state
from cordsnet.models.interface import IMAGE
from cordsnet.training.comparison import (
    accuracies,
    axes_of,
    checked,
    course,
    ended,
    error,
    frames_of,
    masked,
    several,
)
from cordsnet.training.evaluate import BATCH, read_correctly
from cordsnet.training.loss import SCORES, Batch, Bound, Loss, Terms, by_name, evolves
from cordsnet.training.sources import LabelledImages


@check_init
@dataclass(frozen=True)
class LastStep(Loss):
    """The error of the outputs at the end of a trial.

    With `Train(gradient=...)` any gradient rule can be used, since it reads the last state alone.

    Attributes
    ----------
    ms : duration of a trial, shared equally by its frames; None is the model's `response_ms`. A model without time
        answers at once.
    expansion_weight : coefficient of the Lipschitz-coefficient penalty (LCP) on the last step: the mean of
        ((J' 1 - expansion_bound)+)^2, with J the Jacobian of the last step over all signals. With the gradient "rbp" it
        is the contractor recurrent back-propagation of Linsley et al. (2020), with a coefficient of 10; 0 is none.
    expansion_bound : column sums of the Jacobian up to this cost nothing.
    """

    kind = "last_step"
    needs_time = False
    reads_the_end = True
    ms: float | None = None
    expansion_weight: float = 0.0
    expansion_bound: float = 0.9

    def __post_init__(self) -> None:
        check_at_least(self.expansion_weight, "expansion_weight", 0)
        check_at_least(self.expansion_bound, "expansion_bound", 0)

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """Cross-entropy for class scores, squared error for other outputs, summed over the outputs with a target."""
        ending = None
        if bound.system is None:
            outputs = by_name(bound.model(batch.inputs))
        else:
            ms = bound.model.response_ms if self.ms is None else self.ms
            ending = ended(bound, batch.inputs, ms, self.expansion_bound if self.expansion_weight else None)
            outputs = dict(ending.outputs)
        targets = checked(batch.targets, outputs)
        terms = {name: error(outputs[name], target, axes_of(bound, name)) for name, target in targets.items()}
        total, named = torch.stack(list(terms.values())).sum(), several(terms)
        measures = accuracies(bound, outputs, targets)
        if ending is not None and ending.expansion is not None:
            total, named = total + self.expansion_weight * ending.expansion, {**named, "expansion": ending.expansion}
        if ending is not None and ending.residual is not None:
            measures["settled_share"] = (ending.residual <= bound.gradient.tol).to(total).mean()
        return Terms(total, named, measures)

    def check(self, model: Any) -> None:
        """Raise ValueError for a model without time, whose steps cannot be penalised."""
        super().check(model)
        if self.expansion_weight and not evolves(model):
            raise ValueError("expansion_weight needs a model that evolves in time; leave it out")

    def to_dict(self) -> dict[str, Any]:
        """Plain data; without a penalty as before there was one, so that runs of earlier versions go on."""
        found = super().to_dict()
        return found if self.expansion_weight else {name: found[name] for name in ("kind", "ms")}


@check_init
@dataclass(frozen=True)
class EveryStep(Loss):
    """The error of the outputs, averaged over the steps of a trial.

    Attributes
    ----------
    ms : duration of a trial, shared equally by its frames; None is the model's `response_ms`.
    from_ms : steps up to this time do not count.
    """

    kind = "every_step"
    ms: float | None = None
    from_ms: float = 0.0

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """Cross-entropy for class scores, squared error for other outputs, summed over the outputs with a target."""
        ms = bound.model.response_ms if self.ms is None else self.ms
        self._check(ms)
        shown = course(bound, batch.inputs, ms)
        first = round(sum(shown.steps) * self.from_ms / ms)
        return masked(bound, shown, Batch(batch.inputs, batch.targets), first=first)

    def __post_init__(self) -> None:
        self._check(math.inf if self.ms is None else self.ms)

    def check(self, model: Any) -> None:
        """Raise ValueError for a model without time, or one that has answered before `from_ms`."""
        super().check(model)
        self._check(model.response_ms if self.ms is None else self.ms)

    def _check(self, ms: float) -> None:
        if not 0 <= self.from_ms < ms:
            raise ValueError(f"from_ms must be at least 0 and below ms = {ms:g}, got {self.from_ms:g}")


@check_init
@dataclass(frozen=True)
class Masked(Loss):
    """The error of every output with a target, weighted over time and trials by the mask of the batch.

    For tasks with several outputs, such as a choice that counts in the decision period and an eye position that counts
    throughout.

    Attributes
    ----------
    ms : duration of a trial, shared equally by its frames; None is that of the batch's frames, or else the model's
        `response_ms`.
    weights : coefficient of each output, as (name, coefficient) pairs; 1 for those that are not named.
    """

    kind = "masked"
    ms: float | None = None
    weights: tuple[tuple[str, float], ...] = ()

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """Each output's mean error over what its mask keeps, one term per output."""
        return masked(bound, course(bound, batch.inputs, self._ms(bound, batch)), batch, dict(self.weights))

    def _ms(self, bound: Bound, batch: Batch) -> float:
        """Duration of a trial. Raises ValueError where the loss and the frames of the batch say different ones."""
        if batch.frame_ms is None:
            return float(bound.model.response_ms) if self.ms is None else self.ms
        frames = len(frames_of(bound, batch.inputs)) * batch.frame_ms
        if self.ms is not None and not math.isclose(self.ms, frames, rel_tol=1e-9):
            raise ValueError(f"trials of the data last {frames:g} ms, and the loss has ms = {self.ms:g}; leave it out")
        return frames


@check_init
@dataclass(frozen=True)
class Settled(Loss):
    """Cross-entropy at the network's fixed point under each image, by implicit gradients or by recurrent
    back-propagation (`solver.gradient`). Memory does not grow with the duration of a trial.

    Attributes
    ----------
    solver : how fixed points and their gradients are computed; its `expansion_bound` keeps the network settling.
    expansion_weight : coefficient of the Lipschitz-coefficient penalty (Linsley et al. 2020).
    """

    kind = "settled"
    solver: Solver = field(default_factory=lambda: Solver(tol=1e-4, max_iterations=50, expansion_bound=0.9))
    expansion_weight: float = 1e-2

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """Cross-entropy at the fixed point, and the penalty."""
        labels = batch.targets[SCORES]
        found = steady_state(bound.model, batch.inputs[IMAGE], solver=self.solver, grad=True, unsettled="accept")
        classification = functional.cross_entropy(found.logits, labels)
        loss = classification + self.expansion_weight * found.expansion
        hits = read_correctly(found.logits, labels).float().mean()
        settled = loss.new_tensor(settled_share(found))
        return Terms(loss, {"expansion": found.expansion}, {"accuracy": hits, "settled_share": settled})

    def report(self, model: torch.nn.Module, source: object) -> dict[str, float]:
        """Share of test images under which the network settles."""
        if not isinstance(source, LabelledImages):
            return {}
        settled, seen = 0.0, 0
        for images, _ in source.data.test.to(model).batches(BATCH):
            settled += settled_share(steady_state(model, images, solver=self.solver)) * len(images)  # type: ignore[arg-type]
            seen += len(images)
        return {"settled_share": settled / seen}


def settled_share(found: Equilibrium) -> float:
    """Share of trials of which every area converged."""
    trials = zip(*found.status.values(), strict=True)
    settled = [all(status.name == "CONVERGED" for status in areas) for areas in trials]
    return sum(settled) / len(settled)

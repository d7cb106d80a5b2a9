"""The objective of the paper.

A trial is a blank (to reach spontaneous activity, without gradient), an image, and a blank
(Soo et al. 2024, section 3 and appendix).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_arguments, check_init
from cordsnet._typing import ClassLabels, Images, SoftLabels
from cordsnet.dynamics import Clock, Hold, Record, State, own_start
from cordsnet.models import VisionModel
from cordsnet.models.interface import IMAGE
from cordsnet.training.comparison import check_labels
from cordsnet.training.evaluate import read_correctly
from cordsnet.training.loss import SCORES, Batch, Bound, Loss, Rest, Terms


@check_init
@dataclass(frozen=True)
class Trial:
    """Times of a trial, ms.

    Attributes
    ----------
    before : blank from zero rates to spontaneous activity; no gradient flows through it.
    image : duration of the image.
    decision : the last part of the image in which class scores count; 60 ms of 200 is 140-200 ms after
        onset, the window in which macaque IT answers.
    after : blank once the image has gone.
    baseline : the last part of that blank, in which rates should be back at spontaneous activity.
    """

    before: float = 200.0
    image: float = 200.0
    decision: float = 60.0
    after: float = 200.0
    baseline: float = 20.0


@check_init
@dataclass(frozen=True)
class Objective(Loss):
    """The objective of Soo et al. 2024: the weights of its two terms.

    Attributes
    ----------
    spontaneous_weight : coefficient of the mean squared difference between the rates in the baseline
        window and spontaneous activity, averaged over steps and areas. It selects monostable networks.
    first_weight, last_weight : ends of the log-spaced weights of the cross-entropy over the decision
        window; they select networks that answer at a fixed point rather than in passing.
    """

    kind = "paper"
    spontaneous_weight: float = 1e-3
    first_weight: float = 1e-3
    last_weight: float = 1.0
    trial: Trial = field(default_factory=Trial)

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """The objective on labelled images."""
        losses = _objective(bound, batch.inputs[IMAGE], batch.targets[SCORES], self)
        terms = {"classification": losses.classification, "spontaneous": losses.spontaneous}
        return Terms(losses.total, terms, {"accuracy": losses.accuracy[-1]})


@dataclass(frozen=True)
class Losses:
    """Value of the objective and its parts.

    Attributes
    ----------
    total : the value that is minimised.
    classification : log-weighted cross-entropy, averaged over the decision window.
    spontaneous : mean squared distance to spontaneous activity, before its coefficient.
    cross_entropy : [T], at each step of the decision window.
    accuracy : [T], share of trials read correctly at each of those steps.
    """

    total: Tensor
    classification: Tensor
    spontaneous: Tensor
    cross_entropy: Tensor
    accuracy: Tensor


@check_arguments
def objective(
    model: VisionModel,
    images: Images,
    labels: ClassLabels | SoftLabels,
    settings: Objective | None = None,
    *,
    dt: float | None = None,
    engine: str = "auto",
    memory: int | str | None = None,
    spontaneous: Rest = own_start,
) -> Losses:
    """The training objective on one batch.

    Parameters
    ----------
    model : any dynamical model.
    images : [B, C, H, W].
    labels : class indices [B], or soft labels [B, K].
    settings : weights and times.
    dt : step, ms; None is the model's own. Where rates settle does not depend on it; how they get there does.
    engine : how the time loop is run; it changes cost, not the result.
    memory : budget for what each part of the trial keeps for its gradient, such as "2GB".
    spontaneous : (system, ms) -> spontaneous activity; `own_start` starts from zero rates, a `WarmStart` from its last.
    """
    bound = Bound.of(model, dt, engine=engine, memory=memory, rest=spontaneous)
    return _objective(bound, images, labels, settings or Objective())


def _objective(bound: Bound, images: Images, labels: ClassLabels | SoftLabels, settings: Objective) -> Losses:
    system, trial = bound.system, settings.trial
    assert system is not None
    bound.model.check_input(images)
    check_labels(labels, len(images), bound.model.num_classes)
    steps = system.clock.steps(trial.image, "trial.image", bound.notes)
    baseline = bound.resting(trial.before)
    window = Record(**_last(system.clock, steps, trial.image, trial.decision))
    seen = bound.run([Hold(steps, {IMAGE: images})], bound.begin(len(images), baseline), window)
    assert seen.logits is not None
    cross_entropy = torch.stack([functional.cross_entropy(at_step, labels) for at_step in seen.logits])
    weights = _log_spaced(settings, cross_entropy)
    classification = (weights * cross_entropy).mean()
    distance = classification.new_zeros(())
    if settings.spontaneous_weight:
        distance = distance_to_baseline(bound, seen.final_state, baseline, trial)
    return Losses(
        total=classification + settings.spontaneous_weight * distance,
        classification=classification,
        spontaneous=distance,
        cross_entropy=cross_entropy,
        accuracy=read_correctly(seen.logits, labels).float().mean(1),
    )


def distance_to_baseline(bound: Bound, state: State, baseline: State, trial: Trial) -> Tensor:
    """Mean squared difference from spontaneous activity at the end of the blank that follows an image."""
    system = bound.system
    assert system is not None
    steps = system.clock.steps(trial.after, "trial.after", bound.notes)
    window = _last(system.clock, steps, trial.after, trial.baseline)
    reduce = {area: _distance_from(rates) for area, rates in baseline.rates.items()}
    back = bound.run([Hold(steps)], state, Record("all", reduce=reduce, outputs=(), **window))
    return torch.stack([back.rates[area].mean() for area in system.areas]).mean()


def _last(clock: Clock, steps: int, whole_ms: float, ms: float) -> dict[str, Any]:
    """Arguments of a `Record` of the last `ms` of `steps` steps; by a clock of coarse steps, at least of the last."""
    if clock.kind == "steps":
        first = steps - max(1, round(ms / clock.dt_ms))
        return {"times_ms": [clock.time_ms(step + 1) for step in range(max(first, 0), steps)]}
    return {"window_ms": (whole_ms - ms, whole_ms)}


def _distance_from(baseline: Tensor) -> Callable[[Tensor], Tensor]:
    """Rates [B, C, H, W] -> mean squared difference from a baseline [1, C, H, W], per trial [B]."""
    return lambda rates: (rates - baseline).square().flatten(1).mean(1)


def _log_spaced(settings: Objective, like: Tensor) -> Tensor:
    first, last = settings.first_weight, settings.last_weight
    ends = torch.log10(torch.tensor([first, last], dtype=torch.float64))
    return torch.logspace(float(ends[0]), float(ends[1]), len(like), dtype=like.dtype, device=like.device)

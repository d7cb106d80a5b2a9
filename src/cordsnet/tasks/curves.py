"""Psychometric and chronometric curves of networks: accuracy and reaction time against the strength of a stimulus."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis import ChronometricFit, PsychometricFit, fit_chronometric, fit_psychometric
from cordsnet.tasks.choice import CHOICE, ChoiceTask
from cordsnet.tasks.performance import answered_batches
from cordsnet.tasks.task import Task
from cordsnet.tasks.trials import Trials

STRENGTH = "coherence"
"""Condition that is taken for the strength of the stimulus where none is named."""


@dataclass(frozen=True)
class Reactions:
    """Answers that were given when a threshold was reached.

    Attributes
    ----------
    strength : strength of the stimulus in each trial [N].
    correct : True where the answer was right; False also where none was given [N].
    reaction_ms : time of the answer from the beginning of the decision period, ms; NaN where none was given [N].
    """

    strength: Tensor
    correct: Tensor
    reaction_ms: Tensor

    def rows(self) -> list[dict[str, Any]]:
        """For each strength: trials, share answered, accuracy of answers with its Wilson interval, reaction times."""
        found = []
        for strength in np.unique(self.strength.numpy()).tolist():
            here = self.strength == strength
            ms = self.reaction_ms[here]
            given = torch.isfinite(ms)
            count, hits = int(given.sum()), int(self.correct[here].sum())
            row = {"strength": strength, "trials": int(here.sum()), "answered": count / int(here.sum())}
            if count:
                interval = binomtest(hits, count).proportion_ci(method="wilson")
                row |= {"accuracy": hits / count, "low": float(interval.low), "high": float(interval.high)}
                row |= {"median_ms": float(ms[given].median()), "mean_ms": float(ms[given].mean())}
            found.append(row)
        return found


@dataclass(frozen=True)
class BehaviourCurves:
    """Curves of a network in a task.

    Attributes
    ----------
    strength : name of the condition along the curves.
    threshold : probability at which an answer was given.
    reactions : trial by trial.
    psychometric : accuracy against strength; None with fewer than two strengths that were answered.
    chronometric : reaction time and accuracy against strength, where answers may come while it is shown;
        else None.
    notes : assumptions, and data that were left out or could not be fitted, in sentences.
    chance : accuracy of a guess.
    """

    strength: str
    threshold: float
    reactions: Reactions
    psychometric: PsychometricFit | None
    chronometric: ChronometricFit | None
    notes: tuple[str, ...]
    chance: float


MISFIT = 0.05
"""p below which answers do not follow a curve."""


@check_arguments
def behaviour_curves(
    model: Any,
    task: Task,
    trials: int,
    strength: str = STRENGTH,
    threshold: float = 0.8,
    seed: int = 0,
    draws: int = 200,
    forced: bool = False,
) -> BehaviourCurves:
    """Let a network answer when it is sure enough, and fit how accuracy and reaction time depend on the stimulus.

    An answer is given at the end of the first frame of the decision period in which the probability of an option
    reaches the threshold.

    Parameters
    ----------
    model : the network.
    task : a task with a choice.
    trials : number of trials.
    strength : condition of the task that says how strong a stimulus is, from 0.
    threshold : probability of an answer, above 0 and below 1.
    seed : of the trials, of noise in the network, and of the bootstrap.
    draws : bootstrap samples of each fit; 0 for no intervals.
    forced : True lets the more probable option be the answer at the end of the decision period, where none was given
        before. Subjects who always answer are compared with such a network.

    Raises
    ------
    ValueError : the task has no choice or no such condition, or the network cannot do it.
    """
    if not isinstance(task, ChoiceTask):
        raise ValueError(f"task {task.kind!r} has no choice, so that it has no such curves; use evaluate_task")
    if len(task.options) < 2:
        raise ValueError(f"task {task.kind!r} has one option, so that it has no such curves; use evaluate_task")
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be above 0 and below 1, got {threshold:g}")
    parts = []
    for shown, outputs in answered_batches(model, task, trials, seed):
        if strength not in shown.conditions:
            raise ValueError(f"task {task.kind!r} has no condition {strength!r}; it has {', '.join(shown.conditions)}")
        if shown.conditions[strength].ndim != 1:
            raise ValueError(f"strength must be a condition of one number, and {strength!r} has several")
        parts.append((shown.conditions[strength], *reactions(task, shown, outputs, threshold, forced)))
    found = Reactions(*(torch.cat(part) for part in zip(*parts, strict=True)))
    notes: list[str] = []
    return BehaviourCurves(
        strength,
        threshold,
        found,
        _psychometric(found, 1 / len(task.options), seed, draws, notes),
        _chronometric(found, task, seed, draws, notes),
        tuple(notes),
        1 / len(task.options),
    )


def reactions(
    task: ChoiceTask, trials: Trials, outputs: Mapping[str, Tensor], threshold: float, forced: bool = False
) -> tuple[Tensor, Tensor]:
    """True where an answer was right [B], and its time from the beginning of the decision period in ms, or NaN [B].

    With `forced`, an answer that was not given before is given in the last frame of the period.
    """
    answers = outputs[CHOICE].softmax(-1)[..., 1:]
    edges = trials.periods[task.decision]
    index = torch.arange(trials.frames)[:, None]
    sure = (answers.amax(-1) >= threshold) & (index >= edges[:, 0]) & (index < edges[:, 1])
    if forced:
        sure |= index == edges[:, 1] - 1
    first = sure.int().argmax(0)
    given = sure.any(0)
    response = answers[first, torch.arange(len(trials))].argmax(-1)
    ms = (first + 1 - edges[:, 0]).double() * trials.frame_ms
    return (response == trials.answer) & given, torch.where(given, ms, torch.full_like(ms, torch.nan))


def _psychometric(found: Reactions, guess: float, seed: int, draws: int, notes: list[str]) -> PsychometricFit | None:
    given = torch.isfinite(found.reaction_ms)
    if not bool(given.all()):
        notes.append(f"{int((~given).sum())} of {len(given)} trials were not answered, and are in no curve")
    levels = np.unique(found.strength[given].numpy())
    if len(levels) < 2:
        notes.append("fewer than two strengths were answered, so that no curve was fitted")
        return None
    here = [given & (found.strength == level) for level in levels.tolist()]
    hits, counts = [int(found.correct[rows].sum()) for rows in here], [int(rows.sum()) for rows in here]
    fit = fit_psychometric(levels, hits, counts, guess=guess, draws=draws, seed=seed)
    if fit.status.name != "CONVERGED":
        notes.append(f"the psychometric curve is {fit.status.value}")
    notes += _misfit("psychometric", fit)
    return fit


def _chronometric(
    found: Reactions, task: ChoiceTask, seed: int, draws: int, notes: list[str]
) -> ChronometricFit | None:
    if not getattr(task, "reaction_time", False):
        notes.append("answers wait for a go cue, so that reaction times are no decision times, and none were fitted")
        return None
    if len(task.options) != 2:
        notes.append("the chronometric curve is that of two options, and was not fitted")
        return None
    given = torch.isfinite(found.reaction_ms)
    x, hit, ms = (part[given].double().numpy() for part in (found.strength, found.correct, found.reaction_ms))
    levels, counts = np.unique(x, return_counts=True)
    kept = np.isin(x, levels[counts > 1])
    if (counts > 1).sum() < 2:
        notes.append("fewer than two strengths were answered twice, so that no chronometric curve was fitted")
        return None
    fit = fit_chronometric(x[kept], hit[kept], ms[kept], draws=draws, seed=seed)
    if fit.status.name != "CONVERGED":
        notes.append(f"the chronometric curve is {fit.status.value}")
    notes += _misfit("chronometric", fit)
    return fit


def _misfit(name: str, fit: PsychometricFit | ChronometricFit) -> list[str]:
    """A note where the answers do not follow a curve."""
    if not fit.p_value < MISFIT:
        return []
    said = f"deviance {fit.deviance:.4g} with {fit.freedom} degrees of freedom, p = {fit.p_value:.2g}"
    return [f"the answers do not follow the {name} curve ({said}), so that its parameters mean little"]

"""Times at which a network has decided, from its scores or its state over time."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.errors import ArgumentError
from cordsnet.registry import Registry


@dataclass(frozen=True, eq=False)
class DecisionTimes:
    """Decision time of each trial; right-censored, since a trial may end before a decision.

    Attributes
    ----------
    ms : [B], decision times; NaN for trials without a decision, which took longer than `until_ms`.
    until_ms : the last time at which a decision would have counted.
    """

    ms: Tensor
    until_ms: float

    @property
    def undecided(self) -> int:
        """Number of trials without a decision."""
        return int(self.ms.isnan().sum())

    def censored(self) -> Tensor:
        """Decision times [B] with infinity for trials without a decision, so that their ranks are the last."""
        return self.ms.nan_to_num(nan=torch.inf)


@check_arguments
def evidence_over_time(scores: Tensor, of: str = "margin") -> Tensor:
    """Evidence for the last answer of each trial, over time.

    Parameters
    ----------
    scores : class scores [T, B, K] with K of at least 2; the last answer is the class with the largest of the last.
    of : "margin", the score of the last answer less the largest of the others, which is above 0 while that answer is
        given; "score", the score of the last answer; "probability", its softmax probability.

    Returns
    -------
    Evidence [T, B], in double precision.

    Raises
    ------
    ArgumentError : scores of another shape or that are not finite.
    ValueError : unknown `of`.
    """
    measure = EVIDENCE[of]
    scores = _scores(scores)
    answer = scores[-1].argmax(-1).expand(len(scores), -1)[..., None]  # [T, B, 1]
    return measure(scores, answer)


def _margin(scores: Tensor, answer: Tensor) -> Tensor:
    others = scores.scatter(-1, answer, -torch.inf).amax(-1)
    return scores.gather(-1, answer)[..., 0] - others


EVIDENCE: Registry[Callable[[Tensor, Tensor], Tensor]] = Registry("evidence")
EVIDENCE.add("margin", _margin)
EVIDENCE.add("score", lambda scores, answer: scores.gather(-1, answer)[..., 0])
EVIDENCE.add("probability", lambda scores, answer: scores.softmax(-1).gather(-1, answer)[..., 0])


@check_arguments
def threshold_times(
    evidence: Tensor, times_ms: Tensor, threshold: float | Tensor, stay_ms: float = 0.0
) -> DecisionTimes:
    """Time from which the evidence of each trial stays at or above a threshold until the end.

    Parameters
    ----------
    evidence : [T, B], such as that of `evidence_over_time`; linear between its samples.
    times_ms : [T], times of the samples, increasing; the first is returned for a trial that is never below.
    threshold : one for all trials, or one each [B].
    stay_ms : for how long the evidence must have stayed at the end; otherwise the trial is undecided.

    Raises
    ------
    ArgumentError : shapes that do not agree, numbers that are not finite, times that do not increase, or a `stay_ms`
        that is negative or not shorter than the course.
    """
    evidence, times = _course(evidence, times_ms, "evidence", axes=2)
    shape = tuple(threshold.shape) if isinstance(threshold, Tensor) else ()
    if shape not in ((), tuple(evidence.shape[1:])):
        raise ArgumentError(
            f"threshold must be a number, or one for each of {evidence.shape[1]} trials, got {list(shape)}"
        )
    level = torch.as_tensor(threshold, dtype=torch.float64, device=evidence.device)
    if not level.isfinite().all():
        raise ArgumentError("threshold must be finite")
    until = _until(times, stay_ms)
    return DecisionTimes(_last_rise(evidence, times, level.expand(evidence.shape[1]), until), until)


@check_arguments
def uncertainty_times(scores: Tensor, times_ms: Tensor) -> DecisionTimes:
    """Integral of the uncertainty of the scores over time: for how long, in all, the answer was open.

    The uncertainty is the entropy of the softmax of the scores as a share of its largest value, log K. Its integral
    runs from 0 ms, for scores that are certain throughout, to the length of the course. Every trial has one.
    Goetschalckx et al. (NeurIPS 2023) integrate the uncertainty of evidential scores; this is the same for softmax.

    Parameters
    ----------
    scores : class scores [T, B, K] with K of at least 2.
    times_ms : [T], times of the samples, increasing.

    Raises
    ------
    ArgumentError : shapes that do not agree, numbers that are not finite, or times that do not increase.
    """
    scores = _scores(scores)
    _, times = _course(scores, times_ms, "scores", axes=3)
    logs = scores.log_softmax(-1)
    entropy = -(logs.exp() * logs).sum(-1) / torch.tensor(scores.shape[-1], dtype=torch.float64).log()
    return DecisionTimes(torch.trapezoid(entropy, times, dim=0), float(times[-1]))


@check_arguments
def settling_times(states: Tensor, times_ms: Tensor, share: float = 0.1, stay_ms: float | None = None) -> DecisionTimes:
    """Time from which the distance to the last state stays at or below a share of the response.

    The response is the distance between the first and the last state. Since the distance to the last state is 0 at
    the end of any course, a trial has settled only if it stays that near for the last `stay_ms`; others are undecided.
    A trial that never moves has settled from the first sample on.

    Parameters
    ----------
    states : [T, B, ...], scores or rates; distances are Euclidean over all axes after the trials.
    times_ms : [T], times of the samples, increasing; the first is that of the onset.
    share : of the response, above 0 and below 1.
    stay_ms : for how long a trial must have stayed near the last state. By default this is twice the share of the
        length of the course: a state that drifts at a constant speed to the end stays near for half of that.

    Raises
    ------
    ArgumentError : shapes that do not agree, numbers that are not finite, times that do not increase, a share outside
        0 to 1, or a `stay_ms` that is negative or not shorter than the course.
    """
    states, times = _course(states, times_ms, "states")
    if not 0 < share < 1:
        raise ArgumentError(f"share must be above 0 and below 1, got {share}")
    length = float(times[-1] - times[0])
    until = _until(times, min(2 * share, 0.9) * length if stay_ms is None else stay_ms)
    distance = (states - states[-1:]).reshape(*states.shape[:2], -1).norm(dim=-1)  # [T, B]
    return DecisionTimes(_last_rise(-distance, times, -share * distance[0], until), until)


def _last_rise(values: Tensor, times: Tensor, level: Tensor, until: float) -> Tensor:
    """Time [B] of the last crossing of a level [B] from below by values [T, B]; NaN after `until` or without one."""
    place = torch.arange(1, len(values) + 1, device=values.device)[:, None]
    after = ((values < level) * place).amax(0)  # sample that follows the last one below; 0 where none is
    right = after.clamp(max=len(values) - 1)
    left = (right - 1).clamp(min=0)
    low, high = (values.gather(0, at[None])[0] for at in (left, right))
    rise = torch.where(high > low, high - low, 1.0)
    found = times[left] + (times[right] - times[left]) * (level - low) / rise
    found = torch.where(after == 0, times[0], found)
    return found.masked_fill((after == len(values)) | (found > until), torch.nan)


def _until(times: Tensor, stay_ms: float) -> float:
    length = float(times[-1] - times[0])
    if not 0 <= stay_ms < length:
        raise ArgumentError(f"stay_ms must be at least 0 and below the {length:g} ms of the course, got {stay_ms:g}")
    return float(times[-1]) - stay_ms


def _scores(scores: Tensor) -> Tensor:
    if scores.ndim != 3 or not scores.numel() or scores.shape[-1] < 2:
        raise ArgumentError(f"scores must have the shape [T, B, K] with two classes or more, got {list(scores.shape)}")
    if scores.is_complex() or not scores.isfinite().all():
        raise ArgumentError("scores must be finite real numbers")
    return scores.double()


def _course(values: Tensor, times: Tensor, name: str, axes: int | None = None) -> tuple[Tensor, Tensor]:
    """Values and times in double precision, on one device."""
    if values.ndim < 2 or axes not in (None, values.ndim) or not values.numel():
        due = "[T, B, ...]" if axes is None else f"[T, B{', K' * (axes - 2)}]"
        raise ArgumentError(f"{name} must have the shape {due}, got {list(values.shape)}")
    if times.shape != values.shape[:1] or len(times) < 2 or times.is_complex():
        raise ArgumentError(f"times_ms must be {len(values)} times, and two or more, got shape {list(times.shape)}")
    if values.is_complex() or not values.isfinite().all():
        raise ArgumentError(f"{name} must be finite real numbers")
    times = times.to(values.device, torch.float64)
    if not times.isfinite().all() or not (times.diff() > 0).all():
        raise ArgumentError("times_ms must be finite and increase")
    return values.double(), times

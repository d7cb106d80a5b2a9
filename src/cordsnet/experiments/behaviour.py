"""What a trained network does in time: the measurements behind Figure 3 and 4B of the paper.

Every function takes a model and labelled images and returns numbers with their times in ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cordsnet.data import Split
from cordsnet.dynamics import Record, State, Trajectory, simulate, spontaneous_state
from cordsnet.models import CNN, VisionModel
from cordsnet.stimuli import Protocol, blank, show, with_noise

EVERY_MS = 10.0


@dataclass(frozen=True)
class TimeCourse:
    """A blank, a long image, a blank, and a second image, one after another.

    Attributes
    ----------
    time_ms : [T] from the onset of the first image, every 10 ms; negative before it.
    first, second : [T], share of trials whose scores name the first and the second image.
    mean_rate : area -> [T], mean rate over units and trials.
    distance : [T], distance of all rates from spontaneous activity over the same at the offset of the first
        image, per trial, then averaged; NaN while an image is shown.
    offset_ms, second_onset_ms : when the first image goes and the second comes.
    """

    time_ms: Tensor
    first: Tensor
    second: Tensor
    mean_rate: dict[str, Tensor]
    distance: Tensor
    offset_ms: float
    second_onset_ms: float

    def at(self, values: Tensor, ms: float) -> float:
        """The value at a recorded time."""
        return float(values[int((self.time_ms - ms).abs().argmin())])

    def hold_drop(self, trained_ms: float) -> float:
        """Accuracy at the end of the trained duration less the lowest from then to the offset."""
        kept = (self.time_ms >= trained_ms) & (self.time_ms <= self.offset_ms)
        return self.at(self.first, trained_ms) - float(self.first[kept].min())


@torch.no_grad()
def time_course(
    model: VisionModel,
    split: Split,
    *,
    before_ms: float = 100.0,
    hold_ms: float = 2000.0,
    blank_ms: float = 500.0,
    second_ms: float = 500.0,
) -> TimeCourse:
    """From spontaneous activity: nothing, each image, nothing, then an image of another class, for the times given."""
    split = split.to(model)
    second = other_class(split)
    baseline = spontaneous_state(model)
    waiting = _stretch(model, blank(before_ms), baseline.expand(len(split)), "mean")
    held = _stretch(model, show(split.images, hold_ms), waiting.final_state, "mean")
    gone = _stretch(model, blank(blank_ms), held.final_state, "none")
    again = _stretch(model, show(second.images, second_ms), gone.final_state, "mean")
    stretches = (waiting, held, gone, again)
    starts = (-before_ms, 0.0, hold_ms, hold_ms + blank_ms)
    answers = torch.cat([traj.logits.argmax(-1) for traj in stretches if traj.logits is not None])
    distances = [torch.full((len(traj.time_ms),), torch.nan) for traj in stretches]
    distances[2] = _return_to(baseline, gone, dict(held.final_state.rates)).cpu()
    return TimeCourse(
        time_ms=torch.cat([traj.time_ms + start for traj, start in zip(stretches, starts, strict=True)]),
        first=(answers == split.labels).float().mean(1).cpu(),
        second=(answers == second.labels).float().mean(1).cpu(),
        mean_rate={
            area: torch.cat([traj.rates[area].flatten(1).mean(1) for traj in stretches]).cpu() for area in model.areas
        },
        distance=torch.cat(distances),
        offset_ms=hold_ms,
        second_onset_ms=hold_ms + blank_ms,
    )


def _stretch(model: VisionModel, protocol: Protocol, state: State, reduce: str) -> Trajectory:
    return simulate(model, protocol, record=Record("all", every_ms=EVERY_MS, reduce=reduce), initial_state=state)


def _return_to(baseline: State, gone: Trajectory, at_offset: dict[str, Tensor]) -> Tensor:
    """Distance to spontaneous activity at each recorded time, over that at offset, averaged over trials [T]."""
    response = distance_from(baseline, at_offset)
    now = [distance_from(baseline, {a: rates[k] for a, rates in gone.rates.items()}) for k in range(len(gone.time_ms))]
    return torch.stack([(distance / response).mean() for distance in now])


def distance_from(baseline: State, rates: dict[str, Tensor]) -> Tensor:
    """Euclidean distance [B] of all areas' rates from a one-trial state."""
    squares = [(value - baseline.rates[area]).flatten(1).square().sum(1) for area, value in rates.items()]
    return torch.stack(squares).sum(0).sqrt()


def other_class(split: Split) -> Split:
    """For every image one of another class, each image used once: the images sorted by class, then turned round.

    Raises ValueError when one class holds more than half of the images, so that no such pairing exists.
    """
    counts = split.labels.bincount()
    shift = int(counts.max())
    if 2 * shift > len(split):
        raise ValueError("images of one class are more than half of the set; give a more balanced one")
    order = split.labels.argsort(stable=True)
    partner = torch.empty_like(order)
    partner[order] = order.roll(-shift)
    return replace(split, pixels=split.images[partner], labels=split.labels[partner], normalise=None)


@torch.no_grad()
def second_image_drop(model: VisionModel, split: Split, *, gap_ms: float = 200.0, image_ms: float = 200.0) -> float:
    """Accuracy on a first image less that on a second, each read `image_ms` after its onset, `gap_ms` between them."""
    split = split.to(model)
    second = other_class(split)
    protocol = show(split.images, image_ms) + blank(gap_ms) + show(second.images, image_ms)
    record = Record(times_ms=(image_ms, image_ms + gap_ms + image_ms))
    logits = simulate(model, protocol, record=record).logits
    assert logits is not None
    first_hits, second_hits = ((logits[k].argmax(1) == s.labels).float().mean() for k, s in enumerate((split, second)))
    return float(first_hits - second_hits)


@dataclass(frozen=True)
class NoiseCurve:
    """Accuracy against input noise redrawn at every step.

    Attributes
    ----------
    sigma : standard deviation of the noise over that of the images.
    cordsnet : accuracy of the dynamical network after `image_ms` of noisy frames.
    cnn : accuracy of the feedforward network on one noisy frame.
    cnn_averaged : the same network with its scores averaged over all the frames that the dynamical one saw.
    """

    sigma: list[float]
    cordsnet: list[float]
    cnn: list[float]
    cnn_averaged: list[float]


@torch.no_grad()
def noise_curve(
    model: VisionModel,
    cnn: CNN,
    split: Split,
    sigmas: Sequence[float] = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0),
    *,
    image_ms: float = 200.0,
    seed: int = 0,
) -> NoiseCurve:
    """Accuracy of both networks under the same noise, `sigmas` in units of the images' standard deviation."""
    split = split.to(model)
    unit = float(split.images.std())
    rows: list[tuple[float, float, float]] = []
    for sigma in sigmas:
        noisy = with_noise(show(split.images, image_ms), sigma * unit, seed=seed)
        logits = simulate(model, noisy, record=Record(times_ms=(image_ms,))).logits
        assert logits is not None
        scores = torch.stack([cnn(hold.inputs["image"]) for hold in noisy.schedule(model.clock)])
        answers = (logits[-1], scores[-1], scores.mean(0))
        hits = [float((answer.argmax(1) == split.labels).float().mean()) for answer in answers]
        rows.append((hits[0], hits[1], hits[2]))
    ours, single, averaged = (list(column) for column in zip(*rows, strict=True))
    return NoiseCurve(list(sigmas), ours, single, averaged)


def half_rise_ms(course: TimeCourse, until_ms: float = 200.0) -> dict[str, float]:
    """Per area: time at which the mean rate is half the way from its value at onset to that `until_ms` later.

    Interpolated linearly between the recorded times.
    """
    shown = (course.time_ms >= 0) & (course.time_ms <= until_ms)
    time, result = course.time_ms[shown], {}
    for area, rate in course.mean_rate.items():
        share = (rate[shown] - rate[shown][0]) / (rate[shown][-1] - rate[shown][0])
        passed = (share >= 0.5).nonzero()
        if len(passed) == 0:  # a rate that does not change has no half-way time
            result[area] = float("nan")
            continue
        after = int(passed[0])
        part = (0.5 - share[after - 1]) / (share[after] - share[after - 1])
        result[area] = float(time[after - 1] + part * (time[after] - time[after - 1]))
    return result

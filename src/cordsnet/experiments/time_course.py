"""Accuracy and rates over time: a blank, a long image, a blank, and a second image (Soo et al. 2024, Figures 3, 4B)."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.data import Split
from cordsnet.dynamics import Record, simulate
from cordsnet.experiments.claims import Claim, Measured, above, at_most, decide
from cordsnet.experiments.course import KEPT, Course, Numbers
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap
from cordsnet.experiments.needs import SCORES, classifies_images, dynamics
from cordsnet.experiments.pairs import other_class
from cordsnet.experiments.result import LabelledArray, Result, axis, labelled
from cordsnet.models import VisionModel
from cordsnet.stimuli import blank, show


@dataclass(frozen=True)
class TimeCourseOptions:
    """Times of the protocol, and what is recorded.

    Attributes
    ----------
    trials : number of test images.
    before_ms : blank before the first image, from spontaneous activity.
    trained_ms : when answers are read after the onset of an image, as in training.
    hold_ms : how long the first image stays.
    blank_ms : blank after it, in which the network returns to baseline.
    second_ms : how long the second image stays.
    every_ms : spacing of what is recorded; at least one step of the model.
    examples : images for which whole maps are recorded, the first of each class; 0 records none.
    example_times_ms : times from onset at which they are; the image goes at `trained_ms`.
    """

    trials: int = 360
    before_ms: float = 100.0
    trained_ms: float = 200.0
    hold_ms: float = 2000.0
    blank_ms: float = 500.0
    second_ms: float = 500.0
    every_ms: float = 10.0
    examples: int = 3
    example_times_ms: tuple[float, ...] = (4.0, 10.0, 20.0, 40.0, 80.0, 200.0, 220.0, 300.0)

    def __post_init__(self) -> None:
        for name in ("before_ms", "trained_ms", "hold_ms", "blank_ms", "second_ms", "every_ms"):
            check_positive(getattr(self, name), name)
        if self.trained_ms > self.hold_ms:
            raise ValueError(f"hold_ms must be at least trained_ms = {self.trained_ms:g}, got {self.hold_ms:g}")
        if self.examples < 0:
            raise ValueError(f"examples must be 0 or more, got {self.examples}")


PAPER = "Soo et al. 2024, Figure"
CLAIMS = (
    Claim(
        "hold",
        "The network keeps its answer for as long as the image stays, far beyond the trained duration.",
        f"{PAPER} 3",
        "accuracy at the trained duration less the lowest until the image goes",
        at_most(KEPT),
    ),
    Claim(
        "return",
        "The network returns to baseline when the image goes.",
        f"{PAPER} 3",
        "distance of all rates from spontaneous activity at the end of the blank, share of that at offset",
        at_most(0.01),
    ),
    Claim(
        "lag",
        "Upper areas lag behind lower ones.",
        f"{PAPER} 4B",
        "smallest difference between the half rise of an area and that of the area below, ms",
        above(0.0),
    ),
)
QUICK = TimeCourseOptions(trials=20, hold_ms=400.0, second_ms=200.0)  # the blank is what "return" is about


@experiment(
    "time_course",
    options=TimeCourseOptions,
    presets={
        "smoke": Preset(QUICK, 0.05, 0.5),
        "desk": Preset(TimeCourseOptions(), 0.2, 1.0),
        "paper": Preset(TimeCourseOptions(trials=10_000), 60.0, 64.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, dynamics),
    of_readers=("hold",),
)
def time_course(setting: Setting, options: TimeCourseOptions) -> Result:
    """Accuracy and rates through onset, hold, blank and a second image."""
    tables: dict[str, list[Any]] = {"course": [], "rates": [], "lag": [], "summary": [], "notes": []}
    arrays: dict[str, LabelledArray] = {}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        course = record_course(model, split, options, setting.seed)
        once = np.ones((1, len(split)))
        rises = {area: float(ms[0]) for area, ms in course.half_rise_ms(once, options.trained_ms).items()}
        tables["notes"] += [{"model": label, "note": note} for note in course.notes]
        unread = course.unread(options.trained_ms, int(model.num_classes))
        if said := " and ".join(filter(None, (course.lost_before(options.trained_ms), unread))):
            tables["notes"].append({"model": label, "note": said})
        tables["course"] += _course_rows(label, course)
        tables["rates"] += _rate_rows(label, course)
        tables["lag"] += [{"model": label, "area": area, "half_rise_ms": ms} for area, ms in rises.items()]
        found = measure_course(course, options, len(split), setting.seed)
        accuracy = float(course.first[course.at(options.trained_ms)].mean())
        numbers = {"hold_drop": found["hold"].value, "baseline_distance": found["return"].value, "accuracy": accuracy}
        if unread:
            del found["hold"]
        times = {"offset_ms": course.offset_ms, "second_onset_ms": course.second_onset_ms}
        tables["summary"].append(
            {"model": label, "images": len(split), "classes": model.num_classes, "dt_ms": model.dt_ms}
            | numbers | times | {"trained_ms": options.trained_ms}
        )  # fmt: skip
        claims += decide(CLAIMS, found, label)
        if options.examples:
            arrays |= example_maps(label, model, split, options)
    return Result(tables, arrays, tuple(claims))


def measure_course(course: Course, options: TimeCourseOptions, n: int, seed: int) -> dict[str, Measured]:
    """Measure the claims, each with a bootstrap interval over images."""
    return {
        "hold": bootstrap(lambda w: course.hold_drop(w, options.trained_ms), n, seed, of_shares=True),
        "return": bootstrap(course.baseline_distance, n, seed),
        "lag": bootstrap(lambda w: course.least_lag(w, options.trained_ms), n, seed),
    }


@torch.no_grad()
def record_course(model: VisionModel, split: Split, options: TimeCourseOptions, seed: int = 0) -> Course:
    """Show a blank, each image, a blank, and an image of another class; start in the model's own way.

    That start is spontaneous activity for models that have some, and it is what the network should return to.
    Raises ValueError when one class holds more than half of the images.
    """
    second = other_class(split)
    system = model.system()
    baseline = system.begin(1, seed).rates
    protocol = (
        blank(options.before_ms)
        + show(split.images, options.hold_ms)
        + blank(options.blank_ms)
        + show(second.images, options.second_ms)
    )
    (onset, second_onset), (offset, _) = (protocol.times_ms(kind, clock=system.clock) for kind in ("onset", "offset"))
    reduce = {area: partial(_mean_and_distance, baseline=rates) for area, rates in baseline.items()}
    record = Record("all", every_ms=max(options.every_ms, model.dt_ms), reduce=reduce)
    run = simulate(model, protocol, record=record, seed=seed)
    answers = run.outputs[SCORES].argmax(-1)
    time = _numbers(run.time_ms) - onset
    distance = np.sqrt(sum(_numbers(values[..., 1]) for values in run.rates.values()))
    blanked = (time > offset - onset) & (time <= second_onset - onset)
    shares = distance / distance[np.abs(time - (offset - onset)).argmin()]
    return Course(
        time_ms=time,
        first=(answers == split.labels).cpu().numpy(),
        second=(answers == second.labels).cpu().numpy(),
        rates={area: _numbers(values[..., 0]) for area, values in run.rates.items()},
        distance=np.where(blanked[:, None], shares, np.nan),
        offset_ms=offset - onset,
        second_onset_ms=second_onset - onset,
        notes=tuple(run.notes),
    )


@torch.no_grad()
def example_maps(label: str, model: VisionModel, split: Split, options: TimeCourseOptions) -> dict[str, LabelledArray]:
    """The first image of each of some classes, and the map of each area's channel that varies most at the offset."""
    kinds = torch.unique(split.labels)[: options.examples]
    rows = [int((split.labels == kind).nonzero()[0]) for kind in kinds]
    images = split.images[rows]
    times = sorted({max(ms, model.dt_ms) for ms in (*options.example_times_ms, options.trained_ms)})
    protocol = show(images, options.trained_ms) + blank(max(times[-1] - options.trained_ms, options.every_ms))
    run = simulate(model, protocol, record=Record("all", times_ms=times))
    at_end = _nearest(run.time_ms, options.trained_ms)
    kept = sorted({_nearest(run.time_ms, ms) for ms in options.example_times_ms})
    time = axis("time", run.time_ms[kept], "ms")
    found = {f"images/{label}": labelled(images, ("image", "channel", "row", "column"), description="images shown")}
    for area, rates in run.rates.items():
        if rates.ndim != 5:  # a vector has no map
            continue
        channel = int(rates[at_end].flatten(2).var(2, correction=0).mean(0).argmax())
        about = f"rates of channel {channel} of {area}; the image goes at {options.trained_ms:g} ms"
        maps = labelled(rates[kept][:, :, channel], (time, "image", "row", "column"), "arbitrary", about)
        found[f"maps/{label}/{area}"] = maps
    return found


def _mean_and_distance(rates: Tensor, baseline: Tensor) -> Tensor:
    """Mean rate of each trial, and its squared distance from a baseline of one trial [B, 2]."""
    return torch.stack([rates.flatten(1).mean(1), (rates - baseline).flatten(1).square().sum(1)], 1)


def _nearest(time_ms: Tensor, ms: float) -> int:
    return int((time_ms - ms).abs().argmin())


def _course_rows(label: str, course: Course) -> list[dict[str, Any]]:
    first, second, distance = course.first.mean(1), course.second.mean(1), course.distance.mean(1)
    return [
        {"model": label, "time_ms": ms, "first": first[k], "second": second[k], "distance": distance[k]}
        for k, ms in enumerate(course.time_ms)
    ]


def _rate_rows(label: str, course: Course) -> list[dict[str, Any]]:
    return [
        {"model": label, "area": area, "time_ms": ms, "mean_rate": mean}
        for area, rate in course.rates.items()
        for ms, mean in zip(course.time_ms, rate.mean(1), strict=True)
    ]


def _numbers(values: Tensor) -> Numbers:
    found: Numbers = values.detach().cpu().double().numpy()
    return found

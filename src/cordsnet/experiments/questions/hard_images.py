"""Easy and hard images: do hard ones take longer, and are they lost first when there is less time?"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.analysis import DecisionTimes, evidence_over_time, threshold_times
from cordsnet.data import Split
from cordsnet.experiments.claims import Claim, Measured, above, below, decide
from cordsnet.experiments.decision_times import MEASURES, decision_times, scores_from_onset
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, rank_correlations
from cordsnet.experiments.needs import classifies_images, is_dynamical
from cordsnet.experiments.result import Axis, LabelledArray, Result, axis

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]

OWN = "own margin"
"""Ease of an image for the network itself: its margin at the end."""
KEPT = 0.95
"""Share of the accuracy at the end that is kept, by which a shorter trial is long enough."""


@dataclass(frozen=True)
class HardImagesOptions:
    """Times of a trial, and when a decision counts.

    Attributes
    ----------
    trials : number of test images.
    before_ms : blank before the image, from spontaneous activity.
    image_ms : how long the image stays.
    threshold : of the margin; 0 is passed when the last answer is given for good.
    share : of the response, within which scores count as settled.
    stay_ms : for how long, at the end, a trial must have stayed above the threshold or settled; longer than `share` of
        the image, since scores that drift on at a constant speed would count as settled otherwise.
    """

    trials: int = 360
    before_ms: float = 100.0
    image_ms: float = 400.0
    threshold: float = 0.0
    share: float = 0.1
    stay_ms: float = 80.0

    def __post_init__(self) -> None:
        for name in ("before_ms", "image_ms"):
            check_positive(getattr(self, name), name)
        if not 0 < self.share < 1:
            raise ValueError(f"share must be above 0 and below 1, got {self.share:g}")
        if not self.share * self.image_ms < self.stay_ms < self.image_ms:
            raise ValueError(
                f"stay_ms must be between {self.share * self.image_ms:g} (share x image_ms) and {self.image_ms:g} "
                f"(image_ms), got {self.stay_ms:g}"
            )


REVIEWER = "reviewer: do hard images take longer?"
ABOUT = {
    "threshold": "a stable answer comes later",
    "uncertainty": "the answer is uncertain for longer",
    "settling": "the scores settle later",
}
SOURCES = {"threshold": REVIEWER, "uncertainty": "Goetschalckx et al. 2023", "settling": REVIEWER}


def _claims() -> tuple[Claim, ...]:
    found = [
        Claim(
            f"{measure}_falls_with_{name}",
            f"Where {who} is less sure, {ABOUT[measure]}.",
            SOURCES[measure],
            f"Spearman's correlation over images of {MEASURES[measure]} with {what}",
            below(0.0),
        )
        for name, who, what in (
            ("margin", "a network", "its margin at the end"),
            ("cnn_confidence", "a static model", "the log probability of the static model's answer"),
        )
        for measure in MEASURES
    ]
    lost = f"time that keeps {100 * KEPT:g} % of the last accuracy, of the images that {{}} less that of the others, ms"
    why = "reviewer: what do fewer iterations cost?"
    return (
        *found,
        Claim(
            "fewer_steps_cost_hard_images_first",
            "With fewer steps accuracy falls first for images that end with a small margin.",
            why,
            lost.format("end with the smaller half of margins"),
            above(0.0),
        ),
        Claim(
            "fewer_steps_cost_first_what_a_cnn_finds_hard",
            "With fewer steps accuracy falls first for images of which a static model is less sure.",
            why,
            lost.format("a static model is less sure of, half of all,"),
            above(0.0),
        ),
    )


CLAIMS = _claims()
ALONE, PAIRED = (tuple(c for c in CLAIMS if ("cnn" in c.name) == beside) for beside in (False, True))


@dataclass(frozen=True)
class Subject:
    """Decision times and accuracy of one dynamical model.

    Attributes
    ----------
    times : measure -> decision times [B].
    margin : of each image at the end [B], at least 0.
    time_ms : [T], from onset.
    hits : 1 where the answer is right, else 0 [T, B].
    """

    times: Mapping[str, DecisionTimes]
    margin: Array
    time_ms: Array
    hits: Array


@experiment(
    "hard_images",
    options=HardImagesOptions,
    presets={
        "smoke": Preset(HardImagesOptions(trials=20), 0.05, 0.5),
        "desk": Preset(HardImagesOptions(), 0.2, 1.0),
        "paper": Preset(HardImagesOptions(trials=10_000), 30.0, 16.0),
    },
    claims=CLAIMS,
    needs=(classifies_images,),
    of_readers=tuple(claim.name for claim in CLAIMS),
    paired=True,
)
def hard_images(setting: Setting, options: HardImagesOptions) -> Result:
    """Decision times of easy and hard images and accuracy with fewer steps, by own margin and a CNN's confidence."""
    tables: dict[str, Rows] = {name: [] for name in ("times", "correlation", "halves", "steps", "notes")}
    arrays: dict[str, LabelledArray] = {}
    networks, static, seen = {}, {}, {}
    for label, model, split in setting.subjects(options.trials):
        seen[label] = (setting.sources.get(label, {}).get("data"), setting.shown[label], split.labels.tolist())
        if not is_dynamical(model):
            static[label] = confidence(model, split)
            continue
        networks[label], notes = measure_subject(model, split, options, setting.seed)
        tables["times"] += [
            {"model": label, "chance": 1 / model.num_classes} | row for row in _time_rows(networks[label])
        ]
        tables["notes"] += [{"model": label, "note": note} for note in notes]
        arrays |= _arrays(label, networks[label])
    claims: list[Claim] = []
    for label, subject in networks.items():
        claims += _compare(tables, subject, OWN, subject.margin, ALONE, setting.seed, label)
    for label, other in product(networks, static):
        if seen[label] == seen[other]:
            against = f"{label} against {other}"
            claims += _compare(tables, networks[label], other, static[other], PAIRED, setting.seed, label, against)
        else:
            note = f"it is not compared with {other!r}, which was shown other images"
            tables["notes"].append({"model": label, "note": note})
    decided = {claim.name for claim in claims}
    return Result(tables, arrays, (*claims, *(claim for claim in CLAIMS if claim.name not in decided)))


@check_arguments
def measure_subject(
    model: Any, split: Split, options: HardImagesOptions, seed: int = 0
) -> tuple[Subject, tuple[str, ...]]:
    """Decision times, margins and answers of a dynamical model, and durations that were rounded for it."""
    found = scores_from_onset(model, split.images, options.before_ms, options.image_ms, seed)
    times = decision_times(found.values, found.time_ms, options.threshold, options.share, options.stay_ms)
    margin = evidence_over_time(found.values[-1:])[0]
    hits = (found.values.argmax(-1) == split.labels.cpu()).double()
    return Subject(times, margin.numpy(), found.time_ms.numpy(), hits.numpy()), found.notes


@check_arguments
@torch.no_grad()
def confidence(model: Any, split: Split) -> Array:
    """Log probability of the answer of a static model to each image [B], at most 0."""
    scores = scores_from_onset(model, split.images, model.dt_ms, model.dt_ms).values[-1]
    found: Array = scores.double().log_softmax(-1).amax(-1).numpy()
    return found


@check_arguments
def later_half(hits: Array, time_ms: Array, ease: Array, seed: int = 0) -> tuple[Measured, list[dict[str, Any]]]:
    """By how much longer the hard half of images needs until `KEPT` of its accuracy at the end is there to stay.

    Parameters
    ----------
    hits : 1 where the answer is right, else 0 [T, B].
    time_ms : [T].
    ease : how easy each image is [B]; images below the median are hard, and what is on it counts in neither half.

    Returns
    -------
    The difference in ms, with an interval over images, and a row for each half.
    """
    middle = np.median(ease)
    halves = {"hard": ease < middle, "easy": ease > middle}

    def needed(half: NDArray[np.bool_], counts: Array) -> Array:
        weights = counts * half
        total = weights.sum(1, keepdims=True)
        curves = np.divide(weights @ hits.T, total, out=np.zeros((len(counts), len(hits))), where=total > 0)
        evidence = torch.from_numpy(curves.T.copy())
        times = threshold_times(evidence, torch.from_numpy(time_ms), KEPT * evidence[-1]).ms.numpy()
        return np.where((total[:, 0] > 0) & (curves[:, -1] > 0), times, np.nan)

    n = len(ease)
    rows = [
        {"half": name, "images": int(half.sum()), "accuracy": _mean(hits[-1, half])}
        | _with_ends(bootstrap(partial(needed, half), n, seed), "needed_ms")
        for name, half in halves.items()
    ]
    later = bootstrap(lambda counts: needed(halves["hard"], counts) - needed(halves["easy"], counts), n, seed)
    return later, rows


def _compare(
    tables: dict[str, Rows],
    subject: Subject,
    by: str,
    ease: Array,
    claims: tuple[Claim, ...],
    seed: int,
    label: str,
    against: str = "",
) -> tuple[Claim, ...]:
    """Rows and claims about how decision times and accuracy depend on how easy images are."""
    about = {"model": label, "by": by}
    measured = []
    for measure, times in subject.times.items():
        ms = times.censored().numpy()
        found = bootstrap(partial(rank_correlations, ms, ease), len(ease), seed)
        decided = np.isfinite(ms)
        alone = rank_correlations(ms[decided], ease[decided])[0]
        more = {"undecided": times.undecided, "decided_alone": alone, "images": len(ease)}
        tables["correlation"].append(about | {"measure": measure} | _with_ends(found, "correlation") | more)
        measured.append(found)
    later, rows = later_half(subject.hits, subject.time_ms, ease, seed)
    tables["halves"] += [about | row for row in rows]
    tables["steps"] += [about | row for row in _step_rows(subject, ease)]
    found_by_name = {claim.name: value for claim, value in zip(claims, (*measured, later), strict=True)}
    return decide(claims, found_by_name, against or label)


def _time_rows(subject: Subject) -> Rows:
    rows = []
    for measure, times in subject.times.items():
        low, median, high = np.quantile(times.censored().numpy(), [0.25, 0.5, 0.75], method="lower")
        cells = {"lower_quartile_ms": low, "median_ms": median, "upper_quartile_ms": high}
        rows.append(
            {"measure": measure, "images": len(times.ms), "undecided": times.undecided}
            | {"at_onset": int((times.ms == subject.time_ms[0]).sum())}
            | {name: value for name, value in cells.items() if np.isfinite(value)}
        )
    return rows


def _step_rows(subject: Subject, ease: Array) -> Rows:
    middle = np.median(ease)
    return [
        {"half": name, "time_ms": ms, "accuracy": _mean(hits[half])}
        for name, half in (("hard", ease < middle), ("easy", ease > middle))
        for ms, hits in zip(subject.time_ms, subject.hits, strict=True)
    ]


def _arrays(label: str, subject: Subject) -> dict[str, LabelledArray]:
    times = np.stack([times.ms.numpy() for times in subject.times.values()])
    axes = (axis("measure", list(subject.times)), Axis("image"))
    return {
        f"times/{label}": LabelledArray(times, axes, "ms", "decision times; NaN where a trial is undecided"),
        f"margin/{label}": LabelledArray(subject.margin, (Axis("image"),), "", "margin at the end"),
    }


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _with_ends(measured: Measured, name: str) -> dict[str, Any]:
    ends = {} if measured.interval is None else dict(zip(("low", "high"), measured.interval, strict=True))
    return {name: measured.value} | ends

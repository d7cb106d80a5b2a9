"""Noise that is held or redrawn, occlusion, low contrast and blur: accuracy against strength (Soo et al. 2024)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.analysis.leaky_average import leaky_noise_share
from cordsnet.data import Split
from cordsnet.dynamics import Hold
from cordsnet.experiments.claims import Claim, Measured, above, at_least, at_most, decide
from cordsnet.experiments.effects.latency import with_contrast
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, mean_of, share, within_shares
from cordsnet.experiments.needs import classifies_images, is_dynamical
from cordsnet.experiments.pairs import comparable_pairs
from cordsnet.experiments.questions.viewing import Viewing, look, time_constant
from cordsnet.experiments.questions.worse_images import blurred, covered_share, occluded, pixel_deviation, with_draw
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel

Hits = NDArray[np.float64]
FIXED, REDRAWN, OCCLUSION, CONTRAST, BLUR = CONDITIONS = (
    "fixed_noise",
    "redrawn_noise",
    "occlusion",
    "contrast",
    "blur",
)
MARGIN = 0.05
"""Difference in accuracy within which a prediction counts as met."""


@dataclass(frozen=True)
class DegradedOptions:
    """Strengths and times. An empty tuple leaves a condition out; whole images are shown in any case.

    Attributes
    ----------
    trials : number of test images.
    sigmas : standard deviations of held and of redrawn noise, in units of that of the images.
    covered : shares of the image that an occluder covers.
    contrasts : by which images are scaled about the mean of each channel.
    blurs : standard deviations of a Gaussian blur, in shares of the image's height.
    image_ms : how long images are shown before the model is read; None is each model's own time.
    frame_ms : how long a frame stays before the noise is drawn again; None is one step of each model.
    """

    trials: int = 360
    sigmas: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 3.0)
    covered: tuple[float, ...] = (0.1, 0.2, 0.35, 0.5)
    contrasts: tuple[float, ...] = (0.8, 0.6, 0.4, 0.2)
    blurs: tuple[float, ...] = (0.03, 0.06, 0.1, 0.15)
    image_ms: float | None = None
    frame_ms: float | None = None

    def __post_init__(self) -> None:
        for name in ("image_ms", "frame_ms"):
            if getattr(self, name) is not None:
                check_positive(getattr(self, name), name)
        for name, most in (("sigmas", np.inf), ("covered", 1.0), ("contrasts", 1.0), ("blurs", 1.0)):
            values = getattr(self, name)
            if any(not 0 < value < most for value in values) or len(set(values)) < len(values):
                limit = "" if np.isinf(most) else f" and below {most:g}"
                raise ValueError(f"{name} must be different numbers above 0{limit}, got {list(values)}")
        if not any(self.strengths.values()):
            raise ValueError("one of sigmas, covered, contrasts and blurs must have a number, got none")

    @property
    def strengths(self) -> dict[str, tuple[float, ...]]:
        """Condition -> its strengths."""
        return dict(zip(CONDITIONS, (self.sigmas, self.sigmas, self.covered, self.contrasts, self.blurs), strict=True))


PREDICTED = (
    "accuracy with redrawn noise less that with held noise as strong as leaky averaging leaves it, mean over strengths"
)
BETTER = "accuracy of the network less that of the static model, mean over strengths"
LEAKY = "Soo et al. 2024, Figure 3"
ROBUST = "reviewer: is recurrence more robust to worse images?"
CLAIMS = (
    Claim(
        "redrawn_hurts_less",
        "Noise that is redrawn at every frame hurts a network with memory less than noise that is held.",
        LEAKY,
        "accuracy with redrawn less that with held noise of the same strength, mean over strengths",
        above(0.0),
    ),
    Claim(
        "reaches_leaky_averaging",
        "The network gains from redrawing at least what a leaky integrator of its time constant predicts.",
        LEAKY,
        PREDICTED,
        at_least(-MARGIN),
    ),
    Claim(
        "within_leaky_averaging",
        "The network gains no more than a leaky integrator of its time constant predicts.",
        "reviewer: is it more than leaky averaging?",
        PREDICTED,
        at_most(MARGIN),
    ),
    *(
        Claim(name, f"A recurrent network reads {images} better than a static model.", source, BETTER, above(0.0))
        for name, images, source in (
            (FIXED, "images with held noise", ROBUST),
            (REDRAWN, "images with redrawn noise", LEAKY),
            (OCCLUSION, "occluded images", "Spoerer et al. 2017"),
            (CONTRAST, "images of low contrast", ROBUST),
            (BLUR, "blurred images", ROBUST),
        )
    ),
)


@dataclass(frozen=True)
class Seen:
    """Answers of a model to worse images.

    Attributes
    ----------
    whole : 1 where the image itself is read correctly, else 0 [B].
    hits : condition -> the same for each of its strengths [S, B]; without conditions that have none.
    predicted : the same for held noise as strong as leaky averaging leaves redrawn noise [S, B]; None without one.
    share : of the variance of redrawn noise that leaky averaging leaves; None where it is not known.
    frames : number of frames of redrawn noise that were shown.
    notes : durations that were rounded, and why there is no prediction.
    """

    whole: Hits
    hits: Mapping[str, Hits]
    predicted: Hits | None
    share: float | None
    frames: int
    notes: tuple[str, ...]


SMOKE = DegradedOptions(trials=20, sigmas=(1.0, 2.0), covered=(0.2, 0.5), contrasts=(0.6,), blurs=(0.1,), image_ms=80.0)


@experiment(
    "degraded",
    options=DegradedOptions,
    presets={
        "smoke": Preset(SMOKE, 0.1, 0.5),
        "desk": Preset(DegradedOptions(), 1.0, 1.0),
        "paper": Preset(DegradedOptions(trials=10_000), 40.0, 8.0),
    },
    claims=CLAIMS,
    needs=(classifies_images,),
    of_readers=tuple(claim.name for claim in CLAIMS),
    read_after="image_ms",
    paired=True,
)
def degraded(setting: Setting, options: DegradedOptions) -> Result:
    """Accuracy against the strength of noise, occlusion, low contrast and blur, beside that of static models."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in ("degraded", "robustness", "prediction", "notes")}
    found: dict[str, Seen] = {}
    labels: dict[str, list[int]] = {}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        labels[label] = split.labels.tolist()
        seen = found[label] = see(model, split, options, setting.seed)
        about = {"model": label, "kind": "dynamical" if is_dynamical(model) else "static", "classes": model.num_classes}
        tables["degraded"] += [about | row for row in _strength_rows(seen, options, split)]
        tables["robustness"] += [about | row for row in _mean_rows(seen, setting.seed)]
        tables["prediction"] += [about | row for row in _prediction_rows(seen, options)]
        tables["notes"] += [{"model": label, "note": note} for note in seen.notes]
        if is_dynamical(model):
            claims += decide(CLAIMS[:3], averaging(seen, setting.seed), label)
    pairs, notes = comparable_pairs(setting, labels)
    for ours, other in pairs:
        claims += decide(CLAIMS[3:], _advantage(found[ours], found[other], setting.seed), f"{ours} against {other}")
    tables["notes"] += notes
    return Result(tables, claims=(*claims, *_undecided(claims)))


def see(model: VisionModel, split: Split, options: DegradedOptions, seed: int = 0) -> Seen:
    """Show a model all conditions at all strengths, read at the end. Draws depend on image, strength and seed alone."""
    viewing = look(model, split, options.image_ms, options.frame_ms)
    unit = pixel_deviation(split)

    def at(condition: str, strength: float) -> Hits:
        found: Hits = viewing.hits(split, partial(shown, condition, strength, viewing, unit), seed).numpy()
        return found

    hits = {
        name: np.stack([at(name, strength) for strength in strengths])
        for name, strengths in options.strengths.items()
        if strengths
    }
    whole = viewing.hits(split, lambda images, _: viewing.held(images), seed).numpy()
    tau, lack = time_constant(model)
    share, predicted = None, None
    notes = list(viewing.notes)
    if options.sigmas and tau is not None:
        share = leaky_noise_share(viewing.system.dt, tau, viewing.steps, viewing.frame)
        predicted = np.stack([at(FIXED, sigma * share**0.5) for sigma in options.sigmas])
    elif options.sigmas and is_dynamical(model):
        notes.append(f"no gain of leaky averaging is predicted, since {lack}")
    if options.sigmas and is_dynamical(model) and viewing.frames < 2:
        notes.append("it is shown one frame alone, so that redrawn noise is held noise")
    return Seen(whole, hits, predicted, share, viewing.frames, tuple(notes))


def shown(
    condition: str, strength: float, viewing: Viewing, unit: float, images: Tensor, seeds: Tensor
) -> Iterator[Hold]:
    """Images [B, C, H, W] made worse; noise is in units of `unit`, and follows the seed of each image [B]."""
    if condition == REDRAWN:
        return viewing.redrawn(lambda frame: with_draw(images, strength * unit, seeds, frame))
    worse = {
        FIXED: lambda: with_draw(images, strength * unit, seeds, 0),
        OCCLUSION: lambda: occluded(images, strength, seeds),
        CONTRAST: lambda: with_contrast(images, strength),
        BLUR: lambda: blurred(images, strength),
    }
    return viewing.held(worse[condition]())


def averaging(seen: Seen, seed: int = 0) -> dict[str, Measured]:
    """Measure what redrawing gains, and what it gains beyond the prediction of leaky averaging."""
    found: dict[str, Measured] = {}
    if REDRAWN in seen.hits and seen.frames > 1:
        found["redrawn_hurts_less"] = _mean(seen.hits[REDRAWN] - seen.hits[FIXED], seed)
        if seen.predicted is not None:
            beyond = _mean(seen.hits[REDRAWN] - seen.predicted, seed)
            found |= {"reaches_leaky_averaging": beyond, "within_leaky_averaging": beyond}
    return found


def _advantage(ours: Seen, other: Seen, seed: int) -> dict[str, Measured]:
    return {name: _mean(hits - other.hits[name], seed) for name, hits in ours.hits.items()}


def _mean(values: Hits, seed: int) -> Measured:
    """Mean over strengths and images [S, B], with its interval over images."""
    each = values.mean(0)
    return bootstrap(lambda counts: mean_of(counts, each), len(each), seed, of_shares=True)


def _undecided(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Declared claims about which no model, or no pair, was measured."""
    named = {claim.name for claim in claims}
    return tuple(claim for claim in CLAIMS if claim.name not in named)


def _strength_rows(seen: Seen, options: DegradedOptions, split: Split) -> Iterator[dict[str, Any]]:
    """Accuracy at every strength, with intervals over images; the whole image has strength 0, and contrast 1."""
    for condition, hits in seen.hits.items():
        strengths = options.strengths[condition]
        whole = 1.0 if condition == CONTRAST else 0.0
        for strength, row in zip((whole, *strengths), (seen.whole, *hits), strict=True):
            covers = {}
            if condition == OCCLUSION:
                height, width = split.shape[1:]
                covers["covered"] = covered_share(height, width, strength) if strength else 0.0
            yield (
                {"condition": condition, "strength": strength, "images": len(row)}
                | covers
                | _cells(share(int(row.sum()), len(row)))
            )


def _mean_rows(seen: Seen, seed: int) -> Iterator[dict[str, Any]]:
    """Mean accuracy over the strengths of each condition, with intervals over images."""
    for condition, hits in seen.hits.items():
        yield {"condition": condition, "whole": seen.whole.mean(), "images": hits.shape[1]} | _cells(_mean(hits, seed))


def _prediction_rows(seen: Seen, options: DegradedOptions) -> Iterator[dict[str, Any]]:
    """Accuracy with held noise as strong as leaky averaging leaves redrawn noise."""
    if seen.share is not None and seen.predicted is not None:
        for sigma, hits in zip(options.sigmas, seen.predicted, strict=True):
            acts_as = sigma * seen.share**0.5
            yield {"strength": sigma, "share": seen.share, "acts_as": acts_as, "accuracy": hits.mean()}


def _cells(measured: Measured) -> dict[str, float]:
    """Accuracy and its interval, within 0 and 1."""
    return {"accuracy": measured.value} | dict(
        zip(("low", "high"), within_shares(measured).interval or (), strict=False)
    )

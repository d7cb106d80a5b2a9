"""Errors of half precision in rates, scores and gradients, beside double precision."""

import copy
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.dynamics import Precision, Record, simulate
from cordsnet.experiments.claims import Claim, Measured, above, at_least, at_most, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import share
from cordsnet.experiments.needs import SCORES, classifies_images, dynamics
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel
from cordsnet.stimuli import blank, show

CHOICES = (
    Precision("float32"),
    Precision("bfloat16"),
    Precision("bfloat16", rates="bfloat16"),
    Precision("float16"),
    Precision("float16", rates="float16"),
)


@dataclass(frozen=True)
class PrecisionOptions:
    """Times of the protocol.

    Attributes
    ----------
    trials : number of test images.
    image_ms : how long they are shown; a blank of the same length follows.
    """

    trials: int = 16
    image_ms: float = 200.0

    def __post_init__(self) -> None:
        check_positive(self.image_ms, "image_ms")


SOURCE = "reviewer: memory and time of training"
CLAIMS = (
    Claim("same_answers", "Convolutions in bfloat16 keep the answers.", SOURCE,
          "share of images with the same highest score as in double precision", at_least(0.8)),
    Claim("scores", "Convolutions in bfloat16 change class scores by less than one per cent.", SOURCE,
          "relative error of the scores at the end of the image", at_most(0.01), exact=True),
    Claim("rates_in_float32", "Rates kept in bfloat16 are further off than rates kept in float32.", SOURCE,
          "error of rates kept in bfloat16 over that of rates kept in float32", above(1.0), exact=True),
)  # fmt: skip


@experiment(
    "precision",
    options=PrecisionOptions,
    presets={
        "smoke": Preset(PrecisionOptions(trials=4, image_ms=40.0), 0.1, 0.5),
        "desk": Preset(PrecisionOptions(), 0.5, 1.0),
        "paper": Preset(PrecisionOptions(trials=128), 5.0, 8.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, dynamics),
    of_readers=("same_answers",),
)
def precision(setting: Setting, options: PrecisionOptions) -> Result:
    """Measure the error of half precision in rates, scores and gradients."""
    rows: list[dict[str, Any]] = []
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        mine = precision_errors(model, split.images, options.image_ms)
        rows += [{"model": label, **row} for row in mine]
        by = {(row["convolutions"], row["rates"]): row for row in mine}
        brain, brainy = by["bfloat16", str(split.images.dtype).removeprefix("torch.")], by["bfloat16", "bfloat16"]
        n = len(split)
        found = {
            "same_answers": share(round(brain["same_answer"] * n), n),
            "scores": Measured(brain["error_of_scores"], n=n),
            "rates_in_float32": Measured(brainy["error_of_rates"] / brain["error_of_rates"], n=n),
        }
        claims += decide(CLAIMS, found, label)
    return Result({"precision": tuple(rows)}, claims=tuple(claims))


def precision_errors(model: VisionModel, images: Tensor, image_ms: float = 200.0) -> list[dict[str, Any]]:
    """Show `images` [B, C, H, W], then a blank, in every precision and in double.

    Returns
    -------
    One row per precision, relative to double precision: "error_of_rates", the largest over areas of
    |r - r_double| / |r_double| over all steps, trials and units; "error_of_scores" at the end of the image;
    "error_of_gradients" of the squared scores with respect to all weights; "same_answer", the share of trials with
    the same highest score; "seconds" of simulating and differentiating.
    """
    truth = _run(copy.deepcopy(model).double(), images.double(), Precision(), image_ms)
    own = str(images.dtype).removeprefix("torch.")
    return [_compare(_run(model, images, choice, image_ms), truth, choice, own) for choice in CHOICES]


@dataclass(frozen=True)
class _Outcome:
    rates: dict[str, Tensor]
    scores: Tensor
    gradient: Tensor
    seconds: float


def _run(model: VisionModel, images: Tensor, precision: Precision, ms: float) -> _Outcome:
    protocol, record = show(images, ms) + blank(ms), Record("all")
    started = time.perf_counter()
    model.zero_grad()
    found = simulate(model, protocol, record=record, precision=precision, grad=True)
    scores = found.outputs[SCORES]
    shown = scores[len(scores) // 2 - 1]
    shown.square().sum().backward()  # type: ignore[no-untyped-call]
    if shown.is_cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    gradient = torch.cat([p.grad.flatten().double() for p in model.parameters() if p.grad is not None])
    rates = {area: course.detach().double() for area, course in found.rates.items()}
    return _Outcome(rates, shown.detach().double(), gradient, seconds)


def _compare(found: _Outcome, truth: _Outcome, precision: Precision, own: str) -> dict[str, Any]:
    return {
        "convolutions": precision.compute,
        "rates": precision.rates or own,
        "error_of_rates": max(_apart(found.rates[area], rates) for area, rates in truth.rates.items()),
        "error_of_scores": _apart(found.scores, truth.scores),
        "error_of_gradients": _apart(found.gradient, truth.gradient),
        "same_answer": float((found.scores.argmax(1) == truth.scores.argmax(1)).double().mean()),
        "seconds": found.seconds,
    }


def _apart(found: Tensor, truth: Tensor) -> float:
    return float((found - truth).norm() / truth.norm())

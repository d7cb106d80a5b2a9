"""What half precision costs: errors of rates, scores and gradients beside double precision."""

import copy
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.dynamics import Precision, Record, simulate
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
class PrecisionError:
    """Of one precision, relative to double precision.

    Attributes
    ----------
    rates : largest over areas of |r - r_double| / |r_double|, over all steps, trials and units.
    logits : |z - z_double| / |z_double| at the end of the image.
    gradient : the same of the gradient of the squared scores with respect to all weights.
    same_answer : share of trials with the same highest score.
    seconds : of simulating and differentiating.
    """

    precision: Precision
    rates: float
    logits: float
    gradient: float
    same_answer: float
    seconds: float


def precision_errors(model: VisionModel, images: Tensor, *, ms: float = 200.0) -> list[PrecisionError]:
    """Show `images` [B, C, H, W] for `ms`, then a blank of the same length, in every precision and in double."""
    truth = _run(copy.deepcopy(model).double(), images.double(), Precision(), ms)
    return [_compare(_run(model, images, precision, ms), truth, precision) for precision in CHOICES]


@dataclass(frozen=True)
class _Outcome:
    rates: dict[str, Tensor]
    logits: Tensor
    gradient: Tensor
    seconds: float


def _run(model: VisionModel, images: Tensor, precision: Precision, ms: float) -> _Outcome:
    protocol, record = show(images, ms) + blank(ms), Record("all")
    started = time.perf_counter()
    model.zero_grad()
    found = simulate(model, protocol, record=record, precision=precision, grad=True)
    assert found.logits is not None
    shown = found.logits[len(found.logits) // 2 - 1]
    shown.square().sum().backward()  # type: ignore[no-untyped-call]
    if shown.is_cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    gradient = torch.cat([p.grad.flatten().double() for p in model.parameters() if p.grad is not None])
    rates = {area: course.detach().double() for area, course in found.rates.items()}
    return _Outcome(rates, shown.detach().double(), gradient, seconds)


def _compare(found: _Outcome, truth: _Outcome, precision: Precision) -> PrecisionError:
    return PrecisionError(
        precision,
        rates=max(_apart(found.rates[area], rates) for area, rates in truth.rates.items()),
        logits=_apart(found.logits, truth.logits),
        gradient=_apart(found.gradient, truth.gradient),
        same_answer=float((found.logits.argmax(1) == truth.logits.argmax(1)).double().mean()),
        seconds=found.seconds,
    )


def _apart(found: Tensor, truth: Tensor) -> float:
    return float((found - truth).norm() / truth.norm())

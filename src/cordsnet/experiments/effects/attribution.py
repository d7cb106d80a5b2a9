"""Attribution over time: when does the evidence for the final answer enter (Sundararajan et al. 2017)?

Tools that read gradients by forward hooks fail in the loops of recurrent networks (captum issue 1236). Here the score
of the answer is differentiated through the whole simulation with respect to what is shown at every time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.analysis import Attribution, integrated_gradients
from cordsnet.dynamics import Record, simulate
from cordsnet.experiments.claims import Claim, Measured, above, at_most, decide
from cordsnet.experiments.effects.evidence import Evidence, evidence_of_frames
from cordsnet.experiments.effects.recordings import ends, mean_response, ratio_of_means, whole_steps_ms
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap
from cordsnet.experiments.needs import SCORES, classifies_images, dynamics
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel
from cordsnet.stimuli import show

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]
TOLERANCE = 1e-3


@dataclass(frozen=True)
class AttributionOptions:
    """Times and points.

    Attributes
    ----------
    trials : number of test images.
    image_ms : how long the image stays; the score of the answer at its end is attributed.
    frame_ms : duration of the frames to which it is attributed; at least one step of the model.
    points : numbers of points on the path of the integral, which rise; claims are about the last.
    """

    trials: int = 20
    image_ms: float = 200.0
    frame_ms: float = 10.0
    points: tuple[int, ...] = (1, 4, 16, 64, 256)

    def __post_init__(self) -> None:
        for name in ("image_ms", "frame_ms"):
            check_positive(getattr(self, name), name)
        if self.frame_ms > self.image_ms / 2:
            raise ValueError(f"frame_ms must be at most half of image_ms = {self.image_ms:g}, got {self.frame_ms:g}")
        if not self.points or self.points[0] < 1 or sorted(set(self.points)) != list(self.points):
            raise ValueError(f"points must be one or more whole numbers of at least 1 that rise, got {self.points}")


PATH = "difference between the score of the answer with the image and without"
CLAIMS = (
    Claim(
        "complete",
        "Integrated gradients through the whole simulation sum to the difference of scores.",
        "Sundararajan et al. 2017, proposition 1",
        f"mean completeness error over images with the most points, share of the mean {PATH}",
        at_most(TOLERANCE),
    ),
    Claim(
        "frames_add_up",
        "What is attributed to the frames of an image sums to what is attributed to the image as a whole.",
        "captum issue 1236",
        f"mean error of that sum over images, share of the mean {PATH}",
        at_most(TOLERANCE),
    ),
    Claim(
        "one_gradient_is_not_enough",
        "Gradient times input, at the image alone, does not sum to the difference of scores.",
        "Sundararajan et al. 2017, section 2",
        f"mean error of that sum over images, share of the mean {PATH}",
        above(TOLERANCE),
    ),
    Claim(
        "late_frames_weigh_more",
        "Frames of the second half of the image weigh more in the answer at its end than those of the first half.",
        "reviewer: does a leaky network forget what came first?",
        f"integrated gradients of frames that begin in the second half less those of the first, share of the {PATH}",
        above(0.0),
    ),
)


@experiment(
    "attribution",
    options=AttributionOptions,
    presets={
        "smoke": Preset(AttributionOptions(trials=10, image_ms=100.0, points=(4, 16, 64)), 0.3, 1.0),
        "desk": Preset(AttributionOptions(), 3.0, 2.0),
        "paper": Preset(AttributionOptions(trials=200, points=(1, 4, 16, 64, 256, 1024)), 120.0, 16.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, dynamics),
    of_readers=("late_frames_weigh_more",),
)
def attribution(setting: Setting, options: AttributionOptions) -> Result:
    """Evidence for the final answer that enters at each time, and how complete the attribution is."""
    tables: dict[str, Rows] = {name: [] for name in ("evidence", "completeness", "summary", "notes")}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        notes: list[str] = []
        steps = frame_steps(model, options, notes)
        image_ms = model.clock.time_ms(sum(steps))
        answers = final_answers(model, split.images, image_ms, setting.seed)
        for points in options.points:
            found = integrated_gradients(
                model, split.images, answers, times_ms=[image_ms], points=points, max_points=points, tol=TOLERANCE
            )
            tables["completeness"].append({"model": label, "points": points} | _completeness(found, setting.seed))
        evidence = evidence_of_frames(model, split.images, answers, steps, options.points[-1])
        tables["evidence"] += [{"model": label} | row for row in _evidence_rows(evidence, setting.seed)]
        right = float((answers == split.labels).double().mean())
        about = {"model": label, "image_ms": image_ms, "images": len(split), "accuracy": right}
        tables["summary"].append(about | {"half_ms": half_time(evidence)})
        notes += filter(None, [without_evidence(found, setting.seed)])
        tables["notes"] += [{"model": label, "note": note} for note in notes]
        claims += decide(CLAIMS, measure(found, evidence, setting.seed), label)
    return Result(tables, claims=tuple(claims))


@check_arguments
def frame_steps(model: VisionModel, options: AttributionOptions, notes: list[str]) -> list[int]:
    """Steps of each frame; the last is shorter where the image is no multiple of a frame.

    Raises ValueError where the image has less than two frames of whole steps.
    """
    total = round(whole_steps_ms(model, options.image_ms, "image_ms", notes) / model.dt_ms)
    if options.frame_ms < model.dt_ms:
        frame = 1
        notes.append(
            f"frame_ms: {options.frame_ms:g} ms is less than a step of {model.dt_ms:g} ms, so frames are steps"
        )
    else:
        frame = round(whole_steps_ms(model, options.frame_ms, "frame_ms", notes) / model.dt_ms)
    if total < 2 * frame:
        raise ValueError(
            f"image_ms must be at least two frames of {frame * model.dt_ms:g} ms, got {options.image_ms:g}"
        )
    return [min(frame, total - first) for first in range(0, total, frame)]


@check_arguments
@torch.no_grad()
def final_answers(model: VisionModel, images: Tensor, image_ms: float, seed: int = 0) -> Tensor:
    """Class with the largest score when images [B, C, H, W] have been shown for `image_ms` [B]."""
    run = simulate(model, show(images, image_ms), record=Record(times_ms=(image_ms,)), seed=seed)
    return run.outputs[SCORES][-1].argmax(-1)


@check_arguments
def half_time(evidence: Evidence) -> float:
    """Time after onset, ms, from which on half of the mean evidence enters; interpolated within a frame.

    NaN where the sum from the end never reaches half, as with no evidence at all.
    """
    from_end = np.cumsum(evidence.integrated.mean(1)[::-1])
    if not abs(from_end[-1]) > 0:
        return float("nan")
    reached = np.concatenate([[0.0], from_end / from_end[-1]])
    after = int((reached >= 0.5).argmax())
    share = (0.5 - reached[after - 1]) / (reached[after] - reached[after - 1])
    edges = np.concatenate([evidence.ends_ms[::-1], evidence.starts_ms[:1]])
    return float(edges[after - 1] + share * (edges[after] - edges[after - 1]))


@check_arguments
def measure(found: Attribution, evidence: Evidence, seed: int = 0) -> dict[str, Measured]:
    """Measure the claims, with intervals over images.

    Parameters
    ----------
    found : attribution of the held image with the most points, at one time.
    evidence : attribution of its frames.
    seed : of the samples.
    """
    whole = _sums(found)
    difference = _difference(found)
    late = evidence.starts_ms >= evidence.ends_ms[-1] / 2 - 1e-6
    weigh = evidence.integrated[late].sum(0) - evidence.integrated[~late].sum(0)
    return {
        "complete": _share(np.abs(whole - difference), np.abs(difference), seed),
        "frames_add_up": _share(np.abs(evidence.integrated.sum(0) - whole), np.abs(difference), seed),
        "one_gradient_is_not_enough": _share(np.abs(evidence.gradient.sum(0) - difference), np.abs(difference), seed),
        "late_frames_weigh_more": Measured(np.nan)
        if without_evidence(found, seed)
        else _share(weigh, difference, seed),
    }


@check_arguments
def without_evidence(found: Attribution, seed: int = 0) -> str:
    """A sentence where the image may not raise the score of the answer, so that there are no shares of it; else ""."""
    raised = mean_response(_difference(found), seed)
    low, high = raised.interval or (-np.inf, np.inf)
    if low > 0:
        return ""
    return (
        f"images raise the score of their answer by {raised.value:.3g} [{low:.3g}, {high:.3g}], which may be nothing, "
        "so shares of it say little"
    )


def _share(values: Array, of: Array, seed: int) -> Measured:
    """Mean of some values over the mean of others."""
    return bootstrap(lambda counts: ratio_of_means(counts, values, of), len(values), seed)


def _sums(found: Attribution) -> Array:
    sums: Array = found.values[0].flatten(1).sum(1).detach().cpu().double().numpy()
    return sums


def _difference(found: Attribution) -> Array:
    difference: Array = (found.score[0] - found.baseline_score[0]).detach().cpu().double().numpy()
    return difference


def _completeness(found: Attribution, seed: int) -> dict[str, Any]:
    error, difference = np.abs(_sums(found) - _difference(found)), np.abs(_difference(found))
    measured = _share(error, difference, seed)
    largest = float(found.residual.max())
    return {"error": measured.value, "largest": largest, "images": len(error)} | ends(measured)


def _evidence_rows(evidence: Evidence, seed: int) -> Rows:
    """Evidence of each frame per ms, as a share of all that there is."""
    rows: Rows = []
    total, plain = evidence.integrated.sum(0), evidence.gradient.sum(0)
    once = np.ones((1, evidence.integrated.shape[1]))
    for k, (first, last) in enumerate(zip(evidence.starts_ms, evidence.ends_ms, strict=True)):
        values, products = (each[k] / (last - first) for each in (evidence.integrated, evidence.gradient))
        measured = _share(values, total, seed)
        row = {"start_ms": first, "end_ms": last, "share_per_ms": measured.value, "images": measured.n}
        rows.append(row | {"gradient_x_input": ratio_of_means(once, products, plain)[0]} | ends(measured))
    return rows

"""Noise that is redrawn at every step: a leaky network averages it (Soo et al. 2024, Figure 3)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.data import Split
from cordsnet.dynamics import simulate
from cordsnet.experiments.claims import Claim, Measured, above, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, mean_of, share
from cordsnet.experiments.needs import SCORES, classifies_images, is_dynamical
from cordsnet.experiments.pairs import comparable_pairs
from cordsnet.experiments.result import Result
from cordsnet.stimuli import Protocol, show, with_noise

LAST, MEAN = "last frame", "mean over frames"
"""Read-outs of a model: its scores at the end, or averaged over all frames that it was shown."""


@dataclass(frozen=True)
class NoiseOptions:
    """Strength and times of the noise.

    Attributes
    ----------
    trials : number of test images.
    sigmas : standard deviations of the noise, in units of that of the images.
    image_ms : how long noisy frames are shown.
    frame_ms : how long a frame stays before the noise is drawn again; None is the longest step of the models.
    """

    trials: int = 360
    sigmas: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
    image_ms: float = 200.0
    frame_ms: float | None = None

    def __post_init__(self) -> None:
        check_positive(self.image_ms, "image_ms")
        if not self.sigmas or min(self.sigmas) < 0:
            raise ValueError(f"sigmas must be one or more numbers of at least 0, got {list(self.sigmas)}")


CLAIMS = (
    Claim(
        "beats_one_frame",
        "A network with leaky integration reads noisy images better than a CNN that sees one frame.",
        "Soo et al. 2024, Figure 3",
        "accuracy of the network less that of the static model on the last frame, mean over noise levels above 0",
        above(0.0),
    ),
    Claim(
        "beats_averaged_frames",
        "It reads them better than the CNN with its scores averaged over the same frames.",
        "reviewer: is it more than averaging?",
        "accuracy of the network less that of the static model averaged over frames, mean over noise levels above 0",
        above(0.0),
    ),
)
Hits = NDArray[np.float64]


@experiment(
    "noise",
    options=NoiseOptions,
    presets={
        "smoke": Preset(NoiseOptions(trials=20, sigmas=(0.0, 1.0, 2.0), image_ms=80.0), 0.05, 0.5),
        "desk": Preset(NoiseOptions(), 0.3, 1.0),
        "paper": Preset(NoiseOptions(trials=10_000), 60.0, 64.0),
    },
    claims=CLAIMS,
    needs=(classifies_images,),
    of_readers=tuple(claim.name for claim in CLAIMS),
    read_after="image_ms",
    paired=True,
)
def noise(setting: Setting, options: NoiseOptions) -> Result:
    """Accuracy against noise redrawn at every step, of dynamical models and of static ones beside them."""
    frame_ms = common_frame_ms(setting.models, options.frame_ms)
    redrawn = frame_ms < options.image_ms
    rows: list[dict[str, Any]] = []
    hits: dict[str, dict[str, Hits]] = {}
    labels: dict[str, list[int]] = {}
    for label, model, split in setting.subjects(options.trials):
        labels[label] = split.labels.tolist()
        hits[label] = noisy_hits(model, split, options, frame_ms, setting.seed)
        kind = "dynamical" if is_dynamical(model) else "static"
        rows += [
            {"model": label, "kind": kind, "read": read, "sigma": sigma, "chance": 1 / model.num_classes}
            | _accuracy(found)
            for read, by_sigma in hits[label].items()
            for sigma, found in zip(options.sigmas, by_sigma, strict=True)
        ]
    pairs, notes = comparable_pairs(setting, labels)
    claims = _decide(setting, options, hits, pairs if redrawn else ())
    if not redrawn:
        said = (
            f"a frame stays for {frame_ms:g} ms and the image for {options.image_ms:g} ms, so the noise is not redrawn"
        )
        notes += tuple({"model": label, "note": f"{said}, and no claim is measured"} for label in setting.models)
    tables = {"noise": tuple(rows)} | ({"notes": notes} if notes else {})
    return Result(tables, claims=claims, meta={"frame_ms": frame_ms})


@torch.no_grad()
def noisy_hits(
    model: Any, split: Split, options: NoiseOptions, frame_ms: float, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return read-out -> 1 where an image is read correctly, else 0 [sigmas, B]. All models see the same noise."""
    unit = float(split.images.std())
    found: dict[str, list[Tensor]] = {LAST: [], MEAN: []}
    for sigma in options.sigmas:
        noisy = with_noise(show(split.images, options.image_ms), sigma * unit, seed=seed, every_ms=frame_ms)
        scores = scores_over_time(model, noisy, seed)
        for read, answer in ((LAST, scores[-1]), (MEAN, scores.mean(0))):
            found[read].append((answer.argmax(1) == split.labels).double().cpu())
    return {read: torch.stack(hits).numpy() for read, hits in found.items()}


def scores_over_time(model: Any, protocol: Protocol, seed: int) -> Tensor:
    """Class scores [T, B, K] after each of the model's steps; those of a static model are the same within a frame."""
    return simulate(model, protocol, seed=seed).outputs[SCORES]


def common_frame_ms(models: Mapping[str, Any], frame_ms: float | None = None) -> float:
    """Return the duration of a frame: as asked, or the longest step, in whole steps of models that need them."""
    if frame_ms is not None:
        return frame_ms
    longest = max(float(model.dt_ms) for model in models.values())
    for model in models.values():
        if model.clock.kind != "steps":  # a clock of steps rounds by itself
            longest = math.ceil(longest / model.dt_ms - 1e-9) * float(model.dt_ms)
    return longest


def _decide(
    setting: Setting,
    options: NoiseOptions,
    hits: Mapping[str, Mapping[str, Hits]],
    pairs: Sequence[tuple[str, str]],
) -> tuple[Claim, ...]:
    """The claims for every pair of a dynamical and a static model; undecided where there is no such pair."""
    noisy = np.asarray(options.sigmas) > 0
    claims: list[Claim] = []
    for ours, other in pairs if noisy.any() else ():
        gain = {read: (hits[ours][LAST] - hits[other][read])[noisy].mean(0) for read in (LAST, MEAN)}
        found = {
            claim.name: _measured(gain[read], setting.seed) for claim, read in zip(CLAIMS, (LAST, MEAN), strict=True)
        }
        claims += decide(CLAIMS, found, f"{ours} against {other}")
    return tuple(claims) or CLAIMS


def _accuracy(hits: Hits) -> dict[str, Any]:
    """Share of images [B] that are read correctly, with Wilson's interval."""
    found = share(int(hits.sum()), len(hits))
    assert found.interval is not None
    low, high = found.interval
    return {"accuracy": found.value, "low": low, "high": high, "images": found.n}


def _measured(gain: Hits, seed: int) -> Measured:
    return bootstrap(lambda counts: mean_of(counts, gain), len(gain), seed, of_shares=True)

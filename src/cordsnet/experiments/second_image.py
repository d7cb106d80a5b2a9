"""A second image soon after the first: is it read as well (Soo et al. 2024, Figure 3)?"""

from dataclasses import dataclass
from typing import Any

import torch

from cordsnet._checks import check_positive
from cordsnet.data import Split
from cordsnet.dynamics import Record, simulate
from cordsnet.experiments.claims import Claim, Measured, at_most, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, mean_of
from cordsnet.experiments.needs import SCORES, classifies_images, dynamics
from cordsnet.experiments.pairs import other_class
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel
from cordsnet.stimuli import blank, show


@dataclass(frozen=True)
class SecondImageOptions:
    """Times of the protocol.

    Attributes
    ----------
    trials : number of test images.
    image_ms : how long each image stays, and when it is read after its onset.
    gap_ms : blank between the images; they are also shown without one.
    """

    trials: int = 360
    image_ms: float = 200.0
    gap_ms: float = 200.0

    def __post_init__(self) -> None:
        for name in ("image_ms", "gap_ms"):
            check_positive(getattr(self, name), name)


CLAIMS = tuple(
    Claim(name, statement, source, "accuracy on the first image less that on the second", at_most(0.05))
    for name, statement, source in (
        ("second_image", "A second image after a blank is read as well as the first.", "Soo et al. 2024, Figure 3"),
        (
            "second_image_at_once",
            "A second image that follows the first at once is read as well.",
            "reviewer: is the network stuck in the attractor of the first image?",
        ),
    )
)


@experiment(
    "second_image",
    options=SecondImageOptions,
    presets={
        "smoke": Preset(SecondImageOptions(trials=20), 0.05, 0.5),
        "desk": Preset(SecondImageOptions(), 0.1, 0.5),
        "paper": Preset(SecondImageOptions(trials=10_000), 20.0, 16.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, dynamics),
    of_readers=tuple(claim.name for claim in CLAIMS),
    read_after="image_ms",
)
def second_image(setting: Setting, options: SecondImageOptions) -> Result:
    """Accuracy on two images, one after the other, with and without a blank between them."""
    rows: list[dict[str, Any]] = []
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        found = {}
        for claim, gap_ms in zip(CLAIMS, (options.gap_ms, 0.0), strict=True):
            hits = read_both(model, split, options.image_ms, gap_ms, setting.seed)
            first, second = (float(hit.mean()) for hit in hits)
            found[claim.name] = drop = _drop(hits, setting.seed)
            rows.append(
                {
                    "model": label,
                    "gap_ms": gap_ms,
                    "first": first,
                    "second": second,
                    "drop": drop.value,
                    "images": drop.n,
                }
            )
        claims += decide(CLAIMS, found, label)
    return Result({"second_image": tuple(rows)}, claims=tuple(claims))


@torch.no_grad()
def read_both(model: VisionModel, split: Split, image_ms: float, gap_ms: float, seed: int = 0) -> torch.Tensor:
    """1 where the first [0] and the second image [1] is read correctly at its offset, else 0; [2, B]."""
    second = other_class(split)
    protocol = show(split.images, image_ms) + blank(gap_ms) + show(second.images, image_ms)
    record = Record(times_ms=protocol.times_ms("offset"))
    scores = simulate(model, protocol, record=record, seed=seed).outputs[SCORES]
    labels = torch.stack([split.labels, second.labels])
    return (scores.argmax(-1) == labels).double().cpu()


def _drop(hits: torch.Tensor, seed: int) -> Measured:
    lost = (hits[0] - hits[1]).numpy()
    return bootstrap(lambda counts: mean_of(counts, lost), len(lost), seed, of_shares=True)

"""Rapid serial presentation: accuracy on each image of a stream against its rate (Sorensen et al. 2023).

Every image is read in its own window, moved by one lag. The lag is the best one for half of the images; accuracy is
measured on the other half.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive
from cordsnet.data import Split
from cordsnet.experiments.claims import Claim, Measured, above, at_most, decide
from cordsnet.experiments.effects.recordings import durations_in_steps, ends, whole_steps_ms
from cordsnet.experiments.effects.streams import (
    ALONE,
    FIRST,
    INNER,
    LAST,
    Timing,
    hits_alone,
    hits_in_stream,
    stream_orders,
    two_halves,
)
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, mean_of, within_shares
from cordsnet.experiments.needs import classifies_images, dynamics
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]
NONE, BLANK = "none", "blank"
"""Gap between the images of a stream: none, or a blank as long as an image."""
Key: TypeAlias = tuple[float, str, str]
"""Duration of an image in ms, gap between images, position of the image in the stream."""

MOST_IMAGES = 1000
"""Images in a stream; longer ones take as much longer and say nothing else."""


@dataclass(frozen=True)
class SerialPresentationOptions:
    """Rates and lengths of the streams.

    Attributes
    ----------
    trials : number of test images, at least 4; as many streams are shown, in which every image comes at every position.
    durations_ms : how long each image stays, at least two that differ; without gaps, 50 ms are 20 images a second.
    length : images in a stream, at least 3.
    before_ms : blank before the first image.
    max_lag_ms : longest lag at which answers are read; a blank of this length follows the last image.
    """

    trials: int = 360
    durations_ms: tuple[float, ...] = (20.0, 40.0, 80.0, 160.0)
    length: int = 6
    before_ms: float = 100.0
    max_lag_ms: float = 200.0

    def __post_init__(self) -> None:
        for name in ("before_ms", "max_lag_ms"):
            check_positive(getattr(self, name), name)
        check_count(self.trials, "trials", 4)
        check_count(self.length, "length", 3, most=MOST_IMAGES)
        if len(set(self.durations_ms)) < 2 or min(self.durations_ms) <= 0:
            raise ValueError(f"durations_ms must be at least two that are above 0 and differ, got {self.durations_ms}")


SOURCE = "Sorensen et al. 2023"
NEIGHBOURS = "accuracy on the same images alone, as briefly, less that on images between others"
CLAIMS = (
    Claim(
        "accuracy_falls_with_rate",
        "Accuracy on the images of a stream falls with its rate.",
        SOURCE,
        "accuracy on images between others at the slowest rate less that at the fastest, without gaps",
        above(0.0),
    ),
    Claim(
        "neighbours_mask",
        "At the fastest rate an image is read worse between others than alone.",
        SOURCE,
        f"{NEIGHBOURS}, at the fastest rate without gaps",
        above(0.0),
    ),
    Claim(
        "slow_streams_are_read",
        "At the slowest rate an image is read as well between others as alone.",
        SOURCE,
        f"{NEIGHBOURS}, at the slowest rate without gaps",
        at_most(0.05),
    ),
    Claim(
        "blanks_help",
        "A blank between the images of the fastest stream improves accuracy.",
        "reviewer: is it the short time or the next image?",
        "accuracy on images between others, with a blank as long as an image after each, less that without",
        above(0.0),
    ),
    Claim(
        "backward_masks_more",
        "The image that follows does more harm than the one before.",
        "reviewer: is an image cut short by the next one, or hidden by what is left of the last one?",
        "accuracy on the last image of a stream less that on the first, at the fastest rate without gaps",
        above(0.0),
    ),
)


@experiment(
    "serial_presentation",
    options=SerialPresentationOptions,
    presets={
        "smoke": Preset(SerialPresentationOptions(trials=20, durations_ms=(20.0, 80.0), length=4), 0.1, 0.5),
        "desk": Preset(SerialPresentationOptions(), 1.0, 1.0),
        "paper": Preset(SerialPresentationOptions(trials=1000), 20.0, 16.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, dynamics),
    of_readers=tuple(claim.name for claim in CLAIMS),
)
def serial_presentation(setting: Setting, options: SerialPresentationOptions) -> Result:
    """Accuracy on each image of a rapid stream, against its rate and beside the same images alone."""
    tables: dict[str, Rows] = {name: [] for name in ("accuracy", "lags", "notes")}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        notes: list[str] = []
        found = read_streams(model, split, options, setting.seed, notes)
        chosen, measured = two_halves(split)
        at_best = {key: best_lag(hits, chosen) for key, hits in found.items()}
        kept = {key: hits[at_best[key]][measured] for key, hits in found.items()}
        about = {"model": label, "chance": 1 / model.num_classes}
        for key, hits in found.items():
            words = about | _words(key)
            row = words | {"lag_ms": model.clock.time_ms(at_best[key])}
            tables["accuracy"].append(row | _accuracy(kept[key], setting.seed))
            by_lag = enumerate(hits[:, measured].mean(1))
            tables["lags"] += [words | {"lag_ms": model.clock.time_ms(k), "accuracy": mean} for k, mean in by_lag]
        tables["notes"] += [{"model": label, "note": note} for note in dict.fromkeys(notes)]
        claims += decide(CLAIMS, measure(kept, setting.seed), label)
    return Result(tables, claims=tuple(claims))


@check_arguments
def read_streams(
    model: VisionModel, split: Split, options: SerialPresentationOptions, seed: int, notes: list[str]
) -> dict[Key, Array]:
    """Share of the showings of each image that are read correctly, for every rate, gap and place [lags, B].

    `notes` receives a sentence for every duration that is rounded to the steps of the model, or left out.
    """
    orders = stream_orders(split, options.length, seed)
    before_ms, max_lag_ms = (
        whole_steps_ms(model, getattr(options, name), name, notes) for name in ("before_ms", "max_lag_ms")
    )
    found: dict[Key, Array] = {}
    for ms in durations_in_steps(model, options.durations_ms, notes):
        alone = Timing(before_ms, ms, 0.0, max_lag_ms)
        found[ms, NONE, ALONE] = hits_alone(model, split, alone, seed)
        for between, gap_ms in ((NONE, 0.0), (BLANK, ms)):
            timing = Timing(before_ms, ms, gap_ms, max_lag_ms)
            read = hits_in_stream(model, split, orders, timing, seed)
            found |= {(ms, between, place): hits for place, hits in read.items()}
    return found


@check_arguments
def best_lag(hits: Array, chosen: NDArray[np.int64]) -> int:
    """The lag, in steps, with the highest accuracy over some of the images of hits [lags, B]; the first of equals."""
    return int(hits[:, chosen].mean(1).argmax())


@check_arguments
def measure(kept: Mapping[Key, Array], seed: int = 0) -> dict[str, Measured]:
    """Measure the claims from shares of showings that were read correctly [B], with intervals over images.

    With one rate alone, which is what short streams of a model with long steps may come to, nothing is measured.
    """
    durations = sorted({ms for ms, _, _ in kept})
    fast, slow = durations[0], durations[-1]
    if fast == slow:
        return {claim.name: Measured(np.nan) for claim in CLAIMS}
    differences = {
        "accuracy_falls_with_rate": kept[slow, NONE, INNER] - kept[fast, NONE, INNER],
        "neighbours_mask": kept[fast, NONE, ALONE] - kept[fast, NONE, INNER],
        "slow_streams_are_read": kept[slow, NONE, ALONE] - kept[slow, NONE, INNER],
        "blanks_help": kept[fast, BLANK, INNER] - kept[fast, NONE, INNER],
        "backward_masks_more": kept[fast, NONE, LAST] - kept[fast, NONE, FIRST],
    }
    return {name: _mean(values, seed) for name, values in differences.items()}


def _mean(values: Array, seed: int) -> Measured:
    return bootstrap(lambda counts: mean_of(counts, values), len(values), seed, of_shares=True)


def _accuracy(hits: Array, seed: int) -> dict[str, Any]:
    measured = within_shares(_mean(hits, seed))
    return {"accuracy": measured.value, "images": measured.n} | ends(measured)


def _words(key: Key) -> dict[str, Any]:
    """Cells of a row that say what was shown."""
    ms, between, place = key
    row = {"image_ms": ms, "between": between, "place": place}
    return row if place == ALONE else row | {"images_per_second": 1000 / (ms if between == NONE else 2 * ms)}

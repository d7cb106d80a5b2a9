"""Evaluation of a trained network on test images: accuracy, classes, confusions, errors, and the course in time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_device
from cordsnet.data import Reading, Split, Unreadable, VisionData, to_unit_range
from cordsnet.dynamics import Hold, Record, System, integrate
from cordsnet.dynamics.limits import check_steps
from cordsnet.errors import RunError
from cordsnet.experiments.checkpoint import Checkpoint, OwnData, find_checkpoint
from cordsnet.experiments.evaluation_result import SETTLED, Answer, ClassResult, Course, Evaluation
from cordsnet.experiments.experiment import Tell, silent
from cordsnet.experiments.intervals import share
from cordsnet.experiments.shown_images import Shown, shown_images
from cordsnet.models import VisionModel
from cordsnet.models.interface import IMAGE
from cordsnet.training.evaluate import BATCH, read_correctly

MOMENTS = 100
"""Number of times, at most, at which the course of the accuracy is read."""

MOST_PICTURES = 200
"""Number of errors, at most, of which pictures are kept."""


@check_arguments
@torch.no_grad()
def evaluate(
    checkpoint: str | Path | VisionModel,
    data: str | Path | VisionData | None = None,
    *,
    images: int | None = None,
    seed: int = 0,
    until_ms: float | None = None,
    reading: Reading | None = None,
    device: str = "cpu",
    tell: Tell = silent,
) -> Evaluation:
    """Answer test images with a trained network, which is read `response_ms` after their onset.

    Parameters
    ----------
    checkpoint : folder of a run, of a finished stage or of a saved model; NAME@DATA for weights that come with the
        package; or a model.
    data : name or path of a data set, or a data set; None is what the network was trained on.
    images : number of test images, drawn at random from all classes; None is all.
    seed : of the draw, and of noise within the network.
    until_ms : how long the images stay for the course of the accuracy; None is twice `response_ms`.
    reading : how data by path are read; None is as in training for the network's own data.
    device : "cpu" or "cuda".
    tell : called as batches are done.

    Images are normalised as those that the network was trained on.

    Raises
    ------
    CheckpointError, RunError : there is no such network, or its files are damaged.
    DataError : no data are known, or they have classes or channels that the network does not have.
    ValueError : the model has no class scores.
    """
    found = checkpoint if isinstance(checkpoint, VisionModel) else find_checkpoint(checkpoint)
    if isinstance(found, VisionModel):
        known = found.metadata.get("data")
        name = known.get("name", "") if isinstance(known, Mapping) else ""
        found = Checkpoint(str(getattr(found.spec, "name", type(found).__name__)), found, OwnData(name))
    model: VisionModel = found.model.to(check_device(device)).eval()
    shown = shown_images(found, data, reading, images, seed)
    reader = _Reader(model, until_ms, seed)
    seen = _show(shown, reader, model, tell)
    return _result(found, shown, reader, seen, seed)


@dataclass
class _Seen:
    """Labels, answers and pictures of all batches."""

    labels: list[Tensor] = field(default_factory=list)
    answers: list[Tensor] = field(default_factory=list)
    sureness: list[Tensor] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    pictures: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    unreadable: dict[str, Unreadable] = field(default_factory=dict)


class _Reader:
    """Answers [T, B] to images at some times, and scores [B, K] at the time at which the model is read."""

    def __init__(self, model: VisionModel, until_ms: float | None, seed: int) -> None:
        self.model, self.seed, self.notes = model, seed, list[str]()
        self.system: System[Any] | None = None
        self.time_ms: tuple[float, ...] = ()
        self.at = 0
        if model.clock.kind == "static":
            return
        self.system = model.system()
        clock = self.system.clock
        read = clock.steps(model.response_ms, "response_ms", self.notes)
        self.total = 2 * read if until_ms is None else clock.steps(until_ms, "until_ms", self.notes)
        check_steps(self.total, clock.dt_ms)
        if self.total < read:
            raise ValueError(f"until_ms must be at least {model.response_ms:g} ms, when it is read, got {until_ms:g}")
        grid = np.linspace(1, self.total, min(MOMENTS, self.total)).round().astype(int).tolist()
        steps = sorted({*grid, read})
        self.at = steps.index(read)
        self.time_ms = tuple(float(clock.time_ms(step)) for step in steps)

    @property
    def read_ms(self) -> float | None:
        """Time at which the model is read, ms; None if it is static."""
        return self.time_ms[self.at] if self.time_ms else None

    def __call__(self, images: Tensor, before: int) -> tuple[Tensor, Tensor]:
        """Answers at all times, and scores, to images [B, C, H, W], of which `before` came in earlier batches."""
        if self.system is None:
            scores = self.model(images)[None]
        else:
            begun = self.system.begin(len(images), self.seed + before)
            held, record = Hold(self.total, {IMAGE: images}), Record(times_ms=self.time_ms)
            found = integrate(self.system, [held], begun, record, self.total).logits
            assert found is not None
            scores = found
        if not bool(torch.isfinite(scores[self.at]).all()):
            raise RunError(
                "class scores are NaN or infinite, so there are no answers; look at the training of the model"
            )
        return scores.argmax(-1), scores[self.at]


def _show(shown: Shown, reader: _Reader, model: VisionModel, tell: Tell) -> _Seen:
    """Show all images, batch after batch."""
    seen, count = _Seen(), 0
    for part in _parts(shown.split, BATCH):
        for one in part.unreadable:
            seen.unreadable[one.file] = one
        if not len(part):
            continue
        pixels, labels = part.pixels, shown.numbers[part.labels.cpu()]
        assert isinstance(pixels, Tensor)
        answers, scores = reader(part.to(model).images, count)
        right = read_correctly(scores.cpu(), labels)
        for k in (~right).nonzero().flatten().tolist()[: max(0, MOST_PICTURES - len(seen.pictures))]:
            seen.pictures[count + k] = _picture(pixels[k])
        seen.labels.append(labels)
        seen.answers.append(answers.cpu())
        seen.sureness.append(scores.softmax(-1).amax(-1).cpu())
        seen.files += [part.file(k) for k in range(len(part))]
        count += len(part)
        tell("images", count, len(shown.split))
    if not count:
        raise RunError("none of the images can be read, so there is nothing to evaluate")
    return seen


def _parts(split: Split, size: int) -> Iterator[Split]:
    """The split in parts that are in memory."""
    for start in range(0, len(split), size):
        yield split.part(start, min(start + size, len(split)))


def _picture(pixels: Tensor) -> NDArray[np.uint8]:
    """Pixels [C, H, W] as 8 bit [H, W, C]."""
    found: NDArray[np.uint8] = (
        to_unit_range(pixels).mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    )
    return found


def _result(found: Checkpoint, shown: Shown, reader: _Reader, seen: _Seen, seed: int) -> Evaluation:
    labels, answers = torch.cat(seen.labels).numpy(), torch.cat(seen.answers, 1).numpy()
    final, n, classes = answers[reader.at], len(labels), shown.classes
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (labels, final), 1)
    sure = torch.cat(seen.sureness).tolist()
    images, answered = confusion.sum(1), confusion.sum(0)
    rows = tuple(
        ClassResult(
            name,
            int(images[k]),
            int(confusion[k, k]),
            int(answered[k]),
            share(int(confusion[k, k]), int(images[k])) if images[k] else None,
        )
        for k, name in enumerate(classes)
    )
    listed = zip(seen.files, labels.tolist(), final.tolist(), sure, strict=True)
    notes = [*found.notes, *shown.notes, *reader.notes]
    if reader.system is None:
        notes.append("the model is static: it answers at once, so there is no course in time")
    return Evaluation(
        source=found.source,
        data=shown.name,
        accuracy=share(int(np.trace(confusion)), n),
        commonest=float(images.max() / n),
        read_ms=reader.read_ms,
        classes=rows,
        confusion=confusion,
        course=_course(reader, answers, labels),
        answers=tuple(Answer(file, classes[label], classes[answer], p) for file, label, answer, p in listed),
        pictures=seen.pictures,
        unreadable=tuple({one.file: one for one in (*shown.split.unreadable, *seen.unreadable.values())}.values()),
        notes=tuple(notes),
        seed=seed,
    )


def _course(reader: _Reader, answers: NDArray[Any], labels: NDArray[Any]) -> Course | None:
    """Accuracy over time; None for a static model."""
    if reader.system is None:
        return None
    accuracy = (answers == labels).mean(1)
    away = np.abs(accuracy - accuracy[-1]) > SETTLED + 1e-9
    first = int(away.nonzero()[0][-1]) + 1 if away.any() else 0
    settled = reader.time_ms[first] if first < len(accuracy) - 1 else None
    changed = float((answers[reader.at] != answers[-1]).mean())
    return Course(reader.time_ms, tuple(accuracy.tolist()), settled, changed)

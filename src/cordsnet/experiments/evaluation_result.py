"""Result of an evaluation: accuracy, classes, confusions, answers, and the course in time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._intervals import LEVEL
from cordsnet.data import Unreadable
from cordsnet.experiments.claims import Measured

SETTLED = 0.02
"""Accuracy has settled when it stays this close to its last value."""


@dataclass(frozen=True)
class ClassResult:
    """Answers to the images of one class.

    Attributes
    ----------
    name : the class.
    images : number of its images.
    correct : number of these that were answered with it.
    answered : number of images, of any class, that were answered with it.
    accuracy : share of its images answered with it, with a 95 % Wilson interval; None without images.
    """

    name: str
    images: int
    correct: int
    answered: int
    accuracy: Measured | None


@dataclass(frozen=True)
class Answer:
    """The answer to one image.

    Attributes
    ----------
    file : the image, by its file within the data set or its row.
    label : its class.
    answer : the class of the highest score.
    probability : softmax of the scores at the answer; not calibrated.
    """

    file: str
    label: str
    answer: str
    probability: float

    @property
    def is_correct(self) -> bool:
        """True if the answer is the class of the image."""
        return self.label == self.answer


@dataclass(frozen=True)
class Course:
    """Accuracy over time while the images stay.

    Attributes
    ----------
    time_ms : times from onset [T].
    accuracy : share of images read correctly [T].
    settled_ms : time from which accuracy stays within two points of its last value; None if it does not.
    changed : share of images whose answer at the last time is another than when the network was read.
    """

    time_ms: tuple[float, ...]
    accuracy: tuple[float, ...]
    settled_ms: float | None
    changed: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Result of `evaluate`.

    Attributes
    ----------
    source : the network, as it was asked for.
    data : the data set.
    accuracy : share of images answered correctly, with a 95 % Wilson interval, and the number of images.
    commonest : share of the images that are of the most common class, which a constant answer would reach.
    read_ms : time from onset at which the network was read; None for a static model.
    classes : one row for each class.
    confusion : number of images [K, K] by class (rows) and answer (columns).
    course : accuracy over time; None for a static model, which has no course.
    answers : one row for each image.
    pictures : index of an error in `answers` -> its pixels as the network saw them, 8 bit, [H, W, C].
    unreadable : images that were left out.
    notes : what was chosen or assumed.
    seed : of the draw of images, and of noise within the network.
    """

    source: str
    data: str
    accuracy: Measured
    commonest: float
    read_ms: float | None
    classes: tuple[ClassResult, ...]
    confusion: NDArray[np.int64]
    course: Course | None
    answers: tuple[Answer, ...] = field(repr=False)
    pictures: Mapping[int, NDArray[np.uint8]] = field(repr=False)
    unreadable: tuple[Unreadable, ...] = ()
    notes: tuple[str, ...] = ()
    seed: int = 0

    @property
    def errors(self) -> tuple[Answer, ...]:
        """Images that were answered wrongly, the surest first."""
        wrong = [answer for answer in self.answers if not answer.is_correct]
        return tuple(sorted(wrong, key=lambda answer: -answer.probability))

    def to_dict(self) -> dict[str, Any]:
        """Everything but pictures as plain data, ready for JSON; answers that were wrong alone."""
        course = None if self.course is None else asdict(self.course)
        return {
            "source": self.source,
            "data": self.data,
            "accuracy": asdict(self.accuracy),
            "interval": f"{100 * LEVEL:.0f} %, Wilson",
            "commonest": self.commonest,
            "read_ms": self.read_ms,
            "classes": [asdict(row) for row in self.classes],
            "confusion": self.confusion.tolist(),
            "course": course,
            "errors": [asdict(answer) for answer in self.errors],
            "unreadable": [asdict(one) for one in self.unreadable],
            "notes": list(self.notes),
            "seed": self.seed,
        }

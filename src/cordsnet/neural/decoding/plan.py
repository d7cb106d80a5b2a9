"""Settings of a decoding, and the decoders that it may use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cordsnet._arguments import check_init
from cordsnet.errors import ArgumentError

SPLITS = {
    "image": "the trials of an image are all in training or all in test, so that images of a class must share a code",
    "repeat": "the repeats of each image are divided, so that a decoder may learn each image by heart",
}
"""Split -> what is kept apart."""

POPULATIONS = {
    "pseudo": "each neuron draws repeats of its own, as neurons that were recorded one after another must",
    "simultaneous": "all neurons have the same repeats, and those that one of them lacks are left out",
}
"""Population -> which repeats stand together in a trial."""


def _ridge() -> Any:
    from sklearn.linear_model import RidgeClassifier

    return RidgeClassifier(alpha=1.0)


def _lda() -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, max_iter=2000)


def _svm() -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=1.0, max_iter=10_000)


DECODERS: Mapping[str, Callable[[], Any]] = {"ridge": _ridge, "lda": _lda, "logistic": _logistic, "svm": _svm}
"""Decoder -> function that makes it: a linear classifier of scikit-learn with a `decision_function`."""


@check_init
@dataclass(frozen=True)
class DecodingPlan:
    """Settings of a decoding.

    Attributes
    ----------
    split : a row of `SPLITS`.
    decoder : a row of `DECODERS`; neurons are standardised before, by their mean and spread over training trials.
    folds : number of folds; at most the images of the rarest class, or the repeats with `split` "repeat".
    repeats : number of trials that are made for each image, by drawing repeats without replacement; None takes as many
        as the image and neuron with the fewest have.
    population : a row of `POPULATIONS`.
    resamples : number of times that repeats are drawn and folds are dealt, 1 to 10,000.
    seed : of both.

    Raises
    ------
    ArgumentError : an unknown name, or a number out of range.
    """

    split: str = "image"
    decoder: str = "ridge"
    folds: int = 5
    repeats: int | None = None
    population: str = "pseudo"
    resamples: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name, table in (("split", SPLITS), ("decoder", DECODERS), ("population", POPULATIONS)):
            if getattr(self, name) not in table:
                raise ArgumentError(f"{name} must be one of {', '.join(table)}, got {getattr(self, name)!r}")
        if not 2 <= self.folds <= 1000:
            raise ArgumentError(f"folds must be from 2 to 1,000, got {self.folds}")
        if self.repeats is not None and self.repeats < 1:
            raise ArgumentError(f"repeats must be at least 1, or None for all that there are, got {self.repeats}")
        if not 1 <= self.resamples <= 10_000:
            raise ArgumentError(f"resamples must be from 1 to 10,000, got {self.resamples}")
        if not 0 <= self.seed < 2**63:
            raise ArgumentError(f"seed must be from 0 to 2**63 - 1, got {self.seed}")

"""Behaviour that benchmarks ask for: a label for each picture, and probabilities of labels that are learnt first."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import ArgumentError, DataError

IMAGENET = "imagenet"
SYNSET = re.compile(r"n\d{8}")
IMAGENET_CLASSES = 1000

AGGREGATIONS: Mapping[str, Callable[..., Any]] = {"mean": np.mean, "max": np.max}
"""Ways of pooling the probabilities of several classes that stand for one label."""

INVERSE_PENALTY = 1e-3
"""Of the logistic regression that learns labels, as in Brain-Score."""


@dataclass(frozen=True, eq=False)
class Labelling:
    """Choice among labels by the class scores of a model.

    Attributes
    ----------
    labels : the labels.
    classes : for each label the classes that stand for it, by their places among the scores.
    pooling : a row of `AGGREGATIONS`.
    """

    labels: tuple[str, ...]
    classes: tuple[tuple[int, ...], ...]
    pooling: str = "mean"

    def __call__(self, probabilities: NDArray[Any]) -> NDArray[Any]:
        """Most probable label of each picture [I], from the probabilities of classes [I, K]."""
        pool = AGGREGATIONS[self.pooling]
        found = np.stack([pool(probabilities[:, list(places)], axis=1) for places in self.classes], 1)
        chosen: NDArray[Any] = np.array(self.labels, object)[found.argmax(1)]
        return chosen


def labelling(
    labels: Any, pooling: str, known: Sequence[str], stands_for: Mapping[str, Sequence[str]] | None
) -> Labelling:
    """Find the classes of a model that stand for each label.

    Parameters
    ----------
    labels : "imagenet", for a model whose classes are the 1000 synsets of ImageNet, or the labels to choose from.
    pooling : a row of `AGGREGATIONS`.
    known : names of the model's classes.
    stands_for : label -> names of the classes that stand for it, for labels that are no class.

    Raises
    ------
    ArgumentError : a label without a class, or pooling of another name.
    """
    if pooling not in AGGREGATIONS:
        raise ArgumentError(f"aggregation must be one of {', '.join(AGGREGATIONS)}, got {pooling!r}")
    places = {name: k for k, name in enumerate(known)}
    if isinstance(labels, str):
        if labels != IMAGENET:
            raise ArgumentError(f"the labels must be 'imagenet' or a list of texts, got {labels!r}")
        if len(places) != IMAGENET_CLASSES or not all(SYNSET.fullmatch(name) for name in places):
            has = f"{len(known)} classes, such as {known[0]!r}"
            raise ArgumentError(f"'imagenet' needs a model whose 1000 classes are named by synsets; this one has {has}")
        return Labelling(tuple(known), tuple((k,) for k in range(len(known))), pooling)
    names = [str(label) for label in labels]
    if not names:
        raise ArgumentError("the labels must be 'imagenet' or a list of at least one text, got an empty list")
    return Labelling(tuple(names), tuple(_places(name, places, stands_for or {}) for name in names), pooling)


def _places(label: str, places: Mapping[str, int], stands_for: Mapping[str, Sequence[str]]) -> tuple[int, ...]:
    classes = list(stands_for.get(label, [label]))
    lacking = [name for name in classes if name not in places]
    if lacking or not classes:
        some = ", ".join(list(places)[:5])
        raise ArgumentError(
            f"label {label!r} has no class {lacking[0] if lacking else ''!r} in the model ({some}, ...); say with "
            "label_classes={label: [classes]} which classes stand for it"
        )
    return tuple(places[name] for name in classes)


@dataclass(frozen=True, eq=False)
class Reader:
    """Logistic regression from features to probabilities of labels.

    Attributes
    ----------
    labels : the labels, in the order of the probabilities.
    """

    labels: tuple[str, ...]
    scaler: Any
    classifier: Any

    @classmethod
    def fit(cls, features: NDArray[Any], labels: NDArray[Any]) -> "Reader":
        """Learn labels [I] from features [I, U], brought to mean 0 and variance 1.

        One of two labels has the penalty that multinomial regression gives it, half of the binary one.
        """
        try:
            from sklearn.linear_model import LogisticRegression
            from sklearn.preprocessing import StandardScaler
        except ModuleNotFoundError as error:
            raise DataError("labels cannot be learnt without scikit-learn; pip install 'cordsnet[neural]'") from error
        scaler = StandardScaler().fit(features)
        strength = INVERSE_PENALTY * (2 if len(np.unique(labels)) == 2 else 1)
        classifier = LogisticRegression(C=strength, solver="newton-cg").fit(scaler.transform(features), labels)
        return cls(tuple(map(str, classifier.classes_)), scaler, classifier)

    def __call__(self, features: NDArray[Any]) -> NDArray[Any]:
        """Probabilities [I, labels] of pictures by their features [I, U]."""
        found: NDArray[Any] = self.classifier.predict_proba(self.scaler.transform(features))
        return found

"""Trials to decode: repeats of each image, drawn for each neuron, with the folds in which they are."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import ArgumentError
from cordsnet.neural.decoding.plan import DecodingPlan
from cordsnet.neural.recording import Recording

Numbers: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]

MOST_VALUES = 200_000_000
"""Most responses of the trials that are made at once (0.8 GB in float32)."""

MOST_FITS = 1_000_000
"""Most decoders that one call fits; a decoder of 100 neurons and 400 trials takes some 5 ms."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Repeats from which trials are drawn.

    Attributes
    ----------
    recording : responses [I, R, T, N].
    classes, codes : values of the label in order [K], and the index of that of each image [I].
    present : repeats of which all bins are present [I, R, N].
    repeats : number of trials of each image that are made, k.
    """

    recording: Recording
    classes: NDArray[Any]
    codes: Indices
    present: NDArray[np.bool_]
    repeats: int

    def drawn(self, plan: DecodingPlan, rng: np.random.Generator, again: bool = False) -> NDArray[Any]:
        """Trials [I, k, T, N], of repeats drawn without replacement in the order of folds.

        With `again` they are then drawn with replacement, for a bootstrap, within their fold if repeats are split.
        """
        keys = rng.random((*self.present.shape[:2], 1 if plan.population == "simultaneous" else self.present.shape[2]))
        chosen = np.where(self.present, keys, np.inf).argsort(1)[:, : self.repeats]
        if again:
            step = plan.folds if plan.split == "repeat" else 1
            fold = np.arange(self.repeats)[:, None] % step
            size = (self.repeats - fold + step - 1) // step
            place = fold + step * (rng.random((len(keys), self.repeats, keys.shape[2])) * size).astype(np.int64)
            chosen = np.take_along_axis(chosen, np.broadcast_to(place, chosen.shape), 1)
        return np.take_along_axis(self.recording.responses, chosen[:, :, None, :], 1)

    def folds(self, plan: DecodingPlan, rng: np.random.Generator) -> Indices:
        """Fold of each trial [I, k], with the images of each class dealt out in random order."""
        if plan.split == "repeat":
            return np.broadcast_to(np.arange(self.repeats) % plan.folds, (len(self.codes), self.repeats))
        order = rng.permutation(len(self.codes))
        order = order[np.argsort(self.codes[order], kind="stable")]
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order)) % plan.folds
        return np.broadcast_to(place[:, None], (len(order), self.repeats))


def as_recording(data: Recording | NDArray[Any], bins_ms: NDArray[Any] | None) -> Recording:
    """Return a recording, made of activity [image, time, unit] and its bins where an array was given."""
    if isinstance(data, Recording):
        if bins_ms is not None:
            raise ArgumentError("bins_ms must be None for a recording, which has bins of its own; leave it out")
        return data
    if data.ndim != 3 or not data.size or data.dtype.kind not in "iuf":
        raise ArgumentError(f"data must be a recording or numbers [image, time, unit], got shape {list(data.shape)}")
    if bins_ms is None:
        raise ArgumentError(f"bins_ms must give start and end of the {data.shape[1]} bins of an array, got None")
    values = data if data.dtype in (np.float32, np.float64) else data.astype(np.float64)
    names = [[str(k) for k in range(data.shape[axis])] for axis in (0, 2)]
    return Recording(values[:, None], bins_ms, names[0], names[1], unit="other")


def label_values(recording: Recording, labels: str | NDArray[Any], name: str = "labels") -> NDArray[Any]:
    """Values of a label of the images, given by its name or as one value for each [I]."""
    if isinstance(labels, str):
        if labels not in recording.image_labels:
            known = ", ".join(map(repr, recording.image_labels)) or "no labels of images"
            raise ArgumentError(f"{name} must be a label of the recording, which has {known}, got {labels!r}")
        labels = np.asarray(recording.image_labels[labels])
    if labels.shape != (len(recording.images),) or labels.dtype.kind not in "biufUO":
        raise ArgumentError(f"{name} must be {len(recording.images)} values, one of each image, got {labels.shape}")
    return labels.astype(str) if labels.dtype == object else labels


def make_trials(
    data: Recording | NDArray[Any], labels: str | NDArray[Any], bins_ms: NDArray[Any] | None, plan: DecodingPlan
) -> Trials:
    """Return the repeats from which a plan draws trials. Raises ArgumentError where it cannot."""
    recording = as_recording(data, bins_ms)
    classes, codes = np.unique(label_values(recording, labels), return_inverse=True)
    if len(classes) < 2:
        raise ArgumentError(f"labels must hold two classes or more, got {len(classes)}")
    present = ~np.isnan(recording.responses).any(2)
    if plan.population == "simultaneous":
        present = np.broadcast_to(present.all(2, keepdims=True), present.shape)
    least = present.sum(1)
    if least.min() < 1:
        image, neuron = np.argwhere(least == 0)[0]
        lacks = f"{recording.neurons[neuron]!r} has no whole repeat of {recording.images[image]!r}"
        if plan.population == "simultaneous":
            lacks = f"no repeat of {recording.images[image]!r} is whole in all neurons"
        raise ArgumentError(f"data must have a repeat of every image and neuron, but {lacks}; leave it out by `select`")
    repeats = int(least.min()) if plan.repeats is None else plan.repeats
    if repeats > least.min():
        raise ArgumentError(f"repeats must be at most {least.min()}, which every image and neuron has, got {repeats}")
    _check_size(recording, repeats)
    return Trials(recording, classes, codes.astype(np.int64), present, repeats)


def check_folds(trials: Trials, plan: DecodingPlan) -> None:
    """Raise ArgumentError unless each class has trials in each fold, and decoders are not too many."""
    most, of = int(np.bincount(trials.codes).min()), "images of the rarest class"
    if plan.split == "repeat":
        most, of = trials.repeats, "repeats of each image"
    if plan.folds > most:
        hint = 'bring more, or split by "repeat"' if plan.split == "image" else "bring more repeats"
        raise ArgumentError(f"folds must be at most {most}, the {of}, got {plan.folds}; {hint}")


def check_fits(fits: int) -> None:
    """Raise ArgumentError for more decoders than anyone would wait for."""
    if fits > MOST_FITS:
        raise ArgumentError(
            f"resamples, folds and bins ask for {fits:,} decoders, and at most {MOST_FITS:,} are fitted; use fewer"
        )


def _check_size(recording: Recording, repeats: int) -> None:
    images, _, bins, neurons = recording.responses.shape
    if images * repeats * bins * neurons > MOST_VALUES:
        most = MOST_VALUES // (images * bins * neurons)
        advice = f"at most {most}" if most else "fewer, of fewer images, bins or neurons: use `select`"
        raise ArgumentError(f"repeats must be {advice}, so that trials can be held, got {repeats}")

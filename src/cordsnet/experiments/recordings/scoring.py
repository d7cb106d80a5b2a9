"""Data for scores of models: complete neurons, pictures, and images that choose an area or are scored."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cordsnet._files import check_name
from cordsnet.errors import DataError
from cordsnet.experiments.recordings.costs import check_cost, cost_of_scores, units_of
from cordsnet.experiments.recordings.shown import Shown, shown_for
from cordsnet.models import VisionModel
from cordsnet.neural import (
    PLS,
    OneToOne,
    Pictures,
    Recording,
    Ridge,
    Scores,
    Splits,
    Viewing,
    gabor_features,
    image_splits,
    over_time,
    pixel_features,
    read_recording,
    record_activity,
    score,
)

MAPPINGS = {"pls": PLS, "ridge": Ridge, "one_to_one": OneToOne}
"""Name of a mapping -> its class."""

CHOICES = 5
"""Splits of the images that choose an area."""

BASELINE_PX = 32
"""Side of the pictures of which pixels and Gabor energy are taken, px."""


@dataclass(frozen=True, eq=False)
class Scoring:
    """A recording, its pictures, and what each image is for.

    Attributes
    ----------
    recording : neurons that have a response to every image, in every bin.
    shown : the pictures of each image, in its order.
    choosing, scored : indices of the images that choose an area, and of those that are scored; none is in both.
    splits : splits of the scored images.
    mapping : the regressor.
    bins : one mapping shared by all bins, or one for each.
    train_share : share of the images of a split that mappings are fitted on.
    notes : what was left out or assumed.
    """

    recording: Recording
    shown: Shown
    choosing: NDArray[np.intp]
    scored: NDArray[np.intp]
    splits: Splits
    mapping: Any
    bins: Literal["shared", "each"]
    train_share: float
    notes: tuple[str, ...]

    def of_area(self, activity: Any) -> tuple[float, Scores]:
        """Centred r on the images that choose, and scores on the others, of activity [I, T, units]."""
        values = np.asarray(activity[:], np.float32)
        first = self.choice(values[self.choosing])
        scored = self.recording.select(images=self.scored)
        found = score(values[self.scored], scored, self.mapping, splits=self.splits, bins=self.bins)
        return float(first.aggregate("centred").value), found

    def check_cost(
        self, label: str, model: VisionModel, options: Any, say: Callable[[str], None], scored: bool = True
    ) -> None:
        """Say what a model will take, and raise DataError where it is more than `options.most_gb`.

        Without `scored`, only the images that choose are shown.
        """
        images = len(self.choosing), len(self.scored) if scored else 0
        neurons, bins = len(self.recording.neurons), len(self.recording.bins_ms)
        cost = cost_of_scores(label, units_of(model), images, bins, neurons, options)
        cost = replace(cost, disk=cost.disk * len(self.shown.image) / len(self.recording.images))
        say(str(cost))
        check_cost(cost, options.most_gb)

    def choice(self, activity: NDArray[np.float32]) -> Scores:
        """Scores on the images that choose, of their activity [chosen images, T, units]."""
        chosen = self.recording.select(images=self.choosing)
        splits = _splits(self.recording, self.choosing, CHOICES, self.train_share, stratified=False)
        return score(activity, chosen, self.mapping, splits=splits, bins=self.bins)

    def baselines(self) -> dict[str, Scores]:
        """Scores of pixels and of Gabor energy, with a mapping for each bin, since they have no time course."""
        images = small_pictures(self.shown.pictures)
        bins = len(self.recording.bins_ms)
        each = {"pixels": pixel_features(images), "gabor": gabor_features(images)}
        features = {name: self.shown.averaged(found) for name, found in each.items()}
        chosen = self.recording.select(images=self.scored)
        return {
            name: score(over_time(found[self.scored], bins), chosen, self.mapping, splits=self.splits, bins="each")
            for name, found in features.items()
        }


def prepare(options: Any, seed: int) -> Scoring:
    """Read the recording and its pictures, and divide the images.

    Raises
    ------
    ValueError : no recording or pictures were given.
    DataError : they cannot be read or do not belong together, or no neuron has a response to every image.
    """
    for name in ("recording", "pictures"):
        if not getattr(options, name):
            raise ValueError(f"{name} must be given; 'cordsnet neural check FILE' says what a recording holds")
    whole = read_recording(options.recording)
    complete = np.asarray(~np.isnan(whole.mean).any((0, 1)))
    if not complete.any():
        raise DataError(f"{options.recording}: no neuron has a response to every image; leave images out")
    recording, converted = _comparable(whole.select(neurons=complete))
    shown = shown_for(recording, options.pictures)
    choosing, scored = _divided(recording, options.choose_share, seed)
    splits = _splits(recording, scored, options.splits, options.train_share)
    if options.mapping == "pls":
        _check_components(options, recording, choosing, splits)
    kind = MAPPINGS[options.mapping]
    mapping = kind(components=options.components) if options.mapping == "pls" else kind()
    notes = (shown.note, *converted, *_notes(whole, recording, len(choosing)))
    return Scoring(recording, shown, choosing, scored, splits, mapping, options.bins, options.train_share, notes)


def _check_components(options: Any, recording: Recording, choosing: NDArray[np.intp], splits: Splits) -> None:
    """Raise DataError where some mapping would have fewer rows than components; baselines have one for each bin."""
    first = _splits(recording, choosing, CHOICES, options.train_share, stratified=False)
    least = min(map(len, first.train)) * (len(recording.bins_ms) if options.bins == "shared" else 1)
    rows = min(least, *map(len, splits.train))
    if options.components > rows:
        raise DataError(
            f"components = {options.components} is more than the {rows} rows (images x bins) of training; lower "
            "components or choose_share, take another mapping, or give more images"
        )


def _comparable(recording: Recording) -> tuple[Recording, tuple[str, ...]]:
    """The recording with counts of bins of unequal durations as rates, since one mapping serves all bins."""
    durations = recording.durations_ms
    if recording.unit != "count" or float(np.ptp(durations)) <= 1e-6 * float(durations.max()):
        return recording, ()
    return recording.as_rates(), ("bins differ in duration, so that counts are converted to spikes per s",)


def _divided(recording: Recording, share: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Images that choose an area, and the others; images of one picture stay together."""
    names, group = np.unique(_pictures_of(recording), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    first = np.isin(group, order[: round(share * len(names))])
    if first.sum() < 2 * CHOICES or (~first).sum() < 2 * CHOICES:
        raise DataError(
            f"choose_share = {share:g} leaves {first.sum()} of {len(group)} images to choose an area by; at least "
            f"{2 * CHOICES} choose, and as many are scored"
        )
    return np.flatnonzero(first), np.flatnonzero(~first)


def _pictures_of(recording: Recording) -> NDArray[Any]:
    """Name of the picture of each image: images of one picture share trials, and are never on two sides of a split."""
    found = recording.image_labels.get("picture")
    return np.asarray(recording.images if found is None else found)


def _splits(
    recording: Recording, images: NDArray[np.intp], count: int, train: float, stratified: bool = True
) -> Splits:
    """Splits of Brain-Score for some images, by object where images have one; few images are not stratified."""
    objects = recording.image_labels.get("object") if stratified else None
    groups = [str(name) for name in _pictures_of(recording)[images]]
    together = groups if len(set(groups)) < len(groups) else None
    chosen = None if objects is None else np.asarray(objects)[images]
    return image_splits(len(images), count=count, train=train, groups=together, objects=chosen)


@contextmanager
def activity_of(
    label: str, model: VisionModel, shown: Shown, bins_ms: NDArray[np.float64], options: Any
) -> Iterator[Mapping[str, Any]]:
    """Area -> activity [I, T, units] of a model; kept below `options.keep`, or for this block alone."""
    viewing = Viewing(
        image_ms=options.image_ms or None,
        latency_ms=options.latency_ms,
        picture_degrees=options.picture_degrees or None,
        model_degrees=options.model_degrees or None,
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(options.keep) if options.keep else Path(place)
        path = folder / f"{check_name(label, 'label of a model')}.zarr"
        store = record_activity(model, shown.pictures, bins_ms, path, viewing=viewing)
        yield {"": store.notes, **{area: shown.averaged(store.area(area)) for area in store.areas}}


def _notes(whole: Recording, kept: Recording, choosing: int) -> list[str]:
    notes = [f"{choosing} of {len(kept.images)} images choose the area of each model, and are not scored"]
    if len(kept.neurons) < len(whole.neurons):
        lost = len(whole.neurons) - len(kept.neurons)
        notes.append(f"{lost} of {len(whole.neurons)} neurons lack a response to some image and are left out")
    if len(kept.bins_ms) == 1:
        notes.append("the recording has one time bin, so that it says nothing about responses over time")
    if kept.responses.shape[1] == 1:
        notes.append("the recording has no repeats, so that no ceiling can be computed")
    return notes


def small_pictures(pictures: Pictures) -> NDArray[np.float32]:
    """Pictures in grey at the size of the baselines, in 0-1 [I, H, W]."""
    read = (pictures.load([row])[0] for row in range(len(pictures)))
    small = [picture.convert("L").resize((BASELINE_PX, BASELINE_PX), 2) for picture in read]
    return np.stack([np.asarray(picture, np.float32) / 255 for picture in small])


def varies(activity: Any) -> bool:
    """True if activity [I, T, units] depends on the image in some bin."""
    values = np.asarray(activity[:], np.float32)
    return bool((values != values[:1]).any())

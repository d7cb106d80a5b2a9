"""Two or more populations that saw the same images: animals in files or in one file, or halves of one session."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural import Pictures, Recording, find_pictures, read_recording

Numbers: TypeAlias = NDArray[np.float64]
Divide: TypeAlias = Literal["files", "animal", "halves"]

FEWEST_NEURONS = 2
BY_NAME = (
    "images of recordings are the same where their names are; give --pictures for each recording where names may "
    "stand for other pictures, and pictures are compared instead"
)
HALVES = (
    "halves of one session are not two animals: they share the animal, the day and the electrodes, so that nothing is "
    "said about other animals, and no claim is decided"
)


@dataclass(frozen=True, eq=False)
class Animals:
    """Mean responses of two or more populations to the same images.

    Attributes
    ----------
    responses : name of each population -> mean over repeats [I, T, N], of neurons that saw every image.
    pictures : a picture for each image, in their order.
    bins_ms : start and end of each bin, ms from onset [T, 2].
    are_animals : False for halves of one session, and for files of which two name the same animal.
    source : sentences on the origin of the recordings.
    notes : what was left out or assumed.
    """

    responses: dict[str, Numbers]
    pictures: Pictures
    bins_ms: Numbers
    are_animals: bool
    source: str
    notes: tuple[str, ...]


def read_animals(recording: Sequence[str], pictures: Sequence[str], divide: Divide, seed: int) -> Animals:
    """Read the populations and find the images that all of them saw.

    Raises
    ------
    ValueError : no recording or pictures were given, or other numbers of them than `divide` asks for.
    DataError : they cannot be read or share no images, or differ in their bins, or too few neurons are left.
    """
    for name, given in (("recording", recording), ("pictures", pictures)):
        if not given:
            raise ValueError(f"{name} must be given; 'cordsnet neural check FILE' says what a recording holds")
    if divide == "files":
        return _of_files(recording, pictures)
    if len(recording) != 1 or len(pictures) != 1:
        raise ValueError(
            f"divide {divide!r} divides one recording, got {len(recording)} recordings and {len(pictures)} pictures"
        )
    whole = read_recording(recording[0])
    shown, matched = find_pictures(pictures[0]).in_order_of(whole.images)
    if divide == "animal":
        return _of_labels(whole, recording[0], shown, matched)
    responses, notes = _halves(whole, seed)
    parts, lost = _complete(responses)
    return Animals(parts, shown, whole.bins_ms, False, whole.source, (HALVES, *notes, matched, *lost))


def _of_files(recording: Sequence[str], pictures: Sequence[str]) -> Animals:
    """A population for each file."""
    if len(recording) < 2:
        raise ValueError(
            "recording must name two recordings or more, got one; divide 'animal' divides one by the label animal of "
            "its neurons, and divide 'halves' into random halves of them"
        )
    if len(pictures) not in (1, len(recording)):
        raise ValueError(
            f"pictures must be one place for all {len(recording)} recordings or one for each, got {len(pictures)}"
        )
    read = [read_recording(path) for path in recording]
    labels = _labels(recording)
    for label, one in zip(labels[1:], read[1:], strict=True):
        if not np.array_equal(one.bins_ms, read[0].bins_ms):
            said = f"{_span(read[0])} and {_span(one)}"
            raise DataError(f"recordings must have the same bins, but {labels[0]} and {label} have {said}")
    found = [find_pictures(place) for place in pictures]
    both = [found[k if len(found) > 1 else 0].in_order_of(one.images) for k, one in enumerate(read)]
    own = [pictures for pictures, _ in both]
    keys = [_contents(one) if len(found) > 1 else list(one.names) for one in own]
    rows = _shared(keys, labels, [one.source for one in own] if len(found) > 1 else [])
    responses = {label: _rates(one)[row] for label, one, row in zip(labels, read, rows, strict=True)}
    parts, lost = _complete(responses)
    notes = [BY_NAME if len(found) == 1 else "images of recordings are the same where their pictures are"]
    notes += [f"{label}: {matched}" for label, (_, matched) in zip(labels, both, strict=True)]
    same = _same_animal(labels, read)
    notes += [*same, *_copies(labels, keys)]
    notes += [f"{len(row)} of {len(one.images)} images of {label} are shared" for label, one, row in
              zip(labels, read, rows, strict=True) if len(row) < len(one.images)]  # fmt: skip
    shown = own[0].select([int(k) for k in rows[0]])
    source = " ".join(dict.fromkeys(one.source for one in read if one.source))
    return Animals(parts, shown, read[0].bins_ms, not same, source, (*notes, *lost))


def _of_labels(whole: Recording, path: str, shown: Pictures, matched: str) -> Animals:
    """A population for each value of the label "animal" of the neurons."""
    found = whole.neuron_labels.get("animal")
    names = sorted(set(map(str, [] if found is None else found)))
    if len(names) < 2:
        raise DataError(f"{path} has {len(names)} animals in the label animal of its neurons; two or more are needed")
    labels, rates = np.asarray(found).astype(str), _rates(whole)
    parts, lost = _complete({name: rates[..., labels == name] for name in names})
    return Animals(parts, shown, whole.bins_ms, True, whole.source, (matched, *lost))


def _halves(whole: Recording, seed: int) -> tuple[dict[str, Numbers], list[str]]:
    """Random halves of the neurons, each with its own half of the repeats where there are two."""
    rng = np.random.default_rng(seed)
    images, repeats, _, neurons = whole.responses.shape
    order = rng.permutation(neurons)
    sides = order[: neurons // 2], order[neurons // 2 :]
    if repeats == 1 or (whole.repeats < 2).any():
        means = _rates(whole)
        said = (
            "some images have one repeat, or an average of repeats, so that the halves share trials: what their noise "
            "has in common counts as agreement, and the bar is too high"
        )
        return {f"half {k + 1}": means[..., side] for k, side in enumerate(sides)}, [said]
    present = (~np.isnan(whole.responses)).any((2, 3))
    drawn = np.where(present, rng.random((images, repeats)), 2.0).argsort(1).argsort(1)
    first = drawn < (present.sum(1) + 1)[:, None] // 2
    kept = (first, present & ~first)
    parts = {}
    for k, side in enumerate(sides):
        some = np.where(kept[k][..., None, None], whole.responses[..., side], np.nan)
        names = [whole.neurons[i] for i in side]
        one = Recording(some, whole.bins_ms, whole.images, names, whole.unit)
        parts[f"half {k + 1}"] = _rates(one)
    return parts, ["each half has half of the neurons and half of the repeats, so that they share no trial"]


def _rates(recording: Recording) -> Numbers:
    """Mean over repeats [I, T, N], as rates where responses are spikes."""
    return (recording if recording.unit == "other" else recording.as_rates()).mean


def _complete(responses: dict[str, Numbers]) -> tuple[dict[str, Numbers], list[str]]:
    """Neurons that have a response to every image, and notes on the others."""
    kept, notes = dict[str, Numbers](), list[str]()
    for name, values in responses.items():
        complete = np.asarray(~np.isnan(values).any((0, 1)))
        if complete.sum() < FEWEST_NEURONS:
            raise DataError(f"{name} has {complete.sum()} neurons with a response to every shared image; 2 are needed")
        kept[name] = values[..., complete]
        if not complete.all():
            notes.append(f"{(~complete).sum()} of {len(complete)} neurons of {name} lack an image and are left out")
    return kept, notes


def _labels(paths: Sequence[str]) -> list[str]:
    """Short names of files: the last part, or whole paths where that is not unique. Raises ValueError for one twice."""
    places = [Path(path).expanduser().resolve() for path in paths]
    if len(set(places)) < len(places):
        raise ValueError(f"recording names {paths[0]!r} or another file twice; each is one animal")
    names = [place.stem for place in places]
    if len(set(names)) < len(names):
        names = [f"{place.parent.name}/{place.stem}" for place in places]
    return names if len(set(names)) == len(names) else [str(place) for place in places]


def _shared(keys: Sequence[Sequence[str]], labels: Sequence[str], sources: Sequence[str]) -> list[NDArray[np.intp]]:
    """Rows of the images that all recordings have, once each (the first), in the order of the first recording.

    Raises DataError where there is none.
    """
    for (k, one), (j, other) in combinations(enumerate(keys), 2):
        if not set(one) & set(other):
            what = f"pictures of {sources[k]} and {sources[j]}" if sources else "names of their images"
            raise DataError(
                f"{labels[k]} and {labels[j]} share no images: none of the {len(one):,} and {len(other):,} {what} are "
                "the same, so that these animals cannot be compared with one another; score models on each with "
                "'cordsnet neural score'"
            )
    places = [{key: len(one) - k for k, key in enumerate(reversed(one), 1)} for one in keys]
    common = [key for key in places[0] if all(key in other for other in places[1:])]
    common.sort(key=places[0].__getitem__)
    if not common:
        raise DataError("no image was shown in all recordings; leave a recording out")
    return [np.array([place[key] for key in common]) for place in places]


def _copies(labels: Sequence[str], keys: Sequence[Sequence[str]]) -> list[str]:
    """A note on recordings in which several images are the same picture."""
    return [
        f"{len(one) - len(set(one))} of {len(one)} images of {label} are copies of another picture of it, pixel by "
        "pixel, and are left out"
        for label, one in zip(labels, keys, strict=True)
        if len(set(one)) < len(one)
    ]


def _contents(pictures: Pictures) -> list[str]:
    """Digest of the pixels of each picture, by which the same picture is known under another name."""
    found = []
    for k in range(len(pictures)):
        picture = pictures.load([k])[0].convert("RGB")
        found.append(hashlib.blake2b(repr(picture.size).encode() + picture.tobytes(), digest_size=16).hexdigest())
    return found


def _same_animal(labels: Sequence[str], read: Sequence[Recording]) -> list[str]:
    """A note on recordings whose neurons are labelled as of one animal."""
    named = [set(map(str, one.neuron_labels["animal"])) if "animal" in one.neuron_labels else set() for one in read]
    return [
        f"{labels[k]} and {labels[j]} name the same animal, {sorted(named[k] & named[j])[0]}: agreement within an "
        "animal is no bar between animals, and no claim is decided"
        for k, j in combinations(range(len(read)), 2)
        if named[k] & named[j]
    ]


def _span(recording: Recording) -> str:
    first, last = recording.bins_ms[0], recording.bins_ms[-1]
    return f"{len(recording.bins_ms)} from {first[0]:g} to {last[1]:g} ms"

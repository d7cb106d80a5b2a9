"""Looks at repeats, at what is absent, and at time bins."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cordsnet.neural.checking.findings import Finding
from cordsnet.neural.recording import Recording

SECONDS = 10.0
"""Bins that all end before this, and are shorter than 1, are taken for seconds."""


def some(names: Sequence[str], chosen: NDArray[np.bool_], word: str) -> str:
    """Name up to five of the chosen images or neurons."""
    places = np.flatnonzero(chosen)
    listed = ", ".join(names[k] for k in places[:5])
    more = f" and {len(places) - 5} more" if len(places) > 5 else ""
    return f"{word}{'' if len(places) == 1 else 's'} {listed}{more}"


def look_at_repeats(recording: Recording) -> Iterator[Finding]:
    """Find images and neurons that were never recorded, repeats that differ in number, and averages."""
    repeats = recording.repeats
    unseen, unheard = (repeats == 0).all(1), (repeats == 0).all(0)
    if unseen.any():
        yield Finding("warning", some(recording.images, unseen, "image"), f"{unseen.sum()} never shown: all is absent.")
    if unheard.any():
        where = some(recording.neurons, unheard, "neuron")
        yield Finding("warning", where, f"{unheard.sum()} never recorded: all is absent.")
    counted = repeats[~unseen][:, ~unheard]
    low, high = int(counted.min()), int(counted.max())
    if high == 1:
        yield Finding("note", "repeats", "There is one repeat of each image, so no noise ceiling can be computed.")
    elif low < high:
        few = (counted < 2).sum()
        least = f"; {few:,} pairs of image and neuron have fewer than two" if few else ""
        yield Finding("note", "repeats", f"Repeats of an image are {low} to {high} in number{least}.")


def look_at_axes(recording: Recording) -> Iterator[Finding]:
    """Find signs of axes that are exchanged."""
    images, repeats, _, neurons = recording.responses.shape
    absent = np.isnan(recording.responses).all(2)  # [image, repeat, neuron]
    padded = _is_padding(absent, 1)
    if absent.any() and not padded and repeats > 1:
        for axis, name in ((0, "image"), (2, "neuron")):
            if _is_padding(absent, axis):
                said = f"Absent responses fill the end of the axis {name}, as repeats do; axes may be exchanged."
                yield Finding("warning", f"axes {name} and repeat", said)
    if repeats > images:
        said = f"There are more repeats ({repeats}) than images ({images}); if that is wrong, exchange them in axes."
        yield Finding("note", "axes image and repeat", said)
    if neurons > images:
        said = f"There are more neurons ({neurons}) than images ({images}); if that is wrong, exchange them in axes."
        yield Finding("note", "axes image and neuron", said)


def _is_padding(absent: NDArray[np.bool_], axis: int) -> bool:
    """True if whatever is absent along an axis comes after all that is present."""
    moved = np.moveaxis(absent, axis, 0)
    return bool((moved[1:] >= moved[:-1]).all())


def look_at_bins(recording: Recording) -> Iterator[Finding]:
    """Find times in seconds, gaps, bins without responses and bins before the onset."""
    bins, durations = recording.bins_ms, recording.durations_ms
    if durations.max() < 1 and np.abs(bins).max() < SECONDS:
        yield Finding(
            "warning", "bins_ms", f"Bins end at {bins.max():g} ms, which looks like seconds; multiply by 1000."
        )
    elif bins.max() <= 0:
        yield Finding("warning", "bins_ms", f"All bins end before the onset, at {bins.max():g} ms or earlier.")
    empty = np.isnan(recording.responses).all((0, 1, 3))
    if empty.any():
        spans = [f"{start:g} to {end:g} ms" for start, end in bins[empty][:3]]
        yield Finding("warning", f"bins {', '.join(spans)}", f"{empty.sum()} time bins hold no response.")
    steps = np.diff(bins[:, 0])
    if not steps.size:
        return
    usual = float(np.median(steps))
    if (long := np.flatnonzero(steps > 1.5 * usual)).size:
        k = int(long[0])
        where = f"after {bins[k, 0]:g} ms"
        said = f"Time bins are missing: the next bin starts {steps[k]:g} ms later, and others {usual:g} ms."
        yield Finding("warning", where, said)
    elif (gaps := bins[1:, 0] - bins[:-1, 1]).max() > 1e-6:
        said = f"There are gaps of up to {gaps.max():g} ms between bins, in which spikes are not counted."
        yield Finding("note", "bins_ms", said)

"""A part of a recording that can be looked at in bounded memory and time: fewer neurons, images and bins."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.neural.recording import Recording

MOST_READ, MOST_VALUES = 400_000_000, 5_000_000
"""Responses of the part before and after bins are joined, at most (1.6 GB and 20 MB in single precision)."""

FEWEST_NEURONS, FEWEST_IMAGES = 20, 50
"""Neurons and images of the part, where the recording has as many."""

ROUND = (1, 2, 5)
"""Numbers of bins that are joined: these times powers of ten."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a recording.

    Attributes
    ----------
    recording : some images and neurons, bins joined.
    fine : the same with the bins of the recording.
    notes : what was left out or joined.
    """

    recording: Recording
    fine: Recording
    notes: tuple[str, ...]


def part_of(recording: Recording, most_bins: int, seed: int) -> Part:
    """Draw neurons, and images where these do not suffice, and join bins until the numbers are small enough."""
    images, repeats, bins, neurons = recording.responses.shape
    each = images * repeats * max(bins / MOST_READ, min(bins, most_bins) / MOST_VALUES)
    kept = min(neurons, max(min(FEWEST_NEURONS, neurons), int(1 / each)))
    shown = min(images, max(min(FEWEST_IMAGES, images), int(images / (each * kept))))
    rng, notes, chosen = np.random.default_rng(seed), list[str](), dict[str, Any]()
    for name, count, all_of in (("neurons", kept, neurons), ("images", shown, images)):
        if count < all_of:
            chosen[name] = np.sort(rng.choice(all_of, count, replace=False))
            notes.append(f"{count:,} of {all_of:,} {name} are looked at, drawn with seed {seed}")
    fine = recording.select(**chosen) if chosen else recording
    joined, said = join_bins(fine, most_bins)
    return Part(joined, fine, (*notes, *said))


def join_bins(recording: Recording, most: int) -> tuple[Recording, tuple[str, ...]]:
    """Join neighbouring bins so that at most `most` are left; onset stays an edge. Overlapping bins are thinned out."""
    bins = recording.bins_ms
    count = len(bins)
    if count <= most:
        return recording, ()
    whole = np.allclose(bins[1:, 0], bins[:-1, 1])
    # Joining leaves out the bins that fill no whole group; thinning keeps one of them too.
    sizes = (one * 10**power for power in range(8) for one in ROUND)
    size = next(k for k in sizes if (count // k if whole else -(-count // k)) <= most)
    at_onset = np.flatnonzero(np.isclose(bins[:, 0], 0.0))
    first = int(at_onset[0]) % size if len(at_onset) else 0
    if not whole:
        kept = np.arange(first, count, size)
        thinned = replace(recording, responses=recording.responses[:, :, kept], bins_ms=bins[kept])
        return thinned, (f"every {size}th of {count:,} bins is shown, since they overlap or have gaps",)
    inside = count - first < size  # with so few bins, onset cannot stay an edge
    first = 0 if inside else first
    groups = (count - first) // size
    last = first + groups * size
    edges = np.stack([bins[first:last:size, 0], bins[first + size - 1 : last : size, 1]], 1)
    responses = np.stack([_joined(recording, first + k * size, size) for k in range(groups)], 2)
    left = count - groups * size
    said = f"{size} bins are joined into one, {count:,} into {groups}"
    joined = replace(recording, responses=responses, bins_ms=edges)
    said += f"; {left} at the ends are left out" if left else ""
    return joined, (said + ("; onset lies inside a bin" if inside and len(at_onset) else ""),)


def _joined(recording: Recording, first: int, size: int) -> NDArray[Any]:
    """Neighbouring bins as one [I, R, N]: the sum of counts, else the mean by duration; NaN where one is absent."""
    values = recording.responses[:, :, first : first + size]
    found: NDArray[Any]
    if recording.unit == "count":
        found = values.sum(2)
        return found
    durations = recording.durations_ms[first : first + size]
    weights = (durations / durations.sum()).astype(values.dtype)
    found = np.einsum("irtn,t->irn", values, weights)
    return found


def overlap(bins_ms: NDArray[Any]) -> bool:
    """True if some bin begins before another ends."""
    return bool((bins_ms[1:, 0] < bins_ms[:-1, 1] - 1e-9).any())


def after_onset(recording: Recording) -> tuple[Recording, tuple[float, float]]:
    """The mean over the bins that start at onset or later, or over all where there are none, and their span in ms."""
    kept = _late(recording)
    durations = recording.durations_ms[kept]
    rates = recording if recording.unit == "other" else recording.as_rates()
    mean = np.einsum("irtn,t->irn", rates.responses[:, :, kept].astype(np.float64), durations / durations.sum())
    span = float(recording.bins_ms[kept[0], 0]), float(recording.bins_ms[kept, 1].max())
    return replace(rates, responses=mean[:, :, None], bins_ms=np.array([span])), span


def counted_ms(recording: Recording) -> float:
    """Summed duration of the bins over which `after_onset` averages, ms; gaps between them do not count."""
    return float(recording.durations_ms[_late(recording)].sum())


def _late(recording: Recording) -> NDArray[np.intp]:
    """Indices of the bins that start at onset or later, or of all where there are none."""
    late = recording.bins_ms[:, 0] >= 0
    return np.flatnonzero(late if late.any() else ~late)

"""Sentences on what a recording holds."""

from collections import Counter
from typing import Any

import numpy as np

from cordsnet.neural.recording import UNITS, Recording


def understood(recording: Recording) -> tuple[str, ...]:
    """Return sentences on axes, unit, bins, repeats, absent responses, areas, animals, labels and source."""
    images, _, times, neurons = recording.responses.shape
    repeats = recording.repeats
    low, high = int(repeats.min()), int(repeats.max())
    shown = "1 repeat" if high == 1 else f"{_range(low, high)} repeats"
    present = recording.responses[~np.isnan(recording.responses)]
    absent = 1 - present.size / recording.responses.size
    said = [
        f"{_many(images, 'image')}, {_many(neurons, 'neuron')}, {_many(times, 'time bin')}, {shown} of an image.",
        f"Unit {recording.unit} ({UNITS[recording.unit]}), from {present.min():.4g} to {present.max():.4g}, "
        f"mean {present.mean(dtype=np.float64):.4g}.",
        _bins(recording),
        f"Absent responses: {100 * absent:.1f} % of [image {images}, repeat {recording.responses.shape[1]}, "
        f"time {times}, neuron {neurons}].",
    ]
    for name in ("area", "animal"):
        if name in recording.neuron_labels:
            said.append(f"Neurons by {name}: {_by(recording.neuron_labels[name])}.")
        else:
            said.append(f"No {name} is given.")
    said.extend(f"Images by {name}: {_by(values)}." for name, values in recording.image_labels.items())
    return (*said, recording.source) if recording.source else tuple(said)


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _range(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _bins(recording: Recording) -> str:
    """A sentence on the time bins."""
    bins, durations = recording.bins_ms, recording.durations_ms
    span = f"{bins[0, 0]:g} to {bins[:, 1].max():g} ms from onset"
    length = _range(*np.round([durations.min(), durations.max()], 6))
    if len(bins) == 1:
        return f"One bin, {span}."
    steps = np.diff(bins[:, 0])
    overlap = " that overlap" if (bins[1:, 0] < bins[:-1, 1] - 1e-9).any() else ""
    return f"Bins of {length} ms{overlap}, one every {_range(*np.round([steps.min(), steps.max()], 6))} ms, {span}."


def _by(values: Any) -> str:
    """Values of a label and how often each occurs; only the number of them where there are many."""
    found = Counter(map(str, np.asarray(values).tolist()))
    if len(found) > 8:
        return f"{len(found)} values"
    return ", ".join(f"{value or 'none'} {count}" for value, count in sorted(found.items()))

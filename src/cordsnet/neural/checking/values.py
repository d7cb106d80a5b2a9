"""Looks at responses: units, neurons that say nothing, and copies."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.neural.checking.axes import some
from cordsnet.neural.checking.findings import Finding
from cordsnet.neural.recording import Recording

FASTEST = 1000.0
"""Spikes per s above which rates of single neurons are not believed."""

PLACEHOLDERS = (-1.0, -9.0, -99.0, -999.0, -9999.0)
"""Numbers that often stand for absent responses."""

BY_CHANCE = 1e-3
"""Expected number of equal trials below which equal trials are taken for copies."""

FEWEST = 20
"""Responses that are not zero, from which two equal neurons or repeats are taken for one."""

QUIET = 10
"""Responses of a trial that are not zero, below which equal trials are no surprise: neurons fall silent together."""


def look_at_unit(recording: Recording) -> Iterator[Finding]:
    """Find counts that are no counts, rates that look like counts, and numbers that stand for absent responses."""
    present = recording.responses[~np.isnan(recording.responses)]
    whole = bool((present == np.round(present)).all())
    shortest = float(recording.durations_ms.min())
    if recording.unit == "count":
        if not whole:
            odd = float(present[present != np.round(present)][0])
            averaged = recording.repeats.max() == 1
            level, guess = (
                ("note", "averages over repeats") if averaged else ("warning", 'rates; then give unit "rate"')
            )
            yield Finding(level, "unit", f"Counts such as {odd:.4g} are no whole numbers; they look like {guess}.")
        if present.max() > max(2.0, recording.durations_ms.max()):
            said = (
                f"{present.max():g} spikes in a bin of {recording.durations_ms.max():g} ms are too many for one neuron;"
            )
            yield Finding("warning", "unit", f'{said} they look like rates, whose unit is "rate".')
    elif recording.unit == "rate":
        least = float(present[present > 0].min()) if (present > 0).any() else 0.0
        if whole and 0 < least < 0.9 * 1000 / shortest and recording.repeats.max() > 1:
            said = f"Rates are whole numbers, and {least:g} per s is less than one spike in a bin of {shortest:g} ms;"
            yield Finding("warning", "unit", f'{said} they look like counts, whose unit is "count".')
        if present.max() > FASTEST:
            yield Finding("warning", "unit", f"A rate of {present.max():.4g} spikes per s is too high for one neuron.")
    elif float(present.min()) in PLACEHOLDERS:
        rest, times = present[present != present.min()], int((present == present.min()).sum())
        if times > 1 and (not rest.size or rest.min() >= 0):
            said = f"{present.min():g} occurs {times:,} times and nothing else is negative, so it may mean absent;"
            yield Finding("warning", "responses", f"{said} then give missing={present.min():g}.")


def look_at_neurons(recording: Recording) -> Iterator[Finding]:
    """Find neurons without a spike, neurons that never change, and neurons that are copies of one another."""
    values = recording.responses
    low, high = (
        reduce(values, axis=(0, 1, 2), initial=start, where=~np.isnan(values))
        for reduce, start in ((np.min, np.inf), (np.max, -np.inf))
    )
    silent = (low == 0) & (high == 0)
    constant = (low == high) & ~silent
    if silent.any() and recording.unit != "other":
        where = some(recording.neurons, silent, "neuron")
        yield Finding("warning", where, f"{silent.sum()} silent: no spike in any trial.")
    if constant.any() or (silent.any() and recording.unit == "other"):
        stuck = constant | silent if recording.unit == "other" else constant
        where = some(recording.neurons, stuck, "neuron")
        yield Finding("warning", where, f"{stuck.sum()} constant: the same response in all trials.")
    columns = np.ascontiguousarray(values.reshape(-1, values.shape[3]).T)
    for first, again in _equal_rows(columns, (_spoken(columns) >= FEWEST) & (low < high)):
        where = f"neurons {recording.neurons[first]} and {recording.neurons[again]}"
        yield Finding("warning", where, "The two neurons have the same responses in all trials; one may be a copy.")


def look_at_copies(recording: Recording) -> Iterator[Finding]:
    """Find trials with equal responses, of one image or of two, where chance is no explanation."""
    values = recording.responses
    images, repeats = values.shape[:2]
    whole = np.ascontiguousarray(values.swapaxes(0, 1).reshape(repeats, -1))
    if pairs := _equal_rows(whole, _spoken(whole) >= FEWEST):
        first, again = pairs[0]
        said = f"The whole repeats are copies of one another{_cases(len(pairs))}."
        yield Finding("warning", f"repeats {first} and {again}", said)
        return
    trials = np.ascontiguousarray(values.reshape(images * repeats, -1))
    present = ~np.isnan(trials).all(1)
    if _chance(trials[present]) * present.sum() ** 2 / 2 > BY_CHANCE:
        return
    found = [divmod(k, repeats) for pair in _equal_rows(trials, present & (_spoken(trials) >= QUIET)) for k in pair]
    pairs_of = list(zip(found[::2], found[1::2], strict=True))
    own = [pair for pair in pairs_of if pair[0][0] == pair[1][0]]
    others = [pair for pair in pairs_of if pair[0][0] != pair[1][0]]
    if own:
        (image, early), (_, late) = own[0]
        where = f"image {recording.images[image]}, repeats {early} and {late}"
        yield Finding("warning", where, f"Repeats are copies of one another{_cases(len(own))}.")
    if others:
        (image, early), (other, late) = others[0]
        where = f"images {recording.images[image]} (repeat {early}) and {recording.images[other]} (repeat {late})"
        said = f"One trial stands under two images{_cases(len(others))}; keep such images on one side of a split."
        yield Finding("warning", where, said)


def _cases(count: int) -> str:
    return f", in {count:,} cases" if count > 1 else ""


def _spoken(rows: NDArray[Any]) -> NDArray[np.int64]:
    """Number of responses of each row that are present and not zero."""
    counts: NDArray[np.int64] = (np.nan_to_num(rows) != 0).sum(1)
    return counts


def _equal_rows(rows: NDArray[Any], chosen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Pairs of chosen rows that are equal, each with the first of its kind; NaN equals NaN."""
    first: dict[bytes, int] = {}
    pairs = []
    for k in map(int, np.flatnonzero(chosen)):
        content = rows[k].tobytes()
        if content in first:
            pairs.append((first[content], k))
        else:
            first[content] = k
    return pairs


def _chance(trials: NDArray[Any]) -> float:
    """Probability that two trials are equal if neurons and bins were independent, from those of the next trials."""
    both = ~np.isnan(trials) & ~np.isnan(np.roll(trials, 1, 0))
    pairs = both.sum(0)
    equal = ((trials == np.roll(trials, 1, 0)) & both).sum(0)
    shares = (equal[pairs > 0] + 1) / (pairs[pairs > 0] + 1)
    return float(np.exp(np.log(shares).sum()))

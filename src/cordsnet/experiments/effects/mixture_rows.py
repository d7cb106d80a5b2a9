"""Tables of what is measured under mixtures of images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.experiments.claims import Measured
from cordsnet.experiments.effects.ambiguity import Ambiguity
from cordsnet.experiments.effects.dominance import LEAST_FOR_FIT, gamma_fit
from cordsnet.experiments.effects.hysteresis import Loop, without_lag
from cordsnet.experiments.effects.latencies import crossing_times
from cordsnet.experiments.effects.mixture_states import MOVES, first_axis, on_line, switch_of
from cordsnet.experiments.effects.oscillation import OSCILLATES, STEADY, UNDECIDED
from cordsnet.experiments.effects.recordings import mean_of_finite
from cordsnet.experiments.intervals import bootstrap

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]
MOST_UNSETTLED = 0.1
"""Share of states that have not settled above which it is not known where they lie."""


def add_rows(tables: dict[str, Rows], label: str, found: Ambiguity, seed: int) -> None:
    """Add the rows of one model to every table."""
    rows = {
        "line": _line(found, seed),
        "switch": _switch(found, seed),
        "oscillation": [_oscillation(found)],
        "hysteresis": _hysteresis(found, seed),
        "loops": [row for loop in found.loops for row in _loop(loop, found)],
        "dominance": [_dominance(found)] if found.dominances else [],
        "pairs": _pairs(found),
        "notes": [{"note": note} for note in _notes(found)],
    }
    for name, more in rows.items():
        tables[name] += [{"model": label} | row for row in more]


def with_ends(name: str, measured: Measured) -> dict[str, Any]:
    """A number with the ends of its interval, as cells of a row."""
    ends = {} if measured.interval is None else dict(zip(("low", "high"), measured.interval, strict=True))
    return {name: measured.value, "pairs": measured.n} | ends


def _mean(name: str, values: Array, seed: int) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return {"pairs": 0}
    return with_ends(name, bootstrap(lambda w: mean_of_finite(w, finite), len(finite), seed))


def _mean_of_known(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _line(found: Ambiguity, seed: int) -> Rows:
    """Mean coefficient and distance of the rates, and mean margin of the scores, at every mixture."""
    coefficient, off = on_line(found.mixed.rates)
    curves = {"rates": coefficient, "distance": off}
    if found.apart.any():
        curves["margin"] = found.scaled_margins
    return [
        {"of": of, "mixture": share, **_mean("value", values, seed)}
        for of, curve in curves.items()
        for share, values in zip(found.mixed.shares, curve, strict=True)
    ]


def _switch(found: Ambiguity, seed: int) -> Rows:
    """Steepness of the rates of the top area and of the margin of scores."""
    shares = found.mixed.shares
    curves = {"rates": on_line(found.mixed.rates)[0]}
    if found.apart.any():
        curves["margin"] = found.scaled_margins
    rows = []
    for of, curve in curves.items():
        switch, kept = switch_of(curve, shares), curve.shape[1]
        rows.append({"of": of, **with_ends("steepness", bootstrap(switch.steepness, kept, seed))})
    return rows


def _oscillation(found: Ambiguity) -> dict[str, Any]:
    judged = found.judged
    counts = {verdict: judged.verdict.count(verdict) for verdict in (STEADY, OSCILLATES, UNDECIDED)}
    wave = np.array([verdict == OSCILLATES for verdict in judged.verdict])
    return {
        "pairs": len(judged.verdict),
        **counts,
        "largest_amplitude": float(judged.amplitude.max()),
        "threshold": float(judged.threshold.max()),
        "frequency_hz": float(np.median(judged.frequency_hz[wave])) if wave.any() else None,
    }


def _hysteresis(found: Ambiguity, seed: int) -> Rows:
    rows = [
        {
            "sweep_ms": loop.sweep_ms,
            "switch_up": _mean_of_known(loop.switch_up),
            "switch_down": _mean_of_known(loop.switch_down),
            "unswitched": loop.unswitched,
            **_mean("width", loop.width, seed),
        }
        for loop in found.loops
    ]
    if found.loops:
        rows.append({"sweep_ms": float("inf"), **_mean("width", without_lag(*found.loops), seed)})
    return rows


def _loop(loop: Loop, found: Ambiguity) -> Rows:
    """Mean margins of a sweep, as shares of those of the two images."""
    margins = found.mixed.margins()[:, found.apart]
    bottom, span = margins[0], margins[-1] - margins[0]
    return [
        {"sweep_ms": loop.sweep_ms, "direction": way, "mixture": share, "time_ms": ms, "margin": mean}
        for way, shares, curve in (("up", loop.shares, loop.up), ("down", 1 - loop.shares, loop.down))
        for share, ms, mean in zip(shares, loop.shares * loop.sweep_ms, ((curve - bottom) / span).mean(1), strict=True)
    ]


def _dominance(found: Ambiguity) -> dict[str, Any]:
    durations, switches = found.durations, [one.switches for one in found.dominances]
    row: dict[str, Any] = {
        "pairs": len(switches),
        "switches": sum(switches),
        "pairs_that_switch": sum(count > 0 for count in switches),
        "durations": len(durations),
        "watched_ms": float(found.times[-1]),
    }
    if len(durations):
        row["median_ms"] = float(np.median(durations))
    if len(durations) >= LEAST_FOR_FIT and np.ptp(durations):
        row["gamma_shape"], row["gamma_scale_ms"] = gamma_fit(durations)
    return row


def _pairs(found: Ambiguity) -> Rows:
    """One row for each pair."""
    (coefficient, off), (axis_share, cosine) = on_line(found.mixed.rates), first_axis(found.mixed.rates)
    half, judged = len(coefficient) // 2, found.judged
    rows: Rows = [
        {
            "pair": k,
            "first_class": int(first),
            "second_class": int(second),
            "told_apart": bool(found.apart[k]),
            "coefficient": coefficient[half, k],
            "distance": off[half, k],
            "axis_share": axis_share[k],
            "axis_cosine": cosine[k],
            "equal_parts": judged.verdict[k],
            "amplitude": judged.amplitude[k],
        }
        for k, (first, second) in enumerate(found.classes)
    ]
    if found.apart.any():
        even = crossing_times(found.mixed.margins()[:, found.apart], found.mixed.shares, 0.0)
        fast, slow = found.loops
        cells = {"equality": even, "width_fast": fast.width, "width_slow": slow.width}
        for k, at in enumerate(np.flatnonzero(found.apart)):
            rows[at] |= {name: values[k] for name, values in cells.items()}
            rows[at]["switches"] = found.dominances[k].switches
    return rows


def _notes(found: Ambiguity) -> list[str]:
    """State what was rounded, left out or not reached."""
    mixed, pairs, apart = found.mixed, len(found.apart), int(found.apart.sum())
    notes = list(mixed.notes) + [note for loop in found.loops for note in loop.notes if note not in mixed.notes]
    if moving := int((mixed.moved > MOVES).sum()):
        notes.append(
            f"not settled at the end: {moving} of {mixed.moved.size} mixtures, whose rates still change by more than "
            f"{100 * MOVES:g} % of the distance between the two images in the last tenth of the time"
        )
    if mixed.unsettled > MOST_UNSETTLED:
        notes.append(
            f"{100 * mixed.unsettled:.3g} % of its states have not settled, more than {100 * MOST_UNSETTLED:g} %, so "
            "it is not measured where they settle; give a longer image_ms"
        )
    if apart < pairs:
        notes.append(f"images of {pairs - apart} of {pairs} pairs get one answer, and have no switch")
    for loop in found.loops:
        if loop.unswitched:
            notes.append(
                f"the answer to {loop.unswitched} of {apart} pairs does not switch within a sweep of "
                f"{loop.sweep_ms:g} ms and has no width there"
            )
    if found.dominances:
        notes.append(_about_switches(found))
    return list(dict.fromkeys(notes))


def _about_switches(found: Ambiguity) -> str:
    switches = sum(one.switches for one in found.dominances)
    watched = f"{len(found.dominances)} pairs watched for {found.times[-1]:g} ms each under noise"
    if not switches:
        return f"no answer switched in {watched}, so that there are no dominance durations"
    durations = len(found.durations)
    if durations < LEAST_FOR_FIT:
        return f"{switches} switches in {watched}; {durations} complete durations are too few for a gamma distribution"
    return f"{switches} switches in {watched}, with {durations} complete durations"

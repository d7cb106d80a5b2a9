"""Does the state move on once the answer is right (Thorat, Doerig & Kietzmann 2023)?"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.experiments.claims import Claim, Measured, above, at_least, at_most, decide
from cordsnet.experiments.effects.movement import Movement, record_movement
from cordsnet.experiments.effects.recordings import mean_of_finite
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, share
from cordsnet.experiments.needs import classifies_images, dynamics
from cordsnet.experiments.result import Result

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]

SIGNALS = ("scores", "top area")
FEWEST = 10
"""Trials that become right without which nothing about them is decided."""
BEFORE_MS, AFTER_MS = 50.0, 200.0
"""Times around the first right answer for which means are kept for the figure."""


@dataclass(frozen=True)
class ReadoutZonesOptions:
    """Times of a trial.

    Attributes
    ----------
    trials : number of test images.
    before_ms : blank before the image, from spontaneous activity.
    image_ms : how long the image stays.
    after_ms : window over which speeds are averaged: after the first right answer, before onset, and at the end.
    """

    trials: int = 360
    before_ms: float = 100.0
    image_ms: float = 400.0
    after_ms: float = 20.0

    def __post_init__(self) -> None:
        for name in ("before_ms", "image_ms", "after_ms"):
            check_positive(getattr(self, name), name)
        if self.after_ms > min(self.before_ms, self.image_ms / 2):
            raise ValueError(
                f"after_ms must be at most before_ms and half of image_ms, {min(self.before_ms, self.image_ms / 2):g}, "
                f"got {self.after_ms:g}"
            )


THORAT = "Thorat et al. 2023"
SPEED = "share of the response per ms"


def _of_signal(signal: str) -> tuple[Claim, Claim]:
    name, verb = signal.replace(" ", "_"), "move" if signal == "scores" else "moves"
    return (
        Claim(
            f"{name}_{verb}_on",
            f"The {signal} {verb} on after the first right answer.",
            THORAT,
            f"speed after the first right answer less that of the spontaneous drift before onset, {SPEED}",
            above(0.0),
        ),
        Claim(
            f"{name}_slow{'' if signal == 'scores' else 's'}_down",
            f"The {signal} {'come' if signal == 'scores' else 'comes'} to rest in the end.",
            "reviewer: is there a steady state behind the answer?",
            "speed at the end over that after the first right answer",
            at_most(0.1),
        ),
    )


CLAIMS = (
    Claim(
        "right_stays_right",
        "Nine of ten answers that become right stay right.",
        THORAT,
        "share of trials that stay right until the end, of those that become right after onset",
        at_least(0.9),
    ),
    *(claim for signal in SIGNALS for claim in _of_signal(signal)),
    Claim(
        "right_answers_gain_margin",
        "After the first right answer the state moves deeper into the zone of its class.",
        THORAT,
        "margin of the right class at the end less that at the first right answer",
        above(0.0),
    ),
    Claim(
        "wrong_states_are_smaller",
        "States that are misread have a smaller norm.",
        THORAT,
        "norm of the top area with right answers at the end less that with wrong ones, share of the mean norm",
        above(0.0),
    ),
)


@dataclass(frozen=True)
class Found:
    """Numbers of each trial [B]; NaN where a trial does not have them.

    Attributes
    ----------
    first : sample of the first right answer after onset; -1 for trials that are right before it, or never.
    stays : 1 where the answer then stays right, else 0.
    after, drift, end : signal -> speed after the first right answer, before onset and at the end, SPEED.
    moved : signal -> distance between the first right state and the last, share of the response.
    gain : margin of the right class at the end less that at the first right answer.
    right : 1 where the answer at the end is right, else 0.
    norm : of the top area at the end.
    """

    first: NDArray[np.int64]
    stays: Array
    after: dict[str, Array]
    drift: dict[str, Array]
    end: dict[str, Array]
    moved: dict[str, Array]
    gain: Array
    right: Array
    norm: Array


@experiment(
    "readout_zones",
    options=ReadoutZonesOptions,
    presets={
        "smoke": Preset(ReadoutZonesOptions(trials=20), 0.05, 0.5),
        "desk": Preset(ReadoutZonesOptions(), 0.3, 1.0),
        "paper": Preset(ReadoutZonesOptions(trials=10_000), 60.0, 16.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, dynamics),
    of_readers=tuple(claim.name for claim in CLAIMS),
)
def readout_zones(setting: Setting, options: ReadoutZonesOptions) -> Result:
    """Speed of scores and top area after the first right answer, and whether right answers stay right."""
    tables: dict[str, Rows] = {name: [] for name in ("trials", "speed", "aligned", "notes")}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        movement = record_movement(model, split, options.before_ms, options.image_ms, setting.seed)
        found = find(movement, options.after_ms)
        for name, rows in _rows(movement, found, setting.seed).items():
            tables[name] += [{"model": label} | row for row in rows]
        claims += decide(CLAIMS, measure(found, setting.seed), label)
    return Result(tables, claims=tuple(claims))


@check_arguments
def find(movement: Movement, after_ms: float) -> Found:
    """Follow each trial after its first right answer; speeds are averages over `after_ms`."""
    onset, last = movement.onset, len(movement.time_ms) - 1
    hits = movement.hits.astype(bool)
    window = max(1, round(after_ms / float(np.diff(movement.time_ms).mean())))
    shown = hits[onset + 1 :]
    turns = shown.any(0) & ~hits[onset]
    first = np.where(turns, onset + 1 + shown.argmax(0), -1)
    held = np.array([hits[at:, k].all() if at >= 0 else np.nan for k, at in enumerate(first)], dtype=np.float64)
    enough = (first >= 0) & (first + window <= last)
    after, drift, end, moved = ({} for _ in range(4))
    trials = np.arange(len(first))
    for signal, speed in movement.speed.items():
        path = np.cumsum(speed, axis=0)
        start = np.clip(first, 0, last - window)
        after[signal] = np.where(enough, (path[start + window, trials] - path[start, trials]) / window, np.nan)
        drift[signal] = speed[max(0, onset - window + 1) : onset + 1].mean(0)
        end[signal] = speed[last - window + 1 :].mean(0)
        moved[signal] = np.where(first >= 0, movement.left[signal][first, trials], np.nan)
    gain = np.where(first >= 0, movement.margin[-1] - movement.margin[first, trials], np.nan)
    return Found(first, held, after, drift, end, moved, gain, hits[-1].astype(np.float64), movement.norm)


@check_arguments
def measure(found: Found, seed: int = 0) -> dict[str, Measured]:
    """Measure all claims, with bootstrap intervals over images."""
    n = len(found.first)
    measured = {"right_answers_gain_margin": bootstrap(lambda w: mean_of_finite(w, found.gain), n, seed)}
    for signal, (moves, slows) in zip(SIGNALS, (_of_signal(signal) for signal in SIGNALS), strict=True):
        after, drift, end = found.after[signal], found.drift[signal], found.end[signal]
        known = np.where(np.isfinite(after), end, np.nan)
        measured[moves.name] = bootstrap(partial(mean_of_finite, values=after - drift), n, seed)
        measured[slows.name] = bootstrap(partial(_ratio_of_means, one=known, other=after), n, seed)
    turned = int((found.first >= 0).sum())
    measured = {
        name: replace(one, n=turned, interval=one.interval if turned >= FEWEST else None)
        for name, one in measured.items()
    }
    measured["right_stays_right"] = share(int(np.nansum(found.stays)), turned) if turned else Measured(np.nan)
    right, wrong = (np.where(found.right == value, found.norm, np.nan) for value in (1, 0))
    measured["wrong_states_are_smaller"] = bootstrap(
        lambda w: _ratio(mean_of_finite(w, right) - mean_of_finite(w, wrong), mean_of_finite(w, found.norm)), n, seed
    )
    return measured


def _ratio_of_means(counts: Array, one: Array, other: Array) -> Array:
    return _ratio(mean_of_finite(counts, one), mean_of_finite(counts, other))


def _ratio(one: Array, other: Array) -> Array:
    found: Array = np.divide(one, other, out=np.full(len(one), np.nan), where=other > 0)
    return found


def _rows(movement: Movement, found: Found, seed: int) -> dict[str, Rows]:
    n, turned = len(found.first), found.first >= 0
    onset = movement.time_ms[movement.onset]
    trials: dict[str, Any] = {
        "images": n,
        "right_at_onset": int(movement.hits[movement.onset].sum()),
        "become_right": int(turned.sum()),
        "right_at_end": int(found.right.sum()),
    }
    if turned.any():
        trials["stay_right"] = float(np.nanmean(found.stays))
        trials["first_right_ms"] = float(np.median(movement.time_ms[found.first[turned]] - onset))
    speeds = []
    for signal in SIGNALS:
        kinds = {"after the first right answer": found.after, "before onset": found.drift, "at the end": found.end}
        for when, values in kinds.items():
            mean = bootstrap(partial(mean_of_finite, values=values[signal]), n, seed)
            ends = {} if mean.interval is None else dict(zip(("low", "high"), mean.interval, strict=True))
            speeds.append({"signal": signal, "when": when, "speed": mean.value} | ends)
        moved = float(mean_of_finite(np.ones((1, n)), found.moved[signal])[0])
        trials[f"{signal.replace(' ', '_')}_still_to_go"] = moved
    notes = [{"note": note} for note in movement.notes]
    if trials["right_at_onset"]:
        said = "images whose answer is right before they are shown have no first right answer and are left out"
        notes.append({"note": f"{said}: {trials['right_at_onset']}"})
    return {"trials": [trials], "speed": speeds, "aligned": _aligned(movement, found), "notes": notes}


def _aligned(movement: Movement, found: Found) -> Rows:
    """Means around the first right answer over the trials that have one and last for long enough."""
    rows: Rows = []
    (trials,) = np.nonzero(found.first >= 0)
    step = float(np.diff(movement.time_ms).mean())
    for lag in range(-int(BEFORE_MS / step), int(AFTER_MS / step) + 1):
        at = found.first[trials] + lag
        inside = (at >= 0) & (at < len(movement.time_ms))
        if not inside.any():
            continue
        where = at[inside], trials[inside]
        speeds = {name.replace(" ", "_"): values[where].mean() for name, values in movement.speed.items()}
        rows.append({"lag_ms": lag * step, "right": movement.hits[where].mean(), "images": int(inside.sum())} | speeds)
    return rows

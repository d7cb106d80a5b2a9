"""Figures of psychometric and chronometric curves, with those of two monkeys beside them if they are at hand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cordsnet.data.people.roitman2002 import DotTrials
from cordsnet.report.figures import BLUE, WIDTH, new_figure, tidy
from cordsnet.tasks import BehaviourCurves

GREYS = ("0.35", "0.65")


def write_curves(curves: BehaviourCurves, folder: str | Path, monkeys: DotTrials | None = None) -> list[Path]:
    """Write `curves.png`, `curves.svg` and `curves.json` into a folder."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    figure = curves_figure(curves, monkeys)
    written = [place / "curves.png", place / "curves.svg", place / "curves.json"]
    figure.savefig(written[0], dpi=120)
    figure.savefig(written[1])
    written[2].write_text(json.dumps(as_plain(curves, monkeys), indent=1))
    return written


def curves_figure(curves: BehaviourCurves, monkeys: DotTrials | None = None) -> Figure:
    """Accuracy and reaction time against the strength of the stimulus; strength 0 stands at the left."""
    figure = new_figure(WIDTH, 3.2)
    accuracy, times = figure.subplots(1, 2)
    rows = [row for row in curves.reactions.rows() if "accuracy" in row]
    smallest = min((row["strength"] for row in rows if row["strength"] > 0), default=1.0)
    for axes in (accuracy, times):
        axes.set_xscale("symlog", linthresh=smallest)
    x = [row["strength"] for row in rows]
    shares = [row["accuracy"] for row in rows]
    ends = [[s - row["low"] for s, row in zip(shares, rows, strict=True)],
            [row["high"] - s for s, row in zip(shares, rows, strict=True)]]  # fmt: skip
    accuracy.errorbar(x, shares, ends, fmt="o", color=BLUE, markersize=4, label="network")
    accuracy.axhline(curves.chance, color="0.7", linestyle=":", linewidth=1)
    times.plot(x, [row["median_ms"] for row in rows], "o", color=BLUE, markersize=4, label="network")
    fine = np.linspace(0, max(x, default=1.0), 400)
    if curves.psychometric is not None:
        accuracy.plot(fine, curves.psychometric.predict(fine), color=BLUE)
    if curves.chronometric is not None:
        times.plot(fine, curves.chronometric.mean_ms(fine), color=BLUE)
    for grey, (name, own) in zip(GREYS, _of_monkeys(monkeys).items(), strict=False):
        at = [row["strength"] for row in own]
        accuracy.plot(at, [row["accuracy"] for row in own], "s--", color=grey, markersize=3, label=name)
        times.plot(at, [row["median_ms"] for row in own], "s--", color=grey, markersize=3, label=name)
    tidy(accuracy, curves.strength, "accuracy of answers", "psychometric curve")
    tidy(times, curves.strength, "median reaction time (ms)", "chronometric curve")
    accuracy.legend(fontsize=7, frameon=False)
    return figure


def as_plain(curves: BehaviourCurves, monkeys: DotTrials | None = None) -> dict[str, Any]:
    """Rows, fits and notes as plain data."""
    fits = {"psychometric": curves.psychometric, "chronometric": curves.chronometric}
    found: dict[str, Any] = {name: _plain(fit) for name, fit in fits.items()}
    found |= {"strength": curves.strength, "threshold": curves.threshold, "rows": curves.reactions.rows()}
    return found | {"notes": list(curves.notes), "monkeys": _of_monkeys(monkeys)}


def _plain(fit: Any) -> dict[str, Any] | None:
    if fit is None:
        return None
    values = {name: getattr(fit, name) for name in fit.__dataclass_fields__}
    p_value = fit.p_value if np.isfinite(fit.p_value) else None
    return values | {
        "p_value": p_value,
        "status": fit.status.value,
        "intervals": {k: list(v) for k, v in fit.intervals.items()},
    }


def _of_monkeys(trials: DotTrials | None) -> Mapping[str, Sequence[dict[str, Any]]]:
    """Monkey -> accuracy and median reaction time for each coherence."""
    found = {}
    for monkey in () if trials is None else np.unique(trials.monkey).tolist():
        own = trials.of(monkey) if trials is not None else None
        assert own is not None
        found[f"monkey {monkey}"] = [
            {
                "strength": level,
                "trials": int((own.coherence == level).sum()),
                "accuracy": float(own.correct[own.coherence == level].mean()),
                "median_ms": float(np.median(own.reaction_ms[own.coherence == level])),
            }
            for level in np.unique(own.coherence).tolist()
        ]
    return found

"""Inverse initialisations as a table with standard errors."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cordsnet.experiments import Result
from cordsnet.experiments.inverse_init import INIT, areas_of
from cordsnet.report.page import Section, Table
from cordsnet.training import summary as mean_and_error

LEGEND = (
    "Mean and standard error over seeds. Unexplained is the share of the variance of the CNN's rates that the settled "
    "rates of the network with ReLU, fed by its own activity, do not explain; as linear, the same of the drive of a "
    "linear network, each area fed by the CNN. Linear networks are read as such right after their initialisation, then "
    "trained, annealed and fine-tuned; the others are fine-tuned for as many updates. Seconds are those of the "
    "initialisation."
)


def summary(result: Result) -> Table:
    """For each scheme: unexplained variance per area, accuracies and seconds, mean and standard error over seeds."""
    rows = result.rows("networks")
    areas = areas_of(rows)
    columns = {
        **{f"unexplained {area} (%)": (f"settled/{area}", 100.0) for area in areas},
        **{f"as linear {area} (%)": (f"{INIT}.unexplained_variance/{area}", 100.0) for area in areas},
        "accuracy at once (%)": (f"{INIT}.test_accuracy", 100.0),
        "with ReLU (%)": ("rectified_accuracy", 100.0),
        "after linear training (%)": ("linear.test_accuracy", 100.0),
        "after fine-tuning (%)": ("finetune.test_accuracy", 100.0),
        "seconds": (f"{INIT}.seconds", 1.0),
    }
    body = []
    for name, scheme in result.meta["schemes"].items():
        mine = result.rows("networks", scheme=name)
        shown = [_shown(mine, key, unit, scheme["linear"]) for key, unit in columns.values()]
        failed = sum(row["status"] != "finished" for row in mine)
        if mine:
            body.append((f"{name} ({failed} failed)" if failed else name, *shown))
    return Table(("scheme", *columns), body)


def sections(result: Result) -> list[Section]:
    """Schemes side by side, what they are, and every network."""
    schemes = result.meta["schemes"]
    known = Table(("scheme", "what it is"), [(name, row["description"]) for name, row in schemes.items()], words=True)
    heads = ("scheme", "seed", "at once (%)", "after fine-tuning (%)", "settled (%)", "error")
    each = Table(heads, [_network(row) for row in result.rows("networks")])
    return [
        Section("Schemes", LEGEND, tables=(summary(result), known)),
        Section("Every network", "Settled: trials that settle right after the initialisation.", tables=(each,)),
    ]


def _shown(rows: Sequence[Mapping[str, Any]], key: str, unit: float, linear: bool) -> str:
    """Mean and standard error of a column, or "-" where no network of the scheme has it."""
    if "unexplained" in key and not linear:  # what a rectified network measures there is no linear figure
        return "-"
    finished = [dict(row) for row in rows if row["status"] == "finished" and key in row]
    if not finished:
        return "-"
    (point,) = mean_and_error(finished, ["scheme"], key)
    mean, error = unit * point["mean"], unit * point["standard_error"]
    return f"{mean:.1f} ± {error:.1f}" if math.isfinite(error) else f"{mean:.1f}"


def _network(row: Mapping[str, Any]) -> tuple[str, ...]:
    keys = (f"{INIT}.test_accuracy", "finetune.test_accuracy", "settled_share")
    return (row["scheme"], str(row["seed"]), *(f"{100 * row.get(key, math.nan):.1f}" for key in keys), row["error"])

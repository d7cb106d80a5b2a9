"""Inverse initialisations as a table with standard errors, and their entry in the table of experiments."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cordsnet._files import write_whole
from cordsnet.experiments.inverse_init import INIT, SCHEMES, areas_of, inverse_init
from cordsnet.experiments.registry import EXPERIMENTS, Experiment
from cordsnet.report.ablations import markdown
from cordsnet.report.page import Section, Table, write_page
from cordsnet.training import summary

LEGEND = (
    "Mean and standard error over seeds. Unexplained is the share of the variance of the CNN's rates that the settled "
    "rates of the network with ReLU, fed by its own activity, do not explain; as linear, the same of the drive of a "
    "linear network, each area fed by the CNN. Linear networks are read as such right after their initialisation, then "
    "trained, annealed and fine-tuned; the others are fine-tuned for as many updates. Seconds are those of the "
    "initialisation."
)


def scheme_table(rows: Sequence[dict[str, Any]]) -> Table:
    """For each scheme: unexplained variance per area, accuracies and seconds, mean and standard error over seeds."""
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
    for name in SCHEMES:
        mine = [row for row in rows if row["scheme"] == name]
        shown = [_shown(mine, key, unit, SCHEMES[name].linear) for key, unit in columns.values()]
        failed = sum(row["status"] != "finished" for row in mine)
        if mine:
            body.append((f"{name} ({failed} failed)" if failed else name, *shown))
    return Table(("scheme", *columns), body)


def write_inverse_init(rows: Sequence[dict[str, Any]], scale: str, output: str | Path) -> Path:
    """Write `report.html` and `table.md` into a folder; returns the page's path."""
    folder, table = Path(output), scheme_table(rows)
    write_whole(folder / "table.md", markdown(table).encode())
    schemes = Table(("scheme", "what it is"), [(name, SCHEMES[name].description) for name in SCHEMES])
    heads = ("scheme", "seed", "at once (%)", "after fine-tuning (%)", "settled (%)", "error")
    each = Table(heads, [_network(row) for row in rows])
    sections = [
        Section("Schemes", LEGEND, tables=(table, schemes)),
        Section("Every network", "Settled: trials that settle right after the initialisation.", tables=(each,)),
    ]
    introduction = f"Ways to make a dynamical network from a folded CNN, on digits with R2, at {scale} scale."
    return write_page(folder / "report.html", "Inverse initialisation", introduction, sections, "All: table.parquet.")


def _shown(rows: Sequence[dict[str, Any]], key: str, unit: float, linear: bool) -> str:
    """Mean and standard error of a column, or "-" where no network of the scheme has it."""
    if "unexplained" in key and not linear:  # what a rectified network measures there is no linear figure
        return "-"
    finished = [row for row in rows if row["status"] == "finished" and key in row]
    if not finished:
        return "-"
    (point,) = summary(finished, ["scheme"], key)
    mean, error = unit * point["mean"], unit * point["standard_error"]
    return f"{mean:.1f} ± {error:.1f}" if math.isfinite(error) else f"{mean:.1f}"


def _network(row: dict[str, Any]) -> tuple[str, ...]:
    keys = (f"{INIT}.test_accuracy", "finetune.test_accuracy", "settled_share")
    return (row["scheme"], str(row["seed"]), *(f"{100 * row.get(key, math.nan):.1f}" for key in keys), row["error"])


def _reproduce(scale: str, seeds: int | None, workers: int, output: Path) -> Path:
    return write_inverse_init(inverse_init(output, scale, seeds, workers), scale, output)


EXPERIMENTS.add("inverse_init", Experiment("ways to make a dynamical network from a CNN", _reproduce))

"""Table 1 as a table with standard errors, and its entry in the table of experiments."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cordsnet._files import write_whole
from cordsnet.experiments.registry import EXPERIMENTS, Experiment
from cordsnet.experiments.table1 import table1
from cordsnet.report.ablations import markdown
from cordsnet.report.page import Section, Table, write_page
from cordsnet.training import summary

METHODS = {"cnn": "feedforward", "staged": "staged", "direct": "direct"}
"""As rows name them -> as the table heads them."""


LEGEND = (
    "Test accuracy, mean and standard error over seeds. Direct training has as many updates of the dynamics as staged "
    "training, and the learning rates that did best with another seed."
)


def accuracy_table(rows: Sequence[dict[str, Any]]) -> Table:
    """For each data set and depth: mean accuracy and standard error over seeds, method by method."""
    points = {(p["dataset"], p["depth"], p["method"]): p for p in _points(rows)}
    cells = dict.fromkeys((dataset, depth) for dataset, depth, _ in points)
    body = [
        (dataset, f"R{depth}", *(_shown(points[dataset, depth, method]) for method in METHODS))
        for dataset, depth in cells
    ]
    return Table(("data set", "depth", *(f"{name} (%)" for name in METHODS.values())), body)


def write_table1(rows: Sequence[dict[str, Any]], scale: str, output: str | Path) -> Path:
    """Write `report.html` and `table.md` into a folder; returns the page's path."""
    folder, table = Path(output), accuracy_table(rows)
    write_whole(folder / "table.md", markdown(table).encode())
    heads = ("data set", "depth", "method", "seed", "learning rates", "accuracy (%)", "seconds", "error")
    each = Table(heads, [_network(row) for row in rows])
    sections = [
        Section("Accuracy", LEGEND, tables=(table,)),
        Section("Every network", "Seconds of training, those of the stages before included.", tables=(each,)),
    ]
    introduction = f"Feedforward networks, and dynamical ones with the same kernels, at {scale} scale."
    return write_page(folder / "report.html", "Table 1", introduction, sections, "All numbers: table.parquet.")


def _network(row: dict[str, Any]) -> tuple[str, ...]:
    accuracy, seconds = f"{100 * row['accuracy']:.2f}", f"{row['seconds']:.0f}"
    factor = f"x {row['factor']:g}" if "factor" in row else ""
    cell = row["dataset"], f"R{row['depth']}", METHODS[row["method"]], str(row["seed"])
    return *cell, factor, accuracy, seconds, row["error"]


def _points(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return summary(rows, ["dataset", "depth", "method"], "accuracy")


def _shown(point: dict[str, Any]) -> str:
    mean, error = 100 * point["mean"], 100 * point["standard_error"]
    shown = f"{mean:.1f} ± {error:.1f}" if math.isfinite(error) else f"{mean:.1f}"
    return f"{shown} ({point['failed']} failed)" if point["failed"] else shown


def _reproduce(
    scale: str,
    seeds: int | None,
    workers: int,
    output: Path,
    datasets: Sequence[str] = ("digits",),
    depths: Sequence[str] = ("2",),
) -> Path:
    areas = [int(depth) for depth in depths]
    return write_table1(table1(output, scale, datasets, areas, seeds, workers), scale, output)


EXPERIMENTS.add(
    "table1", Experiment("feedforward, staged and direct training side by side", _reproduce, ("datasets", "depths"))
)

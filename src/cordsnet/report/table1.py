"""Table 1 as a table with standard errors."""

import math
from collections.abc import Mapping
from typing import Any

from cordsnet.experiments import Result
from cordsnet.report.page import Section, Table, as_table
from cordsnet.training import summary as mean_and_error

METHODS = {"cnn": "feedforward", "staged": "staged", "direct": "direct"}
"""As rows name them -> as the table heads them."""

LEGEND = (
    "Test accuracy, mean and standard error over seeds. Direct training has as many updates of the dynamics as staged "
    "training, and the learning rates that did best with another seed."
)


def summary(result: Result) -> Table:
    """For each data set and depth: mean accuracy and standard error over seeds, method by method."""
    rows = [dict(row) for row in result.rows("networks")]
    points = {
        (p["dataset"], p["depth"], p["method"]): p
        for p in mean_and_error(rows, ["dataset", "depth", "method"], "accuracy")
    }
    cells = dict.fromkeys((dataset, depth) for dataset, depth, _ in points)
    body = [
        (dataset, f"R{depth}", *(_shown(points[dataset, depth, method]) for method in METHODS))
        for dataset, depth in cells
    ]
    return Table(("data set", "depth", *(f"{name} (%)" for name in METHODS.values())), body)


def sections(result: Result) -> list[Section]:
    """Accuracy, every network, and the search for learning rates."""
    heads = ("data set", "depth", "method", "seed", "learning rates", "accuracy (%)", "seconds", "error")
    each = Table(heads, [_network(row) for row in result.rows("networks")])
    search = as_table(result.rows("search"))
    return [
        Section("Accuracy", LEGEND, tables=(summary(result),)),
        Section("Every network", "Seconds of training, those of the stages before included.", tables=(each,)),
        Section("Search for the learning rates of direct training", "", tables=(search,)),
    ]


def _network(row: Mapping[str, Any]) -> tuple[str, ...]:
    accuracy, seconds = f"{100 * row.get('accuracy', math.nan):.2f}", f"{row['seconds']:.0f}"
    factor = f"x {row['factor']:g}" if "factor" in row else ""
    cell = row["dataset"], f"R{row['depth']}", METHODS[row["method"]], str(row["seed"])
    return *cell, factor, accuracy, seconds, row["error"]


def _shown(point: Mapping[str, Any]) -> str:
    mean, error = 100 * point["mean"], 100 * point["standard_error"]
    shown = f"{mean:.1f} ± {error:.1f}" if math.isfinite(error) else f"{mean:.1f}"
    return f"{shown} ({point['failed']} failed)" if point["failed"] else shown

"""The figure and tables of an ablation."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from matplotlib.figure import Figure

from cordsnet.analysis import Regime
from cordsnet.experiments import Result
from cordsnet.report.figures import BLUE, ORANGE, PURPLE, SKY, VERMILION, WIDTH, YELLOW, new_figure, tidy
from cordsnet.report.page import Section, Table
from cordsnet.training import summary as mean_and_error

COLOURS = {
    Regime.MONOSTABLE: BLUE,
    Regime.TRANSIENT: SKY,
    Regime.MULTISTABLE: ORANGE,
    Regime.OSCILLATORY: PURPLE,
    Regime.CHAOTIC: YELLOW,
    Regime.UNSTABLE: VERMILION,
}
"""Colours of the bars, from the bottom up: the regime that is wanted first."""

Rows: TypeAlias = Sequence[Mapping[str, Any]]


def summary(result: Result) -> Table:
    """For each value: networks in each regime, mean accuracy and its standard error over seeds, and how many are proven
    to have one attractor.
    """
    rows = result.rows("networks")
    counts, body = regime_counts(rows), []
    for point in mean_and_error([dict(row) for row in rows], ["value"], "accuracy"):
        mean, error = (f"{100 * x:.1f}" if math.isfinite(x) else "-" for x in (point["mean"], point["standard_error"]))
        numbers = [str(number) for number in counts[point["value"]].values()]
        proven = sum(bool(row.get("certified", False)) for row in rows if row["value"] == point["value"])
        body.append((point["value"], *numbers, mean, error, str(proven)))
    heads = (
        result.meta["varies"],
        *(regime.value for regime in COLOURS),
        "accuracy (%)",
        "s.e. (%)",
        "proven monostable",
    )
    return Table(heads, body)


def sections(result: Result) -> list[Section]:
    """Regimes as a figure and a table, and every network."""
    rows = result.rows("networks")
    diverged = sum(row["status"] == "diverged" for row in rows)
    text = (
        f"Share of networks in each regime (above) and test accuracy of every network, the line at their mean (below). "
        f"{diverged} of {len(rows)} networks diverged in training; they count as unstable and have no accuracy."
    )
    each = Table(
        ("value and seed", "regime", "image distance", "blank distance", "speed", "lost answers", "accuracy"),
        [_evidence(row) for row in rows],
    )
    rules = "Distances are shares of the response, speed its change per tau. Rules: cordsnet.analysis.classify_regime."
    drawn = regime_figure(rows, result.meta["varies"])
    return [
        Section("Regimes", text, drawn, tables=(summary(result),), name=result.meta["experiment"]),
        Section("Every network", rules, tables=(each,)),
    ]


def regime_counts(rows: Rows) -> dict[str, dict[Regime, int]]:
    """Value -> regime -> how many networks ended in it, every regime named."""
    counts: dict[str, dict[Regime, int]] = {}
    for row in rows:
        point = counts.setdefault(row["value"], dict.fromkeys(COLOURS, 0))
        point[Regime(row["regime"])] += 1
    return counts


def regime_figure(rows: Rows, varies: str) -> Figure:
    """Proportions of regimes for each value as stacked bars, and below them test accuracy, network by network."""
    counts = regime_counts(rows)
    figure = new_figure(WIDTH, 4.2)
    bars, dots = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    places = range(len(counts))
    floor = [0.0] * len(counts)
    for regime, colour in COLOURS.items():
        shares = [point[regime] / sum(point.values()) for point in counts.values()]
        if any(shares):
            bars.bar(places, shares, bottom=floor, color=colour, width=0.7, edgecolor="white", label=regime.value)
        floor = [below + share for below, share in zip(floor, shares, strict=True)]
    for place, point in enumerate(counts.values()):
        bars.text(place, 1.02, f"n = {sum(point.values())}", ha="center", va="bottom", fontsize=8, color="0.4")
    finished = [row for row in rows if row["status"] == "finished"]
    for regime, colour in COLOURS.items():
        mine = [row for row in finished if row["regime"] == regime.value]
        x = [list(counts).index(row["value"]) + _offset(row, finished) for row in mine]
        dots.scatter(x, [row["accuracy"] for row in mine], color=colour, s=22, zorder=3)
    points = mean_and_error([dict(row) for row in rows], ["value"], "accuracy")
    dots.hlines([p["mean"] for p in points], [k - 0.35 for k in places], [k + 0.35 for k in places], color="0.4", lw=1)
    bars.set_ylim(0, 1.12)
    bars.set_yticks([0, 0.5, 1])
    dots.set_ylim(0, 1.05)
    dots.set_xticks(list(places), list(counts))
    tidy(bars, "", "share of networks")
    tidy(dots, varies, "test accuracy")
    handles, labels = bars.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=6, frameon=False, fontsize=9)
    return figure


def _offset(row: Mapping[str, Any], rows: Rows) -> float:
    """Horizontal offset of a network's dot, so that none hides another of the same value."""
    seeds = [other["seed"] for other in rows if other["value"] == row["value"]]
    return 0.5 * (seeds.index(row["seed"]) + 0.5) / len(seeds) - 0.25


def _evidence(row: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = ("image_distance", "blank_distance", "speed", "lost_answers", "accuracy")
    cells = [row.get(name, math.nan) for name in numbers]
    shown = [f"{value:.2g}" if math.isfinite(value) else "-" for value in cells]
    return (f"{row['value']}, {row['seed']}", row["regime"], *shown)

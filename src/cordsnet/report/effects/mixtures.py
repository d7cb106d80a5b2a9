"""Figures and tables of mixtures of images."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.experiments.result import Cell, Row
from cordsnet.report.effects.latency import plot_intervals, with_interval
from cordsnet.report.figures import BLUE, GREEN, ORANGE, VERMILION, in_colours, mark_images, new_figure, tidy
from cordsnet.report.page import Section, Table, as_table
from cordsnet.report.printed import shared_notes
from cordsnet.report.rows import column, models_of

CURVES = {"rates": ("rates of the top area", BLUE, "o-"), "margin": ("margin of scores", VERMILION, "s--")}
OSCILLATION = {
    "model": "model", "pairs": "pairs", "steady": "steady", "oscillates": "oscillating", "undecided": "undecided",
    "largest_amplitude": "largest amplitude (share of the response)", "threshold": "threshold",
    "frequency_hz": "frequency (Hz)",
}  # fmt: skip
DOMINANCE = {
    "model": "model", "pairs": "pairs", "watched_ms": "watched (ms)", "pairs_that_switch": "pairs that switch",
    "switches": "switches", "durations": "complete durations", "median_ms": "median (ms)",
    "gamma_shape": "shape of the gamma distribution", "gamma_scale_ms": "its scale (ms)",
}  # fmt: skip
NOISY = "Margin of the answer to the first image over that to the second; the first three pairs with two answers."


def summary(result: Result) -> Table:
    """State of equal parts, steepness and rest of the loop of each model."""
    rows = []
    for model in models_of(result, "line"):
        cells = (
            _cell(result, "line", "value", model=model, of="rates", mixture=0.5),
            _cell(result, "line", "value", model=model, of="distance", mixture=0.5),
            _cell(result, "switch", "steepness", model=model, of="margin"),
            _cell(result, "hysteresis", "width", model=model, sweep_ms=math.inf),
            str(sum(int(row["switches"]) for row in result.rows("dominance", model=model))),
        )
        rows.append((model, *cells, str(len(result.rows("pairs", model=model)))))
    heads = ("model", "equal parts: place on the line", "distance from it", "steepness", "loop without lag")
    return Table((*heads, "switches under noise", "pairs"), rows)


def sections(result: Result) -> list[Section]:
    """The numbers, and figures for each model."""
    text = (
        "Mixtures m x first + (1 - m) x second image of two classes. A place on the line is 0 at the state of the "
        "second image and 1 at that of the first; distances are shares of that between the two. Steepness: slope of "
        "the margin between the two answers in the middle half of its rise over that in its tails, 1 in proportion. "
        "In brackets 95 % intervals over pairs, of which no two share an image."
    )
    found = [Section("Mixtures of two images", text, tables=(summary(result),))]
    for k, model in enumerate(models_of(result, "line")):
        drawn, title = states(result, model), f"States and loops, {model}"
        found.append(Section(title, _caption(result, model), drawn, name=f"mixtures_{k}"))
        if f"noisy/{model}" in result.arrays:
            drawn, title = noisy(result, model), f"Equal parts under noise, {model}"
            found.append(Section(title, NOISY, drawn, name=f"mixtures_noisy_{k}"))
    return [*found, *_tables(result)]


def states(result: Result, model: str) -> Figure:
    """Place on the line, distance from it, and the loop of each sweep."""
    drawn = new_figure()
    line, off, loop = drawn.subplots(1, 3)
    line.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
    for of, (name, colour, style) in CURVES.items():
        if rows := _measured(result, model, of):
            plot_intervals(line, rows, "mixture", "value", colour, name, style)
    if rows := _measured(result, model, "distance"):
        plot_intervals(off, rows, "mixture", "value", GREEN, "")
    off.set_ylim(0, max(0.6, off.get_ylim()[1]))
    _plot_loops(loop, result, model)
    line.legend(frameon=False, fontsize=7, loc="upper left")
    tidy(line, "share of the first image", "place on the line")
    tidy(off, "share of the first image", "distance from the line")
    tidy(loop, "share of the first image", "margin of scores")
    return drawn


def noisy(result: Result, model: str) -> Figure:
    """Margin of some pairs over time while noise is redrawn."""
    found = result.arrays[f"noisy/{model}"]
    drawn = new_figure()
    axes = drawn.subplots()
    for k, (colour, pair) in enumerate(in_colours(found.axes[1].values)):
        axes.plot(found.axes[0].values, found.values[:, k], color=colour, linewidth=0.8, label=f"pair {pair:g}")
    axes.axhline(0, color="0.6", linewidth=0.8, linestyle=":")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.2 * (high - low))
    mark_images(axes, [(0.0, float(found.axes[0].values[-1]), "equal parts with noise")])
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    tidy(axes, "time from onset (ms)", "margin of scores")
    return drawn


def _plot_loops(axes: Axes, result: Result, model: str) -> None:
    sweeps = sorted({float(row["sweep_ms"]) for row in result.rows("loops", model=model)})
    for colour, sweep_ms in zip((ORANGE, BLUE), sweeps, strict=False):
        for way, style in (("up", "-"), ("down", "--")):
            at = {"model": model, "sweep_ms": sweep_ms, "direction": way}
            x, y = (column(result, "loops", name, **at) for name in ("mixture", "margin"))
            axes.plot(x, y, style, color=colour, linewidth=1.2, label=f"{sweep_ms:g} ms, {way}")
    if sweeps:
        axes.legend(frameon=False, fontsize=7, loc="upper left")


def _measured(result: Result, model: str, of: str) -> list[Row]:
    return [row for row in result.rows("line", model=model, of=of) if "value" in row]


def _cell(result: Result, table: str, name: str, **at: Cell) -> str:
    rows = result.rows(table, **at)
    return with_interval(rows[0], name) if rows else "-"


def _caption(result: Result, model: str) -> str:
    pairs = result.rows("pairs", model=model)
    apart = sum(bool(row["told_apart"]) for row in pairs)
    return (
        "Left: where mixtures settle; dotted: in proportion. Middle: how far from the line. Right: mean margin between "
        "the two answers, from 0 at the second image to 1 at the first, while the mixture is swept up and down. "
        f"Bars: 95 % intervals over n = {len(pairs)} pairs; scores are of the {apart} pairs whose images get two "
        "answers."
    )


def _tables(result: Result) -> list[Section]:
    """Oscillation, dominance and notes."""
    oscillation = (
        "Equal parts are held for long, and the end of it is judged. Steady: rates stay within the threshold of their "
        "mean. Oscillating: they leave it in a wave of three or more cycles that does not fade and holds half of the "
        "power. Undecided: anything else, such as slow settling."
    )
    dominance = (
        "An answer dominates once its margin is above a quarter of that under its image alone, until the other one's "
        "is. Durations are from one switch to the next."
    )
    found = [Section("Oscillation", oscillation, tables=(as_table(result.rows("oscillation"), OSCILLATION),))]
    if rows := result.rows("dominance"):
        found.append(Section("Dominance under noise", dominance, tables=(as_table(rows, DOMINANCE),)))
    if notes := shared_notes(result):
        body = [(str(row["model"]), str(row["note"])) for row in notes]
        found.append(Section("Notes", "", tables=(Table(("model", "note"), body, words=True),)))
    return found

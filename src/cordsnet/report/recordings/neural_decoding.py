"""Figures and tables of decoding over time."""

import numpy as np
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.effects.latency import with_interval
from cordsnet.report.figures import WIDTH, in_colours, new_figure, tidy
from cordsnet.report.page import Section, Table, as_table
from cordsnet.report.rows import column, values_of


def summary(result: Result) -> Table:
    """Onset, and the best bin of every test."""
    (onset,) = result.rows("onset")
    rows = [("onset (ms)", with_interval(onset, "onset_ms"), f"p = {onset['p_value']:.3g}, {onset['status']}")]
    for tested in values_of(result, "decoding", "tested"):
        best = max(result.rows("decoding", tested=tested), key=lambda row: float(row["accuracy"]))
        where = f"{best['start_ms']:g} to {best['end_ms']:g} ms"
        rows.append((f"highest accuracy, {tested}", with_interval(best, "accuracy"), where))
    return Table(("measure", "value", ""), rows)


def sections(result: Result) -> list[Section]:
    """Accuracy over time, and between bins."""
    meta = result.meta
    text = (
        f"{meta['source']} {meta['neurons']} neurons, {meta['repeats']} trials of each image. Bands: 95 % of the draws "
        "of repeats and folds. Dotted: chance; dashed: threshold that 5 % of permutations exceed in some bin."
    )
    between = (
        "Accuracy of decoders that are trained in one bin and tested in all. A code that stays the same gives a "
        "square, one that changes a diagonal."
    )
    return [
        Section("Decoding over time", text, figure(result), (summary(result),), "decoding"),
        Section("Between bins", between, square(result), name="cross_temporal"),
        Section("Onset", "", tables=(as_table(result.rows("onset")),)),
    ]


def figure(result: Result) -> Figure:
    """Accuracy in each bin."""
    drawn = new_figure(WIDTH)
    axes = drawn.subplots()
    for colour, tested in in_colours(values_of(result, "decoding", "tested")):
        time, accuracy, low, high = (
            column(result, "decoding", name, tested=tested) for name in ("time_ms", "accuracy", "low", "high")
        )
        axes.plot(time, accuracy, "-", color=colour, linewidth=1.5, label=tested)
        axes.fill_between(time, low, high, color=colour, alpha=0.2, linewidth=0)
    (onset,) = result.rows("onset")
    axes.axhline(float(result.meta["chance"]), color="0.5", linestyle=":", linewidth=1)
    axes.axhline(float(onset["threshold"]), color="0.5", linestyle="--", linewidth=1)
    axes.axvline(0.0, color="0.8", linewidth=0.8)
    if "onset_ms" in onset:
        axes.axvline(float(onset["onset_ms"]), color="0.3", linewidth=0.8)
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, "centre of the bin from onset (ms)", "accuracy")
    return drawn


def square(result: Result) -> Figure:
    """Accuracy between bins as a map."""
    found = result.arrays["cross_temporal"]
    times = np.asarray(found.axes[0].values, float)
    drawn = new_figure(WIDTH * 0.6, WIDTH * 0.5)
    axes = drawn.subplots()
    half = (times[1] - times[0]) / 2 if len(times) > 1 else 0.5
    reach = (times[0] - half, times[-1] + half, times[0] - half, times[-1] + half)
    shown = axes.imshow(found.values, origin="lower", extent=reach, cmap="viridis", aspect="equal")
    drawn.colorbar(shown, ax=axes, label="accuracy")
    tidy(axes, "tested at (ms)", "trained at (ms)")
    return drawn

"""The figure and table of people and masks."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.figures import BLUE, VERMILION, new_figure, tidy
from cordsnet.report.page import Section, Table
from cordsnet.report.rows import column


def summary(result: Result) -> Table:
    """Accuracy with its interval, and median reaction time, of every condition."""
    rows = [
        (
            "mask" if row["masked"] else "grey",
            f"{row['presentation_ms']}",
            f"{row['accuracy']:.3f}",
            f"{row['low']:.3f} to {row['high']:.3f}",
            f"{row['reaction_ms']:.0f}",
            f"{row['trials']:,}",
        )
        for row in result.rows("masking_people")
    ]
    heads = ("followed by", "shown (ms)", "accuracy", "95 % interval", "median reaction time (ms)", "trials")
    return Table(heads, rows)


def sections(result: Result) -> list[Section]:
    """The figure and the table."""
    (kept,) = result.rows("kept")
    text = (
        f"Accuracy of people over all trials; bars are 95 % bootstraps over people (n = {kept['people']} people, "
        f"{kept['trials']:,} trials; {kept['unanswered']} trials without an answer are left out)."
    )
    return [Section("People and masks", text, figure(result), (summary(result),), "masking_people")]


def figure(result: Result) -> Figure:
    """Accuracy against presentation time."""
    drawn = new_figure()
    axes = drawn.subplots()
    for masked, colour, label in ((False, BLUE, "grey follows the object"), (True, VERMILION, "a mask follows")):
        shown, accuracy, low, high = (
            column(result, "masking_people", name, masked=masked)
            for name in ("presentation_ms", "accuracy", "low", "high")
        )
        bars = [accuracy - low, high - accuracy]
        axes.errorbar(shown, accuracy, bars, color=colour, marker="o", markersize=4, capsize=2, label=label)
    axes.axhline(result.rows("masking_people")[0]["chance"], color="0.5", linestyle=":", label="chance")
    axes.set_ylim(0, 1.05)
    tidy(axes, "presentation time (ms)", "accuracy of people")
    axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=3)
    return drawn

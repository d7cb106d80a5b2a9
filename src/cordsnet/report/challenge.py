"""The figure and table of the fit of published networks to people."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.figures import BLUE, VERMILION, legend_below, new_figure, tidy
from cordsnet.report.page import Section, Table, as_table
from cordsnet.report.rows import column, values_of

PEOPLE = {"all people": "all people", "without mask": "people without a mask", "with mask": "people with a mask"}
"""Group of people -> its name in figures."""


def summary(result: Result) -> Table:
    """Fit, its interval and rank of every network and group of people."""
    rows = [
        (
            str(row["network"]),
            str(row["people"]),
            f"{row['fit']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
            str(row["rank"]),
            f"{row['log10_parameters']:.2f}",
            "yes" if row["recurrent"] else "no",
            f"{row['ceiling']:.3f}",
        )
        for row in result.rows("challenge")
    ]
    return Table(("network", "people", "fit", "rank", "log10 parameters", "recurrent", "ceiling"), rows)


def sections(result: Result) -> list[Section]:
    """The figure, the table, and how many people saw each condition."""
    n = len(values_of(result, "challenge", "network"))
    (note,) = {str(row["note"]) for row in result.rows("notes")}
    text = f"Fit of {n} networks against their size; {note}. Intervals of fits are 95 % bootstraps over people."
    people = Section("People who saw each condition", "", tables=(as_table(result.rows("people")),))
    return [Section("Fit to people", text, figure(result), (summary(result),), "challenge"), people]


def figure(result: Result) -> Figure:
    """Fit against parameters for each group of people."""
    groups = values_of(result, "challenge", "people")
    drawn = new_figure()
    for axes, group in zip(drawn.subplots(1, len(groups), sharey=True), groups, strict=True):
        for recurrent, colour, label in ((False, BLUE, "feedforward"), (True, VERMILION, "recurrent")):
            size, fits = (
                column(result, "challenge", name, people=group, recurrent=recurrent)
                for name in ("log10_parameters", "fit")
            )
            axes.scatter(size, fits, color=colour, s=16, label=label)
        ceiling = result.rows("challenge", people=group)[0]["ceiling"]
        axes.axhline(ceiling, color="0.5", linestyle=":", label="ceiling: halves of the people")
        tidy(axes, "log10 parameters", "fit (correlation)" if group == groups[0] else "", PEOPLE[group])
    legend_below(drawn, *axes.get_legend_handles_labels())
    return drawn

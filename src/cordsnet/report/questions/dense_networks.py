"""Figure and table of fully connected networks beside a convolutional one."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.figures import WIDTH, in_colours, new_figure, tidy
from cordsnet.report.page import Section, Table, percent


def summary(result: Result) -> Table:
    """One row per kind of network."""
    rows = [
        (
            str(row["model"]),
            percent(float(row.get("accuracy", float("nan")))),
            f"{percent(float(row.get('low', float('nan'))))} to {percent(float(row.get('high', float('nan'))))}",
            f"{row['parameters']:,.0f}" if row.get("parameters") else "-",
            str(row["networks"]),
        )
        for row in result.rows("kinds")
    ]
    return Table(("model", "test accuracy", "95 % interval", "parameters", "networks"), rows)


def sections(result: Result) -> list[Section]:
    """The figure with the table."""
    options = result.meta["options"]
    failed = sum(row["status"] != "finished" for row in result.rows("networks"))
    text = (
        f"Test accuracy on {result.meta['data']} of networks that were trained alike ({options['recipe']}). Points: "
        f"networks, n = {options['seeds']} seeds of each name; bars: means; dotted: chance, the share of the most "
        f"frequent class. Training that diverged: {failed} of {len(result.rows('networks'))}."
    )
    return [Section("Fully connected and convolutional", text, figure(result), (summary(result),), "dense_networks")]


def figure(result: Result) -> Figure:
    """Accuracy of every network, by name."""
    drawn = new_figure(WIDTH * 0.8)
    axes = drawn.subplots()
    kinds = result.rows("kinds")
    for place, (colour, row) in enumerate(in_colours(kinds)):
        axes.bar(place, float(row.get("accuracy", float("nan"))), 0.6, color=colour, alpha=0.35)
        mine = [float(one["accuracy"]) for one in result.rows("networks", model=row["model"], status="finished")]
        axes.plot([place] * len(mine), mine, "o", color=colour, markersize=5)
    chances = [float(row["chance"]) for row in kinds if row.get("chance")]
    if chances:
        axes.axhline(chances[0], color="0.4", linestyle=":", linewidth=1)
    axes.set_xticks(range(len(kinds)), [str(row["model"]) for row in kinds], rotation=20, ha="right")
    axes.set_ylim(0, 1.02)
    tidy(axes, "", "test accuracy")
    return drawn

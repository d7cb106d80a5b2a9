"""Figure and table of decision times of models and reaction times of people."""

import numpy as np
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.effects.latency import with_interval
from cordsnet.report.figures import in_colours, new_figure, tidy
from cordsnet.report.page import Section, Table
from cordsnet.report.rows import column, models_of, values_of

NAMES = {
    "threshold": "margin above threshold",
    "uncertainty": "integral of uncertainty",
    "settling": "scores settled",
    "best": "best of the three",
    "worst": "worst of the three",
}


def summary(result: Result) -> Table:
    """Rank correlation of each measure with people."""
    rows = [
        (
            str(row["model"]),
            NAMES[str(row["measure"])],
            with_interval(row, "correlation"),
            f"{row['undecided']} of {row['trials']}" if "undecided" in row else "-",
        )
        for row in result.rows("reaction_time")
    ]
    return Table(("model", "time of the model", "rank correlation with people", "undecided trials"), rows)


def sections(result: Result) -> list[Section]:
    """The numbers, and one figure for each model."""
    text = (
        "Median time of the model against the median reaction time of people, over the 17 conditions of the challenge "
        "set. The best and the worst of the three measures are chosen anew in every sample of people and photographs; "
        "in brackets 95 % intervals over both. A correlation says that the order of conditions is alike; harder "
        "conditions may be slower for other reasons than those of people."
    )
    return [
        Section("Decision times and reaction times", text, tables=(summary(result),)),
        *(
            Section(f"Conditions, {model}", _caption(result, model), figure(result, model), name=f"reaction_time_{k}")
            for k, model in enumerate(models_of(result, "reaction_time"))
        ),
    ]


def figure(result: Result, model: str) -> Figure:
    """One panel for each measure; one dot for each condition."""
    drawn = new_figure()
    measures = values_of(result, "conditions", "measure", model=model)
    panels = drawn.subplots(1, len(measures), sharey=True)
    for axes, (colour, measure) in zip(panels, in_colours(measures), strict=True):
        found = [
            column(result, "conditions", name, model=model, measure=measure) for name in ("median_ms", "people_ms")
        ]
        axes.plot(*found, "o", color=colour, markersize=4)
        (row,) = result.rows("reaction_time", model=model, measure=measure)
        if np.isfinite(found[0]).sum() == 0:
            axes.text(0.5, 0.5, "all conditions undecided", ha="center", transform=axes.transAxes, fontsize=8)
        title = f"rank correlation {float(row['correlation']):.2f}" if "correlation" in row else "no correlation"
        tidy(axes, f"{NAMES[measure]}\n(ms from onset)", "", title)
    panels[0].set_ylabel("median reaction time of people (ms)")
    return drawn


def _caption(result: Result, model: str) -> str:
    row = result.rows("reaction_time", model=model)[0]
    rows = result.rows("conditions", model=model)
    left = sum("median_ms" not in one for one in rows)
    return (
        f"Each dot is one of 17 conditions: median over n = {row['photographs']} photographs, and over the people, of "
        f"n = {row['people']}, who saw it. Conditions with half of their trials undecided are not drawn ({left} of "
        f"{len(rows)} dots)."
    )

"""Figures and tables of models that join people and published networks on the challenge set."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.challenge import PEOPLE
from cordsnet.report.effects.latency import with_interval
from cordsnet.report.figures import BLUE, SMALL, VERMILION, WIDTH, in_colours, legend_below, new_figure, tidy
from cordsnet.report.page import Section, Table, as_table
from cordsnet.report.printed import shared_notes
from cordsnet.report.rows import column, models_of, values_of

SHOWN = {"held": "stays", "brief": "brief, then grey", "masked": "brief, then a mask"}
VIEWED = {"held": "image stays", "brief": "brief image, then grey", "masked": "brief image, then a mask"}
"""View of an image by models -> its name in figures."""
CHANCE = 1 / 8


def summary(result: Result) -> Table:
    """Fit, its rank correlation and ceiling of every model and view."""
    rows = [
        (
            str(row["model"]),
            SHOWN[str(row["view"])],
            str(row["people"]),
            with_interval(row, "fit"),
            f"{row['spearman']:.3f}" if "spearman" in row else "-",
            f"{row['ceiling']:.3f}",
            f"{row['log10_parameters']:.2f}",
            "yes" if row["recurrent"] else "no",
        )
        for row in result.rows("fits")
    ]
    heads = ("model", "image", "people", "fit", "Spearman", "ceiling", "log10 parameters", "recurrent")
    return Table(heads, rows)


def sections(result: Result) -> list[Section]:
    """Fits, fits against size, and accuracy of each condition."""
    rows = result.rows("challenge_models")
    text = (
        "A fit is Pearson's correlation over 17 conditions of the accuracy of a model and that of people; in brackets "
        f"the 95 % interval over people and photographs (n = {rows[0]['photographs']}). The ceiling is the mean "
        "correlation between halves of the people. What a model cannot be compared on is left out."
    )
    parts = [
        Section("Fit to people", text, tables=(summary(result),)),
        Section(
            "Fit and size",
            "Above each panel: the people with whom networks are compared, and how the models given see the images.",
            against_size(result),
            name="challenge_size",
        ),
    ]
    for k, view in enumerate(values_of(result, "challenge_models", "view")):
        group = result.rows("fits", view=view)[0]["people"]
        said = (
            f"Models: {VIEWED[view]}. Black: {PEOPLE[str(group)]}. Bars: 95 % intervals over photographs. Few large, "
            "many small: occlusion."
        )
        title = f"Accuracy by condition, {VIEWED[view]}"
        parts.append(Section(title, said, by_condition(result, view), name=f"challenge_{k}"))
    return [*parts, Section("Notes", "", tables=(as_table(shared_notes(result)),))]


def against_size(result: Result) -> Figure:
    """Fit against log10 parameters for each group of people."""
    views = values_of(result, "fits", "view")
    drawn = new_figure(WIDTH, 3.2)
    panels = drawn.subplots(1, len(views), sharey=True, squeeze=False)[0]
    named: dict[str, Any] = {}
    for axes, view in zip(panels, views, strict=True):
        group = str(result.rows("fits", view=view)[0]["people"])
        for recurrent, colour, label in ((False, BLUE, "feedforward"), (True, VERMILION, "recurrent")):
            for table, wanted, marker, size, who in (
                ("published", {"people": group}, "o", 16, "published network"),
                ("fits", {"view": view}, "*", 60, "given model"),
            ):
                places, fits = (
                    column(result, table, name, recurrent=recurrent, **wanted) for name in ("log10_parameters", "fit")
                )
                about = f"{who}, {label}" if len(fits) else None
                axes.scatter(places, fits, color=colour, marker=marker, s=size, label=about)
        ceiling = float(result.rows("fits", view=view)[0]["ceiling"])
        axes.axhline(ceiling, color="0.5", linestyle=":", linewidth=0.8, label="ceiling: halves of the people")
        title = f"{PEOPLE[group]};\nmodels: {VIEWED[view]}"
        tidy(axes, "log10 parameters", "fit (correlation)" if view == views[0] else "")
        axes.set_title(title, loc="left", fontsize=SMALL)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    legend_below(drawn, list(named.values()), list(named))
    return drawn


def by_condition(result: Result, view: str) -> Figure:
    """Accuracy of people and of every model in each condition."""
    models = [m for m in models_of(result, "challenge_models") if result.rows("challenge_models", model=m, view=view)]
    conditions = values_of(result, "challenge_models", "condition", view=view)
    drawn = new_figure(WIDTH, 4.2)
    axes = drawn.subplots()
    places = np.arange(len(conditions))
    group = result.rows("fits", view=view)[0]["people"]
    people = column(result, "challenge_models", "people", model=models[0], view=view)
    axes.plot(places, people, "k_", markersize=14, label=PEOPLE[str(group)])
    spread = np.linspace(-0.25, 0.25, len(models)) if len(models) > 1 else np.zeros(1)
    for (colour, model), shift in zip(in_colours(models), spread, strict=True):
        accuracy, low, high = (
            column(result, "challenge_models", name, model=model, view=view) for name in ("accuracy", "low", "high")
        )
        bars = np.maximum([accuracy - low, high - accuracy], 0)
        axes.errorbar(places + shift, accuracy, bars, fmt="o", color=colour, markersize=3, linewidth=0.8, label=model)
    axes.axhline(CHANCE, color="0.5", linestyle=":", linewidth=0.8, label="chance")
    axes.set_xticks(
        places,
        [name.removeprefix("occlusion_").replace("_", " ") for name in conditions],
        rotation=60,
        ha="right",
        fontsize=7,
    )
    axes.set_ylim(0, 1.02)
    tidy(axes, "", "accuracy")
    legend_below(drawn, *axes.get_legend_handles_labels())
    return drawn

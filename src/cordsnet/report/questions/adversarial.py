"""Figure and tables of adversarial images."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.effects.latency import plot_intervals, with_interval
from cordsnet.report.figures import WIDTH, in_colours, legend_below, new_figure, tidy
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Section, Table, percent
from cordsnet.report.printed import shared_notes
from cordsnet.report.rows import models_of, values_of

LINEAR_TO = 1.0
"""Strength up to which the axis is linear, so that it holds 0, levels."""


def summary(result: Result) -> Table:
    """Strength that takes each model halfway to chance, and what it is judged by."""
    rows = [
        (
            str(row["model"]),
            percent(float(row["whole"])),
            with_interval(row, "epsilon"),
            percent(float(row["no_gradient"])),
            str(row["images"]),
        )
        for row in result.rows("strength")
    ]
    heads = ("model", "whole image", "strength halfway to chance (levels of 255)", "images without gradient", "images")
    return Table(heads, rows)


def sections(result: Result) -> list[Section]:
    """The figure, calibrated strengths, and controls."""
    found = [
        Section("Accuracy under attack", _caption(result), figure(result), name="adversarial"),
        Section("Calibrated strengths", _about_strengths(), tables=(summary(result),)),
        Section("Controls against masked gradients", _about_controls(), tables=(controls(result),)),
    ]
    if notes := shared_notes(result):
        rows = [(str(row["model"]), str(row["note"])) for row in notes]
        found.append(Section("Notes", "", tables=(Table(("model", "note"), rows, words=True),)))
    return found


def controls(result: Result) -> Table:
    """Accuracy of each model under each control."""
    rows = [
        (
            str(row["model"]),
            str(row["control"]),
            show_number(float(row["epsilon"])),
            with_interval(row, "accuracy"),
            str(row["images"]),
        )
        for row in result.rows("controls")
    ]
    return Table(("model", "attack", "strength (levels)", "accuracy", "images"), rows)


def figure(result: Result) -> Figure:
    """Accuracy against strength, one panel for each attack, and the calibrated strengths."""
    attacks = values_of(result, "adversarial", "attack")
    drawn = new_figure(WIDTH, 3.0)
    grid = drawn.subplots(1, len(attacks), squeeze=False, sharey=True)[0]
    for axes, attack in zip(grid, attacks, strict=True):
        _draw(axes, result, attack)
        tidy(axes, "strength (levels of 255)", "accuracy" if axes is grid[0] else "", attack)
    known = sorted(zip(*grid[0].get_legend_handles_labels(), strict=True), key=lambda pair: pair[1] == "chance")
    handles, labels = zip(*known, strict=True)
    legend_below(drawn, handles, labels)
    return drawn


def _draw(axes: Axes, result: Result, attack: str) -> None:
    models = models_of(result, "adversarial")
    for colour, model in in_colours(models):
        rows = list(result.rows("adversarial", model=model, attack=attack))
        style = "o-" if rows[0]["kind"] == "dynamical" else "s--"
        plot_intervals(axes, rows, "epsilon", "accuracy", colour, model, style)
        half = result.rows("strength", model=model)[0]
        if attack == "PGD" and "epsilon" in half:
            axes.axvline(float(half["epsilon"]), color=colour, linewidth=0.8, linestyle=":")
    classes = {int(row["classes"]) for row in result.rows("adversarial")}
    for k, count in enumerate(sorted(classes)):
        axes.axhline(1 / count, color="0.6", linewidth=0.8, linestyle=":", label="" if k else "chance")
    last = max(float(row["epsilon"]) for row in result.rows("adversarial"))
    axes.set_xscale("symlog", linthresh=LINEAR_TO)
    ticks = [0, *(tick for tick in (1, 4, 16, 64, 255) if tick <= last)]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(-0.2, 1.3 * last)
    axes.set_ylim(-0.02, 1.05)


def _caption(result: Result) -> str:
    images = max(int(row["images"]) for row in result.rows("adversarial"))
    return (
        "Accuracy at the end of the image when every pixel may change by up to the strength. FGSM: one step along the "
        "sign of the gradient through all steps of the model. PGD: iterated steps from a random start. Random noise: "
        "every pixel up or down at random. An image that was misread at some strength counts as misread at greater "
        f"ones. Bars: 95 % intervals over n = {images} images. Vertical lines: strength halfway to chance. Solid: "
        "models with dynamics; dashed: static models."
    )


def _about_strengths() -> str:
    return (
        "The strength at which accuracy under PGD is halfway from that on whole images to chance, interpolated between "
        "strengths that were tried; in brackets the 95 % interval over images. An image without gradient cannot be "
        "attacked by it; where there are many, gradients are masked."
    )


def _about_controls() -> str:
    return (
        "A model whose gradient is masked looks stronger than it is. Then random noise or one step does as well as "
        "the iterated attack, more steps or restarts make a difference, an attack over the whole range of pixels "
        "leaves some images, or an attack made through another model does better than one through the model itself "
        "(Athalye et al. 2018). All controls but that of the whole range are at the calibrated strength of the model."
    )

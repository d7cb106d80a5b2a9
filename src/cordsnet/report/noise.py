"""The figure of accuracy against noise."""

from itertools import cycle

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.figures import WIDTH, in_colours, new_figure, tidy
from cordsnet.report.page import Section, Table, percent
from cordsnet.report.rows import column, models_of, values_of

SHOWN = {"dynamical": ("last frame",), "static": ("mean over frames", "last frame")}
"""Kind of model -> how it is read in the figure; a network that integrates is read at the end."""


def curves(result: Result) -> list[tuple[str, str, str]]:
    """(name of the curve, model, how it is read)."""
    found = []
    for model in models_of(result, "noise"):
        (kind,) = values_of(result, "noise", "kind", model=model)
        for read in SHOWN[kind]:
            name = f"{model}, {read}" if kind == "static" else f"{model}, at the end"
            found.append((name, model, read))
    return found


def summary(result: Result) -> Table:
    """Accuracy of every curve at every level of noise."""
    names = curves(result)
    sigmas = [float(sigma) for sigma in column(result, "noise", "sigma", model=names[0][1], read=names[0][2])]
    rows = [
        (name, *(percent(float(v)) for v in column(result, "noise", "accuracy", model=model, read=read)))
        for name, model, read in names
    ]
    return Table(("noise (s.d. of the images)", *(f"{sigma:g}" for sigma in sigmas)), rows)


def sections(result: Result) -> list[Section]:
    """The figure and its numbers."""
    text = (
        "Leaky integration averages noise that changes from frame to frame. A fairer rival than a static model on one "
        "frame is the same model with its scores averaged over all frames. All models see the same noise. Bars: 95 % "
        f"intervals over n = {result.rows('noise')[0]['images']} images. Dotted: chance."
    )
    return [Section("Noise redrawn at every frame", text, figure(result), tables=(summary(result),), name="noise")]


def figure(result: Result) -> Figure:
    """Accuracy against noise."""
    drawn = new_figure(WIDTH * 0.72)
    axes = drawn.subplots()
    for style, (colour, (name, model, read)) in zip(
        cycle(("o-", "^:", "s--", "D-.")), in_colours(curves(result)), strict=False
    ):
        sigma, accuracy, low, high = (
            column(result, "noise", key, model=model, read=read) for key in ("sigma", "accuracy", "low", "high")
        )
        bars = [accuracy - low, high - accuracy]
        axes.errorbar(sigma, accuracy, bars, fmt=style, color=colour, label=name, capsize=2, linewidth=1.2)
    axes.axhline(float(result.rows("noise")[0]["chance"]), color="0.6", linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1.05)
    drawn.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=2)
    tidy(axes, "noise (s.d. of the noise / s.d. of the images)", "accuracy")
    return drawn

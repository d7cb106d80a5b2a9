"""Figures and tables of coarse and fine steps."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from cordsnet.experiments import Result
from cordsnet.experiments.questions.coarse_steps import known_slope
from cordsnet.experiments.result import Row
from cordsnet.report.figures import BLUE, ORANGE, SKY, VERMILION, in_colours, mark_images, new_figure, tidy
from cordsnet.report.page import Section, Table, percent
from cordsnet.report.printed import shared_notes
from cordsnet.report.rows import column, models_of, values_of

COLOURS = {"euler": BLUE, "exponential_euler": VERMILION, "heun": ORANGE, "rk4": SKY}
ENDS = ("low", "high")
SHOWN = 5
"""Steps whose accuracy over time is drawn."""


def summary(result: Result) -> Table:
    """Accuracy, agreement and error of both of Euler's methods at every step."""
    rows = []
    for row in result.rows("steps"):
        agreement = percent(float(row["agreement"])) if "agreement" in row else "-"
        rows.append(
            (
                str(row["model"]),
                str(row["stepper"]).replace("_", " "),
                f"{float(row['dt_ms']):g}",
                str(row["steps"]),
                percent(float(row["accuracy"])),
                agreement,
                f"{float(row.get('error', np.nan)):.1e}",
                f"{float(row.get('error_at_end', np.nan)):.1e}",
            )
        )
    heads = ("model", "stepper", "dt (ms)", "steps", "accuracy", "same answers", "error over time", "error at the end")
    return Table(heads, rows)


def sections(result: Result) -> list[Section]:
    """Two figures for each model, the numbers, and what was left out."""
    found = []
    for k, model in enumerate(models_of(result, "steps")):
        about = result.rows("summary", model=model)[0]
        n, own = about["images"], float(about["own_dt_ms"])
        text = (
            "Left: error of the rates, largest over areas, against Heun's method at half of the finest step; dashed: "
            f"that of each stepper on two linear rates with a known solution and the time constant "
            f"{float(about['tau_ms']):g} ms of the network. Right: share of images with the same answer at the end as "
            f"at the network's own step of {own:g} ms (full) and with the right one (dotted). Bars: 95 % intervals "
            f"over n = {n} images; grey: chance."
        )
        found.append(
            Section(f"Error and answers at each step, {model}", text, by_step(result, model), name=f"steps_{k}")
        )
        text = f"Euler's method; a mark is a recorded step. Images stay for {float(about['image_ms']):g} ms, n = {n}."
        found.append(Section(f"Accuracy over time, {model}", text, over_time(result, model), name=f"course_{k}"))
    notes = [(str(row["model"]), str(row["note"])) for row in shared_notes(result)]
    found.append(Section("Numbers", "", tables=(summary(result), orders(result))))
    return [*found, Section("Notes", "", tables=(Table(("model", "note"), notes, words=True),))]


def orders(result: Result) -> Table:
    """Order that each stepper shows on the known flow."""
    rows = [
        (model, name.replace("_", " "), f"{known_slope(result.rows('known_flow', model=model), name):.2f}")
        for model in models_of(result, "known_flow")
        for name in values_of(result, "known_flow", "stepper", model=model)
    ]
    return Table(("model", "stepper", "order on the known flow"), rows)


def by_step(result: Result, model: str) -> Figure:
    """Error, and answers, against the step."""
    drawn = new_figure(height=3.2)
    errors, answers = drawn.subplots(1, 2)
    for name, colour in COLOURS.items():
        known = result.rows("known_flow", model=model, stepper=name)
        label = f"{name.replace('_', ' ')}, known solution"
        errors.plot(*_columns(known, "error"), "--", color=colour, linewidth=1.2, label=label, zorder=4)
    for marker, stepper in zip(cycle("os"), values_of(result, "steps", "stepper", model=model), strict=False):
        rows = [row for row in result.rows("steps", model=model, stepper=stepper) if "error" in row]
        name, colour = stepper.replace("_", " "), COLOURS[stepper]
        _with_bars(errors, rows, "error", f"{name}, network", color=colour, fmt=f"{marker}-", linewidth=3, alpha=0.5)
        _with_bars(answers, rows, "agreement", f"{name}, same answer", color=colour, fmt=f"{marker}-")
        _with_bars(answers, rows, "accuracy", f"{name}, right answer", color=colour, fmt=f"{marker}:", mfc="white")
    about = result.rows("summary", model=model)[0]
    answers.axhline(1 / int(about["classes"]), color="0.6", linewidth=0.8, linestyle=":")
    answers.set_ylim(0, 1.05)
    errors.set_yscale("log")
    for axes in (errors, answers):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted({float(row["dt_ms"]) for row in result.rows("steps", model=model)}))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.axvline(float(about["own_dt_ms"]), color="0.8", linewidth=1, zorder=0)
    tidy(errors, "step dt (ms)", "relative error of the rates")
    tidy(answers, "step dt (ms)", "share of images")
    for axes in (errors, answers):
        axes.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return drawn


def over_time(result: Result, model: str) -> Figure:
    """Accuracy over time at several steps of Euler's method."""
    drawn = new_figure(height=2.8)
    axes = drawn.subplots()
    about = result.rows("summary", model=model)[0]
    steps = [float(dt) for dt in dict.fromkeys(column(result, "course", "dt_ms", model=model, stepper="euler"))]
    kept = steps if len(steps) <= SHOWN else [steps[round(k * (len(steps) - 1) / (SHOWN - 1))] for k in range(SHOWN)]
    for colour, dt in in_colours(kept):
        time, hits = (
            column(result, "course", name, model=model, stepper="euler", dt_ms=dt) for name in ("time_ms", "accuracy")
        )
        axes.plot(time, hits, ".-", color=colour, label=f"dt = {dt:g} ms", markersize=4)
    axes.axhline(1 / int(about["classes"]), color="0.6", linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1.12)
    mark_images(axes, [(0.0, float(about["image_ms"]), "image")])
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    tidy(axes, "time from onset (ms)", "accuracy")
    return drawn


def _columns(rows: Sequence[Row], name: str) -> tuple[list[float], list[float]]:
    return [float(row["dt_ms"]) for row in rows], [float(row[name]) for row in rows]


def _with_bars(axes: Axes, rows: Sequence[Row], name: str, label: str, **style: Any) -> None:
    """A column against the step, with its 95 % intervals."""
    rows = [row for row in rows if name in row]
    dts, values = _columns(rows, name)
    ends = [[abs(float(row.get(f"{name}_{end}", row[name])) - float(row[name])) for row in rows] for end in ENDS]
    axes.errorbar(dts, values, ends, capsize=2, markersize=4, label=label, **style)

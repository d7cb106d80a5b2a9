"""Figure and table of summation in time and of contrast."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.effects.latency import plot_intervals, with_interval
from cordsnet.report.figures import in_colours, mark_images, new_figure, tidy
from cordsnet.report.page import Section, Table
from cordsnet.report.rows import column, models_of, values_of


def summary(result: Result) -> Table:
    """Index of summation for each area and each amount that is doubled."""
    rows = []
    for row in result.rows("summation"):
        unit = " ms" if row["of"] == "duration" else ""
        doubled = f"{float(row['amount']):g} to {2 * float(row['amount']):g}{unit}"
        words = (str(row["model"]), str(row["area"]), str(row["of"]), doubled)
        rows.append((*words, with_interval(row, "index"), str(row["images"])))
    return Table(("model", "area", "doubled", "from and to", "index", "images"), rows)


def sections(result: Result) -> list[Section]:
    """The numbers, and one figure for each model."""
    text = (
        "Mean rate above that of trials without an image, summed from onset to the end of the trial, over what a "
        "linear network would answer; in brackets the 95 % interval over images. The linear answer to twice the "
        "duration is the response to the single duration and the same again when that is over; to twice the contrast, "
        "it is twice the response. Contrast scales the image about the blank. Below 1 summation is sub-additive."
    )
    return [Section("Index of summation", text, tables=(summary(result),))] + [
        Section(f"Summation, {model}", _caption(result, model), figure(result, model), name=f"summation_{k}")
        for k, model in enumerate(models_of(result, "summation"))
    ]


def figure(result: Result, model: str) -> Figure:
    """Rates over time for the longest image, and the index against duration and against contrast."""
    drawn = new_figure()
    course, long, strong = drawn.subplots(1, 3, width_ratios=(1.3, 1, 1))
    _plot_courses(course, result, model)
    for axes, of in ((long, "duration"), (strong, "contrast")):
        for colour, area in in_colours(values_of(result, "summation", "area", model=model)):
            rows = [row for row in result.rows("summation", model=model, area=area, of=of) if "index" in row]
            plot_intervals(axes, rows, "amount", "index", colour, area)
        axes.axhline(1.0, color="0.6", linewidth=0.8, linestyle=":")
        axes.set_xscale("log", base=2)
        amounts = sorted({float(row["amount"]) for row in result.rows("summation", model=model, of=of)})
        axes.set_xticks(amounts, [f"{amount:g}" for amount in amounts])
    low, high = (pick(axes.get_ylim()[k] for axes in (long, strong)) for k, pick in enumerate((min, max)))
    for axes in (long, strong):
        axes.set_ylim(low, high)
    course.legend(frameon=False, fontsize=8)
    tidy(long, "duration that is doubled (ms)", "response / linear response")
    tidy(strong, "contrast that is doubled", "")
    return drawn


def _plot_courses(axes: Axes, result: Result, model: str) -> None:
    """Mean rates for twice the longest duration, and dashed what a linear network would answer."""
    durations = sorted({float(row["amount"]) for row in result.rows("summation", model=model, of="duration")})
    ms = durations[-1]
    for colour, area in in_colours(values_of(result, "summation", "area", model=model)):
        time = column(result, "rates", "time_ms", model=model, area=area, duration_ms=ms)
        single, double = (
            column(result, "rates", "above_blank", model=model, area=area, duration_ms=one) for one in (ms, 2 * ms)
        )
        linear = single.copy()
        linear[time > time[0] + ms - 1e-6] += single[time <= time[-1] - ms + 1e-6]
        axes.plot(time, double, color=colour, label=area)
        axes.plot(time, linear, color=colour, linestyle="--")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.2 * (high - low))
    mark_images(axes, [(0.0, 2 * ms, "image")])
    tidy(axes, "time from onset (ms)", "mean rate above blank")


def _caption(result: Result, model: str) -> str:
    rows = result.rows("summation", model=model)
    return (
        "Left: mean rate for twice the longest duration; dashed, the answer of a linear network. Middle and right: "
        "index of summation against what is doubled. Dotted: linear. Bars: 95 % intervals over "
        f"n = {rows[0]['images']} images."
    )

"""Figure and table of repetition suppression."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.effects.latency import plot_intervals, with_interval
from cordsnet.report.figures import in_colours, legend_below, mark_images, new_figure, tidy
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Section, Table
from cordsnet.report.rows import column, models_of, values_of


def summary(result: Result) -> Table:
    """Second response over the first response to the same image, for each area, gap and image before."""
    rows = []
    for row in result.rows("adaptation", before="same"):
        where = {name: row[name] for name in ("model", "area", "gap_ms")}
        (other,) = result.rows("adaptation", before="other", **where)
        left = show_number(float(row["with_what_is_left"])) if "with_what_is_left" in row else "-"
        numbers = (with_interval(row, "ratio"), with_interval(other, "ratio"), left, str(row["images"]))
        rows.append((str(row["model"]), str(row["area"]), f"{float(row['gap_ms']):g}", *numbers))
    named = ("after itself", "after another image", "after itself, with what is left")
    return Table(("model", "area", "gap (ms)", *named, "images"), rows)


def sections(result: Result) -> list[Section]:
    """The numbers, and one figure for each model."""
    text = (
        "Mean rate that an image adds when it comes second, above trials with the first image alone, over "
        "the response to the same image when it came first, above trials without images; in brackets the 95 % interval "
        "over images. Below 1 the image is suppressed. Every image comes first once, and second once after itself and "
        "once after an image of another class. The last number also counts activity that is left of the first image "
        "as response to the second."
    )
    return [Section("Second response over the first", text, tables=(summary(result),))] + [
        Section(f"Adaptation, {model}", _caption(result, model), figure(result, model), name=f"adaptation_{k}")
        for k, model in enumerate(models_of(result, "adaptation"))
    ]


def figure(result: Result, model: str) -> Figure:
    """Mean rates over time at the shortest gap, and the ratio of responses against the gap."""
    drawn = new_figure()
    course, ratios = drawn.subplots(1, 2)
    for colour, area in in_colours(values_of(result, "adaptation", "area", model=model)):
        time, rate = (column(result, "rates", name, model=model, area=area) for name in ("time_ms", "mean_rate"))
        course.plot(time, rate, color=colour, label=area)
        for before, style, name in (
            ("same", "o-", f"{area}, after itself"),
            ("other", "s--", f"{area}, after another"),
        ):
            rows = result.rows("adaptation", model=model, area=area, before=before)
            plot_intervals(ratios, [row for row in rows if "ratio" in row], "gap_ms", "ratio", colour, name, style)
    gap = min(float(row["gap_ms"]) for row in result.rows("adaptation", model=model))
    stop = float(column(result, "rates", "time_ms", model=model).max())
    image = (stop - gap) / 2
    low, high = course.get_ylim()
    course.set_ylim(low, high + 0.2 * (high - low))
    mark_images(course, [(0.0, image, "image"), (image + gap, stop, "again")])
    ratios.axhline(1.0, color="0.6", linewidth=0.8, linestyle=":")
    ratios.set_xticks(sorted({float(row["gap_ms"]) for row in result.rows("adaptation", model=model)}))
    legend_below(drawn, *ratios.get_legend_handles_labels())
    tidy(course, "time from first onset (ms)", "mean rate (arbitrary units)")
    tidy(ratios, "gap (ms)", "second response / first")
    return drawn


def _caption(result: Result, model: str) -> str:
    row = result.rows("adaptation", model=model)[0]
    return (
        "Left: mean rate over all images, the same image twice at the shortest gap. Right: what an image adds when it "
        "comes second over its own first response. Bars: 95 % intervals over "
        f"n = {row['images']} images. Dotted: no suppression."
    )

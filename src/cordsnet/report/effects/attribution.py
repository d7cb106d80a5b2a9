"""Figure and table of attribution over time."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.effects.latency import plot_intervals, with_interval
from cordsnet.report.figures import BLUE, ORANGE, VERMILION, mark_images, new_figure, tidy
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Section, Table, percent
from cordsnet.report.rows import column, models_of


def summary(result: Result) -> Table:
    """Completeness error with the most points, and since when half of the evidence enters."""
    rows = []
    for row in result.rows("summary"):
        last = result.rows("completeness", model=row["model"])[-1]
        half = f"{show_number(float(row['half_ms']))} of {float(row['image_ms']):g}" if "half_ms" in row else "-"
        numbers = (str(last["points"]), with_interval(last, "error"), show_number(float(last["largest"])), half)
        rows.append((str(row["model"]), *numbers, percent(float(row["accuracy"])), str(row["images"])))
    named = ("points", "completeness error", "largest", "half of the evidence enters from (ms)", "accuracy")
    return Table(("model", *named, "images"), rows)


def sections(result: Result) -> list[Section]:
    """The numbers, and one figure for each model."""
    text = (
        "The score of the network's own answer at the end of the image is attributed to what is shown at each time, by "
        "integrated gradients through the whole simulation, from a field of zeros to the image. The completeness error "
        "is the mean distance between their sum and the difference of scores, over the mean difference; the largest is "
        "that of one image over its own difference. What is shown too late to reach the readout before the end weighs "
        "nothing. In brackets 95 % intervals over images."
    )
    return [Section("Completeness and time", text, tables=(summary(result),))] + [
        Section(f"Attribution, {model}", _caption(result, model), figure(result, model), name=f"attribution_{k}")
        for k, model in enumerate(models_of(result, "summary"))
    ]


def figure(result: Result, model: str) -> Figure:
    """Evidence per ms over time, and completeness error against the number of points."""
    drawn = new_figure()
    time, error = drawn.subplots(1, 2, width_ratios=(1.5, 1))
    rows = result.rows("evidence", model=model)
    placed = [row | {"middle": (float(row["start_ms"]) + float(row["end_ms"])) / 2} for row in map(dict, rows)]
    shown = [row for row in placed if "share_per_ms" in row]
    plot_intervals(time, shown, "middle", "share_per_ms", BLUE, "integrated gradients")
    plain = column(result, "evidence", "gradient_x_input", model=model)
    time.plot([row["middle"] for row in placed], plain, color=ORANGE, linestyle="--", label="gradient x input")
    time.axhline(0.0, color="0.6", linewidth=0.8, linestyle=":")
    low, high = time.get_ylim()
    time.set_ylim(low, high + 0.2 * (high - low))
    mark_images(time, [(0.0, float(placed[-1]["end_ms"]), "image")])
    time.legend(frameon=False, fontsize=8)
    points = result.rows("completeness", model=model)
    positive = [row for row in points if float(row.get("error", 0)) > 0]
    plot_intervals(error, list(positive), "points", "error", VERMILION, model)
    error.set_xscale("log", base=2)
    error.set_yscale("log")
    error.axhline(1e-3, color="0.6", linewidth=0.8, linestyle=":")
    tidy(time, "time from onset (ms)", "evidence (share per ms)")
    tidy(error, "points on the path", "completeness error")
    return drawn


def _caption(result: Result, model: str) -> str:
    rows = result.rows("completeness", model=model)
    return (
        "Left: evidence for the answer at the end that enters at each time, per ms, as a share of all. Right: "
        "completeness error against the number of points on the path; dotted, the error that is accepted. Bars: 95 % "
        f"intervals over n = {rows[0]['images']} images."
    )

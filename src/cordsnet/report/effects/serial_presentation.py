"""Figure and table of rapid serial presentation."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.effects.latency import plot_intervals
from cordsnet.report.figures import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILION,
    in_colours,
    legend_below,
    mark_images,
    new_figure,
    tidy,
)
from cordsnet.report.page import Section, Table, percent
from cordsnet.report.rows import column, models_of

CURVES = (
    ("alone", "none", GREEN, "o-"),
    ("inner", "blank", ORANGE, "s-"),
    ("inner", "none", VERMILION, "o-"),
    ("first", "none", BLUE, "<:"),
    ("last", "none", BLUE, ">--"),
)
NAMES = {
    ("alone", "none"): "alone",
    ("inner", "blank"): "between others, with blanks",
    ("inner", "none"): "between others",
    ("first", "none"): "first of a stream",
    ("last", "none"): "last of a stream",
}


def summary(result: Result) -> Table:
    """Accuracy for each duration and place in the stream, with the lag at which it is read."""
    rows = []
    for row in result.rows("accuracy"):
        named = NAMES.get((str(row["place"]), str(row["between"])))
        if named is None:  # ends of streams with blanks
            continue
        accuracy = percent(float(row["accuracy"]))
        if "low" in row:
            accuracy += f" [{percent(float(row['low']))}, {percent(float(row['high']))}]"
        words = (str(row["model"]), f"{float(row['image_ms']):g}", named)
        rows.append((*words, accuracy, f"{float(row['lag_ms']):g}", str(row["images"])))
    return Table(("model", "image (ms)", "where", "accuracy", "lag (ms)", "images"), rows)


def sections(result: Result) -> list[Section]:
    """The numbers, and one figure for each model."""
    text = (
        "An image is read from the mean score over a window as long as the image, which begins a lag after its onset. "
        "The lag is one for all images and positions, the best one for half of the images; accuracy is that on the "
        "other half, in brackets with its 95 % interval over images. Every image comes at every position of some "
        "stream, and neighbours differ in class. The first image of a stream has no image before it, and the last none "
        "after it, so that their accuracies below that of the image alone are backward and forward masking. Blanks are "
        "as long as the images."
    )
    return [Section("Accuracy in streams of images", text, tables=(summary(result),))] + [
        Section(f"Streams, {model}", _caption(result, model), figure(result, model), name=f"serial_presentation_{k}")
        for k, model in enumerate(models_of(result, "accuracy"))
    ]


def figure(result: Result, model: str) -> Figure:
    """Accuracy against how long images stay, and against the lag."""
    drawn = new_figure(height=3.4)
    against, lags = drawn.subplots(1, 2)
    for place, between, colour, style in CURVES:
        rows = sorted(
            result.rows("accuracy", model=model, place=place, between=between), key=lambda row: float(row["image_ms"])
        )
        plot_intervals(against, list(rows), "image_ms", "accuracy", colour, NAMES[place, between], style)
    durations = sorted({float(row["image_ms"]) for row in result.rows("accuracy", model=model)})
    for colour, ms in in_colours(durations):
        time, accuracy = (
            column(result, "lags", name, model=model, image_ms=ms, place="inner", between="none")
            for name in ("lag_ms", "accuracy")
        )
        lags.plot(time, accuracy, color=colour, label=f"{ms:g} ms")
    chance = float(result.rows("accuracy", model=model)[0]["chance"])
    for axes in (against, lags):
        axes.axhline(chance, color="0.6", linewidth=0.8, linestyle=":")
        axes.set_ylim(0, 1.12)
    mark_images(lags, [(0.0, durations[0], "")])
    against.set_xscale("log", base=2)
    against.set_xticks(durations, [f"{ms:g}" for ms in durations])
    lags.legend(frameon=False, fontsize=8, title="image", title_fontsize=8)
    legend_below(drawn, *against.get_legend_handles_labels())
    tidy(against, "image (ms)", "accuracy")
    tidy(lags, "lag after onset (ms)", "accuracy between others")
    return drawn


def _caption(result: Result, model: str) -> str:
    rows = result.rows("accuracy", model=model)
    return (
        "Left: accuracy at the best lag against how long each image stays. Right: accuracy on images between others, "
        "without blanks, against the lag; the bar is the shortest image. Dotted: chance. Bars: 95 % intervals over "
        f"n = {rows[0]['images']} images."
    )

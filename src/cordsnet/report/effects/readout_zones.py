"""Figure and tables of what a state does after the first right answer."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.effects.latency import with_interval
from cordsnet.report.figures import BLUE, VERMILION, in_colours, new_figure, tidy
from cordsnet.report.page import Section, Table, percent
from cordsnet.report.rows import column, models_of

SIGNALS = {"scores": (BLUE, "scores"), "top_area": (VERMILION, "top area")}


def summary(result: Result) -> Table:
    """Shares of trials, and what is left to go at the first right answer."""
    heads = ("model", "become right", "stay right", "first right (ms)", "scores still to go", "top area still to go")
    rows = []
    for row in result.rows("trials"):
        shares = [
            percent(float(row[name])) if name in row else "-"
            for name in ("stay_right", "scores_still_to_go", "top_area_still_to_go")
        ]
        first = f"{float(row['first_right_ms']):.0f}" if "first_right_ms" in row else "-"
        turned = f"{row['become_right']} of {row['images']}"
        rows.append((str(row["model"]), turned, shares[0], first, *shares[1:]))
    return Table(heads, rows)


def sections(result: Result) -> list[Section]:
    """The numbers, and one figure for all models."""
    text = (
        "A trial becomes right at the first right answer after onset; trials that are right before the image has an "
        "effect are left out. Still to go: distance between the state at that time and the last, as a share of the "
        "response, which is the distance between the states at onset and at the end."
    )
    speeds = [
        (str(row["model"]), str(row["signal"]), str(row["when"]), with_interval(row, "speed"))
        for row in result.rows("speed")
    ]
    about = "Norm of the change per ms, as a share of the response; in brackets the 95 % interval over images."
    return [
        Section("First right answers", text, tables=(summary(result),)),
        Section("Speed", about, tables=(Table(("model", "signal", "when", "speed (1/ms)"), speeds),)),
        *(
            Section(f"After the first right answer, {model}", _caption(result, model), figure(result, model), name=name)
            for name, model in ((f"zones_{k}", model) for k, model in enumerate(models_of(result, "aligned")))
        ),
    ]


def figure(result: Result, model: str) -> Figure:
    """Speed of scores and top area, and share of right answers, around the first right answer."""
    drawn = new_figure()
    speeds, right = drawn.subplots(1, 2, sharex=True)
    time = column(result, "aligned", "lag_ms", model=model)
    for key, (colour, name) in SIGNALS.items():
        speeds.plot(time, column(result, "aligned", key, model=model), color=colour, label=name)
    speeds.set_ylim(0, 1.2 * speeds.get_ylim()[1])
    (colour, _), *_rest = in_colours([model])
    right.plot(time, column(result, "aligned", "right", model=model), color=colour)
    for axes in (speeds, right):
        axes.axvline(0.0, color="0.6", linewidth=0.8, linestyle=":")
    right.set_ylim(0, 1.05)
    speeds.legend(frameon=False, fontsize=8)
    tidy(speeds, "time from the first right answer (ms)", "speed\n(share of the response per ms)")
    tidy(right, "time from the first right answer (ms)", "share of right answers")
    return drawn


def _caption(result: Result, model: str) -> str:
    images = max(int(row["images"]) for row in result.rows("aligned", model=model))
    return (
        f"Means over n = {images} images that become right, each aligned to its first right answer (dotted), while "
        "their trials last. The image stays."
    )

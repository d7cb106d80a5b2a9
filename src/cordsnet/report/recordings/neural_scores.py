"""Figures and tables of models and a recording of neurons."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.experiments.result import Row
from cordsnet.report.effects.latency import with_interval
from cordsnet.report.figures import BLUE, VERMILION, WIDTH, in_colours, new_figure, tidy
from cordsnet.report.page import Section, Table, as_table
from cordsnet.report.rows import column, values_of

HEADS = ("model", "area", "r pooled", "mean time course", "r, bin means removed", "ceiling", "explained")


def summary(result: Result) -> Table:
    """The area of every model that was chosen, by both measures."""
    rows = []
    for model in values_of(result, "neural_scores", "model"):
        pooled, centred = (_chosen(result, model, measure) for measure in ("pooled", "centred"))
        rows.append(
            (
                model,
                str(pooled.get("area") or "-"),
                _number(pooled, "r", "error"),
                _number(pooled, "mean_time_course"),
                _number(centred, "r", "error"),
                _number(pooled, "ceiling"),
                _number(pooled, "explained"),
            )
        )
    return Table(HEADS, rows)


def sections(result: Result) -> list[Section]:
    """Scores, differences with intervals, r over time, and all areas."""
    meta = result.meta
    text = (
        f"{meta['source']} Correlation of predicted and recorded responses of {meta['neurons']} neurons to held-out "
        f"images (n = {meta['images']}), median over neurons, mean and standard error over splits. The mean time "
        "course is what a predictor reaches that knows only the mean of each bin. Explained: r squared over the "
        "reliability."
    )
    parts = [Section("Models and neurons", text, figure(result), (summary(result),), "neural_scores")]
    heads = ("model", "less", "difference of r", "p", "neurons")
    rows = []
    for row in result.rows("comparisons"):
        said = with_interval(row, "difference"), f"{row['p_value']:.3g}", str(row["neurons"])
        rows.append((str(row["model"]), str(row["less"]), *said))
    about = (
        "Means over neurons on the same splits; in brackets 95 % bootstrap intervals over images and neurons; p of a "
        "sign-flip test over neurons. Pixels and Gabor filters are compared with each bin's mean removed."
    )
    parts.append(Section("Differences", about, tables=(Table(heads, rows),)))
    if len(meta["bins_ms"]) > 1:
        over = "r in each time bin, median over neurons; bands: standard errors over splits; dotted: noise ceiling."
        parts.append(Section("Over time", over, over_time(result), name="neural_time"))
    every = {name: name for name in ("model", "area", "chosen", "choice", "measure", "r", "error")}
    every["choice"] = "r on the images that choose"
    parts.append(Section("All areas", "", tables=(as_table(result.rows("neural_scores"), every),)))
    return parts


def figure(result: Result) -> Figure:
    """Pooled and centred r of every model, with the mean time course and the ceiling."""
    drawn = new_figure(WIDTH)
    axes = drawn.subplots()
    models = values_of(result, "neural_scores", "model")
    for colour, measure, shift in ((BLUE, "pooled", -0.15), (VERMILION, "centred", 0.15)):
        rows = [_chosen(result, model, measure) for model in models]
        places = [k + shift for k in range(len(models))]
        values, errors = ([float(row.get(name, float("nan"))) for row in rows] for name in ("r", "error"))
        label = {"pooled": "bins pooled", "centred": "each bin's mean removed"}[measure]
        axes.errorbar(places, values, errors, fmt="o", color=colour, label=label, capsize=2, markersize=4)
    rows = [_chosen(result, model, "pooled") for model in models]
    known = [float(row["mean_time_course"]) for row in rows if "mean_time_course" in row]
    if known:
        axes.axhline(known[0], color="0.5", linestyle="--", linewidth=1, label="mean time course, pooled")
    ceilings = [float(row["ceiling"]) for row in rows if "ceiling" in row]
    if ceilings:
        axes.axhline(ceilings[0] ** 0.5, color="0.3", linestyle=":", linewidth=1, label="root of the reliability")
    axes.set_xticks(range(len(models)), models, rotation=25, ha="right", fontsize=8)
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), None)
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, "", "r on held-out images")
    return drawn


def over_time(result: Result) -> Figure:
    """r in each bin of every model."""
    drawn = new_figure(WIDTH)
    axes = drawn.subplots()
    for colour, model in in_colours(values_of(result, "time", "model")):
        time, r, error = (column(result, "time", name, model=model) for name in ("time_ms", "r", "error"))
        axes.plot(time, r, "-", color=colour, label=model, linewidth=1.5)
        axes.fill_between(time, r - error, r + error, color=colour, alpha=0.2, linewidth=0)
    ceiling = column(result, "time", "ceiling", model=model)
    axes.plot(time, ceiling.clip(0) ** 0.5, ":", color="0.3", linewidth=1)
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, "time from onset (ms)", "r on held-out images")
    return drawn


def _chosen(result: Result, model: str, measure: str) -> Row:
    """The row of the area of a model that was chosen."""
    return result.rows("neural_scores", model=model, measure=measure, chosen=True)[0]


def _number(row: Row, name: str, error: str = "") -> str:
    """A number with its standard error; "-" where it was not measured."""
    if name not in row:
        return "-"
    said = f"{float(str(row[name])):.3f}"
    return f"{said} ± {float(str(row[error])):.3f}" if error and error in row else said

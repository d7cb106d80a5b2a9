"""Figures and tables of models beside animals."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.experiments.result import Row
from cordsnet.report.effects.latency import with_interval
from cordsnet.report.figures import BLUE, WIDTH, in_colours, new_figure, tidy
from cordsnet.report.page import Section, Table, as_table
from cordsnet.report.printed import shared_notes
from cordsnet.report.rows import column, values_of

ONE_ANIMAL = "populations of which some are of the same animal"


def _heads(result: Result) -> tuple[str, ...]:
    animals = _who(result, "halves", "populations")
    return ("model", "area", f"with {animals}", f"{animals} with one another", "difference", "verdict")


def summary(result: Result) -> Table:
    """Every model with the area that was chosen."""
    rows = [
        (
            str(row["model"]),
            str(row["area"] or "-"),
            f"{row['agreement']:.3f}",
            f"{row['animals']:.3f}",
            with_interval(row, "difference"),
            str(row["verdict"]),
        )
        for row in result.rows("between", chosen=True)
    ]
    return Table(_heads(result), rows)


def sections(result: Result) -> list[Section]:
    """Models beside the bar, over time, pairs of animals, and all areas."""
    meta, options = result.meta, result.meta["options"]
    who = _who(result, "halves of one session, which are no animals", ONE_ANIMAL)
    counts = ", ".join(f"{name} ({number} neurons)" for name, number in meta["animals"].items())
    text = (
        f"{meta['source']} Populations: {counts}; {who}. Agreement ({options['method']}) of the {options['metric']} "
        f"distances between responses to {meta['images']} images. Dashed: agreement of these populations with one "
        f"another, the bar. In brackets and as bars 95 % intervals of the difference; {meta['status']}. A model passes "
        "where the interval lies at or above 0 and fails where it lies below."
    )
    parts = [Section("Models and the bar", text, figure(result), (summary(result),), "neural_between")]
    if result.rows("time"):
        over = "Agreement of models in each bin less that of the populations with one another; bands: 95 % intervals."
        parts.append(Section("Over time", over, over_time(result), name="neural_between_time"))
    parts.append(Section("Pairs", "", tables=(as_table(result.rows("pairs")),)))
    every = {name: name for name in ("model", "area", "chosen", "choice", "agreement", "difference", "spread")}
    every |= {"choice": "agreement on the images that choose", "spread": "spread over populations"}
    parts.append(Section("All areas", "", tables=(as_table(result.rows("between"), every),)))
    notes = [(str(row["model"]), str(row["note"])) for row in shared_notes(result)]
    return [*parts, Section("Notes", "", tables=(Table(("model", "note"), notes, words=True),))]


def figure(result: Result) -> Figure:
    """Agreement of every model, with the interval of its difference from the bar around it."""
    rows = result.rows("between", chosen=True)
    drawn = new_figure(WIDTH, 1.2 + 0.3 * len(rows))
    axes = drawn.subplots()
    for k, row in enumerate(rows):
        bar = float(row["animals"])
        axes.plot([bar + _number(row, "low"), bar + _number(row, "high")], [k, k], "-", color=BLUE, linewidth=1.2)
        axes.plot(bar + _number(row, "difference"), k, "o", color=BLUE, markersize=4)
    axes.axvline(float(rows[0]["animals"]), color="0.3", linestyle="--", linewidth=1)
    axes.axvline(0.0, color="0.8", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows], fontsize=8)
    axes.invert_yaxis()
    who = _who(result, "halves of one session", "populations")
    tidy(axes, f"agreement with {who} (dashed: theirs with one another)", "")
    return drawn


def over_time(result: Result) -> Figure:
    """Difference from the bar in each bin."""
    drawn = new_figure(WIDTH)
    axes = drawn.subplots()
    for colour, model in in_colours(values_of(result, "time", "model")):
        time, value, low, high = (
            column(result, "time", name, model=model) for name in ("time_ms", "difference", "low", "high")
        )
        axes.plot(time, value, "-", color=colour, label=model, linewidth=1.5)
        axes.fill_between(time, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.axhline(0.0, color="0.3", linestyle="--", linewidth=1)
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, "time from onset (ms)", "agreement less that of the animals")
    return drawn


def _who(result: Result, halves: str, populations: str) -> str:
    """Word for what models are compared with: animals, halves, or populations of which some share an animal."""
    if result.meta["are_animals"]:
        return "animals"
    return halves if result.meta["options"]["divide"] == "halves" else populations


def _label(row: Row) -> str:
    return f"{row['model']}, {row['area']}" if row["area"] else str(row["model"])


def _number(row: Row, name: str) -> float:
    return float(row.get(name, float("nan")))

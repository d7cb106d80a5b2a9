"""Figure and tables of networks trained at coarse and at fine steps."""

from itertools import cycle

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from cordsnet.experiments import Result
from cordsnet.report.figures import WIDTH, in_colours, new_figure, tidy
from cordsnet.report.page import Section, Table, percent


def summary(result: Result) -> Table:
    """Mean accuracy, rows by step of training, columns by step of simulation."""
    trained, simulated = (_steps(result, name) for name in ("trained_ms", "simulated_ms"))
    rows = [
        (f"{dt:g} ms", *(percent(_cell(result, dt, at)) for at in simulated), str(_networks(result, dt)))
        for dt in trained
    ]
    return Table(("trained at", *(f"simulated at {at:g} ms" for at in simulated), "networks"), rows)


def sections(result: Result) -> list[Section]:
    """The figure with the table."""
    image, own = float(result.meta["image_ms"]), min(_steps(result, "simulated_ms"))
    counts = ", ".join(f"{image / dt:g} at {dt:g} ms" for dt in _steps(result, "trained_ms"))
    failed = sum(row["status"] != "finished" for row in result.rows("networks"))
    least = min((_networks(result, dt) for dt in _steps(result, "trained_ms")), default=0)
    text = (
        f"Images are shown for {image:g} ms from spontaneous activity, in training and test: {counts}, up to "
        f"{image / own:g} steps in simulation, all by Euler's method. Points: networks; lines: means over n = {least} "
        "or more networks for each step of training. The step of training is filled, the others are open. Networks of "
        f"one seed start from the same weights. Training that diverged: {failed} of {len(result.rows('networks'))}."
    )
    section = Section("Trained at one step, simulated at another", text, figure(result), (summary(result),), "coarse")
    return [section]


def figure(result: Result) -> Figure:
    """Accuracy against the step of simulation, a line for each step of training."""
    drawn = new_figure(WIDTH * 0.72)
    axes = drawn.subplots()
    simulated = _steps(result, "simulated_ms")
    finished = result.rows("networks", status="finished")
    for marker, (colour, dt) in zip(cycle("os^D"), in_colours(_steps(result, "trained_ms")), strict=False):
        means = [_cell(result, dt, at) for at in simulated]
        axes.plot(simulated, means, "-", color=colour, label=f"trained at {dt:g} ms", linewidth=1.5)
        for row in (row for row in finished if row["trained_ms"] == dt):
            for at in simulated:
                face = colour if at == dt else "white"
                axes.plot(at, float(row[f"accuracy/{at:g}"]), marker, color=colour, mfc=face, markersize=5)
    axes.set_xscale("log", base=2)
    axes.set_xticks(simulated)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, 1.05)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    tidy(axes, "step dt of simulation (ms)", "test accuracy")
    return drawn


def _steps(result: Result, name: str) -> list[float]:
    """Different values of a column of steps, coarsest first."""
    return sorted({float(row[name]) for row in result.rows("accuracy")}, reverse=True)


def _cell(result: Result, trained: float, simulated: float) -> float:
    (row,) = result.rows("accuracy", trained_ms=trained, simulated_ms=simulated)
    return float(row.get("accuracy", float("nan")))


def _networks(result: Result, trained: float) -> int:
    return max(int(row["networks"]) for row in result.rows("accuracy", trained_ms=trained))

"""The page of a comparison: rows are models, columns claims; each cell its verdict, number, interval and page."""

import urllib.parse

from cordsnet.experiments import Result
from cordsnet.experiments.claims import FAILS, HOLDS, UNDECIDED
from cordsnet.experiments.result import Row
from cordsnet.report.compare_overview import overview, worst
from cordsnet.report.numbers import show_estimate
from cordsnet.report.page import Section, Table, Verdict, as_table
from cordsnet.report.rows import values_of
from cordsnet.report.titles import experiment_title

PAGE = "report.html"
MODELS = {
    "model": "model",
    "kind": "kind",
    "parameters": "parameters",
    "clock": "clock",
    "trained_on": "trained on",
    "runs": "networks",
}
SKIPPED = {"model": "model", "part": "experiment", "reason": "reason"}
CORRECTED = (
    "decides every claim for itself. Here verdicts are those with Holm's correction: a claim is "
    "decided only if the chance that any claim of this page is decided wrongly stays below 5 %. A verdict that stood "
    "alone and does not survive it is marked with an asterisk. Intervals are 95 %, each for itself: over images where "
    "a row is one network, over networks where it is several. A model trained on nothing has random weights, and its "
    "verdicts say nothing about the kind of model."
)


def sections(result: Result) -> list[Section]:
    """The overview, a table for each experiment, the models, and who was left out of what."""
    found = [opening(result)]
    for experiment in values_of(result, "cells", "experiment"):
        found.append(Section(experiment_title(experiment), "", tables=(matrix(result, experiment),)))
    return [*found, *closing(result)]


def opening(result: Result, where: str = "above") -> Section:
    """The overview; `where` is the place of the table of claims."""
    return Section("Overview", f"The table {where} {CORRECTED}", overview(result), name="overview")


def closing(result: Result) -> list[Section]:
    """The models, and who was left out of what."""
    found = [Section("Models", "", tables=(as_table(result.rows("models"), MODELS),))]
    if skipped := result.rows("skipped"):
        found.append(Section("Left out", "", tables=(as_table(skipped, SKIPPED, most=1000),)))
    return found


def summary(result: Result) -> Table:
    """Count the claims that hold, fail and are undecided for each model, corrected."""
    rows = []
    for model in values_of(result, "models", "model"):
        cells = [cell["corrected"] for cell in result.rows("cells", model=model) if "value" in cell]
        left = len({row["part"] for row in result.rows("skipped", model=model)})
        rows.append((str(model), *(str(cells.count(verdict)) for verdict in (HOLDS, FAILS, UNDECIDED)), str(left)))
    return Table(("model", "hold", "fail", "undecided", "experiments left out"), rows)


def matrix(result: Result, experiment: str) -> Table:
    """One experiment: rows are models, columns its claims."""
    claims = [str(name) for name in values_of(result, "cells", "claim", experiment=experiment)]
    rows = []
    for model in values_of(result, "cells", "model", experiment=experiment):
        found: list[str] = [str(model)]
        for claim in claims:
            cells = result.rows("cells", experiment=experiment, model=model, claim=claim)
            found.append(_shown(cells))
        rows.append(found)
    return Table(("model", *(name.replace("_", " ") for name in claims)), rows, words=True)


def _shown(cells: tuple[Row, ...]) -> str:
    """The cell of a model and a claim; of several subjects, all of them."""
    measured = [cell for cell in cells if "value" in cell]
    if not measured:
        return "not measured" if cells else "-"
    texts = [_number(cell) for cell in measured]
    page = f"{urllib.parse.quote(str(measured[0]['folder']))}/{PAGE}"
    verdicts = [str(cell["corrected"]) for cell in measured]
    return Verdict("; ".join(texts), worst(verdicts), page)


def _number(cell: Row) -> str:
    """Verdict, number, interval and n."""
    word = "undecided" if cell["corrected"] == UNDECIDED else str(cell["corrected"])
    star = "*" if cell["corrected"] != cell["verdict"] else ""
    interval = (cell["low"], cell["high"]) if "low" in cell else None
    return f"{word}{star} {show_estimate(cell['value'], interval)}, n = {cell.get('n', 1)} {cell['of']}"

"""Verdicts of a comparison as Markdown: a table for each experiment, rows are claims and columns models."""

from cordsnet.experiments import Claim, Result
from cordsnet.experiments.claims import FAILS, HOLDS, UNDECIDED
from cordsnet.experiments.result import Row
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Table, markdown
from cordsnet.report.rows import values_of

CELLS = "cells.md"
MARKS: dict[str, str] = {HOLDS: "✓", FAILS: "✗", UNDECIDED: "?"}
LEGEND = (
    "✓ holds and ✗ fails, also with Holm's correction over all claims of the comparison; (✓) and (✗) for the claim "
    "alone; ? undecided. An empty cell was not measured, and the page of the comparison says why."
)


def crosstable(result: Result) -> str:
    """Markdown of all verdicts of a comparison; a verdict that does not survive Holm's correction is in parentheses."""
    models = [str(name) for name in values_of(result, "models", "model")]
    cells = result.rows("cells")
    shown = [model for model in models if any(cell["model"] == model for cell in cells)]
    parts, heads = [LEGEND], _short(shown)
    for experiment in values_of(result, "cells", "experiment"):
        rows = _rows(result, str(experiment), shown)
        table = Table(("claim", "holds if", *heads), rows, words=True)
        parts.append(f"### {str(experiment).replace('_', ' ')}\n\n{markdown(table).rstrip()}")
    return "\n\n".join(parts) + "\n"


def _short(models: list[str]) -> list[str]:
    """Names of models without the data set, where all were trained on the same."""
    ends = {model.partition("@")[2] for model in models}
    return [model.partition("@")[0] for model in models] if len(ends) == 1 else models


def _rows(result: Result, experiment: str, models: list[str]) -> list[tuple[str, ...]]:
    """Claims of one experiment, with a cell for each model."""
    of_claim: dict[str, list[tuple[Row, Claim]]] = {}
    for cell, claim in zip(result.rows("cells"), result.claims, strict=True):
        if cell["experiment"] == experiment:
            of_claim.setdefault(claim.name, []).append((cell, claim))
    found = []
    for pairs in of_claim.values():
        claim = pairs[0][1]
        by_model = ("; ".join(_shown(cell) for cell, _ in pairs if cell["model"] == model) for model in models)
        found.append((claim.statement, str(claim.expected), *by_model))
    return found


def _shown(cell: Row) -> str:
    """Number and mark of a cell; "" where nothing was measured."""
    if "value" not in cell:
        return ""
    own, corrected = str(cell["verdict"]), str(cell["corrected"])
    mark = MARKS[own] if own == corrected else f"({MARKS[own]})"
    return f"{show_number(float(str(cell['value'])))} {mark}"

"""The Markdown of a comparison has every number with both of its verdicts."""

from dataclasses import replace

import pytest

from cordsnet.experiments import Claim, Result
from cordsnet.experiments.claims import above
from cordsnet.report.crosstable import crosstable

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided at this scale"
CLAIM = Claim("reads", "It reads.", "a test", "accuracy less chance", above(0.0))


def compared(*found):
    """A comparison with one cell for each (model, value, verdict, corrected verdict)."""
    cells, claims = [], []
    for model, value, verdict, corrected in found:
        cell = {"model": model, "experiment": "time_course", "claim": "reads", "verdict": verdict}
        cells.append(cell | {"corrected": corrected} | ({} if value is None else {"value": value}))
        claims.append(replace(CLAIM, subject=model, value=value))
    models = [{"model": model} for model in dict.fromkeys(model for model, *_ in found)]
    return Result({"cells": tuple(cells), "models": tuple(models)}, claims=tuple(claims))


def row_of(page):
    head, _, row = (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| "))
    return dict(zip(head, row, strict=False))


@pytest.mark.parametrize(
    ("verdict", "corrected", "mark"),
    [
        (HOLDS, HOLDS, "✓"),
        (HOLDS, UNDECIDED, "(✓)"),
        (FAILS, FAILS, "✗"),
        (FAILS, UNDECIDED, "(✗)"),
        (UNDECIDED, UNDECIDED, "?"),
    ],
)
def test_a_verdict_alone_and_one_that_survives_the_correction_look_different(verdict, corrected, mark):
    row = row_of(crosstable(compared(("net", 0.25, verdict, corrected))))
    assert row == {"claim": "It reads.", "holds if": "above 0", "net": f"0.25 {mark}"}


def test_rounding_is_zero_and_what_was_not_measured_is_empty():
    page = crosstable(compared(("one", -6.7e-18, UNDECIDED, UNDECIDED), ("two", None, UNDECIDED, UNDECIDED)))
    assert "| 0 ? |  |" in page
    assert "### time course" in page


def test_several_subjects_of_a_model_share_its_cell():
    page = crosstable(compared(("net", 0.5, HOLDS, HOLDS), ("net", 0.1, HOLDS, UNDECIDED)))
    assert row_of(page)["net"] == "0.5 ✓; 0.1 (✓)"


def test_the_data_set_is_left_out_where_it_is_the_same_for_all():
    same = crosstable(compared(("a@digits", 1.0, HOLDS, HOLDS), ("b@digits", 1.0, HOLDS, HOLDS)))
    assert "| a | b |" in same
    other = crosstable(compared(("a@digits", 1.0, HOLDS, HOLDS), ("a@mnist", 1.0, HOLDS, HOLDS)))
    assert "| a@digits | a@mnist |" in other

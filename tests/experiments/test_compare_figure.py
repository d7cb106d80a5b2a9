"""The figure of a comparison: nothing is cut off or printed over something else, whatever the counts."""

import itertools
import warnings

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cordsnet.experiments import Result
from cordsnet.report.compare_overview import KEY, LEFT_OUT, overview

VERDICTS = ("holds", "fails", "undecided at this scale")


def result(models, experiments, claims):
    """A comparison with these counts; the last model was left out of everything where there are several."""
    names = [f"cordsnet_r2_small_{k}@digits" for k in range(models)]
    turns = itertools.cycle(VERDICTS)
    cells = [
        {"model": name, "experiment": f"serial_presentation_{e}", "claim": f"fewer_steps_cost_first_{e}_{c}"}
        | {"value": 1.0, "corrected": next(turns), "folder": "x"}
        for name in (names[:-1] or names)
        for e in range(experiments)
        for c in range(claims)
    ]
    return Result({"models": [{"model": name} for name in names], "cells": cells})


@pytest.mark.parametrize(("models", "experiments", "claims"), [(1, 3, 2), (3, 3, 5), (4, 17, 5), (14, 17, 5)])
def test_names_are_within_the_figure_and_apart(models, experiments, claims):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = overview(result(models, experiments, claims))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    (axes,) = figure.axes
    boxes = {text: text.get_window_extent(canvas.get_renderer()) for text in axes.texts if text.get_text()}
    whole = figure.bbox
    for text, box in boxes.items():
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1
        assert inside, text.get_text()
    level = [box for text, box in boxes.items() if not text.get_rotation() and len(text.get_text()) > 1]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(level, 2))
    shown = [text.get_text() for text in axes.texts]
    assert KEY in shown
    for name in [f"fewer steps cost first {e} {c}" for e in range(experiments) for c in range(claims)]:
        assert shown.count(name) == 1
    heads = shown.count("cordsnet_r2_small_0@digits")
    assert heads == shown.count(f"cordsnet_r2_small_{models - 1}@digits") >= 1
    assert len(axes.patches) == models * experiments * claims


def test_a_claim_about_several_subjects_shows_the_worst_and_a_missing_one_is_blank():
    one = result(2, 1, 2)
    first = one.rows("cells")[0]
    pair = [first | {"corrected": verdict, "subject": verdict} for verdict in ("holds", "fails")]
    unmeasured = {k: v for k, v in one.rows("cells")[1].items() if k != "value"}
    figure = overview(Result({"models": one.rows("models"), "cells": [*pair, unmeasured]}))
    signs = [text.get_text() for text in figure.axes[0].texts if len(text.get_text()) < 2]
    assert signs == ["-", "", "", ""]
    assert LEFT_OUT not in signs

"""The figure of a comparison: all names are on it."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cordsnet.experiments import Result
from cordsnet.report.compare_overview import overview


@pytest.mark.parametrize("count", [1, 3, 12])
def test_names_of_models_and_claims_fit_in_the_figure(count):
    claims = [("speed", f"a_claim_whose_name_is_long_{k}") for k in range(14)]
    models = [{"model": f"a_network_of_some_kind_{k}@digits"} for k in range(count)]
    found = [
        {"model": row["model"], "experiment": experiment, "claim": claim, "value": 1.0, "corrected": "holds"}
        for row in models
        for experiment, claim in claims
    ]
    drawn = overview(Result({"cells": found, "models": models}))
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    (axes,) = drawn.axes
    width, height = canvas.get_width_height()
    assert {label.get_text() for label in axes.texts} >= {row["model"] for row in models}
    for label in axes.texts:
        box = label.get_window_extent(canvas.get_renderer())
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= width + 1
        assert box.y1 <= height + 1

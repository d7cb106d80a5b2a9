"""Legends of figures name every model, and lie within the figure."""

import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cordsnet.experiments import Result
from cordsnet.report.challenge_models import against_size
from cordsnet.report.figures import in_styles
from cordsnet.report.masking_models import READS
from cordsnet.report.masking_models import figure as masking
from cordsnet.report.time_course import accuracy_over_time, baseline_distance


def time_course(models):
    """A time course of so many models with long names."""
    names = [f"cordsnet_r2_small_{k}@digits" for k in range(models)]
    times = {"trained_ms": 200.0, "offset_ms": 400.0, "second_onset_ms": 600.0, "classes": 10}
    course = [
        {"model": name, "time_ms": ms, "first": k / 12, "second": 0.1, "distance": 1 / (1 + abs(ms))}
        for k, name in enumerate(names)
        for ms in np.arange(-100.0, 800.0, 50.0)
    ]
    return names, Result({"summary": [{"model": name, **times} for name in names], "course": course})


def drawn_legends(figure):
    """Labels of each legend, all of whose words are within the figure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    for legend in figure.legends:
        for text in legend.get_texts():
            box = text.get_window_extent(canvas.get_renderer())
            assert box.x0 >= 0
            assert box.y0 >= 0
            assert box.x1 <= figure.bbox.x1
    return [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]


@pytest.mark.parametrize("models", [1, 2, 12])
def test_the_legend_of_a_time_course_names_every_model_and_both_images(models):
    names, result = time_course(models)
    images = ["on the first image", "on the second image"]
    assert drawn_legends(accuracy_over_time(result)) == [([*names, *images] if models > 1 else images)]
    assert drawn_legends(baseline_distance(result)) == ([names] if models > 1 else [])


def test_nothing_is_said_of_a_loss_that_a_result_does_not_know():
    _, result = time_course(2)
    figure = accuracy_over_time(result)
    assert not [patch for axes in figure.axes for patch in axes.patches]
    assert "loss" not in " ".join(drawn_legends(figure)[0])


def test_twelve_curves_differ_in_colour_or_in_marker():
    styles = [(style["color"], style["marker"]) for style, _ in in_styles(range(12))]
    assert len(set(styles)) == 12


def within(figure):
    """Draw a figure; every word of its titles and labels is within it. Returns the labels of its legends."""
    labels = drawn_legends(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for axes in figure.axes:
        for text in (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label):
            box = text.get_window_extent(renderer)
            assert not text.get_text() or (box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1)
    return labels


def test_the_legend_of_fits_to_people_explains_stars_and_panels_say_who_saw_what():
    views = {"held": "all people", "brief": "without mask", "masked": "with mask"}
    place = {"log10_parameters": 4.0, "fit": 0.5, "ceiling": 0.9}
    published = [{"people": group, "recurrent": r, **place} for group in views.values() for r in (True, False)]
    fits = [
        {"model": "net", "view": view, "people": group, "recurrent": True, **place} for view, group in views.items()
    ]
    figure = against_size(Result({"fits": fits, "published": published}))
    assert within(figure) == [
        [
            "published network, feedforward",
            "published network, recurrent",
            "given model, recurrent",
            "ceiling: halves of the people",
        ]
    ]
    assert [axes._left_title.get_text() for axes in figure.axes] == [
        "all people;\nmodels: image stays",
        "people without a mask;\nmodels: brief image, then grey",
        "people with a mask;\nmodels: brief image, then a mask",
    ]


def test_the_legend_behind_masks_names_people_and_the_model():
    shown = [{"masked": masked, "presentation_ms": ms, "accuracy": 0.5} for masked in (True, False) for ms in (25, 150)]
    models = [{"model": "cordsnet_r2_small@digits", "read": read, **row} for read in READS for row in shown]
    figure = masking(Result({"people": shown, "masking_models": models}), "cordsnet_r2_small@digits")
    (labels,) = within(figure)
    who = ("people", "cordsnet_r2_small@digits")
    assert set(labels) == {"chance", *(f"{one}, {what} follows" for one in who for what in ("grey", "mask"))}

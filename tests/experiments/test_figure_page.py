"""Pages of figures of the paper: a title, the figures of every model below the claims, and where the others are."""

import re
import urllib.parse

import pytest

from cordsnet.experiments import Result, write_data
from cordsnet.experiments.claims import Claim, Measured, above
from cordsnet.experiments.comparison.cells import _no_partner
from cordsnet.experiments.table import FIGURES, REVIEWERS
from cordsnet.report.compare_pages import MOST, write_comparison
from cordsnet.report.titles import QUESTIONS, figure_title

BEATS = Claim("beats", "Time averages noise.", "Figure 3", "accuracy", above(0.0))


def noise(name):
    """A cell with a figure: a network beside a static one."""
    rows = [
        {"model": model, "kind": kind, "read": "last frame", "sigma": sigma, "accuracy": 1 - sigma / 4}
        | {"low": 0.9 - sigma / 4, "high": 1.0, "images": 20, "chance": 0.1}
        for model, kind in ((name, "dynamical"), ("cnn", "static"))
        for sigma in (0.0, 1.0, 2.0)
    ]
    averaged = [row | {"read": "mean over frames"} for row in rows if row["kind"] == "static"]
    return Result({"noise": [*rows, *averaged]}, meta={"experiment": "noise", "models": {}})


def second_image(name):
    """A cell with numbers alone."""
    row = {"model": name, "gap_ms": 0.0, "first": 0.9, "second": 0.8, "drop": 0.1, "images": 20}
    return Result({"second_image": [row]}, meta={"experiment": "second_image", "models": {name: {}}})


def compared(folder, models, figure):
    """A comparison of so many models, with its cells in the folder."""
    names = [f"net{k}@digits" for k in range(models)]
    cells = []
    for experiment, made in (("second_image", second_image), ("noise", noise)):
        for name in names:
            place = f"{experiment}/{name}"
            cell = made(name)
            models_of_cell = {key: {"kind": "cordsnet", "parameters": 1} for key in cell.meta["models"]}
            write_data(Result(cell.tables, meta={**cell.meta, "models": models_of_cell}), folder / place)
            verdict = {"value": 0.1, "low": 0.05, "high": 0.2, "n": 20, "of": "images"}
            verdict |= {"verdict": "holds", "corrected": "holds"}
            cells.append({"model": name, "experiment": experiment, "claim": "beats", "folder": place, **verdict})
    claims = tuple(BEATS.found(Measured(0.1, (0.05, 0.2), 20), str(cell["model"])) for cell in cells)
    rows = [{"model": name, "kind": "cordsnet", "runs": 3 if name == "net1@digits" else 1} for name in names]
    meta = {"experiment": "compare", "models": {}} | ({"figure": figure} if figure else {})
    return Result({"cells": cells, "models": rows, "skipped": []}, {}, claims, meta)


def words_of(path):
    """Heads of a page, its words without pictures, and its links."""
    page = re.sub(r'src="data:[^"]*"', "", path.read_text())
    return re.findall(r"<h([123])>([^<]*)", page), page, set(re.findall(r'<a href="([^"]*)"', page))


@pytest.mark.parametrize("models", [2, MOST + 2])
def test_the_page_of_a_figure_shows_the_figures_of_its_models(models, tmp_path):
    path, _ = write_comparison(compared(tmp_path, models, "fig3"), tmp_path)
    heads, page, links = words_of(path)
    assert heads[0] == ("1", "Figure 3 of Soo et al. (2024)")
    parts = [title for level, title in heads if level == "2"]
    assert parts[:3] == ["Overview", "Recognition of a second image", "Recognition under noise redrawn at every frame"]
    panels = [title for level, title in heads if level == "3"]
    assert len(panels) == min(models, MOST)
    assert panels[:2] == [
        "Noise redrawn at every frame, net0@digits",
        "Noise redrawn at every frame, net1@digits, first of 3 networks",
    ]
    assert page.count("<img") == 1 + min(models, MOST)
    assert page.count("<td>net0@digits</td>") == 4  # claims of two experiments, numbers of one, models
    assert (f"the first {MOST} of {models} models" in page) == (models > MOST)
    assert len(links) == 2 * models
    assert all((tmp_path / urllib.parse.unquote(link)).is_file() for link in links)


def test_the_page_of_a_comparison_links_to_figures_and_shows_none_of_them(tmp_path):
    path, _ = write_comparison(compared(tmp_path, 2, ""), tmp_path)
    heads, page, links = words_of(path)
    assert heads[0] == ("1", "Models compared")
    assert [title for _, title in heads][1:3] == ["Claims", "Overview"]
    assert page.count("<img") == 1
    assert len(links) == 4


def test_every_figure_has_a_title_of_its_own():
    assert set(QUESTIONS) == set(REVIEWERS)
    assert figure_title("fig4b") == "Figure 4B of Soo et al. (2024)"
    assert len({figure_title(name) for name in FIGURES}) == len(FIGURES)


def test_an_experiment_that_lacks_a_static_model_says_which_to_add():
    assert _no_partner("digits").endswith("among the models; add cnn_r2_small@digits")
    assert _no_partner("mnist").endswith("add the folder of one that was trained on mnist")

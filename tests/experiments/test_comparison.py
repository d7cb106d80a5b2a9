"""Comparisons: cells are kept, rows gather seeds, order and company change nothing, who cannot take part is named."""

import contextlib
import importlib.util
import json
import shutil
import urllib.parse

import pandas
import pytest
import torch

from cordsnet.cli import main
from cordsnet.data import Split, load_data
from cordsnet.errors import RunError
from cordsnet.experiments import EXPERIMENTS, Setting, read_result
from cordsnet.experiments.comparison import compare, rows_of
from cordsnet.experiments.comparison.cells import _own_code, place_of
from cordsnet.experiments.table import FIGURES, MEETING, RECORDINGS, REVIEWERS, SINGLE_FIGURES, STORED, TRAINED
from cordsnet.models import create_model

NAMES = ["second_image"]
SEVERAL = [*NAMES, "noise", "time_course"]


def saved(folder, seed, name="convlstm_small", data="digits"):
    """A network that reads digits, with weights of its own for each seed."""
    model = create_model(name, pretrained="digits")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.02 * parameter.std(correction=0) * torch.randn(parameter.shape, generator=generator)
    model.metadata = {"data": {"name": data}}
    model.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [saved(folder / "model.name=convlstm_small" / f"seed={k}", k) for k in range(3)]


@pytest.fixture(scope="module")
def compared(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    models = [*runs, "cordsnet_r2_small@digits", "cnn_r2_small"]
    return folder, models, compare(models, SEVERAL, output=folder)


def cells(result):
    """Cells without the folder, which is named after what was asked for first."""
    return sorted(json.dumps({k: v for k, v in row.items() if k != "folder"}) for row in result.rows("cells"))


def test_runs_with_several_seeds_are_one_row(compared):
    _, _, result = compared
    rows = {row["model"]: row for row in result.rows("models")}
    assert list(rows) == ["convlstm_small", "cordsnet_r2_small@digits", "cnn_r2_small"]
    assert rows["convlstm_small"]["runs"] == 3
    cell = result.rows("cells", model="convlstm_small", claim="return")[0]
    assert (cell["of"], cell["n"]) == ("networks", 3)


def test_pooled_value_is_the_mean_over_the_cells(compared, runs):
    folder, _, result = compared
    values = [
        read_result(path.parent).claim("second_image").value for path in folder.glob("second_image/*conv*/result.json")
    ]
    assert len(values) == 3
    cell = result.rows("cells", model="convlstm_small", claim="second_image")[0]
    assert cell["value"] == pytest.approx(sum(values) / 3)


def test_a_static_model_is_left_out_with_a_sentence_and_without_a_number(compared):
    _, _, result = compared
    left = {row["part"]: row["reason"] for row in result.rows("skipped", model="cnn_r2_small")}
    assert set(left) == set(SEVERAL)
    assert "answers at once" in left["second_image"]
    assert not result.rows("cells", model="cnn_r2_small")


def test_cells_equal_the_experiment_run_alone(compared, tmp_path):
    folder, _, _ = compared
    command = ["experiment", "second_image", "cordsnet_r2_small@digits", "--preset", "smoke"]
    assert main([*command, "--output", str(tmp_path), "--quiet"]) == 0
    alone, kept = read_result(tmp_path), read_result(folder / "second_image" / "cordsnet_r2_small@digits")
    assert kept.tables["second_image"] == alone.tables["second_image"]
    assert kept.claims == alone.claims


def test_finished_cells_are_found_again(compared):
    folder, models, first = compared
    again = compare(models, SEVERAL, output=folder)
    assert again.meta["reused"] == len(list(folder.glob("*/*/key.json"))) == 12
    assert cells(again) == cells(first)


def test_order_and_company_of_models_change_nothing(compared, tmp_path):
    _, models, first = compared
    turned = compare(models[::-1], SEVERAL[::-1], output=tmp_path)
    assert cells(turned) == cells(first)
    alone = compare(["cordsnet_r2_small@digits"], NAMES, output=tmp_path / "alone")
    assert alone.rows("cells")[0]["value"] == first.rows("cells", model="cordsnet_r2_small@digits")[0]["value"]


@pytest.mark.parametrize("change", ["weights", "seed", "torn"])
def test_what_a_cell_depends_on_makes_it_anew(change, tmp_path):
    source, folder = saved(tmp_path / "net", 0), tmp_path / "out"
    assert compare([source], NAMES, output=folder).meta["reused"] == 0
    assert compare([source], NAMES, output=folder).meta["reused"] == 1
    if change == "weights":
        saved(tmp_path / "net", 1)
    if change == "torn":
        next(folder.glob("*/*/key.json")).unlink()
    again = compare([source], NAMES, output=folder, seed=int(change == "seed"))
    assert again.meta["reused"] == 0


def test_a_model_that_cannot_be_loaded_is_left_out_by_name(runs, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(runs[0], broken)
    (broken / "model.safetensors").write_bytes(b"no tensors")
    result = compare([runs[1], str(broken)], NAMES, output=tmp_path / "out")
    assert [row["model"] for row in result.rows("skipped")] == ["broken"]


def test_the_folder_of_a_sweep_stands_for_its_finished_runs(tmp_path):
    for k in range(2):
        saved(tmp_path / "model.name=convgru_small" / f"seed={k}", k, "convgru_small")
    found = [("model.name=convgru_small/seed=0", "finished"), ("model.name=convgru_small/seed=1", "finished")]
    table = pandas.DataFrame([*found, ("model.name=x/seed=0", "diverged")], columns=["run", "status"])
    table.to_parquet(tmp_path / "table.parquet")
    (row,) = rows_of([str(tmp_path)])
    assert (row.label, len(row.sources)) == ("convgru_small", 2)
    pandas.DataFrame([("../elsewhere", "finished")], columns=["run", "status"]).to_parquet(tmp_path / "table.parquet")
    with pytest.raises(RunError, match="not in its folder"):
        rows_of([str(tmp_path)])


@pytest.mark.parametrize(
    ("models", "experiments", "message"),
    [
        ([], NAMES, "needs a model"),
        (["cnn_r2_small", "cnn_r2_small"], NAMES, "given twice"),
        (["cnn_r2_small"], ["second_imag"], "second_image"),
        (["cnn_r2_small"], ["demo"], "trains its own networks"),
        (["cnn_r2_small"], [], "needs an experiment"),
        (["cnn_r2_small"], NAMES, "answers at once"),
        (["cnn_r2_smal"], NAMES, "cnn_r2_small"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(models, experiments, message, tmp_path):
    with pytest.raises(ValueError, match=message) as raised:
        compare(models, experiments, output=tmp_path)
    assert "\n" not in str(raised.value)


def test_all_are_those_that_measure_given_models():
    from cordsnet.experiments.comparison.compare import experiments_of

    found = experiments_of("all", "smoke")
    assert {"noise", "time_course", "second_image"} <= set(found)
    assert not any(EXPERIMENTS[name].trains for name in found)


def test_places_are_names_of_folders_and_differ():
    first = place_of("a/b c/../seed=0", [])
    assert "/" not in first
    assert place_of("a/b c/../seed=0", [first]) not in ("", first)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (cordsnet[sweep])")
def test_workers_change_no_number(runs, tmp_path):
    from cordsnet.training.workers import Workers

    alone = compare(runs[:2], NAMES, output=tmp_path / "one")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a worker
    together = compare(runs[:2], NAMES, output=tmp_path / "two", workers=Workers(2))
    torch.set_num_threads(threads)
    assert cells(together) == cells(alone)


def test_models_that_see_other_images_are_not_compared_image_by_image(tmp_path):
    """Kind: pairs over different data sets; here the same images of another name, and other images."""
    digits = load_data("digits", 16).test
    parts = {"net": slice(0, 60), "cnn": slice(60, 120)}
    splits = {k: Split(digits.pixels[s], digits.labels[s], normalise=digits.normalise) for k, s in parts.items()}
    models = {"net": create_model("convlstm_small", pretrained="digits")}
    models["cnn"] = create_model("cnn_r2_small", pretrained="digits")
    options = EXPERIMENTS["noise"].preset("smoke").options
    result = EXPERIMENTS["noise"](Setting(models, splits), options)
    assert all(claim.value is None for claim in result.claims)
    assert any("other images" in row["note"] for row in result.rows("notes"))
    same = dict.fromkeys(models, splits["net"])
    assert EXPERIMENTS["noise"](Setting(models, same), options).claims[0].value is not None
    named = {label: {"data": label} for label in models}
    assert EXPERIMENTS["noise"](Setting(models, same, named), options).claims[0].value is None


def test_a_users_own_experiment_is_run_again_when_its_code_has_changed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_code_of_a_user.py").write_text("def run():\n    return 1\n")
    import own_code_of_a_user

    first = _own_code(own_code_of_a_user.run, dict)
    assert first == _own_code(own_code_of_a_user.run)
    (tmp_path / "own_code_of_a_user.py").write_text("def run():\n    return 2\n")
    assert _own_code(own_code_of_a_user.run) != first
    assert _own_code(compare) == _own_code()


def test_claims_as_json_have_the_verdicts_of_the_page(compared, capsys):
    from cordsnet.report import write_result

    folder, _, result = compared
    write_result(result, folder)
    capsys.readouterr()
    assert main(["claims", str(folder), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["verdict"] for row in rows] == [row["corrected"] for row in result.rows("cells")]


def test_command_writes_page_cells_and_claims(runs, tmp_path, capsys):
    words = ["compare", *runs[:2], "cnn_r2_small", "--experiments", "second_image", "--output", str(tmp_path / "c")]
    assert main([*words, "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "networks: 3, experiments: 1" in said
    assert "left out: cnn_r2_small, second_image" in said
    assert "### second image" in (tmp_path / "c" / "cells.md").read_text()
    page = (tmp_path / "c" / "report.html").read_text()
    links = {part.split('"')[0] for part in page.split('<a href="')[1:]}
    assert links
    assert all((tmp_path / "c" / urllib.parse.unquote(link)).is_file() for link in links)
    assert (tmp_path / "c" / "figures" / "overview.png").is_file()
    assert main(["claims", str(tmp_path / "c"), "--output", str(tmp_path / "claims.md")]) == 0
    table = (tmp_path / "claims.md").read_text()
    assert "2 claims" in table
    assert "Soo et al. 2024, Figure 3" in table


def test_claims_of_no_result_are_refused(tmp_path, capsys):
    assert main(["claims", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_figure_of_the_paper_is_a_comparison(runs, tmp_path, monkeypatch):
    for names in FIGURES.values():
        assert {name for name in names if name in EXPERIMENTS} == set(names)
        assert not set(names) & {*TRAINED, *STORED, *MEETING, *RECORDINGS}
    assert set(SINGLE_FIGURES.values()) <= {*TRAINED, *RECORDINGS}
    assert not set(SINGLE_FIGURES) & set(FIGURES)
    monkeypatch.setitem(FIGURES, "fig3", ("second_image",))
    assert main(["reproduce", "fig3", runs[0], "--output", str(tmp_path / "out"), "--quiet"]) == 0
    cells = read_result(tmp_path / "out").rows("cells")
    assert {row["experiment"] for row in cells} == {"second_image"}
    assert len({row["model"] for row in cells}) == 1


@pytest.mark.parametrize("name", ["r1", "r2", "r3"])
def test_help_of_a_group_of_questions_says_that_the_group_is_ours(name, capsys):
    with contextlib.suppress(SystemExit):
        main(["reproduce", name, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "no figure of the authors' reply" in said
    assert f"Experiments: {', '.join(FIGURES[name])}." in said


def test_groups_of_questions_are_apart_and_make_up_all_of_them(runs, tmp_path, monkeypatch, capsys):
    grouped = [one for name in REVIEWERS for one in FIGURES[name]]
    assert len(set(grouped)) == len(grouped)
    assert set(grouped) == set(FIGURES["reviewers"])
    asked = [claim.source for name in FIGURES["r2"] for claim in EXPERIMENTS[name].claims]
    assert any(source.endswith("do hard images take longer?") for source in asked)
    assert any(source.endswith("do ambiguous images oscillate?") for source in asked)
    monkeypatch.setitem(FIGURES, "r2", ("second_image",))
    assert main(["reproduce", "r2", runs[0], "--output", str(tmp_path / "out"), "--quiet"]) == 0
    assert "no figure of the authors' reply" in capsys.readouterr().out
    assert "no figure of the authors' reply" in read_result(tmp_path / "out").meta["description"]


@pytest.mark.usefixtures("as_users_run_it")
def test_names_of_figures_are_listed(capsys):
    assert main(["reproduce"]) == 2
    assert "fig3, fig4a" in capsys.readouterr().err
    names = [*FIGURES, *SINGLE_FIGURES, *(name for name in TRAINED if name not in SINGLE_FIGURES.values())]
    assert main(["reproduce", "--list"]) == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines() if line.startswith("  ")] == names
    assert "mixtures" in next(line for line in said.splitlines() if line.startswith("  fig4c "))
    assert main(["reproduce", "--list", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == names

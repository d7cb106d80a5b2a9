"""The command line: what it prints, and how it fails."""

import json
import subprocess
import sys

import pytest
from tiny import tiny_recipe

from cordsnet.cli import main
from cordsnet.training import RECIPES
from cordsnet.training.recipe import Recipe

pytestmark = pytest.mark.usefixtures("as_users_run_it")


@pytest.fixture
def tiny(monkeypatch) -> Recipe:
    """The tiny recipe under the name of the demo's."""
    monkeypatch.setitem(RECIPES._entries, "demo", tiny_recipe)
    return tiny_recipe()


def fails(capsys, *words: str) -> str:
    """The one sentence with which a command line is refused."""
    assert main(words) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("cordsnet: error: ")
    assert "\n" not in said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["trian"], ["'trian'", "did you mean 'train'?"]),
        (["train"], ["recipe", "digits"]),
        (["train", "digts"], ["'digts'", "did you mean 'digits'"]),
        (["train", "digits_paper", "--linear.optimisation.lr", "fast"], ["linear.optimisation.lr", "fast"]),
        (["train", "digits_paper", "--linear.optimisation.rate", "1"], ["--linear.optimisation.rate", "--help"]),
        (["train", "digits_paper", "--only", "liner"], ["'liner'", "did you mean 'linear'"]),
        (["train", "digits", "--data", "digit"], ["'digit'", "did you mean 'digits'"]),
        (["train", "digits", "--model.name", "cordsnet_r3"], ["'cordsnet_r3'", "cordsnet_r"]),
        (["train", "digits", "--model.width", "0"], ["width = 0"]),
        (["models", "--all"], ["--all"]),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(capsys, tmp_path, words, parts):
    if words[0] == "train" and len(words) > 2:
        words = [*words, "--output", str(tmp_path)]
    said = fails(capsys, *words)
    for part in parts:
        assert part in said


def test_an_output_folder_that_cannot_be_written_is_refused(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    said = fails(capsys, "train", "digits", "--output", str(tmp_path / "file" / "run"))
    assert "--output" in said
    assert str(tmp_path) in said


def test_divergence_ends_with_code_1_and_a_sentence(capsys, tmp_path, tiny):
    words = ["train", "demo", "--quiet", "--output", str(tmp_path), "--direct.optimisation.lr", "1e6"]
    assert main([*words, "--only", "direct"]) == 1
    said = capsys.readouterr().err
    assert "finite" in said
    assert "Traceback" not in said


def test_models_lists_the_paper_networks_with_their_sizes(capsys):
    assert main(["models", "cordsnet_r8"]) == 0
    row = capsys.readouterr().out.splitlines()[1].split()
    assert row[:4] == ["cordsnet_r8", "8", "752,640", "12,475,280"]


def test_recipes_are_listed_and_shown(capsys):
    assert main(["recipes"]) == 0
    assert "digits" in capsys.readouterr().out
    for name, stages in (
        ("digits", ["cnn", "fold", "gauss_newton", "finetune"]),
        ("digits_paper", ["cnn", "fold", "inverse", "linear", "anneal", "finetune"]),
    ):
        assert main(["recipes", name]) == 0
        assert [stage["name"] for stage in json.loads(capsys.readouterr().out)["stages"]] == stages


def test_overrides_reach_the_run(capsys, tmp_path, tiny):
    words = ["train", "demo", "--quiet", "--output", str(tmp_path), "--only", "cnn"]
    assert main([*words, "--cnn.optimisation.lr", "0.05", "--seed", "4", "--model.width", "8"]) == 0
    written = json.loads((tmp_path / "recipe.json").read_text())
    assert written["stages"][0]["optimisation"]["lr"] == 0.05
    assert written["seed"] == 4
    assert written["model"]["width"] == 8
    assert json.loads((tmp_path / "cnn" / "model.json").read_text())["spec"]["stem"]["channels"] == 8


def test_the_demo_writes_a_summary_and_a_self_contained_report(capsys, tmp_path, tiny):
    assert main(["demo", "--quiet", "--output", str(tmp_path)]) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["accuracy"]) >= {"cnn", "folded", "linear", "annealed", "finetuned", "direct"}
    for key in ("hold_drop", "second_image_drop", "baseline_distance", "seconds"):
        assert isinstance(summary[key], float)
    lengths = {len(summary["noise"][key]) for key in ("sigma", "cordsnet", "cnn")}
    assert len(lengths) == 1
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    assert "http://" not in page
    assert "https://" not in page
    assert len(list((tmp_path / "figures").glob("*.pdf"))) == 6


def test_the_installed_command_runs():
    result = subprocess.run(
        [sys.executable, "-m", "cordsnet.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "0.1.0"


def test_a_recipe_of_ones_own_is_found_in_a_file(capsys, tmp_path):
    (tmp_path / "mine.py").write_text("from tiny import tiny_recipe\nnot_one = dict\n")
    words = ["train", f"{tmp_path}/mine.py:tiny_recipe", "--quiet", "--output", str(tmp_path / "run"), "--only", "cnn"]
    assert main(words) == 0
    assert (tmp_path / "run" / "cnn" / "result.json").is_file()
    assert "must return a Recipe" in (capsys.readouterr(), fails(capsys, "train", f"{tmp_path}/mine.py:not_one"))[1]
    assert "cannot be loaded" in fails(capsys, "train", f"{tmp_path}/mine.py:absent")
    assert "cannot be loaded" in fails(capsys, "train", f"{tmp_path}/none.py:recipe")


def test_who_has_read_enough_of_the_output_sees_no_error():
    words = [sys.executable, "-m", "cordsnet.cli", "models"]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    said = running.stderr.read()
    assert running.wait() == 141
    assert said == b""

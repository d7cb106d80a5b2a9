"""The command line: what it prints, and how it fails."""

import dataclasses
import json
import subprocess
import sys

import pytest
from tiny import tiny_recipe

from cordsnet.cli import COMMANDS, main
from cordsnet.cli.main import EXIT_CODES
from cordsnet.experiments import EXPERIMENTS, read_result
from cordsnet.experiments.table import GROUPS
from cordsnet.models import CNN, MODELS, build, create_model, fold, save_model
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
        (["models", "check"], ["--all"]),
        (["models", "check", "cordsnet_r2_smal"], ["did you mean 'cordsnet_r2_small'"]),
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


def test_the_demo_writes_its_result_and_a_self_contained_report(capsys, tmp_path, tiny):
    assert main(["demo", "--quiet", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "4 to 13 minutes" in said.splitlines()[0]
    assert "Upper areas lag behind lower ones. (finetune)" in said
    result = read_result(tmp_path)
    accuracy = {row["network"] for row in result.rows("accuracy")}
    assert accuracy == {"cnn", "folded", "inverse", "linear", "annealed", "finetuned", "direct"}
    (summary,) = result.rows("summary")
    assert {"hold_drop", "baseline_distance"} <= set(summary)
    assert len(result.rows("second_image")) == 2
    for model, read in (("finetune", "last frame"), ("fold", "last frame"), ("fold", "mean over frames")):
        assert len(result.rows("noise", model=model, read=read)) == 6
    assert {claim.name for claim in result.claims} == {claim.name for claim in EXPERIMENTS["demo"].claims}
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    assert "http://" not in page
    assert "https://" not in page
    assert len(list((tmp_path / "figures").glob("*.pdf"))) == 6


def test_experiments_are_listed_with_one_line_each(capsys):
    assert main(["experiment", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(named) == sorted(EXPERIMENTS)  # each once, in the group of what it needs
    assert [line for line in lines if line and not line.startswith("  ")] == list(GROUPS)
    at = {line.split()[0]: at for at, line in enumerate(lines) if line.startswith("  ")}
    headings = list(GROUPS)
    assert at["time_course"] < lines.index(headings[1]) < at["masking_models"] < lines.index(headings[2])


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_option_of_an_experiment_is_one_of_the_command_line(name, capsys):
    with pytest.raises(SystemExit):
        main(["experiment", name, "--help"])
    said = capsys.readouterr().out
    for field in dataclasses.fields(EXPERIMENTS[name].options):
        assert f"--{field.name}" in said
    assert "--preset" in said
    assert ("NAME@DATA" in said) == (not (EXPERIMENTS[name].trains or EXPERIMENTS[name].stored))
    assert "number of test images" in said or "number of test trials" in said or "--trials" not in said


def test_several_models_give_one_comparison(capsys, tmp_path):
    save_model(
        create_model("cordsnet_r2_small", in_channels=1, num_classes=10, width=2, image_size=8), tmp_path / "net"
    )
    words = ["experiment", "second_image", str(tmp_path / "net"), "cordsnet_r2_small@digits", "cordsnet_r2_small"]
    options = ["--preset", "smoke", "--trials", "30", "--image_ms", "20", "--quiet", "--output", str(tmp_path / "out")]
    assert main([*words, *options]) == 0
    said = capsys.readouterr().out
    result = read_result(tmp_path / "out")
    assert list(result.meta["models"]) == ["net", "cordsnet_r2_small@digits", "cordsnet_r2_small"]
    assert result.meta["options"] == {"trials": 30, "image_ms": 20.0, "gap_ms": 200.0}
    assert result.meta["models"]["cordsnet_r2_small@digits"]["trained_on"] == "digits"
    for label in result.meta["models"]:
        assert f"| {label} |" in said
        assert label in (tmp_path / "out" / "report.html").read_text()


def test_values_of_options_with_several_may_be_separated_by_commas(tmp_path):
    words = ["experiment", "noise", "cordsnet_r2_small", "--trials", "20", "--image_ms", "4", "--quiet"]
    for k, sigmas in enumerate((["--sigmas", "0,1.5"], ["--sigmas=0,1.5"], ["--sigmas", "[0, 1.5]"])):
        assert main([*words, *sigmas, "--output", str(tmp_path / str(k))]) == 0
        assert read_result(tmp_path / str(k)).meta["options"]["sigmas"] == [0.0, 1.5]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["needs a name", "portrait"]),
        (["portrat"], ["did you mean 'portrait'"]),
        (["portrait"], ["models", "required"]),
        (["portrait", "cordsnet_r2_smal"], ["did you mean 'cordsnet_r2_small'"]),
        (["portrait", "cordsnet_r2_small@mnist"], ["'mnist'"]),
        (["portrait", "no/such/folder"], ["no/such/folder"]),
        (["noise", "cordsnet_r2_small", "cordsnet_r2_small"], ["given twice"]),
        (["noise", "cordsnet_r2_small", "--preset", "dsek"], ["'dsek'", "did you mean 'desk'"]),
        (["noise", "cordsnet_r2_small", "--sigmas", "much"], ["sigmas"]),
        (["noise", "cordsnet_r2_small", "--trials", "0"], ["trials must be at least 1"]),
        (["noise", "cordsnet_r2_small", "--image_ms", "-1"], ["image_ms"]),
        (["noise", "cordsnet_r2_small", "--hold_ms", "1"], ["--hold_ms", "--help"]),
    ],
)
def test_impossible_experiments_are_refused_in_one_sentence(capsys, tmp_path, words, parts):
    said = fails(capsys, "experiment", *words, *(["--output", str(tmp_path)] if words else []))
    for part in parts:
        assert part in said


@pytest.mark.parametrize(("name", "lack"), [("time_course", "no dynamics"), ("portrait", "no dynamics")])
def test_a_model_that_cannot_do_an_experiment_is_refused_by_what_it_lacks(capsys, tmp_path, name, lack):
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=10, width=2, image_size=8)
    save_model(fold(build(model.spec, kind=CNN).eval()), tmp_path / "cnn")
    said = fails(capsys, "experiment", name, str(tmp_path / "cnn"), "--output", str(tmp_path / "out"))
    assert f"experiment {name!r} cannot be run with 'cnn'" in said
    assert lack in said


def test_a_model_that_cannot_take_part_is_left_out_with_a_sentence(capsys, tmp_path):
    models = ["cnn_r2_small@digits", "cordsnet_r2_small@digits"]
    assert main(["experiment", "second_image", *models, "--preset", "smoke", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "note: cnn_r2_small@digits, left out, since it answers at once and has no dynamics" in said
    result = read_result(tmp_path)
    assert list(result.meta["models"]) == ["cordsnet_r2_small@digits"]
    assert {claim.subject for claim in result.claims} == {"cordsnet_r2_small@digits"}


def test_the_installed_command_runs():
    result = subprocess.run([sys.executable, "-m", "cordsnet", "--version"], capture_output=True, text=True, check=True)
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


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "cordsnet_r2_small",
            ["continuous, tau 10 ms", "area1 (16 x 8 x 8)", "32,096", "Soo et al.", "cifar10, digits"],
        ),
        ("cornet_s_small", ["V4 (32 x 4 x 4)", "Kubilius", "no rate equation"]),
        ("cnn_r2_small", ["static", "no dynamics"]),
        ("task_rnn_small", ["fixation", "no class scores"]),
        ("vector_rnn_lowrank_small", ["vector (8)", "choice", "reads vector and no images", "Ostojic"]),
    ],
)
def test_a_model_is_shown_in_full(capsys, name, parts):
    assert main(["models", "show", name]) == 0
    said = capsys.readouterr().out
    for part in parts:
        assert part in said
    assert main(["models", "show", name, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["name"] == name
    assert {"source", "clock", "areas", "parameters", "inputs", "outputs", "cannot", "pretrained"} <= set(facts)


def test_models_are_checked(capsys, monkeypatch):
    assert main(["models", "check", "convlstm_small", "cordsnet_r2", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "convlstm_small" in said
    assert "keeps all rules (661,520 parameters, as published" in said
    row = MODELS["convlstm_small"]
    monkeypatch.setitem(MODELS._entries, row.name, dataclasses.replace(row, published=1, clock="continuous"))
    with pytest.raises(SystemExit, match="1"):
        main(["models", "check", "convlstm_small", "--json"])
    broken = json.loads(capsys.readouterr().out)[0]["broken"]
    assert broken["parameters"] == "18,986 parameters, the published network has 1"
    assert "of the kind 'steps'" in broken["clock"]


def test_lists_can_be_read_by_programs(capsys):
    for words, names in (
        (["models"], cordsnet_names()),
        (["recipes"], RECIPES),
        (["experiment", "--list"], EXPERIMENTS),
    ):
        assert main([*words, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert [row["name"] if isinstance(row, dict) else row for row in found] == list(names)


def cordsnet_names() -> list[str]:
    from cordsnet.models import list_models

    return list_models()


def test_results_can_be_read_by_programs(capsys, tmp_path, tiny):
    words = ["train", "demo", "--output", str(tmp_path / "run"), "--only", "cnn", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 <= found["stages"]["cnn"]["metrics"]["test_accuracy"] <= 1
    words = [
        "export",
        str(tmp_path / "run" / "cnn"),
        "--output",
        str(tmp_path / "weights"),
        "--name",
        "cnn_r2_small",
        "--json",
    ]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] > 0
    words = ["experiment", "second_image", "cordsnet_r2_small", "--trials", "4", "--image_ms", "4", "--gap_ms", "2"]
    assert main([*words, "--output", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["meta"]["options"]["trials"] == 4


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_help_without_a_recipe_lists_recipes_and_options(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for name in [*RECIPES, "--output", "--data", "--seed", "--model.name", "--json"]:
        assert name in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_every_command_and_recipe(capsys, shell):
    assert main(["completion", shell]) == 0
    said = capsys.readouterr().out
    for name in [*COMMANDS, *RECIPES, *EXPERIMENTS]:
        assert name in said


def test_help_says_the_exit_codes(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for name in (*EXIT_CODES, *EXIT_CODES.values(), *COMMANDS):
        assert name in said

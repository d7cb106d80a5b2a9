"""Names are imported when they are asked for, and bad requests are refused before anything slow is imported."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import cordsnet
from cordsnet.cli.early import check_options
from cordsnet.cli.experiments import experiment_parser
from cordsnet.cli.options import add_run_options, make_parser
from cordsnet.data.table import DATASETS
from cordsnet.experiments.table import EXPERIMENTS, MEETING, RECORDINGS, STORED, TRAINED
from cordsnet.models.names import KINDS, MODELS
from cordsnet.training.options import add_recipe_options
from cordsnet.training.table import RECIPES

PACKAGES = ["", ".analysis", ".data", ".dynamics", ".experiments", ".models", ".report", ".stimuli", ".training"]
SLOW = {"torch", "numpy", "scipy", "sklearn", "datasets", "lightning", "kornia", "matplotlib", "pandas", "ray"}
PROBE = """
import sys
from cordsnet.cli import main
code = main(sys.argv[1:])
print(code, *sys.modules)
"""
REFUSED = {
    "a command": (["trian"], "did you mean 'train'"),
    "another command": (["analyse", "runs/demo/finetune"], "did you mean 'analyze'"),
    "no recipe": (["train"], "digits_paper"),
    "a recipe": (["train", "digts"], "did you mean 'digits'"),
    "a recipe of a sweep": (["sweep", "cifar11"], "did you mean 'cifar10'"),
    "a recipe to show": (["recipes", "digts"], "did you mean 'digits'"),
    "a recipe in no file": (["train", "absent.py:recipe"], "absent.py"),
    "a data set": (["train", "digits", "--data", "digit"], "did you mean 'digits'"),
    "a data set after =": (["train", "digits", "--data=mnits"], "did you mean 'mnist'"),
    "a data folder": (["train", "digits", "--data", "./none"], "no folder './none'"),
    "data of an experiment": (["noise", "digits"], "unknown command"),
    "a model": (["train", "digits", "--model.name", "cordsnet_r3"], "unknown model 'cordsnet_r3'"),
    "an option": (["models", "--all"], "--all"),
    "an option of bench": (["bench", "--devices", "cpu"], "--devices"),
    "a value of bench": (["bench", "--repeats", "many"], "many"),
    "no experiment": (["experiment"], "portrait"),
    "an experiment": (["experiment", "portrat"], "did you mean 'portrait'"),
    "a result": (["reproduce", "tabl1"], "did you mean 'table1'"),
    "no result": (["reproduce"], "table1"),
    "a subject": (["experiment", "noise", "cordsnet_r2_smal"], "did you mean 'cordsnet_r2_small'"),
    "weights": (["steppers", "cordsnet_r2_small@mnist"], "known: cifar10, digits"),
    "a checkpoint": (["analyze", "no/such/folder"], "no folder 'no/such/folder'"),
    "an empty checkpoint": (["analyze", "."], "no model.json"),
    "a second checkpoint": (["precision", "cordsnet_r2_small", "no/such"], "no folder 'no/such'"),
    "data of subjects": (["analyze", "cordsnet_r2_small", "--data", "digit"], "did you mean 'digits'"),
    "a setting of no stage": (["train", "digits", "--no.such", "3"], "unknown option --no.such"),
    "a setting of the network": (["train", "digits", "--model.widht", "3"], "did you mean 'width'"),
    "a setting after =": (["train", "digits", "--cnn.optimization.lr=3"], "did you mean 'optimisation'"),
    "a setting of optimisation": (
        ["sweep", "digits", "--cnn.optimisation.larning", "3"],
        "cordsnet sweep digits --help",
    ),
    "a stage": (["train", "digits_paper", "--linaer.optimisation.lr", "3"], "did you mean 'linear'"),
    "an option of an experiment": (
        ["experiment", "noise", "cordsnet_r2_small", "--sigmsa", "1"],
        "or 'sigmas'",
    ),
    "an option of the demo": (["demo", "--trails", "3"], "did you mean 'trials'"),
    "an option of analyze": (["analyze", "cordsnet_r2_small", "--patern", "3"], "or 'patterns'"),
    "an option of a result": (["reproduce", "table1", "--dephts", "3"], "did you mean 'depths'"),
    "a folder to evaluate": (["evaluate", "."], "no model.json or recipe.json"),
    "no folder to evaluate": (["evaluate", "no/such"], "there is no checkpoint 'no/such'"),
    "a file to evaluate": (["evaluate", sys.executable], "is a file and no model"),
    "weights to evaluate": (["evaluate", "cordsnet_r2_small@mnist"], "known: cifar10, digits"),
    "a model to evaluate": (["evaluate", "cordsnet_r2_smal@digits"], "did you mean 'cordsnet_r2_small'"),
    "data to evaluate on": (["evaluate", "cordsnet_r2_small@digits", "--data", "digit"], "did you mean 'digits'"),
    "an option of evaluate": (["evaluate", "cordsnet_r2_small@digits", "--image", "3"], "--image"),
    "a stage to export": (["export", "no/such"], "no folder 'no/such'"),
}


@pytest.mark.parametrize("words", REFUSED, ids=str)
def test_a_bad_request_is_refused_before_anything_slow_is_imported(words, tmp_path):
    request, part = REFUSED[words]
    done = subprocess.run([sys.executable, "-c", PROBE, *request], capture_output=True, text=True, cwd=tmp_path)
    code, *imported = done.stdout.split()
    assert code == "2", done.stderr
    assert part in done.stderr
    assert done.stderr.count("\n") == 1
    assert not SLOW & set(imported)


@pytest.mark.parametrize("name", list(RECIPES))
def test_no_option_of_a_recipe_is_refused_early(name):
    parser = make_parser("train")
    add_run_options(parser, "")
    add_recipe_options(parser, RECIPES[name]())
    flags = [flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")]
    assert len(flags) > 20
    for flag in flags:
        check_options("train", [flag, f"{flag}=1"], "training")


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_no_option_of_an_experiment_is_refused_early(name):
    row = EXPERIMENTS[name]
    parser = experiment_parser("experiment", row, row.preset(row.default).options, "")
    flags = [flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")]
    assert len(flags) > 5
    for flag in flags:
        check_options("experiment", [flag, f"{flag}=1"], "experiments")


@pytest.mark.parametrize(
    "words", [["--lr", "-1"], ["-1"], ["--"], ["./no--such"], ["--cnn.optimisation.lr=--x"]], ids=str
)
def test_what_is_no_name_of_an_option_passes(words):
    check_options("train digits", words, "training")


def test_importing_the_package_imports_nothing_slow():
    code = "import sys, cordsnet; dir(cordsnet); cordsnet.RunError; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not SLOW & set(done.stdout.split())


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_is_found_and_listed(name):
    package = importlib.import_module(f"cordsnet{name}")
    assert set(package.__all__) <= set(dir(package))
    for public in package.__all__:
        found = getattr(package, public)
        assert not (isinstance(found, type(sys)) and public != "__version__")
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        package.absent  # noqa: B018
    assert not hasattr(package, "__wrapped__")


@pytest.mark.parametrize("name", PACKAGES)
def test_public_names_are_those_for_type_checkers(name):
    path = Path(importlib.import_module(f"cordsnet{name}").__file__)
    blocks = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.If)]
    typed = {alias.asname or alias.name for block in blocks for node in block.body for alias in node.names}
    assert typed == set(importlib.import_module(f"cordsnet{name}").__all__) - {"__version__"}


@pytest.mark.parametrize("first", ["simulate", "engines", "state"])
def test_a_function_stays_in_front_of_the_submodule_of_its_name(first):
    code = (
        f"import cordsnet.dynamics.{first}, cordsnet.dynamics.simulate, cordsnet.training.fit, cordsnet.models.lesion\n"
        "from cordsnet.dynamics import simulate\nfrom cordsnet.training import fit\nfrom cordsnet import lesion\n"
        "import cordsnet\nassert callable(simulate) and callable(fit) and callable(lesion)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_submodules_are_attributes():
    assert cordsnet.analysis.flows.__name__ == "cordsnet.analysis.flows"
    assert cordsnet.experiments.portrait.__name__ == "cordsnet.experiments.portrait"


@pytest.mark.parametrize("table", [RECIPES, DATASETS, EXPERIMENTS, MODELS, KINDS], ids=lambda table: table.kind)
def test_every_row_of_a_table_can_be_imported(table):
    for name in table:
        row = table[name]
        assert getattr(row, "name", name) in (name, *table)


def test_the_experiments_that_train_are_listed():
    assert set(TRAINED) == {name for name in EXPERIMENTS if EXPERIMENTS[name].trains}
    assert {*STORED, "neural_decoding"} == {name for name in EXPERIMENTS if EXPERIMENTS[name].stored}
    with_people = {name for name in EXPERIMENTS if hasattr(EXPERIMENTS[name].preset().options, "people")}
    assert {*STORED, *MEETING} == with_people
    with_recording = {name for name in EXPERIMENTS if hasattr(EXPERIMENTS[name].preset().options, "recording")}
    assert set(RECORDINGS) == with_recording

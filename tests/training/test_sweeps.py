"""Sweeps: the runs of a grid, the table of results, and what happens when runs fail or are interrupted."""

import dataclasses
import os
import pickle
import signal
import sys

import pandas
import pytest
from tiny import tiny_recipe

from cordsnet import DivergedError, load_model
from cordsnet.cli import main
from cordsnet.errors import InterruptionError, RunError
from cordsnet.training import RECIPES, Recipe, Run, TrainDynamics, fit, grid, summary, sweep, with_setting
from cordsnet.training.grid import parse_choices, settings
from cordsnet.training.workers import max_workers

UPDATES = 6
DIRECT = "direct.optimisation.lr"


def short_recipe() -> Recipe:
    """Recipe of direct training alone."""
    recipe = tiny_recipe(UPDATES)
    return dataclasses.replace(recipe, stages=(recipe.stage("direct"),))


def width(recipe: Recipe, reports: dict) -> dict:
    """Measure of a sweep: number of channels of the trained network."""
    return {"channels": reports["direct"].model().spec.stem.channels}


# grids


def test_a_grid_is_every_combination_with_every_seed():
    recipe = dataclasses.replace(tiny_recipe(), seed=5)
    runs = grid(recipe, {"model.width": [4, 8], DIRECT: ["1e-3", 0.01]}, 3)
    assert len(runs) == 12
    assert runs[0].name == f"model.width=4/{DIRECT}=0.001/seed=5"
    assert [run.recipe.seed for run in runs[:4]] == [5, 6, 7, 5]
    assert runs[-1].columns == {"model.width": 8, DIRECT: 0.01}
    assert runs[-1].recipe.model.width == 8
    assert runs[-1].recipe.stage("direct").optimisation.lr == 0.01
    assert runs[-1].recipe.stage("finetune") == recipe.stage("finetune")
    assert [run.recipe.seed for run in grid(recipe, {}, [7, 2])] == [7, 2]


def test_the_last_part_of_an_option_sets_it_in_every_stage_that_has_it():
    (run,) = grid(tiny_recipe(), {"spontaneous_weight": ["1e-4"]}, 1)
    trained = [stage for stage in run.recipe.stages if isinstance(stage, TrainDynamics)]
    assert [stage.objective.spontaneous_weight for stage in trained] == [1e-4] * 4
    assert run.recipe.stages[:3] == tiny_recipe().stages[:3]


def test_values_are_converted_to_the_type_of_their_setting():
    choices = parse_choices(["finetune.slopes=[0.5,0],[0]", "finetune.memory=null,1GB", "warm_up=0,0.5"])
    runs = grid(tiny_recipe(), choices, 1)
    assert [run.recipe.stage("finetune").slopes for run in runs] == [(0.5, 0.0)] * 4 + [(0.0,)] * 4
    assert [run.recipe.stage("finetune").memory for run in runs[:4]] == [None, None, "1GB", "1GB"]
    assert runs[0].columns == {"finetune.slopes": "(0.5, 0.0)", "finetune.memory": "None", "warm_up": 0.0}
    assert runs[0].name == "finetune.slopes=-0.5-0.0-/finetune.memory=None/warm_up=0.0/seed=0"


def test_with_setting_changes_one_value():
    recipe = tiny_recipe()
    changed = with_setting(recipe, "finetune.objective.trial.image", 60.0)
    assert changed.stage("finetune").objective.trial.image == 60.0
    assert with_setting(changed, "finetune.objective.trial.image", 40.0) == recipe
    assert with_setting(recipe, "data", "mnist").data == "mnist"
    assert recipe == tiny_recipe()
    assert {"data", "model.width", "cnn.optimisation.lr"} <= set(settings(recipe))


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("choices", "seeds", "parts"),
    [
        ({"spontaneos_weight": [0]}, 1, ["'spontaneos_weight'", "did you mean 'spontaneous_weight'"]),
        ({"finetun.optimisation.lr": [1]}, 1, ["did you mean 'finetune.optimisation.lr'"]),
        ({"lr": ["fast"]}, 1, ["cnn.optimisation.lr", "float", "fast"]),
        ({"lr": [-1.0]}, 1, ["lr must be", "-1.0"]),
        ({"lr": []}, 1, ["'lr'", "no values"]),
        ({"lr": [1.0], DIRECT: [2.0]}, 1, [DIRECT, "both 'lr'"]),
        ({"seed": [1]}, 1, ["seed"]),
        ({"lr": [1.0]}, 0, ["seeds", "0"]),
    ],
)
def test_invalid_grids_are_refused(choices, seeds, parts):
    with pytest.raises(ValueError, match=r".+") as refusal:
        grid(tiny_recipe(), choices, seeds)
    assert all(part in str(refusal.value) for part in parts), refusal.value


def test_an_ambiguous_setting_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Wide(TrainDynamics):
        width: int = 3

    recipe = dataclasses.replace(tiny_recipe(), stages=(Wide(),))
    with pytest.raises(ValueError, match=r"'width' means several settings: model.width, dynamics.width"):
        grid(recipe, {"width": [4]}, 1)


@pytest.mark.parametrize("words", [["lr"], ["=3"], ["lr="], ["lr=1", "lr=2"]])
def test_choices_of_another_form_are_refused(words):
    with pytest.raises(ValueError, match=r"such as|twice"):
        parse_choices(words)


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("../a", "b"), ("/a", "b"), ("table.parquet", "b")])
def test_runs_that_would_share_a_folder_are_refused(names, tmp_path):
    with pytest.raises(RunError, match=r"folder"):
        sweep([Run(name, short_recipe()) for name in names], tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


# runs in this process


def test_the_table_has_finished_and_failed_runs(tmp_path):
    diverging = [dataclasses.replace(run, columns={"kind": "grid"}) for run in grid(short_recipe(), {DIRECT: [1e9]}, 1)]
    clashing = [Run("wrong", with_setting(short_recipe(), "model.in_channels", 3))]
    runs = [*grid(short_recipe(), {}, 2), *diverging, *clashing]
    rows = sweep(runs, tmp_path, measure=width, progress=False)
    table = pandas.read_parquet(tmp_path / "table.parquet")
    assert list(table["run"]) == ["seed=0", "seed=1", f"{DIRECT}=1000000000.0/seed=0", "wrong"]
    assert list(table["status"]) == ["finished", "finished", "diverged", "failed"]
    assert "finite" in table["error"][2]
    assert "stage 'direct'" in table["error"][2]
    assert "in_channels = 3" in table["error"][3]
    assert table["kind"][2] == "grid"
    assert table["channels"][0] == 4
    assert table["direct.seconds"][0] > 0
    assert table["direct.test_accuracy"][1] == rows[1]["direct.test_accuracy"]
    assert table["direct.test_accuracy"].isna()[2:].all()


def test_a_diverged_run_keeps_the_metrics_of_its_finished_stages(tmp_path):
    recipe = with_setting(tiny_recipe(), "linear.optimisation.lr", 1e12)
    (row,) = sweep([Run("run", recipe)], tmp_path, progress=False)
    assert row["status"] == "diverged"
    assert row["inverse.seconds"] > 0
    assert "linear.seconds" not in row


def test_an_interrupted_sweep_continues_and_does_not_repeat_finished_runs(tmp_path, monkeypatch):
    runs, started = grid(short_recipe(), {}, 2), []

    def stopped(recipe, folder, **options):
        started.append(recipe.seed)
        if recipe.seed == 1:
            raise InterruptionError("stopped", signal.SIGTERM)
        return fit(recipe, folder, **options)

    with monkeypatch.context() as patch:
        patch.setattr("cordsnet.training.sweeps.fit", stopped)
        with pytest.raises(InterruptionError):
            sweep(runs, tmp_path, progress=False)
    assert started == [0, 1]
    assert len(pandas.read_parquet(tmp_path / "table.parquet")) == 1
    finished = tmp_path / "seed=0" / "direct" / "result.json"
    before = finished.stat().st_mtime_ns
    rows = sweep(runs, tmp_path, progress=False)
    assert finished.stat().st_mtime_ns == before
    assert [row["status"] for row in rows] == ["finished", "finished"]
    assert len(pandas.read_parquet(tmp_path / "table.parquet")) == 2


def test_the_summary_averages_over_seeds():
    values = [(0.0, 0.5), (0.0, 0.7), (1.0, 0.9)]
    rows = [{"weight": weight, "status": "finished", "accuracy": value} for weight, value in values]
    nought, one = summary([*rows, {"weight": 1.0, "status": "failed"}], ["weight"], "accuracy")
    assert nought == {"weight": 0.0, "mean": 0.6, "standard_error": pytest.approx(0.1), "finished": 2, "failed": 0}
    assert (one["mean"], one["failed"]) == (0.9, 1)
    assert one["standard_error"] != one["standard_error"]


@pytest.mark.parametrize("error", [DivergedError("area1", 3, 6.0), InterruptionError("stopped", 15)])
def test_errors_can_be_pickled(error):
    copied = pickle.loads(pickle.dumps(error))
    assert str(copied) == str(error)
    assert vars(copied) == vars(error)


# the command line


@pytest.mark.usefixtures("as_users_run_it")
def test_the_command_prints_the_mean_of_every_point_of_the_grid(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES._entries, "demo", short_recipe)
    words = ["sweep", "demo", "--quiet", "--output", str(tmp_path), "--workers", "1", "--grid", f"{DIRECT}=1e-3,1e9"]
    assert main([*words, "--seeds", "2", "--seed", "3", "--model.width", "8"]) == 0
    said, table = capsys.readouterr(), pandas.read_parquet(tmp_path / "table.parquet")
    assert list(table["seed"]) == [3, 4, 3, 4]
    assert f"{table['direct.test_accuracy'][:2].mean():.6f}" in said.out
    assert str(tmp_path / "table.parquet") in said.out
    assert f"{DIRECT}=1000000000.0/seed=4: " in said.err
    assert "stopped being finite" in said.err
    model = load_model(tmp_path / f"{DIRECT}=0.001" / "seed=3" / "direct")
    assert model.spec.stem.channels == 8


@pytest.mark.usefixtures("as_users_run_it")
def test_a_sweep_without_a_finished_run_fails(capsys, tmp_path):
    assert main(["sweep", "digits", "--quiet", "--output", str(tmp_path), "--grid", "data=digit"]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'digits'" in said
    assert "no run finished" in said


@pytest.mark.usefixtures("as_users_run_it")
def test_without_ray_runs_are_sequential_and_workers_are_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES._entries, "demo", short_recipe)
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    words = ["sweep", "demo", "--quiet", "--output", str(tmp_path), "--seeds", "2"]
    assert main(words) == 0
    assert "one run after another; pip install 'cordsnet[sweep]'" in capsys.readouterr().out
    assert main([*words, "--workers", "2"]) == 2
    assert "pip install 'cordsnet[sweep]'" in capsys.readouterr().err


def test_a_machine_always_fits_one_worker():
    assert max_workers(1.0) == os.cpu_count()
    assert max_workers(1e6) == 1

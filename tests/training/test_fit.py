"""Runs: stages in order, nothing twice, nothing lost."""

import dataclasses
import json

import pytest
import torch
from tiny import tiny_recipe

import cordsnet
from cordsnet.training import fit
from cordsnet.training.logs import read_curve
from cordsnet.training.loop import TrainingModule


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of the tiny recipe."""
    folder = tmp_path_factory.mktemp("run")
    return tiny_recipe(), folder, fit(tiny_recipe(), folder, progress=False)


def with_lr(recipe, stage, lr):
    return with_optimisation(recipe, stage, lr=lr)


def with_optimisation(recipe, stage, **changes):
    old = recipe.stage(stage)
    optimisation = dataclasses.replace(old.optimisation, **changes)
    return recipe.replace(stage, dataclasses.replace(old, optimisation=optimisation))


def weights(folder):
    return cordsnet.load_model(folder).state_dict()


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_every_stage_leaves_a_model_a_result_and_logs(finished):
    recipe, folder, reports = finished
    assert list(reports) == [stage.name for stage in recipe.stages]
    for stage in recipe.stages:
        assert 0 <= reports[stage.name].metrics["test_accuracy"] <= 1
        assert json.loads((folder / stage.name / "result.json").read_text())["stage"]["name"] == stage.name
        cordsnet.load_model(folder / stage.name)
        if hasattr(stage, "optimisation"):
            steps, losses = read_curve(folder / stage.name, "loss")
            assert steps == [0, 1, 2]
            assert all(loss > 0 for loss in losses)
            assert list((folder / stage.name).glob("tensorboard_1/*tfevents*"))


def test_the_final_activation_of_each_stage_is_saved(finished):
    _, _, reports = finished
    found = {name: reports[name].model().activation.name for name in ("inverse", "linear", "anneal", "finetune")}
    assert found == {"inverse": "identity", "linear": "identity", "anneal": "relu", "finetune": "relu"}


def test_a_finished_stage_is_not_repeated(finished):
    recipe, folder, reports = finished
    before = {p: p.stat().st_mtime_ns for p in folder.glob("*/result.json")}
    again = fit(recipe, folder, progress=False)
    assert {p: p.stat().st_mtime_ns for p in folder.glob("*/result.json")} == before
    assert again == reports


def test_a_stage_run_alone_gives_the_same_weights(finished, tmp_path):
    recipe, folder, _ = finished
    for stage in recipe.stages:
        fit(recipe, tmp_path, only=stage.name, progress=False)
    for stage in recipe.stages:
        assert same(weights(folder / stage.name), weights(tmp_path / stage.name)), stage.name


def test_changed_settings_are_refused_by_name_and_restart_runs_what_builds_on_them(finished, tmp_path):
    recipe, _, _ = finished
    fit(recipe, tmp_path, progress=False)
    cnn, linear, tuned = (weights(tmp_path / name) for name in ("cnn", "linear", "finetune"))
    changed = with_lr(recipe, "linear", 0.01)
    with pytest.raises(cordsnet.RunError, match=r"'linear'.*optimisation.lr was 0.001, is 0.01.*--restart linear"):
        fit(changed, tmp_path, progress=False)
    fit(changed, tmp_path, restart="linear", progress=False)
    assert same(cnn, weights(tmp_path / "cnn"))
    assert not same(linear, weights(tmp_path / "linear"))
    assert not same(tuned, weights(tmp_path / "finetune"))


def test_a_stage_whose_start_is_missing_is_refused(tmp_path):
    with pytest.raises(cordsnet.RunError, match="'linear' starts from 'inverse', which is not finished"):
        fit(tiny_recipe(), tmp_path, only="linear", progress=False)


@pytest.mark.parametrize("stage", ["cnn", "inverse", "anneal"])
def test_an_interrupted_stage_goes_on_and_ends_with_the_same_number_of_updates(stage, tmp_path, monkeypatch):
    recipe = tiny_recipe(updates=10)
    for earlier in recipe.stages:
        if earlier.name == stage:
            break
        fit(recipe, tmp_path, only=earlier.name, progress=False)
    real = TrainingModule.check_loss

    def stop(module, loss):
        if module.global_step == 7:
            raise KeyboardInterrupt
        return real(module, loss)

    monkeypatch.setattr(TrainingModule, "check_loss", stop)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, tmp_path, only=stage, progress=False)
    assert not (tmp_path / stage / "result.json").exists()
    monkeypatch.setattr(TrainingModule, "check_loss", real)
    fit(recipe, tmp_path, only=stage, progress=False)
    resumed = (tmp_path / stage / "logs_2" / "metrics.csv").read_text().splitlines()
    assert len(resumed) - 1 < 10
    assert read_curve(tmp_path / stage, "loss")[0] == list(range(10))


def test_rates_that_blow_up_stop_the_stage_and_keep_the_earlier_ones(finished, tmp_path):
    recipe, _, _ = finished
    recipe = with_lr(recipe, "direct", 1e6)
    with pytest.raises(ArithmeticError) as caught:
        fit(recipe, tmp_path, progress=False)
    said = str(caught.value) + " ".join(getattr(caught.value, "__notes__", []))
    assert "finite" in said
    assert "lower" in said
    assert "direct" in said
    assert (tmp_path / "finetune" / "result.json").is_file()
    assert not (tmp_path / "direct" / "result.json").exists()


def test_batches_are_compared_with_the_images_in_the_stages_that_are_to_run(tmp_path):
    recipe = with_optimisation(tiny_recipe(), "finetune", batch=10**5)
    with pytest.raises(ValueError, match=r"batch = 100000 of stage 'finetune' is more than the \d+ training images"):
        fit(recipe, tmp_path, progress=False)
    assert set(fit(recipe, tmp_path, only="cnn", progress=False)) == {"cnn"}


def test_the_seed_is_all_that_randomness_depends_on(finished, tmp_path):
    recipe, folder, _ = finished
    torch.manual_seed(123)
    fit(recipe, tmp_path / "same", only="cnn", progress=False)
    fit(dataclasses.replace(recipe, seed=1), tmp_path / "other", only="cnn", progress=False)
    assert same(weights(folder / "cnn"), weights(tmp_path / "same" / "cnn"))
    assert not same(weights(folder / "cnn"), weights(tmp_path / "other" / "cnn"))


def test_a_recipe_with_a_stage_before_its_start_is_refused():
    recipe = tiny_recipe()
    with pytest.raises(ValueError, match="'fold' starts from 'cnn', which is not a stage before it"):
        dataclasses.replace(recipe, stages=recipe.stages[1:])


def test_a_diverged_stage_trains_anew_with_a_lower_learning_rate(finished, tmp_path):
    recipe, folder, _ = finished
    with pytest.raises(ArithmeticError):
        fit(with_lr(recipe, "direct", 1e6), tmp_path, only="direct", progress=False)
    fit(recipe, tmp_path, only="direct", progress=False)
    assert same(weights(folder / "direct"), weights(tmp_path / "direct"))


def test_an_unfinished_stage_of_other_settings_does_not_leak_into_the_next(finished, tmp_path, monkeypatch):
    recipe, folder, _ = finished
    real = TrainingModule.check_loss

    def stop(module, loss):
        if module.global_step == 2:
            raise KeyboardInterrupt
        return real(module, loss)

    monkeypatch.setattr(TrainingModule, "check_loss", stop)
    with pytest.raises(KeyboardInterrupt):
        fit(with_lr(recipe, "cnn", 0.5), tmp_path, only="cnn", progress=False)
    monkeypatch.setattr(TrainingModule, "check_loss", real)
    fit(recipe, tmp_path, only="cnn", progress=False)
    assert same(weights(folder / "cnn"), weights(tmp_path / "cnn"))


def test_a_refused_restart_discards_nothing(finished, tmp_path):
    recipe, _, _ = finished
    fit(recipe, tmp_path, only="cnn", progress=False)
    with pytest.raises(ValueError, match="unknown data set 'digit'"):
        fit(dataclasses.replace(recipe, data="digit"), tmp_path, restart="cnn", progress=False)
    assert (tmp_path / "cnn" / "result.json").is_file()


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"metrics": {}, "seconds": 1}'])
def test_a_damaged_result_is_refused_by_name(content, finished, tmp_path):
    recipe, _, _ = finished
    fit(recipe, tmp_path, only="cnn", progress=False)
    (tmp_path / "cnn" / "result.json").write_text(content)
    with pytest.raises(cordsnet.RunError, match="--restart cnn"):
        fit(recipe, tmp_path, only="cnn", progress=False)


@pytest.mark.parametrize(("field", "value"), [("num_classes", 5), ("in_channels", 3)])
def test_a_network_that_does_not_fit_the_data_is_refused_by_name(field, value, finished, tmp_path):
    recipe, _, _ = finished
    model = dataclasses.replace(recipe.model, **{field: value})
    with pytest.raises(cordsnet.RunError, match=f"{field} = {value} but"):
        fit(dataclasses.replace(recipe, model=model), tmp_path, progress=False)

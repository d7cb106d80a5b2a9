"""Networks trained at one step and simulated at another."""

import math

import pytest

from cordsnet.errors import RunError
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.intervals import mean_over_runs
from cordsnet.experiments.questions.coarse_training import (
    CoarseTrainingOptions,
    MeasureSteps,
    accuracy_rows,
    compare,
    step_runs,
)
from cordsnet.experiments.recipes import BASES, base_recipe
from cordsnet.models import create_model
from cordsnet.training import ModelChoice, Recipe, StageReport, TrainCNN

OPTIONS = CoarseTrainingOptions(seeds=3)


def row(trained, seed, accuracies, status="finished"):
    """A row of the table of networks; accuracies at 10, 5, 2 and 1 ms."""
    cells = dict(zip((f"accuracy/{dt}" for dt in (10, 5, 2, 1)), accuracies, strict=True))
    cells |= {name.replace("accuracy", "agreement"): 1.0 for name in cells}
    return {"trained_ms": trained, "seed": seed, "status": status, "run": "a", "error": ""} | cells


ROWS = [row(10.0, seed, (0.9 + 0.01 * seed, 0.8, 0.5, 0.4)) for seed in range(3)] + [
    row(2.0, seed, (0.6, 0.7, 0.95, 0.94 - 0.01 * seed)) for seed in range(3)
]


def test_differences_are_within_a_network_or_within_a_seed():
    found = compare(ROWS, OPTIONS)
    assert found["coarse_to_fine"].value == pytest.approx(0.5 - 0.91)
    assert found["fine_to_coarse"].value == pytest.approx(0.6 - 0.95)
    assert found["finer_than_trained"].value == pytest.approx(-0.02)
    assert found["coarse_suffices"].value == pytest.approx(0.91 - 0.95)
    low, high = found["coarse_suffices"].interval
    half = 4.302653 * 0.01 / math.sqrt(3)  # t of two degrees of freedom, times the standard error
    assert (low, high) == pytest.approx((-0.04 - half, -0.04 + half))


def test_networks_that_diverged_are_left_out_with_their_partner():
    lost = [*ROWS[:2], {**ROWS[2], "status": "diverged"}, *ROWS[3:]]
    found = compare(lost, OPTIONS)
    assert [found[name].n for name in ("coarse_to_fine", "fine_to_coarse", "coarse_suffices")] == [2, 3, 2]
    unstable = [{**one, "accuracy/10": math.nan} if one["trained_ms"] == 2.0 else one for one in ROWS]
    assert math.isnan(compare(unstable, OPTIONS)["fine_to_coarse"].value)
    rows = {(one["trained_ms"], one["simulated_ms"]): one for one in accuracy_rows(unstable, OPTIONS)}
    assert rows[2.0, 10.0]["networks"] == 0
    assert rows[10.0, 2.0]["accuracy"] == pytest.approx(0.5)
    assert len(rows) == 8


def test_single_networks_and_equal_ones_have_no_interval():
    assert mean_over_runs([0.5]).interval is None
    assert mean_over_runs([0.5, 0.5]).interval is None
    assert math.isnan(mean_over_runs([]).value)


def test_networks_of_one_seed_differ_in_their_step_alone():
    first, second, *_ = step_runs(OPTIONS, seed=4)
    assert (first.recipe.seed, second.recipe.seed) == (4, 4)
    assert [run.recipe.stages[-1].dt_ms for run in (first, second)] == [10.0, 2.0]
    assert first.recipe.stages[-1].optimisation == second.recipe.stages[-1].optimisation
    assert len({run.name for run in step_runs(OPTIONS)}) == 6


@pytest.mark.parametrize("name", ["smoke_steps", "desk_steps", "paper_steps"])
def test_images_are_five_steps_of_the_time_constant(name):
    assert base_recipe(name).stages[-1].objective.trial.image == 50.0


def report(model, folder):
    """A finished stage whose network is given."""
    model.save_pretrained(folder)
    return {"direct": StageReport("direct", folder, {}, 0.0)}


def test_steps_are_measured_and_a_model_of_steps_is_refused(tmp_path):
    recipe = step_runs(OPTIONS)[0].recipe
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=10, image_size=8, width=2, seed=1)
    found = MeasureSteps((10.0, 1.0))(recipe, report(model, tmp_path / "continuous"))
    assert found["agreement/10"] == 1.0
    assert 0 <= found["agreement/1"] <= 1
    steps = create_model("dtcnn_r2_small", in_channels=1)
    with pytest.raises(RunError, match="counts time in steps of its own"):
        MeasureSteps((10.0,))(recipe, report(steps, tmp_path / "steps"))


def test_what_cannot_be_varied_is_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(BASES._entries, "cnn", lambda: Recipe("cnn", (TrainCNN(),), ModelChoice(image_size=8)))
    with pytest.raises(ValueError, match="must end with the training of dynamics, got stage 'cnn'"):
        EXPERIMENTS["coarse_training"](Setting(output=tmp_path), CoarseTrainingOptions("cnn"))
    with pytest.raises(ValueError, match="at least two different steps"):
        CoarseTrainingOptions(trained_dts_ms=(2.0, 2.0))
    with pytest.raises(ValueError, match="seeds must be at least 1"):
        CoarseTrainingOptions(seeds=0)

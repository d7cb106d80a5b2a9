"""Stages that end at a criterion: at which update, whatever interrupts them, and what is written down."""

import json
import math
import os
import signal

import pytest
import torch

from cordsnet import RunError
from cordsnet.errors import InterruptionError
from cordsnet.tasks import create_task, task_recipe
from cordsnet.training import Answer, Budget, Criterion, LastStep, ModelChoice, Optimisation, Recipe, Train, fit
from cordsnet.training.logs import read_curve
from cordsnet.training.loop import TrainingModule

TIMING = {"fixation": 40.0, "stimulus": 100.0, "decision": 100.0}
DOTS = create_task("random_dots", timing=TIMING, coherences=(1.0,))
EASY = Criterion("choice/accuracy", at_least=0.8, over=4)
MOST = 60


def recipe(until=EASY, **changes):
    """A few updates of eight units on clear motion."""
    made = task_recipe(DOTS, test_trials=20, units=8)
    how = Optimisation(lr=1e-2, updates=MOST, batch=16, clip=1.0, accumulate=changes.pop("accumulate", 1))
    stage = Train(loss=made.stages[0].loss, optimisation=how, until=until, **changes)
    return Recipe("criterion", (stage,), made.model, data=made.data, data_options=made.data_options)


def first_reached(values, over, at_least=-math.inf, at_most=math.inf):
    """Number of the first update after which the mean of the last `over` values is within bounds."""
    means = values.unfold(0, over, 1).mean(1)
    return int(((means >= at_least) & (means <= at_most)).nonzero()[0]) + over


def curve(folder, name):
    return torch.tensor(read_curve(folder / "train", name)[1], dtype=torch.float64)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder and the report of a run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, fit(recipe(), folder, progress=False)["train"]


def test_a_stage_ends_with_the_first_update_at_which_the_mean_is_there(whole):
    folder, report = whole
    values = curve(folder, "choice/accuracy")
    assert report.metrics["criterion_reached"] == 1.0
    assert report.metrics["updates"] == len(values) == first_reached(values, 4, at_least=0.8)
    assert 4 < len(values) < MOST


def test_the_updates_before_are_those_of_a_stage_without_a_criterion(whole, tmp_path):
    report = fit(recipe(None), tmp_path, progress=False)["train"]
    assert not {"updates", "criterion_reached"} & set(report.metrics)
    values = curve(tmp_path, "loss")
    assert len(values) == MOST
    assert torch.equal(values[: int(whole[1].metrics["updates"])], curve(whole[0], "loss"))


def test_an_upper_bound_ends_a_stage_by_its_loss(tmp_path):
    report = fit(recipe(Criterion("loss", at_most=0.8, over=3)), tmp_path, progress=False)["train"]
    assert report.metrics["updates"] == first_reached(curve(tmp_path, "loss"), 3, at_most=0.8) < MOST


def test_a_stage_that_does_not_get_there_makes_all_its_updates(tmp_path):
    never = recipe(Criterion("loss", at_most=0.0, over=2), budget=Budget(images=5 * 16))
    report = fit(never, tmp_path, progress=False)["train"]
    assert (report.metrics["criterion_reached"], report.metrics["updates"]) == (0.0, 5)


def test_a_criterion_ends_a_stage_before_its_budget(whole, tmp_path):
    report = fit(recipe(budget=Budget(images=16 * MOST)), tmp_path, progress=False)["train"]
    assert report.metrics["updates"] == whole[1].metrics["updates"]
    spent = json.loads((tmp_path / "record.json").read_text())["attempts"][-1]["budgets"]["train"]
    assert spent["updates"] == report.metrics["updates"]


def test_parts_of_a_batch_count_as_one_update(tmp_path, monkeypatch):
    keep, parts = TrainingModule.keep, []
    monkeypatch.setattr(
        TrainingModule,
        "keep",
        lambda self, **found: parts.append(float(found["choice/accuracy"])) or keep(self, **found),
    )
    report = fit(recipe(accumulate=2), tmp_path, progress=False)["train"]
    values = torch.tensor(parts, dtype=torch.float64).view(-1, 2).mean(1)
    assert report.metrics["updates"] == len(values) == first_reached(values, 4, at_least=0.8)


@pytest.mark.parametrize("left", [0, 1, 3])
def test_a_run_that_is_stopped_ends_at_the_same_update_with_the_same_bits(left, whole, tmp_path, monkeypatch):
    folder, wanted = whole
    last, check_loss, seen = int(wanted.metrics["updates"]), TrainingModule.check_loss, []

    def stopping(self, loss):
        seen.append(1)
        if len(seen) == last - left:  # with none left, the update that reaches the criterion
            os.kill(os.getpid(), signal.SIGTERM)
        return check_loss(self, loss)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "check_loss", stopping)
        with pytest.raises(InterruptionError, match=f"at update {last - left}"):
            fit(recipe(), tmp_path, progress=False)
    report = fit(recipe(), tmp_path, progress=False)["train"]
    timed = {"waiting_share", "processor_seconds"}
    assert {k: v for k, v in report.metrics.items() if k not in timed} == {
        k: v for k, v in wanted.metrics.items() if k not in timed
    }
    found, known = report.model().state_dict(), wanted.model().state_dict()
    assert all(torch.equal(found[name], value) for name, value in known.items())
    assert torch.equal(curve(tmp_path, "loss"), curve(folder, "loss"))


def test_a_measure_that_the_loss_does_not_log_is_refused_at_the_first_update(tmp_path):
    said = (
        "stage 'train' ends by 'accuracy', which its loss does not log; set until.measure to one of "
        "loss, choice/accuracy"
    )
    with pytest.raises(RunError) as caught:
        fit(recipe(Criterion(at_least=0.9)), tmp_path, progress=False)
    assert str(caught.value) == said
    assert not list((tmp_path / "train").glob("checkpoints/*"))


def test_class_scores_are_accuracy(tmp_path):
    how = Optimisation(lr=1e-2, updates=3, batch=16)
    stage = Train(loss=Answer(), optimisation=how, until=Criterion(at_least=0.0, over=2))
    images = Recipe("images", (stage,), ModelChoice("cnn_r2_small", image_size=12, width=4))
    assert fit(images, tmp_path, progress=False)["train"].metrics["updates"] == 2


def test_a_criterion_is_one_bound_of_a_measure():
    for wrong, given in (({}, "neither"), ({"at_least": 0.5, "at_most": 1.0}, "both")):
        with pytest.raises(ValueError, match=f"exactly one of at_least and at_most, got {given}"):
            Criterion(**wrong)
    with pytest.raises(ValueError, match="over must be"):
        Criterion(at_least=0.5, over=0)
    with pytest.raises(ValueError, match="measure must be the name"):
        Criterion("", at_least=0.5)
    with pytest.raises(ValueError, match="of which until may leave out the last"):
        Train(loss=LastStep(), slopes=(1.0, 0.0), until=EASY)
    assert not Criterion(at_least=0.5, over=3).is_reached([1.0, 1.0])
    assert Criterion(at_least=0.5, over=2).is_reached([0.0, 0.4, 0.6])
    assert not Criterion(at_most=0.5, over=2).is_reached([0.0, 0.4, 0.7])
    assert not Criterion(at_most=0.5, over=2).is_reached([float("nan"), 0.1])


def test_a_criterion_is_left_out_where_there_is_none():
    assert "until" not in Train().to_dict()
    assert Train(until=EASY).to_dict()["until"] == {
        "measure": "choice/accuracy",
        "at_least": 0.8,
        "at_most": None,
        "over": 4,
    }

"""Budgets of training in images, operations and seconds: what they become, and what is written down."""

import dataclasses
import json
import os
import signal

import pytest
import torch

from cordsnet import RunError, create_model
from cordsnet.data import load_data
from cordsnet.errors import InterruptionError
from cordsnet.training import (
    Answer,
    Budget,
    Contrastive,
    LastStep,
    ModelChoice,
    Optimisation,
    Recipe,
    Train,
    as_source,
    fit,
)
from cordsnet.training.budget import NOT_REPEATABLE, Stopwatch
from cordsnet.training.cost import first_batch, flop_counter, update_cost
from cordsnet.training.logs import read_curve
from cordsnet.training.loop import TrainingModule
from cordsnet.training.stages.train import TrainedModule

HOW = Optimisation("sgd", lr=0.05, updates=3, batch=16)
SMALL = {"image_size": 12, "width": 4}


def recipe(name="cnn_r2_small", **changes):
    return Recipe("budget", (Train(loss=Answer(), optimisation=HOW, **changes),), ModelChoice(name, **SMALL))


def spent(folder):
    return json.loads((folder / "record.json").read_text())["attempts"][-1]["budgets"]["train"]


def test_a_budget_of_images_is_as_many_updates(tmp_path):
    report = fit(recipe(budget=Budget(images=70)), tmp_path / "budget", progress=False)["train"]
    how = dataclasses.replace(HOW, updates=4)
    plain = Recipe("plain", (Train(loss=Answer(), optimisation=how),), ModelChoice("cnn_r2_small", **SMALL))
    other = fit(plain, tmp_path / "plain", progress=False)["train"]
    assert report.metrics["updates"] == 4
    assert report.metrics["test_accuracy"] == other.metrics["test_accuracy"]
    one, two = report.model().state_dict(), other.model().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)  # measuring the cost leaves no trace
    found = spent(tmp_path / "budget")
    assert (found["asked"], found["updates"], found["images"]) == ({"images": 70}, 4, 64)
    assert found["flops"] == 4 * found["flops_per_update"] > 0
    assert found["seconds"] > 0


def test_operations_of_an_update_grow_with_the_batch_and_with_the_forward_pass():
    model = create_model("cnn_r2_small", in_channels=1, image_size=12, width=4, num_classes=10)
    module = TrainedModule(model.train(), Train(loss=LastStep()))
    source = as_source(load_data("digits", 12))
    batches = [first_batch(source, size, 0, "none", model.like) for size in (8, 16)]
    costs = [update_cost(module, batch) for batch in batches]
    assert costs[1].flops == 2 * costs[0].flops
    assert costs[1].kept_bytes > 1.8 * costs[0].kept_bytes > 0
    assert all(p.grad is None for p in model.parameters())
    # a backward pass costs once or twice the forward pass
    forward = torch.utils.flop_counter.FlopCounterMode(display=False)
    with forward, torch.no_grad():
        model.eval()(batches[0].inputs["image"])
    assert 2 * forward.get_total_flops() <= costs[0].flops <= 3 * forward.get_total_flops()


def test_kernels_that_onednn_packs_are_counted():
    model = create_model("cordsnet_r2_small", in_channels=1, image_size=12, width=4, num_classes=10)
    source = as_source(load_data("digits", 12))
    batch = first_batch(source, 4, 0, "none", model.like)
    found = {}
    for engine in ("time_major", "area_major"):  # the latter computes without a graph, with packed kernels
        module = TrainedModule(model.train(), Train(loss=LastStep(ms=20.0), engine=engine))
        found[engine] = update_cost(module, batch).flops
    assert found["area_major"] == pytest.approx(found["time_major"], rel=0.35)
    assert found["time_major"] > 0


@pytest.mark.parametrize("grad", [False, True])
def test_attention_on_a_cpu_is_counted(grad):
    batch, heads, tokens, size = 2, 3, 5, 8
    parts = [torch.randn(batch, heads, tokens, size, requires_grad=grad) for _ in range(3)]
    with flop_counter() as counter:
        found = torch.nn.functional.scaled_dot_product_attention(*parts)
        if grad:
            found.sum().backward()
    product = 2 * batch * heads * tokens * tokens * size
    assert counter.get_total_flops() == (7 if grad else 2) * product  # five backward, of which one is made again


def test_a_budget_of_operations_is_as_many_updates_as_it_pays_for(tmp_path):
    first = fit(recipe(budget=Budget(images=16)), tmp_path / "one", progress=False)["train"]
    assert first.metrics["updates"] == 1
    each = spent(tmp_path / "one")["flops_per_update"]
    report = fit(recipe(budget=Budget(flops=3.9 * each)), tmp_path / "flops", progress=False)["train"]
    assert report.metrics["updates"] == 3
    assert spent(tmp_path / "flops")["flops"] == 3 * each


def test_a_budget_of_seconds_ends_after_the_limit_and_lets_the_rate_follow_time(tmp_path):
    report = fit(recipe(budget=Budget(seconds=1.5)), tmp_path, progress=False)["train"]
    found = spent(tmp_path)
    assert found["seconds"] >= 1.5
    assert found["updates"] == report.metrics["updates"] >= 1
    assert len(read_curve(tmp_path / "train", "loss")[0]) == found["updates"]
    assert NOT_REPEATABLE in report.model().notes or NOT_REPEATABLE in report.model().metadata["notes"]
    again = fit(recipe(budget=Budget(seconds=1.5)), tmp_path, progress=False)["train"]
    assert again.metrics == report.metrics  # finished, so not repeated


def test_the_clock_of_a_stage_goes_on_where_its_checkpoint_left_it():
    class Alone:
        should_stop = False

        class strategy:
            reduce_boolean_decision = staticmethod(lambda over, **_: over)

    first, trainer = Stopwatch(100.0), Alone()
    first.on_train_start(trainer, None)
    first.started -= 60
    first.on_train_batch_end(trainer, None, None, None, 0)
    assert first.share == pytest.approx(0.6, abs=0.01)
    assert not trainer.should_stop
    second = Stopwatch(100.0)
    second.load_state_dict(first.state_dict())
    second.on_train_start(trainer, None)
    second.started -= 41
    second.on_train_batch_end(trainer, None, None, None, 0)
    assert trainer.should_stop
    assert second.seconds == pytest.approx(101, abs=0.5)
    assert second.share == 1


def test_the_cycle_by_time_is_that_of_updates():
    how = Optimisation(lr=0.3, updates=50, warm_up=0.2)
    built = how.build([torch.nn.Parameter(torch.zeros(1))])
    schedule = built["lr_scheduler"]["scheduler"]
    for update in range(49):
        if update < 9 or update > 10:  # torch rounds the peak to an update
            wanted = 0.3 * how.cycle((update / 9) * 0.2 if update < 9 else 0.2 + (update - 9) / 40 * 0.8)
            assert schedule.get_last_lr()[0] == pytest.approx(wanted, rel=1e-6)
        built["optimizer"].step()
        schedule.step()


def test_a_budget_is_exactly_one_number_and_is_left_out_where_there_is_none():
    for wrong in ({}, {"images": 5, "seconds": 1.0}):
        with pytest.raises(ValueError, match="a budget is exactly one of images, flops, seconds"):
            Budget(**wrong)
    with pytest.raises(ValueError, match="seconds must be"):
        Budget(seconds=0.0)
    with pytest.raises(ValueError, match="budget of seconds does not say"):
        Train(slopes=(1.0, 0.0), budget=Budget(seconds=1.0))
    with pytest.raises(RunError, match="more than 100,000,000; lower it"):
        Budget(images=10**12).updates(16, 1.0)
    assert "budget" not in Train().to_dict()
    assert Train(budget=Budget(images=5)).to_dict()["budget"]["images"] == 5


@pytest.mark.parametrize("loss", [Answer(), Contrastive()])
def test_a_run_with_a_budget_that_is_stopped_goes_on_with_the_same_bits(loss, tmp_path, monkeypatch):
    stage = Train(loss=loss, optimisation=HOW, budget=Budget(images=80))
    whole = Recipe("whole", (stage,), ModelChoice("cnn_r2_small", **SMALL))
    wanted = fit(whole, tmp_path / "whole", progress=False)["train"].model().state_dict()
    check_loss, seen = TrainingModule.check_loss, []

    def stopping(self, loss):
        seen.append(1)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return check_loss(self, loss)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "check_loss", stopping)
        with pytest.raises(InterruptionError, match="at update 3"):
            fit(whole, tmp_path / "stopped", progress=False)
    report = fit(whole, tmp_path / "stopped", progress=False)["train"]
    found = report.model().state_dict()
    assert report.metrics["updates"] == 5
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_run_with_a_budget_of_seconds_that_is_stopped_has_what_is_left_of_it(tmp_path, monkeypatch):
    timed, check_loss, seen = recipe(budget=Budget(seconds=1.0)), TrainingModule.check_loss, []

    def stopping(self, loss):
        seen.append(1)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return check_loss(self, loss)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "check_loss", stopping)
        with pytest.raises(InterruptionError):
            fit(timed, tmp_path, progress=False)
    fit(timed, tmp_path, progress=False)
    assert spent(tmp_path)["updates"] >= 2
    assert spent(tmp_path)["seconds"] >= 1.0
    assert len(read_curve(tmp_path / "train", "loss")[0]) == spent(tmp_path)["updates"]

"""Training that diverges stops, keeps the last good weights and says what to lower."""

import copy
import dataclasses
import json
import math

import pytest
import torch
from tiny import tiny_recipe

from cordsnet import DivergedError, TrainingDivergedError
from cordsnet.cli import main
from cordsnet.models import CNN, build, load_model, read_metadata
from cordsnet.training import RECIPES, Optimisation, Recipe, TrainSettled, fit
from cordsnet.training.checkpoints import CheckpointWriter
from cordsnet.training.divergence import Watch, worst
from cordsnet.training.loop import TrainingModule
from oracles import CASCADE, randomised

UPDATES = 6
ABSURD = {"cnn": 1e30, "inverse": 1e25, "linear": 1e12, "anneal": 1e12, "direct": 1e12, "settled": 1e25}


def recipe() -> Recipe:
    """The tiny recipe, and a stage that trains at the settled answer."""
    tiny = tiny_recipe(UPDATES)
    settled = TrainSettled(start="inverse", optimisation=Optimisation(lr=1e-3, updates=UPDATES, batch=16))
    return dataclasses.replace(tiny, stages=(*tiny.stages, settled))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    fit(recipe(), folder, progress=False)
    return folder


def before(stage, finished, folder):
    """Give a run the finished stages that a stage builds on."""
    start = recipe().stage(stage).start
    if start:
        (folder / start).symlink_to(finished / start)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("stage", ABSURD)
def test_every_kind_of_stage_stops_keeps_good_weights_and_trains_anew(stage, finished, tmp_path, monkeypatch, capsys):
    before(stage, finished, tmp_path)
    monkeypatch.setitem(RECIPES._entries, "diverging", recipe)
    words = ["train", "diverging", "--quiet", "--only", stage, "--output", str(tmp_path)]
    assert main([*words, f"--{stage}.optimisation.lr", str(ABSURD[stage])]) == 1
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert "stopped being finite" in said
    assert any(f"'{area}'" in said for area in ("area1", "area2", "readout", "stem"))
    assert f"lower --{stage}.optimisation.lr, now {ABSURD[stage]:g}" in said
    assert f"are in {tmp_path / stage / 'last_good'}" in said
    assert "finished stages are kept" in said
    kept = load_model(tmp_path / stage / "last_good")
    assert all(bool(torch.isfinite(value).all()) for value in kept.state_dict().values())
    assert read_metadata(tmp_path / stage / "last_good")["lr"] == ABSURD[stage]
    assert not (tmp_path / stage / "result.json").exists()
    assert all((tmp_path / other / "result.json").is_file() for other in [recipe().stage(stage).start] if other)
    assert main(words) == 0
    assert (tmp_path / stage / "result.json").is_file()
    assert not (tmp_path / stage / "last_good").exists()


def spoil_gradients(network, optimizer):
    next(p for n, p in network.named_parameters() if "area2" in n).grad[0] = math.nan


def spoil_weights(network, optimizer):
    next(p for n, p in network.named_parameters() if "area2" in n).grad[0] = 1e38
    optimizer.param_groups[0]["lr"] = 1e38


def spoil_statistics(network, optimizer):
    network.after["area2"].running_var[0] = math.inf


@pytest.mark.parametrize(
    ("what", "spoil", "good_update"),
    [("gradients", spoil_gradients, 2), ("weights", spoil_weights, 3), ("running statistics", spoil_statistics, 2)],
)
def test_nothing_that_is_not_finite_is_ever_saved(what, spoil, good_update, tmp_path, monkeypatch):
    """At the fourth update something is spoilt; a checkpoint is due after every second one."""
    saved, hook = [], TrainingModule.on_before_optimizer_step

    def save(keeper, trainer):
        saved.append(copy.deepcopy(trainer.lightning_module.network.state_dict()))

    def on_before_optimizer_step(module, optimizer):
        before = what != "weights"  # those are spoilt by the update itself, from gradients that are finite
        if before and module.global_step == 3:
            spoil(module.network, optimizer)
        hook(module, optimizer)
        if not before and module.global_step == 3:
            spoil(module.network, optimizer)

    monkeypatch.setattr(CheckpointWriter, "save", save)
    monkeypatch.setattr(TrainingModule, "on_before_optimizer_step", on_before_optimizer_step)
    with pytest.raises(TrainingDivergedError, match=what) as caught:
        fit(recipe(), tmp_path, only="cnn", progress=False)
    assert caught.value.area == "area2"
    assert saved
    assert all(bool(torch.isfinite(value).all()) for weights in saved for value in weights.values())
    good = load_model(tmp_path / "cnn" / "last_good").state_dict()
    assert read_metadata(tmp_path / "cnn" / "last_good")["update"] == good_update
    assert all(bool(torch.isfinite(value).all()) for value in good.values())


def test_rates_that_diverge_leave_the_weights_of_the_update_before(finished, tmp_path):
    before("finetune", finished, tmp_path)
    stage = recipe().stage("finetune")
    absurd = dataclasses.replace(stage.optimisation, lr=1e12, clip=None)
    with pytest.raises(DivergedError) as caught:
        fit(
            recipe().replace("finetune", dataclasses.replace(stage, optimisation=absurd)),
            tmp_path,
            only="finetune",
            progress=False,
        )
    (note,) = caught.value.__notes__
    assert "the gain of that area's recurrent kernel, now" in note
    start, kept = (load_model(tmp_path / name).state_dict() for name in ("anneal", "finetune/last_good"))
    assert read_metadata(tmp_path / "finetune" / "last_good")["update"] == 0
    assert all(torch.equal(kept[name], value) for name, value in start.items())


def test_a_repeated_attempt_keeps_what_the_first_one_saved(finished, tmp_path):
    before("finetune", finished, tmp_path)
    stage = recipe().stage("finetune")
    absurd = dataclasses.replace(stage, optimisation=dataclasses.replace(stage.optimisation, lr=1e12))
    for _ in range(2):
        with pytest.raises(ArithmeticError):
            fit(recipe().replace("finetune", absurd), tmp_path, only="finetune", progress=False)
        load_model(tmp_path / "finetune" / "last_good")


def test_large_but_finite_is_allowed_to_go_on():
    model = randomised(CASCADE)
    watch = Watch(model)
    with torch.no_grad():
        model.bias["area1"].fill_(1e30)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 1e15)
    watch.check_loss(torch.tensor(1e30), 0)
    watch.before_update(0)
    watch.after_update(1)
    assert watch.update == 0


def test_a_loss_scaler_may_leave_out_updates_until_it_cannot_be_lowered():
    model = randomised(CASCADE)
    watch = Watch(model)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, math.inf)
    watch.before_update(0, loss_scale=2.0**16)
    assert watch.update is None
    with pytest.raises(TrainingDivergedError, match="gradients stopped being finite at update 5"):
        watch.before_update(5, loss_scale=0.5)


@pytest.mark.parametrize(
    ("names", "area"),
    [
        (["bias.area1"], "area1"),
        (["wiring.feedforward.area2.parametrizations.weight.original1"], "area2"),
        (["wiring.links.stem_to_area2.parametrizations.weight.original0"], "area2"),
        (["wiring.readout.bias"], "readout"),
        (["wiring.stem.parametrizations.weight.original0"], "stem"),
        (["bias.area1", "bias.area2"], "area2"),
    ],
)
def test_the_area_to_blame_is_that_of_the_worst_values(names, area):
    model = randomised(CASCADE)
    values = {name: value.detach().clone() for name, value in model.named_parameters()}
    for name in names:
        values[name].fill_(math.nan)
    assert worst(values, model) == area
    largest = {name: value if name not in names else torch.full_like(value, 1e9) for name, value in values.items()}
    assert worst(largest, model) == area


def test_a_full_disk_does_not_hide_the_divergence(tmp_path):
    watch = Watch(build(CASCADE, 0, CNN))
    watch.before_update(4)
    (tmp_path / "file").write_text("")
    error = TrainingDivergedError("the loss", "area1", 5)
    note = watch.rescue(error, tmp_path / "file" / "last_good", "cnn", 0.1)
    assert "cannot be written" in note
    assert "lower --cnn.optimisation.lr, now 0.1" in note
    written = watch.rescue(error, tmp_path / "last_good", "cnn", 0.1)
    assert "after 4 updates" in written
    assert json.loads((tmp_path / "last_good" / "model.json").read_text())["metadata"]["update"] == 4


def test_scores_after_the_last_update_are_looked_at():
    model = build(CASCADE, 0, CNN)
    watch = Watch(model)
    images = torch.zeros(2, 1, 5, 5)
    watch.check_outputs(images, 3)
    with torch.no_grad():
        model.wiring.readout.bias.fill_(math.nan)
    with pytest.raises(TrainingDivergedError, match=r"class scores stopped being finite at update 3 through 'readout'"):
        watch.check_outputs(images, 3)

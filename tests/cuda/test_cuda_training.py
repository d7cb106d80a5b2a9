"""Training on a GPU: every stage, every precision, interrupted and not."""

import dataclasses
import math
import signal

import pytest
import torch
from beside_cpu import DEVICE, NEEDS_GPU
from tiny import TRIAL, tiny_recipe

from cordsnet import TrainingDivergedError, load_model
from cordsnet.cli import main
from cordsnet.data import AUGMENTATIONS, load_data
from cordsnet.dynamics import Solver, full_precision
from cordsnet.errors import InterruptionError
from cordsnet.models import CordsNet, build
from cordsnet.training import (
    Contraction,
    GaussNewton,
    Imitate,
    ModelChoice,
    Objective,
    Optimisation,
    Recipe,
    TrainCNN,
    TrainDynamics,
    TrainSettled,
    accuracy,
    fit,
    loop,
)
from cordsnet.training.checkpoints import CheckpointWriter, newest_checkpoint
from cordsnet.training.logs import read_curve
from cordsnet.training.stage import Context

pytestmark = NEEDS_GPU

HOW = Optimisation(lr=1e-2, updates=6, batch=16, clip=1.0)
MODEL = ModelChoice(image_size=12, width=4)
SOLVER = Solver(tol=1e-4, max_iterations=50, expansion_bound=0.9)
DYNAMICS = TrainDynamics(
    objective=Objective(trial=TRIAL), optimisation=HOW, augmentation="small_affine", contraction=Contraction(0.4)
)
STAGES = {
    "cnn": TrainCNN(optimisation=dataclasses.replace(HOW, optimiser="sgd")),
    "dynamics": DYNAMICS,
    "budget": dataclasses.replace(DYNAMICS, name="budget", memory="4MB", slopes=(1.0, 0.5, 0.0)),
    "settled": TrainSettled(solver=SOLVER, optimisation=HOW, augmentation="small_affine_mixing"),
    "neumann": TrainSettled("neumann", solver=dataclasses.replace(SOLVER, gradient="neumann"), optimisation=HOW),
}


def one(name, **changes):
    """A recipe of one stage."""
    stage = STAGES[name]
    optimisation = dataclasses.replace(stage.optimisation, **changes)
    return Recipe("one", (dataclasses.replace(stage, optimisation=optimisation),), MODEL)


def every_stage():
    """The tiny recipe, and the other ways to make and to train a network."""
    base = tiny_recipe(updates=4, augmentation="small_affine")
    more = (
        Imitate(optimisation=HOW),
        dataclasses.replace(GaussNewton(), images=64, steps=2),
        TrainSettled(start="imitate", solver=SOLVER, optimisation=HOW),
    )
    return dataclasses.replace(base, stages=(*base.stages, *more))


@pytest.fixture
def on_processor(monkeypatch):
    """Call it, and what trains afterwards does so on the processor."""
    return lambda: monkeypatch.setattr(loop, "trainer_devices", lambda: {"accelerator": "cpu", "devices": 1})


def losses(folder):
    return torch.tensor(read_curve(folder, "loss")[1])


def weights(folder):
    return load_model(folder).state_dict()


def assert_same_bits(folder, other):
    found, wanted = weights(folder), weights(other)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return folder, fit(every_stage(), folder, progress=False)


def test_every_stage_ends_with_a_sound_network_on_a_processor(trained):
    _, reports = trained
    assert set(reports) == {stage.name for stage in every_stage().stages}
    for report in reports.values():
        model = report.model()
        for value in model.parameters():
            assert value.device.type == "cpu"
            assert bool(torch.isfinite(value).all())
        assert all(math.isfinite(value) for value in report.metrics.values())
        test = load_data("digits", 12).test
        assert accuracy(model, test) == pytest.approx(report.metrics["test_accuracy"], abs=0.01)
        assert accuracy(model.to(DEVICE), test) == pytest.approx(report.metrics["test_accuracy"], abs=0.01)


def test_a_stage_trains_and_measures_on_the_gpu(tmp_path):
    context = Context(MODEL.spec(load_data("digits", 12)), load_data("digits", 12), tmp_path, 0, progress=False)
    for stage in STAGES.values():
        model = stage.run(context).model
        assert all(value.device.type == DEVICE for value in model.parameters()), stage.name
    assert not torch.backends.cudnn.deterministic  # put back


@pytest.mark.parametrize("name", STAGES)
def test_losses_are_those_of_a_processor(name, tmp_path, on_processor):
    with full_precision():
        fit(one(name), tmp_path / "gpu", progress=False)
        on_processor()
        fit(one(name), tmp_path / "cpu", progress=False)
    found, wanted = (losses(tmp_path / where / one(name).stages[0].name) for where in ("gpu", "cpu"))
    assert len(set(wanted.tolist())) == 6
    torch.testing.assert_close(found, wanted, rtol=2e-3, atol=1e-5)


def test_the_bound_of_a_contraction_is_kept(tmp_path):
    report = fit(one("dynamics", lr=0.1), tmp_path, progress=False)["dynamics"]
    assert report.metrics["certified"] == 1
    for area in ("area1", "area2"):
        assert report.metrics[f"contraction_bound/{area}"] <= 0.4
    assert max(report.metrics[f"contraction_bound/{area}"] for area in ("area1", "area2")) > 0.39


def interrupt(recipe, folder, update, monkeypatch):
    """Train until a signal comes at some update."""
    ended = CheckpointWriter.on_train_batch_end

    def asked(self, trainer, *rest):
        if trainer.global_step == update:
            self.signal_number = signal.SIGTERM
        ended(self, trainer, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointWriter, "on_train_batch_end", asked)
        with pytest.raises(InterruptionError):
            fit(recipe, folder, progress=False)
    return newest_checkpoint(folder / recipe.stages[0].name / "checkpoints")


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", STAGES)
def test_a_run_that_was_interrupted_ends_with_the_same_bits(name, precision, tmp_path, monkeypatch):
    recipe = one(name, precision=precision)
    fit(recipe, tmp_path / "whole", progress=False)
    _, update = interrupt(recipe, tmp_path / "parts", 3, monkeypatch)
    assert update == 3
    fit(recipe, tmp_path / "parts", progress=False)
    assert_same_bits(tmp_path / "parts" / recipe.stages[0].name, tmp_path / "whole" / recipe.stages[0].name)


def test_a_checkpoint_of_the_gpu_goes_on_on_a_processor(tmp_path, monkeypatch, on_processor):
    recipe = one("dynamics")
    with full_precision():
        fit(recipe, tmp_path / "whole", progress=False)
        path, _ = interrupt(recipe, tmp_path / "parts", 3, monkeypatch)
        content = torch.load(path, map_location="cpu", weights_only=True)
        assert set(content["spontaneous"]) == {"area1", "area2"}
        on_processor()
        fit(recipe, tmp_path / "parts", progress=False)
    found, wanted = (weights(tmp_path / part / "dynamics") for part in ("parts", "whole"))
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(("precision", "rtol"), [("bfloat16", 3e-2), ("float16", 1e-2)])
@pytest.mark.parametrize("name", STAGES)
def test_half_precision_follows_full_precision(name, precision, rtol, tmp_path):
    course = {}
    for each in ("float32", precision):
        recipe = one(name, precision=each, lr=1e-3)
        fit(recipe, tmp_path / each, progress=False)
        course[each] = losses(tmp_path / each / recipe.stages[0].name)
    assert not torch.equal(course[precision], course["float32"])
    torch.testing.assert_close(course[precision][:1], course["float32"][:1], rtol=rtol, atol=1e-3)
    assert bool(torch.isfinite(course[precision]).all())
    start = build(MODEL.spec(load_data("digits", 12)), 0).state_dict() if name != "cnn" else {}
    ended = weights(tmp_path / precision / recipe.stages[0].name)
    assert name == "cnn" or any(not torch.equal(ended[key], value) for key, value in start.items())


@pytest.mark.parametrize("name", ["cnn", "dynamics", "settled"])
def test_training_that_diverges_keeps_the_last_good_weights(name, tmp_path):
    recipe = one(name, lr=1e30, clip=None)
    if name == "dynamics":
        stage = dataclasses.replace(recipe.stages[0], contraction=None)
        recipe = dataclasses.replace(recipe, stages=(stage,))
    with pytest.raises(ArithmeticError) as caught:
        fit(recipe, tmp_path, progress=False)
    kept = tmp_path / recipe.stages[0].name / "last_good"
    assert str(kept) in caught.value.__notes__[0]
    assert all(bool(torch.isfinite(value).all()) for value in weights(kept).values())
    assert isinstance(caught.value, TrainingDivergedError) or caught.value.area in ("area1", "area2")


@pytest.mark.parametrize("name", AUGMENTATIONS.names())
def test_augmentation_draws_on_the_gpu_what_it_draws_on_a_processor(name):
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(8, 3, 20, 20, generator=generator), torch.arange(8) % 4
    results = []
    for device in (DEVICE, "cpu"):
        torch.manual_seed(5)
        results.append(AUGMENTATIONS[name]()(images.to(device), labels.to(device), 4))
    (found, ours), (wanted, theirs) = results
    assert found.device.type == ours.device.type == DEVICE
    torch.testing.assert_close(ours.cpu(), theirs)
    if name.startswith("crop_flip_randaugment"):  # has steps that rounding can tip over
        assert float((found.cpu() - wanted).abs().mean()) < 0.02
    else:
        torch.testing.assert_close(found.cpu(), wanted, rtol=1e-3, atol=2e-3)


def test_a_stage_is_exported(trained, tmp_path, capsys):
    folder, _ = trained
    assert main(["export", str(folder / "finetune"), "--output", str(tmp_path)]) == 0
    capsys.readouterr()
    (made,) = tmp_path.iterdir()
    assert_same_bits(made, folder / "finetune")
    assert isinstance(load_model(made), CordsNet)

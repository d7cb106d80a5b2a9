"""One stage for any loss, any model of the table and any data; and networks that are chosen as data."""

import dataclasses
import json
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from cordsnet import RunError, create_model, load_model, save_model
from cordsnet.cli import main
from cordsnet.data import load_data
from cordsnet.dynamics import Clock
from cordsnet.models import KINDS, MODELS, ModelRow, ModelSpec, VisionModel
from cordsnet.training import (
    RECIPES,
    Batch,
    EveryStep,
    Fold,
    LastStep,
    Masked,
    ModelChoice,
    Optimisation,
    RandomInit,
    Recipe,
    Train,
    TrainCNN,
    fit,
    grid,
)
from cordsnet.training import recipe as recipe_module
from cordsnet.training.logs import read_curve

HOW = Optimisation("sgd", lr=0.1, updates=4, batch=16)
SMALL = {"image_size": 12, "width": 4}


@dataclass(frozen=True)
class PatchSpec(ModelSpec):
    """A network of one hidden layer, as a new kind would have it."""

    kind = "patch"
    name: str
    hidden: int = 8
    in_channels: int = 3
    image_size: tuple[int, int] = (8, 8)
    num_classes: int = 2


class Patch(VisionModel):
    """A network that answers at once."""

    kind = "patch"
    spec_type = PatchSpec
    about = "A network of one hidden layer."

    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        self.hidden = nn.Linear(spec.in_channels * spec.image_size[0] * spec.image_size[1], spec.hidden)
        self.out = nn.Linear(spec.hidden, spec.num_classes)

    shapes = property(lambda self: {"hidden": (self.spec.hidden,)})
    inputs = property(lambda self: {"image": (self.spec.in_channels, *self.spec.image_size)})
    outputs = property(lambda self: {"scores": ("class",)})
    clock = property(lambda self: Clock(1.0, "static"))
    response_ms = 1.0

    def bind(self, dt, stepper, precision):
        raise ValueError("a Patch is not simulated")

    def forward(self, inputs, ms=None):
        images = inputs if isinstance(inputs, torch.Tensor) else inputs["image"]
        return self.out(torch.relu(self.hidden(images.flatten(1))))


@pytest.fixture
def patch(monkeypatch):
    """A model of another kind in the table."""
    monkeypatch.setitem(KINDS._entries, "patch", Patch)
    monkeypatch.setitem(
        MODELS._entries, "patch_8", ModelRow("patch_8", "patch", PatchSpec("patch_8"), "paper", "static")
    )


def weights(folder):
    return load_model(folder).state_dict()


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_row_is_trained_by_name_as_the_stage_of_its_own_trains_it(tmp_path):
    twin = Recipe("twin", (Train("cnn", loss=LastStep(), optimisation=HOW),), ModelChoice("cnn_r2_small", **SMALL))
    stage = Recipe("stage", (TrainCNN(optimisation=HOW),), ModelChoice("cordsnet_r2_small", **SMALL))
    one, other = (fit(recipe, tmp_path / recipe.name, progress=False)["cnn"] for recipe in (twin, stage))
    assert same(weights(one.folder), weights(other.folder))
    assert one.metrics["test_accuracy"] == other.metrics["test_accuracy"]


def test_a_network_with_batch_norms_is_measured_with_the_statistics_of_training(tmp_path):
    how = Optimisation("sgd", lr=0.05, updates=30, batch=32)
    recipe = Recipe("norms", (Train(optimisation=how),), ModelChoice("cornet_s_small", image_size=32))
    report = fit(recipe, tmp_path, progress=False)["train"]
    model = report.model()
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms
    assert not any((layer.running_mean == 0).all() or (layer.running_var == 1).all() for layer in norms)
    images, labels = next(load_data("digits", 32).train.to(model).batches(256))
    alone, of_batch = (
        (net.eval() if mode == "eval" else net.train())(images).argmax(1)
        for net, mode in ((model, "eval"), (model, "train"))
    )
    assert (alone == of_batch).float().mean() > 0.9
    assert (of_batch == labels).float().mean() > 0.5


@pytest.mark.parametrize("loss", [LastStep(ms=40.0), EveryStep(ms=40.0, from_ms=20.0), Masked(ms=40.0)])
def test_a_dynamical_network_learns_with_any_loss(loss, tmp_path):
    how = Optimisation(lr=1e-2, updates=25, batch=32, clip=1.0)
    recipe = Recipe("any", (Train(loss=loss, optimisation=how, slopes=(0.0,), dt_ms=5.0),), ModelChoice(**SMALL))
    fit(recipe, tmp_path, progress=False)
    _, course = read_curve(tmp_path / "train", "loss")
    assert sum(course[-5:]) < 0.9 * sum(course[:5])
    written = json.loads((tmp_path / "train" / "result.json").read_text())["stage"]
    assert written["loss"]["kind"] == loss.kind


def test_a_model_of_a_kind_that_no_stage_knows_goes_all_the_way(patch, tmp_path, monkeypatch, capsys):
    model = create_model("patch_8", hidden=5, seed=1)
    model.metadata = {"data": {"name": "x", "mean": [0.5] * 3, "std": [1.0] * 3, "classes": ["a", "b"]}}
    again = load_model(model.save_pretrained(tmp_path / "saved"))
    assert type(again) is Patch
    assert same(again.state_dict(), model.state_dict())
    assert again.preprocessing.classes == ("a", "b")
    card = (tmp_path / "saved" / "README.md").read_text()
    assert "A network of one hidden layer. 1 areas, 5 units" in card
    assert "CordsNet" not in card
    choice = ModelChoice("patch_8", options={"hidden": 6})
    recipe = Recipe(
        "patched",
        (Train(optimisation=HOW), dataclasses.replace(Train(start="train"), name="more", optimisation=HOW)),
        choice,
    )
    reports = fit(recipe, tmp_path / "run", progress=False)
    spec = reports["more"].model().spec
    assert (spec.hidden, spec.in_channels, spec.image_size, spec.num_classes) == (6, 1, (8, 8), 10)
    assert main(["export", str(tmp_path / "run" / "more"), "--output", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "patch_8-digits" / "README.md").is_file()
    monkeypatch.setitem(RECIPES._entries, "patched", lambda: recipe)
    words = ["train", "patched", "--quiet", "--output", str(tmp_path / "cli"), "--model.options.hidden", "7"]
    assert main(words) == 0, capsys.readouterr().err
    assert load_model(tmp_path / "cli" / "train").spec.hidden == 7
    assert main(["models", "patch*"]) == 0


def test_the_fields_of_a_kind_are_settings_of_a_grid(patch):
    recipe = Recipe("gridded", (Train(optimisation=HOW),), ModelChoice("patch_8"))
    runs = grid(recipe, {"hidden": ["3", "4"], "train.loss.ms": [50.0]}, 1)
    assert [run.recipe.model.options for run in runs] == [{"hidden": 3}, {"hidden": 4}]
    assert runs[0].recipe.stages[0].loss == LastStep(ms=50.0)
    with pytest.raises(ValueError, match="did you mean 'hidden'"):
        grid(recipe, {"hiden": [3]}, 1)


def test_what_a_kind_does_not_offer_is_refused_in_one_sentence(patch, tmp_path):
    def refused(said, *stages, **choice):
        recipe = Recipe("no", stages, ModelChoice(**({"name": "patch_8"} | choice)))
        with pytest.raises((RunError, ValueError), match=said) as caught:
            fit(recipe, tmp_path / str(len(list(tmp_path.iterdir()))), progress=False)
        assert "\n" not in str(caught.value)

    train = Train(optimisation=HOW)
    refused("models of kind 'patch' have no feedforward twin", TrainCNN(optimisation=HOW))
    refused("'random' scales recurrent kernels, and a Patch has none", RandomInit())
    refused("ended with a Patch; name one that ends with a network with batch norms", train, Fold(start="train"))
    refused("loss 'every_step' needs a model that evolves", dataclasses.replace(train, loss=EveryStep()))
    refused("slopes need a model whose nonlinearity can be changed", dataclasses.replace(train, slopes=(0.0,)))
    refused("no argument 'tau_ms'; PatchSpec has hidden", train, options={"tau_ms": 3.0})
    refused("width = 3 cannot be given to a PatchSpec", train, width=3)


class Noise:
    """A source that is no set of images: random numbers, and an error as their measure."""

    name = "noise"

    def sizes(self):
        return {"in_channels": 1, "image_size": (8, 8), "num_classes": 3}

    def check(self, spec):
        assert spec.num_classes == 3

    def loader(self, batch, updates, seed, share):
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(updates * batch, 1, 8, 8, generator=generator)
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(drawn), batch)

    def feed(self, augmentation):
        return self

    def received(self, raw):
        return raw

    def batch(self, moved):
        (images,) = moved
        return Batch({"image": images}, {"scores": images.flatten(1)[:, :3].argmax(1)})

    def probe(self, count, model):
        return torch.zeros(count, 1, 8, 8)

    def measure(self, model):
        return {"error": 0.25}

    def describe(self):
        return {"name": "noise"}


def test_any_source_of_batches_trains_and_measures(patch, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe_module, "load_any", lambda name, size, reading, options: Noise())
    recipe = Recipe("sourced", (Train(optimisation=HOW),), ModelChoice("patch_8"), data="noise")
    report = fit(recipe, tmp_path, progress=False)["train"]
    assert report.metrics["error"] == 0.25
    assert "test_accuracy" not in report.metrics
    assert report.model().metadata["data"] == {"name": "noise"}
    assert report.model().spec.num_classes == 3
    assert json.loads((tmp_path / "record.json").read_text())["attempts"][0]["data"] == {"name": "noise"}


def test_sizes_follow_from_the_data_unless_they_are_given():
    recipe = Recipe("sizes", (), ModelChoice(width=4), data="digits")
    spec = recipe.spec()
    assert (spec.in_channels, spec.image_size, spec.num_classes) == (1, (16, 16), 10)
    asked = ModelChoice(image_size=8, num_classes=7, options={"tau_ms": 20.0})
    spec = asked.spec(load_data("digits", 8))
    assert (spec.in_channels, spec.image_size, spec.num_classes, spec.tau_ms) == (1, (8, 8), 7, 20.0)
    assert recipe.resolved().to_dict()["model"]["num_classes"] == 10
    with pytest.raises(ValueError, match="create_model has no argument 'tau'"):
        ModelChoice(options={"tau": 1.0}).spec()


def test_weights_that_were_saved_for_another_kind_keep_their_metadata_apart(patch, tmp_path):
    save_model(create_model("patch_8"), tmp_path, {"stage": "train"})
    assert load_model(tmp_path).metadata == {"stage": "train"}


class Trials(Noise):
    """Trials of a task: a choice of the brighter side, which counts at the end, and an eye that stays in the middle."""

    name = "trials"

    def sizes(self):
        return {"in_channels": 1, "image_size": (8, 8), "choices": 3, "cues": 2}

    def check(self, spec):
        assert spec.choices == 3

    def inputs(self, images):
        cue = torch.ones(len(images), 2)
        return {"image": torch.stack([images, 0 * images]), "fixation": torch.stack([cue, 0 * cue])}

    def batch(self, moved):
        (images,) = moved
        side = (images[..., :4].sum((1, 2, 3)) > images[..., 4:].sum((1, 2, 3))).long()
        at_end = torch.tensor([[0.0], [1.0]]).expand(2, len(images))
        targets = {"choice": side, "eye": torch.zeros(2, len(images), 2)}
        return Batch(self.inputs(images), targets, {"choice": at_end})

    def probe(self, count, model):
        return {name: values[0] for name, values in self.inputs(torch.zeros(count, 1, 8, 8)).items()}

    def measure(self, model):
        found = model(self.probe(3, model))
        return {"eye_error": float(found["eye"].detach().square().mean())}


def test_a_task_with_several_inputs_and_outputs_trains_a_network_that_sees_and_decides(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe_module, "load_any", lambda name, size, reading, options: Trials())
    how = Optimisation(lr=1e-2, updates=30, batch=16, clip=1.0)
    stages = (Train(loss=Masked(ms=100.0, weights=(("eye", 0.1),)), optimisation=how),)
    choice = ModelChoice("task_rnn_small", options={"units": 12})
    recipe = Recipe("task", stages, choice, data="trials")
    report = fit(recipe, tmp_path, progress=False)["train"]
    spec = report.model().spec
    assert (spec.units, spec.choices, spec.cues, spec.image_size) == (12, 3, 2, (8, 8))
    assert set(report.metrics) == {"eye_error", "waiting_share", "processor_seconds"}
    _, course = read_curve(tmp_path / "train", "loss")
    assert sum(course[-5:]) < sum(course[:5])
    _, eye = read_curve(tmp_path / "train", "eye")
    assert len(eye) == 30
    assert fit(recipe, tmp_path, progress=False)["train"].metrics == report.metrics

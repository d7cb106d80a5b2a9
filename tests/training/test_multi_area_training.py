"""Networks of several areas are trained on movies: what is frozen stays, what is not changes."""

import pytest
import torch

from cordsnet import create_model
from cordsnet.training import Batch, Masked, ModelChoice, Optimisation, Recipe, Train, fit
from cordsnet.training import recipe as recipe_module
from cordsnet.training.logs import read_curve


class Movies:
    """Two frames, of which the first shows a brighter side; the choice counts in the second, which is blank."""

    name = "movies"

    def sizes(self):
        return {"in_channels": 1, "image_size": (8, 8)}

    def check(self, spec):
        assert spec.outputs[0] == ("choice", "option", 2)

    def loader(self, batch, updates, seed, share):
        drawn = torch.randn(updates * batch, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(drawn), batch)

    def feed(self, augmentation):
        return self

    def received(self, raw):
        return raw

    def describe(self):
        return {"name": "movies"}

    def inputs(self, images):
        return {"image": torch.stack([images, 0 * images])}

    def batch(self, moved):
        (images,) = moved
        side = (images[..., :4].sum((1, 2, 3)) > images[..., 4:].sum((1, 2, 3))).long()
        at_end = torch.tensor([[0.0], [1.0]]).expand(2, len(images))
        return Batch(self.inputs(images), {"choice": side}, {"choice": at_end})

    def probe(self, count, model):
        return {name: values[0] for name, values in self.inputs(torch.zeros(count, 1, 8, 8)).items()}

    def measure(self, model):
        return {"choice_size": float(model(self.probe(3, model), 100.0)["choice"].detach().abs().mean())}


def trained(tmp_path, monkeypatch, name, updates=4, **options):
    monkeypatch.setattr(recipe_module, "load_any", lambda name, size, reading, options: Movies())
    how = Optimisation(lr=1e-2, updates=updates, batch=16, clip=1.0)
    choice = ModelChoice(name, options={"outputs": (("choice", "option", 2),), **options})
    recipe = Recipe("movies", (Train(loss=Masked(ms=60.0), optimisation=how),), choice, data="movies")
    return recipe, fit(recipe, tmp_path, progress=False)["train"]


@pytest.mark.parametrize("name", ["cordsnet_pfc_small", "cnn_pfc_small", "blt_pfc_small"])
def test_a_frozen_front_end_keeps_its_weights_bit_for_bit(tmp_path, monkeypatch, name):
    before = {}
    for how in ("frozen", "fine_tuned"):
        recipe, report = trained(tmp_path / how, monkeypatch, name, train_front=how)
        model = report.model()
        assert model.spec.image_size == (8, 8)
        assert model.front.spec.image_size == (8, 8)
        start = create_model(name, image_size=8, outputs=(("choice", "option", 2),), train_front=how, seed=recipe.seed)
        for part, value in start.state_dict().items():
            before.setdefault(part, value)
            assert torch.equal(before[part], value)
        changed = {part for part, value in model.state_dict().items() if not torch.equal(value, before[part])}
        assert {"into.pfc", "within.pfc", "bias.pfc", "head.choice"} <= changed
        seen = {part for part in changed if part.startswith("front.")}
        assert bool(seen) == (how == "fine_tuned")
        assert not any("readout" in part or "decoder" in part for part in seen)
        if name == "cnn_pfc_small":
            assert not any("running" in part for part in seen)


def test_a_network_learns_a_task_from_movies_and_a_finished_stage_is_not_repeated(tmp_path, monkeypatch):
    options = {"areas": (("pfc", 24, 50.0),), "front_options": {"num_classes": 10, "tau_ms": 20.0}}
    recipe, report = trained(tmp_path, monkeypatch, "cordsnet_pfc_small", updates=24, **options)
    assert report.model().front.spec.tau_ms == 20.0
    _, course = read_curve(tmp_path / "train", "loss")
    assert sum(course[-5:]) < sum(course[:5])
    assert fit(recipe, tmp_path, progress=False)["train"].metrics == report.metrics

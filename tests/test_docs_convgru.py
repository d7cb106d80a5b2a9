"""The ConvGRU of docs/how_to/convgru.py, written from the how-to page alone, does what the page promises."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

import cordsnet
from cordsnet.analysis import RegimeSettings, classify_regime, procrustes
from cordsnet.testing import check_model
from cordsnet.training import LastStep, ModelChoice, Optimisation, Recipe, Train, fit

HOW_TO = Path(__file__).parents[1] / "docs" / "how_to"


@pytest.fixture(scope="module", autouse=True)
def convgru():
    """Import the file while these tests run; the rows that it adds are taken out of the tables again."""
    with pytest.MonkeyPatch.context() as patch:
        for table in (cordsnet.KINDS, cordsnet.MODELS):
            patch.setattr(table, "_entries", dict(table._entries))
            patch.setattr(table, "_targets", dict(table._targets))
        patch.syspath_prepend(HOW_TO)
        yield importlib.import_module("convgru")
    del sys.modules["convgru"]


def small():
    return cordsnet.create_model("convgru_example", image_size=8, channels=(3, 4), seed=1)


def protocol():
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return cordsnet.blank(20) + cordsnet.show(images, 60) + cordsnet.blank(40)  # ms, steps of 10 ms


def test_it_is_short():
    lines = (HOW_TO / "convgru.py").read_text().splitlines()
    assert len(lines) <= 80
    assert max(map(len, lines)) <= 120


def test_it_keeps_the_rules():
    check_model(cordsnet.create_model("convgru_example", **cordsnet.MODELS["convgru_example"].tiny))


def test_it_steps_as_the_equations_say():
    """The package's simulation equals a ConvGRU written out in full."""
    model, images, pad = small(), torch.rand(2, 1, 8, 8), torch.nn.functional.conv2d
    for bias in model.b:
        torch.nn.init.normal_(bias)
    rates = cordsnet.simulate(model, cordsnet.show(images, 30), record=["area1", "area2"]).rates
    h = [torch.zeros(2, *shape) for shape in model.shapes.values()]
    with torch.no_grad():
        for t in range(3):
            x = images
            for i, stride in enumerate((1, 2)):
                (wz, wr, wc), (uz, ur) = model.w[i].weight.chunk(3), model.u_gates[i].weight.chunk(2)
                feed = [pad(x, w, stride=stride, padding=1) + b for w, b in zip((wz, wr, wc), model.b[i], strict=True)]
                z = torch.sigmoid(feed[0] + pad(h[i], uz, padding=1))
                r = torch.sigmoid(feed[1] + pad(h[i], ur, padding=1))
                c = torch.tanh(feed[2] + pad(r * h[i], model.u_candidate[i].weight, padding=1))
                h[i] = x = (1 - z) * h[i] + z * c
            for area, value in zip(("area1", "area2"), h, strict=True):
                torch.testing.assert_close(rates[area][t], value, atol=1e-5, rtol=1e-5)


def test_it_is_simulated_lesioned_and_silenced():
    model = small()
    intact = cordsnet.simulate(model, protocol(), record=["area1", "area2"])
    assert intact.rates["area1"].shape == (12, 6, 3, 8, 8)
    assert intact.rates["area2"].shape == (12, 6, 4, 4, 4)

    hurt = cordsnet.lesion(model, "area1 -> area2")
    cut = cordsnet.simulate(hurt, protocol(), record=["area1", "area2"])
    assert torch.equal(cut.rates["area1"], intact.rates["area1"])
    assert cut.rates["area2"].abs().max() == 0  # nothing reaches it, and biases start at zero
    assert intact.rates["area2"].abs().max() > 0

    silence = cordsnet.silence("area1", from_ms=40, units=[2])  # the last channel
    quiet = cordsnet.simulate(model, protocol(), record=["area1", "area2"], interventions=silence)
    assert quiet.rates["area1"][4:, :, 2].abs().max() == 0
    assert torch.equal(quiet.rates["area1"][:4], intact.rates["area1"][:4])
    assert not torch.equal(quiet.rates["area2"], intact.rates["area2"])


def test_its_regime_is_found():
    settings = RegimeSettings(image_ms=50.0, holds=2, noisy_starts=1)
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert classify_regime(small(), images, settings=settings).regime.value == "monostable"


def test_it_is_trained_compared_and_saved(tmp_path):
    how = Optimisation(lr=1e-2, updates=10, batch=32)
    train = Train(loss=LastStep(ms=40.0), optimisation=how)
    recipe = Recipe("convgru_digits", (train,), ModelChoice("convgru_example"), data="digits")
    report = fit(recipe, tmp_path / "run", progress=False)["train"]
    trained = report.model()
    assert 0 <= report.metrics["test_accuracy"] <= 1
    untrained = cordsnet.create_model("convgru_example", seed=1)
    assert not torch.equal(trained.b[0], untrained.b[0])  # biases start at zero
    hurt = cordsnet.lesion(trained, "area2 -> area2")

    images = trained.preprocessing(torch.rand(6, *trained.inputs["image"]))
    shown = cordsnet.show(images, 60) + cordsnet.blank(40)
    kept = cordsnet.Record(["area2"], every_ms=20)
    intact, lesioned = (cordsnet.simulate(one, shown, record=kept) for one in (trained, hurt))
    same = procrustes(intact, intact, area="area2", components=3, shuffles=0, bootstrap=0).distance
    other = procrustes(intact, lesioned, area="area2", components=3, shuffles=0, bootstrap=0).distance
    assert same.value < 1e-6 < other.value

    cordsnet.save_model(hurt, tmp_path / "hurt")
    again = cordsnet.load_model(tmp_path / "hurt")
    assert again.lesions == hurt.lesions
    assert again.spec == hurt.spec
    assert torch.equal(again(images), hurt(images))
    assert not torch.equal(again(images), trained(images))

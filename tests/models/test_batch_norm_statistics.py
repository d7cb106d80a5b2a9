"""Evaluation after a training loop of one's own, without statistics of batch norms, is never without a word."""

import copy
import warnings

import pytest
import torch
from torch.nn import functional

import cordsnet
from cordsnet.errors import DataWarning
from cordsnet.models import create_model
from cordsnet.training import Answer, ModelChoice, Optimisation, Recipe, Train, fit

OPTIONS = {"rcnn_small": {"norm": "bn_per_step"}}
NAMES = ("cornet_s_small", "rcnnsat_bl_small", "rcnn_small", "cnn_rnn_small", "hgru_small", "mdeq_small")


def fitted(name, updates=2):
    """A model after some updates in training mode, and the images that it was fitted to."""
    model = create_model(name, image_size=16, num_classes=4, **OPTIONS.get(name, {}))
    images = torch.randn(8, *model.input_shape, generator=torch.Generator().manual_seed(0))
    labels, optimiser = torch.arange(8) % 4, torch.optim.SGD(model.parameters(), 0.01)
    model.train()
    for _ in range(updates):
        optimiser.zero_grad()
        functional.cross_entropy(model(images), labels).backward()
        optimiser.step()
    return model, images


def silent(function):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        return function()


@pytest.mark.parametrize("name", NAMES)
def test_statistics_that_were_never_measured_are_said_once_and_calibration_mends_it(name):
    model, images = fitted(name)
    kept = copy.deepcopy(model)
    model.eval()
    with pytest.warns(DataWarning, match=r"call model\.calibrate\(batches\)"), torch.no_grad():
        model(images)
    with torch.no_grad():
        silent(lambda: model(images))
    kept.calibrate([images])
    with torch.no_grad():
        silent(lambda: kept.eval()(images))


def test_statistics_that_training_made_old_are_said_too():
    model, images = fitted("cornet_s_small")
    model.calibrate([images])
    functional.cross_entropy(model.train()(images), torch.arange(8) % 4).backward()
    with pytest.warns(DataWarning, match="not measured since"):
        model.eval()(images)


def test_models_that_were_not_trained_say_nothing():
    model = create_model("cornet_s_small", image_size=16, num_classes=4)
    images = torch.randn(2, *model.input_shape)
    silent(lambda: model.eval()(images))
    with torch.no_grad():
        model.train()(images)  # changes no weight
    silent(lambda: model.eval()(images))
    plain = create_model("dtcnn_r2_small", num_classes=4)
    shown = torch.randn(2, *plain.input_shape)
    plain.train()(shown).sum().backward()  # it has no batch norms
    silent(lambda: plain.eval()(shown))


def test_statistics_of_a_file_count(tmp_path):
    source, images = fitted("cornet_s_small")
    source.calibrate([images])
    source.save_pretrained(tmp_path)
    loaded = cordsnet.load_model(tmp_path)
    silent(lambda: loaded.eval()(images))
    model, _ = fitted("cornet_s_small")
    model.load_state_dict(source.state_dict())
    silent(lambda: model.eval()(images))


@pytest.mark.parametrize("steps", [5, 6, 7, 8])
def test_all_norms_of_an_rcnn_that_iterates_together_are_measured(steps):
    model = create_model("rcnn_small", image_size=16, num_classes=4, norm="bn_per_step", unroll="sync", steps=steps)
    model.calibrate([torch.randn(4, *model.input_shape)])
    counts = {name: int(value) for name, value in model.named_buffers() if name.endswith("num_batches_tracked")}
    assert counts
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("name", ["hgru_small", "cornet_s_small"])
def test_the_training_stage_measures_statistics_before_it_evaluates(name, tmp_path):
    stage = Train(loss=Answer(), optimisation=Optimisation("sgd", updates=1, batch=16))
    recipe = Recipe("statistics", (stage,), ModelChoice(name, image_size=16))
    silent(lambda: fit(recipe, tmp_path, progress=False))

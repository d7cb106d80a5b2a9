"""Inverse initialisation: what it reports, and that it approaches what it aims at."""

import numpy as np
import pytest
import torch
from tiny import tiny_recipe

from cordsnet.data import load_data
from cordsnet.models import CNN, build, fold, unit_bias
from cordsnet.models.kernels import weight_of
from cordsnet.training.stages.inverse import targets, unexplained_variance


@pytest.fixture
def folded():
    cnn = build(tiny_recipe().spec(), 3, CNN).double()
    for module in cnn.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
            torch.nn.init.normal_(module.bias)
    return fold(cnn)


def test_targets_are_the_folded_cnns_own_drives(folded):
    images = load_data("digits", 12).test.take(4).images.double()
    for area, (feed, target) in targets(folded, images).items():
        before, after = unit_bias(folded.before[area]), unit_bias(folded.after[area])
        rebuilt = torch.nn.functional.conv2d(feed + before, weight_of(folded.wiring.recurrent[area]), padding=1) + after
        np.testing.assert_allclose(rebuilt.detach(), target, rtol=1e-12, atol=1e-12)


def test_a_network_without_recurrence_settles_at_its_drive(folded):
    images = load_data("digits", 12).test.take(20).images.double()
    model = folded.recurrent_twin(0)
    with torch.no_grad():
        for kernel in model.wiring.recurrent.values():
            kernel.parametrizations.weight.original0.zero_()
    expected = {}
    for area, (feed, target) in targets(folded, images).items():
        share = 1 - (1 - 0.2) ** 100  # the leak alone, after 100 steps
        error = share * (feed + model.bias[area].detach()) - target
        expected[area] = float(error.square().mean() / target.var())
    found = unexplained_variance(model, folded, images)
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_settled_area_solves_the_fixed_point_equation(folded):
    """Against a dense solve of (I - R) r = b + F h for one area."""
    images = load_data("digits", 12).test.take(5).images.double()
    model = folded.recurrent_twin(0)
    with torch.no_grad():
        for kernel in model.wiring.recurrent.values():
            kernel.parametrizations.weight.original0.mul_(0.3)
    recurrent = model.circuit().recurrent["area1"]
    feed, target = targets(folded, images)["area1"]
    units = feed[0].numel()
    with torch.no_grad():
        columns = recurrent(torch.eye(units, dtype=torch.float64).reshape(units, *feed.shape[1:]))
        dense = columns.reshape(units, units).T
        drive = (feed + model.bias["area1"]).reshape(len(feed), -1).T
        settled = torch.linalg.solve(torch.eye(units, dtype=torch.float64) - dense, drive).T.reshape(feed.shape)
    expected = float((settled - target).square().mean() / target.var())
    assert unexplained_variance(model, folded, images)["area1"] == pytest.approx(expected, rel=1e-6)

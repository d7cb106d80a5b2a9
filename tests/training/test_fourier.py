"""Inverse initialisation in the Fourier domain: on kernels whose answer is known, and on what it refuses."""

import dataclasses

import pytest
import torch
from tiny import tiny_recipe

from cordsnet.analysis import norm_bound
from cordsnet.data import load_data
from cordsnet.models import CNN, build, fold
from cordsnet.models.kernels import weight_of
from cordsnet.training import FourierInit, Optimisation, Recipe, fit
from cordsnet.training.stages.fourier import fit_area, set_bias
from cordsnet.training.stages.inverse import recurrent_twin, unexplained_variance

LONG = FourierInit(optimisation=Optimisation(lr=2e-2, updates=400))


def folded(only_centre):
    """A folded CNN with random kernels; those that become recurrent are 0 but at their centre, or everywhere random."""
    cnn = build(tiny_recipe().model.spec(), 3, CNN).double()
    for kernel in cnn.wiring.recurrent.values():
        weight = torch.randn(4, 4, 3, 3, dtype=torch.float64) / 4
        if only_centre:
            weight = torch.zeros_like(weight)
            weight[:, :, 1, 1] = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
        kernel.weight = weight
    return fold(cnn)


def fitted(cnn, stage):
    model, split = recurrent_twin(cnn, 0), load_data("digits", 12).test.take(60).to(cnn)
    with torch.no_grad():
        drives = cnn.drives(split.images)
    for area in model.areas:
        read = cnn.read(area, drives).detach()
        fit_area(model, cnn, area, read, stage)
        set_bias(model, area, read, drives[area])
    return model, split


def test_where_the_cnn_mixes_channels_alone_the_answer_is_known():
    """(I - R)^-1 F = M F0 with M at the centre: F = (I - R) M F0 is a 3 x 3 kernel only if R is at the centre too.

    White noise is read, so that no frequency is left undetermined.
    """
    cnn = folded(only_centre=True)
    model = recurrent_twin(cnn, 0)
    longer = dataclasses.replace(LONG.optimisation, updates=800)
    fit_area(model, cnn, "area1", torch.randn(200, 4, 6, 6).double(), dataclasses.replace(LONG, optimisation=longer))
    wanted = torch.einsum("ij,jk,klyx->ilyx", *_matrices(model, cnn, "area1"), _feedforward(cnn, "area1"))
    found = _feedforward(model, "area1")
    assert float((found - wanted).norm() / wanted.norm()) < 0.1
    assert _around(model) < 0.2 * _around(recurrent_twin(cnn, 0))


def _around(model):
    """Size of the recurrent kernel of the first area without its centre."""
    weight = weight_of(model.wiring.recurrent["area1"]).detach()
    return float((weight.square().sum() - weight[:, :, 1, 1].square().sum()).sqrt())


def _matrices(model, cnn, area):
    """I - R and M, both at the centre."""
    r, m = (weight_of(net.wiring.recurrent[area]).detach()[:, :, 1, 1] for net in (model, cnn))
    return torch.eye(len(r), dtype=r.dtype) - r, m


def _feedforward(net, area):
    return weight_of(net.wiring.feedforward[area]).detach()


def test_the_bound_holds_and_the_fit_gains_from_a_wider_one():
    cnn, errors = folded(only_centre=False), []
    for bound in (0.2, 0.9):
        model, split = fitted(cnn, dataclasses.replace(LONG, norm_bound=bound))
        for area, kernel in model.wiring.recurrent.items():
            assert float(norm_bound(weight_of(kernel).detach(), model.shapes[area][1:])) <= bound * (1 + 1e-6)
        errors.append(unexplained_variance(model, cnn, split))
    for area, narrow in errors[0].items():
        assert errors[1][area] < narrow


def test_it_is_a_stage(tmp_path):
    base = tiny_recipe()
    stage = FourierInit(images=100, optimisation=Optimisation(lr=1e-2, updates=3))
    reports = fit(Recipe("fourier", (base.stage("cnn"), base.stage("fold"), stage), base.model), tmp_path)
    assert reports["fourier"].model().activation.name == "identity"
    assert {"unexplained_variance/area1", "unexplained_variance/area2"} <= set(reports["fourier"].metrics)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="images must be at least 2"):
        FourierInit(images=1)
    with pytest.raises(ValueError, match="norm_bound"):
        FourierInit(norm_bound=0.0)

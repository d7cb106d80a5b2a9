"""Integrated gradients through time: by hand, complete, and refused where they make no sense."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import cordsnet
from cordsnet.analysis import integrated_gradients
from cordsnet.analysis.status import Status
from cordsnet.models import MODELS

pytestmark = pytest.mark.usefixtures("as_users_run_it")


def tiny(name, bias=0.1):
    """A tiny network with biases that are not zero, since attributions of a homogeneous one need a single point."""
    model = cordsnet.create_model(name, seed=1, **MODELS[name].tiny).double().eval()
    with torch.no_grad():
        for key, value in model.named_parameters():
            if "bias" in key:
                value.add_(bias * torch.randn(value.shape, generator=torch.Generator().manual_seed(2)))
    return model


def images_of(model, trials=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(trials, *model.input_shape, generator=generator, dtype=torch.float64)


def test_the_integral_is_that_of_a_plain_sum():
    model = tiny("convlstm_small")
    images, times = images_of(model), (20.0, 50.0)
    found = integrated_gradients(model, images, [0, 2], times_ms=times, tol=1e-9)
    assert found.status is Status.CONVERGED
    total, count = torch.zeros_like(found.values), 200
    for k in range(count):  # the midpoint rule
        shown = ((k + 0.5) / count * images).requires_grad_()
        record = cordsnet.Record(times_ms=times)
        scores = cordsnet.simulate(model, cordsnet.show(shown, 50), grad=True, record=record).logits
        for t in range(2):
            of_class = scores[t, 0, 0] + scores[t, 1, 2]
            total[t] += torch.autograd.grad(of_class, shown, retain_graph=True)[0] * images / count
    assert_allclose(found.values, total, atol=1e-5 * float(total.abs().max()))


@pytest.mark.parametrize(
    ("name", "tol"),
    [("convlstm_small", 1e-3), ("cornet_s_small", 3e-2), ("cnn_r2_small", 1e-3), ("cordsnet_r2_small", 1e-3)],
)  # every rectifier of CORnet-S that switches on the line costs points
def test_attributions_sum_to_the_difference_of_scores_at_every_time(name, tol):
    model = tiny(name)
    images, step = images_of(model), model.dt_ms
    times = [step, 3 * step, 6 * step]
    found = integrated_gradients(model, images, 1, times_ms=times, tol=tol)
    assert found.status is Status.CONVERGED
    assert float(found.residual.max()) <= tol
    shown = [cordsnet.simulate(model, cordsnet.show(x, 6 * step)).logits[[0, 2, 5], :, 1] for x in (images, 0 * images)]
    difference = (shown[0] - shown[1]).numpy()
    assert np.abs(found.values.sum((2, 3, 4)).numpy() - difference).max() <= tol * np.abs(difference).max()
    assert_allclose(found.score - found.baseline_score, difference, atol=1e-12)


def test_a_baseline_of_its_own_is_the_zero_of_the_attribution():
    model = tiny("cornet_s_small")
    images = images_of(model)
    found = integrated_gradients(model, images, 0, times_ms=[model.dt_ms], baseline=images[0])
    assert not found.values[:, 0].any()
    assert found.values[:, 1].any()


def test_what_did_not_converge_says_so():
    model = tiny("cordsnet_r2_small")
    found = integrated_gradients(model, images_of(model), 0, times_ms=[40.0], tol=1e-9, points=2, max_points=4)
    assert found.status is Status.POINTS
    assert found.points == 4
    assert float(found.residual.max()) > 1e-9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": 3}, "target must be from 0 to 2"),
        ({"target": [0, 1, 2]}, "one for each of 2 images"),
        ({"times_ms": [5.0]}, "5 ms"),
        ({"tol": 0.0}, "tol must be"),
        ({"points": 0}, "points must be at least 1"),
        ({"baseline": torch.zeros(3)}, "baseline must be"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    model = tiny("convlstm_small")
    good = {"target": 0, "times_ms": [20.0]}
    with pytest.raises((ValueError, TypeError), match=message):
        integrated_gradients(model, images_of(model), **{**good, **changes})


def test_a_model_without_class_scores_is_refused():
    model = cordsnet.create_model("task_rnn_small").double()
    with pytest.raises(ValueError, match="model must have class scores, got one with the outputs choice, eye"):
        integrated_gradients(model, images_of(model), 0, times_ms=[20.0])

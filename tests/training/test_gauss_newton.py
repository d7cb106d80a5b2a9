"""Gauss-Newton on settled rates: its derivative, its adjoint, and that it fits."""

import dataclasses

import pytest
import torch
from tiny import tiny_recipe

from cordsnet.analysis import norm_bound
from cordsnet.data import Stream, load_data
from cordsnet.dynamics import Solver
from cordsnet.errors import RunError
from cordsnet.models import build
from cordsnet.models.kernels import weight_of
from cordsnet.training import GaussNewton, Recipe, fit
from cordsnet.training.stage import Context
from cordsnet.training.stages.gauss_newton import SettledArea, conjugate_gradients

EXACT = Solver(tol=1e-13, max_iterations=400)


@pytest.fixture
def area():
    """An area that reads maps twice as large, and weights with which it settles."""
    read, target = torch.randn(5, 2, 8, 8).double(), torch.randn(5, 3, 4, 4).double().relu()
    weights = [0.08 * torch.randn(3, 3, 3, 3), 0.3 * torch.randn(3, 2, 3, 3), 0.3 * torch.randn(3, 4, 4)]
    return SettledArea(read, target, 2, EXACT), [weight.double() for weight in weights]


def directions(weights):
    return [torch.randn_like(weight) for weight in weights]


def test_the_derivative_is_that_of_the_settled_rates(area):
    problem, weights = area
    change, step = directions(weights), 1e-6
    rates, settles = problem.settle(weights)
    moved, _ = problem.settle([w + step * c for w, c in zip(weights, change, strict=True)])
    assert settles
    found = problem.push(weights, rates, change)
    torch.testing.assert_close(found, problem.scale * (moved - rates) / step, rtol=1e-4, atol=1e-5)


def test_push_and_pull_are_adjoint(area):
    problem, weights = area
    rates, _ = problem.settle(weights)
    change, upstream = directions(weights), torch.randn_like(rates)
    forth = float((problem.push(weights, rates, change) * upstream).sum())
    pulled = problem.pull(weights, rates, upstream)
    back = sum(float((p * c).sum()) for p, c in zip(pulled, change, strict=True))
    assert forth == pytest.approx(back, rel=1e-9)


def test_conjugate_gradients_solve_in_as_many_iterations_as_there_are_unknowns():
    root = torch.randn(6, 6).double()
    matrix, wanted = root @ root.T + torch.eye(6).double(), torch.randn(6).double()
    (found,) = conjugate_gradients(lambda x: [matrix @ x[0]], [matrix @ wanted], 6)
    torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-8)
    assert float(conjugate_gradients(lambda x: x, [torch.zeros(3)], 5)[0].abs().sum()) == 0


def test_more_steps_explain_more_and_the_bound_holds(tmp_path):
    base = tiny_recipe(updates=150)
    few = GaussNewton(name="few", images=100, steps=1)
    more = dataclasses.replace(few, name="more", steps=8)
    recipe = Recipe("newton", (base.stage("cnn"), base.stage("fold"), few, more), base.model)
    reports = fit(recipe, tmp_path, progress=False)
    for area in ("area1", "area2"):
        errors = [reports[name].metrics[f"unexplained_variance/{area}"] for name in ("few", "more")]
        assert errors[1] < 0.5 * errors[0]
    assert reports["more"].metrics["settled_share"] == 1
    model = reports["more"].model()
    assert model.activation.name == "relu"
    for area, kernel in model.wiring.recurrent.items():
        assert float(norm_bound(weight_of(kernel).detach(), model.shapes[area][1:])) <= more.norm_bound * (1 + 1e-5)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="at least 1, got 256, 0 and 10"):
        GaussNewton(steps=0)
    with pytest.raises(ValueError, match="damping"):
        GaussNewton(damping=-1.0)


def test_images_that_are_streamed_are_refused(tmp_path):
    data, spec = load_data("digits", 12), tiny_recipe().spec()
    model = build(spec, 0)
    assert len(Context(spec, data, tmp_path, 0).training_images(7, model)) == 7
    streamed = dataclasses.replace(data, train=object.__new__(Stream))
    with pytest.raises(RunError, match="'digits' streams its images, and this stage wants 7 at once"):
        Context(spec, streamed, tmp_path, 0).training_images(7, model)

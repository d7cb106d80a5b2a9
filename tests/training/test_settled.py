"""Training at the settled answer, and training in half precision."""

import csv
import dataclasses

import pytest
import torch
from tiny import tiny_recipe

from cordsnet import steady_state
from cordsnet.dynamics import Solver
from cordsnet.models import load_model
from cordsnet.training import ModelChoice, Optimisation, Recipe, TrainDynamics, TrainSettled, fit
from oracles import CASCADE, random_images, randomised


def losses(folder):
    (log,) = folder.glob("logs_*/metrics.csv")
    with log.open() as rows:
        return [float(row["loss"]) for row in csv.DictReader(rows) if row["loss"]]


def settled_recipe(gradient, updates=40):
    solver = Solver(tol=1e-4, max_iterations=50, gradient=gradient, terms=10, expansion_bound=0.9)
    stage = TrainSettled(solver=solver, optimisation=Optimisation(lr=1e-2, updates=updates, batch=32))
    return Recipe("settled", (stage,), ModelChoice(image_size=12, width=4))


@pytest.mark.parametrize("gradient", ["implicit", "neumann"])
def test_the_loss_falls_and_the_network_settles(gradient, tmp_path):
    report = fit(settled_recipe(gradient), tmp_path)["settled"]
    course = losses(tmp_path / "settled")
    assert sum(course[-5:]) < 0.8 * sum(course[:5])
    assert report.metrics["settled_share"] > 0.95
    model = load_model(tmp_path / "settled")
    assert model.activation.name == "relu"


def test_the_penalty_is_reported_and_differentiable():
    model, images = randomised(CASCADE), random_images(CASCADE)
    assert float(steady_state(model, images).expansion) == 0
    found = steady_state(model, images, solver=Solver(expansion_bound=0.0), grad=True)
    assert found.expansion.item() > 0
    found.expansion.backward()
    assert float(model.wiring.recurrent["area1"].parametrizations.weight.original0.grad.abs().sum()) > 0


def test_half_precision_training_follows_full_precision(tmp_path):
    course = {}
    for precision in ("float32", "bfloat16"):
        stages = []
        for stage in tiny_recipe(updates=4).stages:
            if isinstance(stage, TrainDynamics) and stage.name == "direct":
                optimisation = dataclasses.replace(stage.optimisation, precision=precision, lr=1e-3)
                stages.append(dataclasses.replace(stage, optimisation=optimisation))
        recipe = Recipe("half", tuple(stages), ModelChoice(image_size=12, width=4))
        fit(recipe, tmp_path / precision)
        course[precision] = losses(tmp_path / precision / "direct")
    assert course["bfloat16"] != course["float32"]
    torch.testing.assert_close(torch.tensor(course["bfloat16"]), torch.tensor(course["float32"]), rtol=2e-2, atol=1e-3)

"""Steppers on a trained network converge at their order."""

import pytest
import torch

from cordsnet.experiments.steppers import StepperOptions, observed_order, stepper_errors
from cordsnet.models import build
from cordsnet.training import Objective, Trial, objective
from oracles import random_images, tiny_r

TRIAL = Trial(before=40.0, image=60.0, decision=20.0, after=40.0, baseline=10.0)


@pytest.fixture(scope="module")
def trained():
    """A rectified network in double precision after 30 updates, and images."""
    spec = tiny_r(2)
    model, images = build(spec, 0).double(), random_images(spec)
    labels = torch.arange(len(images)) % spec.num_classes
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = objective(model, images, labels, Objective(trial=TRIAL)).total
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    return model, images


def test_a_trained_network_converges_at_the_order_of_its_stepper(trained):
    """dt = 4, 2, 1 ms; a rectifier's kinks cost a method of higher order than 2 its order."""
    model, images = trained
    rows = stepper_errors(model, images, StepperOptions(dts_ms=(4.0, 2.0, 1.0)))
    assert observed_order(rows, "euler") == pytest.approx(1, abs=0.15)
    assert observed_order(rows, "exponential_euler") == pytest.approx(1, abs=0.15)
    assert observed_order(rows, "heun") == pytest.approx(2, abs=0.25)


def test_cost_is_counted_in_evaluations_of_the_drive(trained):
    model, images = trained
    found = stepper_errors(model, images, StepperOptions(dts_ms=(4.0, 2.0)))
    rows = {(row["stepper"], row["dt_ms"]): row for row in found}
    assert rows["euler", 2.0]["evaluations_per_ms"] == 0.5
    assert rows["heun", 2.0]["evaluations_per_ms"] == 1.0
    assert rows["euler", 2.0]["error"] < rows["euler", 4.0]["error"]


def test_steps_that_do_not_divide_the_coarsest_are_refused():
    with pytest.raises(ValueError, match="the coarsest of dts_ms = 4 ms is not a whole number of steps"):
        StepperOptions(dts_ms=(4.0, 3.0))

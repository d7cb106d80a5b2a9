"""Gradients of steady states are refused where there is no steady state."""

import pytest
import torch

from cordsnet import create_model, steady_state
from cordsnet.dynamics import Solver
from cordsnet.errors import NotConvergedError


def network(**options):
    return create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=2, image_size=8, **options).double()


IMAGES = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("gradient", ["implicit", "neumann"])
@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_it_is_refused(gradient, iterations):
    solver = Solver(tol=1e-12, max_iterations=iterations, gradient=gradient)
    found = steady_state(network(), IMAGES, solver=solver, grad=True)
    assert not found.converged
    with pytest.raises(NotConvergedError, match=r"trial\(s\) did not settle"):
        found.logits.sum().backward()


def test_an_explosive_network_has_no_gradient():
    model = network()
    for area in model.areas:
        model.scale_recurrence(area, 30.0)
    found = steady_state(model, IMAGES, grad=True)
    assert not found.converged
    with pytest.raises(NotConvergedError):
        found.logits.sum().backward()


def test_it_can_be_accepted_openly():
    model = network()
    solver = Solver(tol=1e-12, max_iterations=2)
    steady_state(model, IMAGES, solver=solver, grad=True, unsettled="accept").logits.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_trials_that_are_left_out_of_the_loss_do_no_harm():
    images = IMAGES.clone()
    images[0] = 0
    model = network()
    alone = steady_state(model, images[1:], tol=1e-10, grad=True)
    alone.logits.sum().backward()
    wanted = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    steady_state(model, images, tol=1e-10, grad=True).logits[1:].sum().backward()
    for parameter, value in zip(model.parameters(), wanted, strict=True):
        if value is not None:
            assert torch.allclose(parameter.grad, value, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_iterations": 10**9}, "max_iterations must be at most"),
        ({"max_iterations": 1.5}, "max_iterations must be a whole number"),
        ({"memory": 10**9}, "memory must be at most"),
        ({"terms": 10**9}, "terms must be at most"),
        ({"tol": 0.0}, "tol must be"),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_bad_solvers_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Solver(**options)

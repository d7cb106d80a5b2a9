"""Settled activity: against long simulations, dense solves, and the gradients of unrolled time."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet import ConnectionSpec, show, simulate, steady_state
from cordsnet.dynamics import Activation, Solver, Status, anderson, expansion_penalty
from oracles import CASCADE, random_images, randomised

BACK = ConnectionSpec("area2", "area1", kernel=3, delay_ms=4.0, onto="drive")
FEEDBACK = dataclasses.replace(CASCADE, connections=(*CASCADE.connections, BACK))


def calm(spec):
    """A random network whose loops are weak enough for one fixed point to attract everything."""
    model = randomised(spec)
    with torch.no_grad():
        for kernel in (*model.wiring.recurrent.values(), *model.wiring.links.values()):
            kernel.parametrizations.weight.original0.mul_(0.4)
    return model


def settled_by_simulation(model, images):
    return simulate(model, show(images, 2000), record="all", initial_state="zero", grad=True)


@pytest.mark.parametrize("spec", [CASCADE, FEEDBACK], ids=["cascade", "feedback"])
@pytest.mark.parametrize("phi", [Activation("relu"), Activation("prelu", 0.3), Activation("identity")])
def test_it_is_where_a_long_simulation_ends(spec, phi):
    model, images = calm(spec), random_images(spec)
    model.activation = phi
    found = steady_state(model, images, tol=1e-12)
    traj = settled_by_simulation(model, images)
    assert found.converged
    for area in model.areas:
        assert_allclose(found.rates[area], traj.rates[area][-1].detach(), rtol=1e-9, atol=1e-11)
        assert bool((found.residual[area] <= 1e-12).all())
    assert_allclose(found.logits, traj.logits[-1].detach(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("spec", [CASCADE, FEEDBACK], ids=["cascade", "feedback"])
def test_implicit_gradients_are_those_of_unrolled_time(spec):
    model, images = calm(spec), random_images(spec)
    gradients = []
    for loss in (
        steady_state(model, images, tol=1e-13, grad=True).logits.square().sum(),
        settled_by_simulation(model, images).logits[-1].square().sum(),
    ):
        model.zero_grad()
        loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters()})
    for name, ours in gradients[0].items():
        assert_allclose(ours, gradients[1][name], rtol=1e-7, atol=1e-9, err_msg=name)


def test_neumann_gradients_approach_the_implicit_one_term_by_term():
    model, images = randomised(CASCADE), random_images(CASCADE)

    def gradient(solver):
        model.zero_grad()
        steady_state(model, images, solver=solver, grad=True).logits.square().sum().backward()
        return torch.cat([p.grad.flatten() for p in model.parameters()])

    exact = gradient(Solver(tol=1e-13))
    errors = [float((gradient(Solver(tol=1e-13, gradient="neumann", terms=n)) - exact).norm()) for n in (0, 2, 8, 60)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9 * float(exact.norm())


def test_each_sample_has_a_status_and_the_best_iterate():
    """x -> a x + 1 for a = 0.5 (converges), a = 1 (no fixed point), and a map that overflows."""
    slopes = torch.tensor([[0.5], [1.0]], dtype=torch.float64)
    found = anderson(lambda x: slopes * x + 1, torch.zeros(2, 1, dtype=torch.float64), tol=1e-10, max_iterations=20)
    assert found.status[0] is Status.CONVERGED
    assert found.status[1] is not Status.CONVERGED
    assert found.value[0].item() == pytest.approx(2)
    blown = anderson(lambda x: x**3 * 1e200 + 1, torch.ones(1, 1, dtype=torch.float64), tol=1e-10)
    assert blown.status == (Status.DIVERGED,)
    assert bool(torch.isfinite(blown.value).all())
    short = anderson(lambda x: 0.99 * x + 1, torch.zeros(1, 3, dtype=torch.float64), tol=1e-14, max_iterations=1)
    assert short.status == (Status.STALLED,)
    assert short.evaluations == 1


@pytest.mark.parametrize("size", [3, 40])
def test_linear_problems_are_solved_as_by_a_dense_solver(size):
    generator = np.random.default_rng(size)
    matrix = generator.standard_normal((size, size)) * 0.5 / np.sqrt(size)
    b = generator.standard_normal((4, size))
    a, shift = torch.from_numpy(matrix), torch.from_numpy(b)
    found = anderson(lambda x: x @ a.T + shift, torch.zeros(4, size, dtype=torch.float64), tol=1e-12, memory=8)
    assert_allclose(found.value, np.linalg.solve(np.eye(size) - matrix, b.T).T, rtol=1e-9, atol=1e-10)


def test_it_takes_a_fifth_of_the_products_of_euler():
    model, images = randomised(CASCADE), random_images(CASCADE)
    found = steady_state(model, images, tol=1e-5)
    traj = simulate(model, show(images, 2000), record="all", initial_state="zero")
    settled = {area: traj.rates[area][-1] for area in model.areas}

    def apart(step):
        return max(float((traj.rates[a][step] - settled[a]).norm() / settled[a].norm()) for a in model.areas)

    euler = next(step + 1 for step in range(1000) if apart(step) <= 1e-5)
    assert 5 * max(found.evaluations.values()) <= euler


def test_the_expansion_penalty_is_zero_for_contractions_and_positive_beyond():
    x = torch.rand(2, 3, dtype=torch.float64)
    assert float(expansion_penalty(lambda x: 0.5 * x, x)) == 0
    gain = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    penalty = expansion_penalty(lambda x: gain * x, x)
    assert penalty.item() == pytest.approx(0.36)
    penalty.backward()
    assert gain.grad.item() == pytest.approx(1.2)


@pytest.mark.usefixtures("as_users_run_it")
def test_bad_settings_are_refused_by_name():
    model, images = randomised(CASCADE), random_images(CASCADE)
    with pytest.raises(ValueError, match="tol must be"):
        steady_state(model, images, tol=0.0)
    with pytest.raises(ValueError, match="gradient must be 'implicit', 'neumann' or 'phantom', got 'exact'"):
        Solver(gradient="exact")
    with pytest.raises(ValueError, match="images must be"):
        steady_state(model, images[:, :, 1:])

"""Spontaneous activity solved for from where the last call ended."""

import dataclasses

import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet import blank, simulate
from cordsnet.dynamics import State, WarmStart, relax
from cordsnet.training import Objective, Trial, objective
from oracles import CASCADE, DELAYS, NETWORKS, random_images, randomised


def calm(spec):
    """A random network whose loops are weak enough for one fixed point to attract everything."""
    model = randomised(spec)
    with torch.no_grad():
        wiring = model.wiring
        for kernel in (*wiring.recurrent.values(), *wiring.links.values(), *wiring.feedforward.values()):
            kernel.parametrizations.weight.original0.mul_(0.3)
    return model


def patient(residual):
    """A warm start that goes on for as long as networks with feedback need for all digits."""
    warm = WarmStart(residual)
    warm.solver = dataclasses.replace(warm.solver, max_iterations=1000)
    return warm


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_where_a_long_blank_ends(name):
    model = calm(NETWORKS[name])
    found = patient(1e-12)(model.system())
    wanted = relax(model.system(), 2000.0)
    for area in model.areas:
        assert_allclose(found.rates[area], wanted.rates[area], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_moves_afterwards_signals_under_way_included(name):
    model = calm(NETWORKS[name])
    found = patient(1e-13)(model.system())
    model.system().check_state(found)
    traj = simulate(model, blank(40), initial_state=found, record="all")
    for area in model.areas:
        assert_allclose(traj.rates[area][-1], found.rates[area], rtol=1e-9, atol=1e-11)


def test_after_a_small_change_of_weights_it_takes_fewer_evaluations():
    model, warm = calm(CASCADE), WarmStart(1e-6)
    warm(model.system())
    cold = warm.evaluations
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + 1e-4)
    moved = warm(model.system())
    assert 0 < warm.evaluations < cold
    assert warm.relaxed == 0
    assert_allclose(moved.rates["area2"], relax(model.system(), 2000.0).rates["area2"], rtol=1e-5, atol=1e-6)


def test_a_network_without_a_resting_state_is_left_alone_as_settle_does():
    model = randomised(dataclasses.replace(CASCADE, name="strong"))
    with torch.no_grad():
        for kernel in model.wiring.recurrent.values():
            kernel.parametrizations.weight.original0.mul_(-30)
    warm = WarmStart(1e-12)
    warm.solver = dataclasses.replace(warm.solver, max_iterations=3)
    found = warm(model.system(), 20.0)
    assert warm.relaxed == 1
    wanted = relax(model.system(), 20.0)
    for area in model.areas:
        assert torch.equal(found.rates[area], wanted.rates[area])


def test_the_objective_is_that_of_a_long_enough_blank():
    model, images = calm(CASCADE), random_images(CASCADE)
    labels = torch.arange(len(images)) % CASCADE.num_classes
    trial = Trial(before=2000.0, image=40.0, decision=20.0, after=40.0, baseline=10.0)
    settings = Objective(spontaneous_weight=0.1, trial=trial)
    gradients = []
    for spontaneous in (relax, WarmStart(1e-13)):
        model.zero_grad()
        objective(model, images, labels, settings, spontaneous=spontaneous).total.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert_allclose(gradients[1], gradients[0], rtol=1e-8, atol=1e-11)


def test_delayed_signals_at_rest_are_those_of_the_resting_rates():
    model = calm(DELAYS)
    rest = model.system().at_rest(relax(model.system(), 400.0).rates, model.system().hold({}))
    assert isinstance(rest, State)
    for source, queue in rest.past.items():
        for signal in queue:
            if source in rest.rates:
                assert torch.equal(signal, rest.rates[source].relu())
            else:
                assert not bool(signal.any())


def test_half_precision_is_solved_to_its_rounding_and_no_further():
    model, warm = calm(CASCADE).float(), WarmStart(1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        found = warm(model.system())
    assert warm.relaxed == 0
    assert warm.evaluations < 60
    wanted = relax(model.system(), 2000.0)
    for area in model.areas:
        assert found.rates[area].dtype == torch.float32
        assert float((found.rates[area] - wanted.rates[area]).norm() / wanted.rates[area].norm()) < 0.02


@pytest.mark.usefixtures("as_users_run_it")
def test_bad_settings_are_refused_by_name():
    with pytest.raises(ValueError, match="tol must be"):
        WarmStart(0.0)
    with pytest.raises(TypeError, match="WarmStart needs a rate equation, got object"):
        WarmStart(1e-5)(object())

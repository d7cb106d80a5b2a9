"""Spontaneous activity is computed once, and again when the dynamics change."""

import dataclasses

import pytest
import torch

from cordsnet import lesion, show, simulate, spontaneous_state
from cordsnet.dynamics import Activation
from oracles import CASCADE, random_images, randomised


def halve_a_gain(model):
    with torch.no_grad():
        model.wiring.recurrent["area1"].parametrizations.weight.original0.mul_(0.5)


def take_an_optimiser_step(model):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimiser.step()


def load_others(model):
    model.load_state_dict(randomised(CASCADE, seed=8).state_dict())


def change_phi(model):
    model.activation = Activation("prelu", 0.5)


def edit_data(model):
    model.bias["area1"].data.add_(0.5)


CHANGES = (edit_data, halve_a_gain, take_an_optimiser_step, load_others, change_phi)


def same(a, b):
    return all(torch.equal(a.rates[area], b.rates[area]) for area in a.rates)


def test_it_is_kept_while_nothing_changes():
    model = randomised(CASCADE)
    first = model.spontaneous(model.system())
    kept = model._resting
    simulate(model, show(random_images(CASCADE), 20))
    again = model.spontaneous(model.system())
    assert model._resting is kept
    assert same(again, first)


def test_what_is_given_is_not_what_is_kept():
    model = randomised(CASCADE)
    first = model.spontaneous(model.system())
    wanted = first.clone()
    for rates in first.rates.values():
        rates.add_(1.0)
    assert same(model.spontaneous(model.system()), wanted)


def test_it_follows_a_new_order_of_weights_and_a_new_spec():
    model = randomised(CASCADE)
    before = model.spontaneous(model.system())
    with torch.no_grad():  # sums and norms stay
        bias = model.bias["area1"]
        bias.copy_(bias.flip(0))
    reordered = model.spontaneous(model.system())
    assert not same(before, reordered)
    assert same(reordered, spontaneous_state(model))
    model.spec = dataclasses.replace(model.spec, tau_ms=2 * model.spec.tau_ms)
    assert same(model.spontaneous(model.system()), spontaneous_state(model))


def test_lesions_are_followed():
    hurt = lesion(randomised(CASCADE), "area1", units=[0])
    assert not hurt.spontaneous(hurt.system()).rates["area1"][:, 0].any()


@pytest.mark.parametrize("change", CHANGES)
def test_it_follows_every_change_of_the_dynamics(change):
    model = randomised(CASCADE)
    before = model.spontaneous(model.system())
    change(model)
    after = model.spontaneous(model.system())
    assert not same(before, after)
    assert same(after, spontaneous_state(model))


def test_it_follows_dt_and_stepper():
    model = randomised(CASCADE)
    first = model.spontaneous(model.system())
    assert not same(first, model.spontaneous(model.system(1.0)))
    heun = model.spontaneous(model.system(stepper="heun"))
    assert same(heun, spontaneous_state(model, stepper="heun"))

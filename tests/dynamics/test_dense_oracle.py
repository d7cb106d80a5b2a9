"""Trajectories against explicit matrices and against a naive loop, in float64."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from cordsnet import AreaSpec, ConnectionSpec, NetworkSpec, blank, show, simulate
from cordsnet.dynamics import ENGINES, Activation
from oracles import (
    DELAYS,
    NETWORKS,
    POINT_STEM,
    dense_convolution,
    kernel,
    naive_readout,
    naive_simulation,
    nested,
    one_area,
    random_images,
    randomised,
    tiny_r,
)

STEPS, DT = 25, 2.0
DEPTHS = (2, 4, 6, 8)
PHIS = {
    "relu": (Activation("relu"), torch.relu),
    "identity": (Activation("identity"), lambda x: x),
    "prelu": (Activation("prelu", 0.3), lambda x: torch.where(x > 0, x, 0.3 * x)),
    "tanh": (Activation("tanh"), torch.tanh),
    "softplus": (Activation("softplus"), nn.functional.softplus),
}


def assert_same_rates(traj, history, areas):
    for area in areas:
        wanted = torch.stack([rates[area] for rates in history[1:]])
        assert_allclose(traj.rates[area].detach(), wanted, rtol=1e-12, atol=1e-12, err_msg=area)


@pytest.mark.parametrize("engine", ENGINES.names())
def test_one_area_is_the_matrix_equation_that_it_stands_for(engine):
    model = randomised(one_area())
    images = random_images(model.spec, batch=3)
    traj = simulate(model, show(images, STEPS * DT), record="all", initial_state="zero", engine=engine)
    recurrent, feedforward, stem = (
        dense_convolution(kernel(model, name).numpy(), 4, 4)
        for name in ("recurrent.area1", "feedforward.area1", "stem")
    )
    bias = model.bias["area1"].detach().numpy().reshape(-1, 1)
    drive = feedforward @ stem @ images.numpy().reshape(3, -1).T + bias
    rates = np.zeros_like(drive)
    for step in range(STEPS):
        rates = rates + DT / 10.0 * (np.maximum(recurrent @ rates + drive, 0.0) - rates)
        assert_allclose(traj.rates["area1"][step].reshape(3, -1).T, rates, rtol=1e-12, atol=1e-12)
    assert (rates > 0).any()
    assert (rates == 0).any()


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_follow_the_naive_loop(name):
    model = randomised(NETWORKS[name])
    first, second = (random_images(model.spec, seed=seed) for seed in (1, 2))
    protocol = show(first, 10 * DT) + blank(7 * DT) + show(second, 8 * DT)
    traj = simulate(model, protocol, record="all", initial_state="zero")
    history = naive_simulation(model, [first] * 10 + [None] * 7 + [second] * 8, DT)
    assert_same_rates(traj, history, model.areas)
    assert_allclose(traj.logits[-1], naive_readout(model, history[-1]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("phi", PHIS)
@pytest.mark.parametrize("name", ["cascade", "feedback"])
def test_every_phi_follows_the_naive_loop(name, phi):
    model = randomised(NETWORKS[name])
    model.activation, function = PHIS[phi]
    images = random_images(model.spec)
    traj = simulate(model, show(images, STEPS * DT), record="all", initial_state="zero")
    history = naive_simulation(model, [images] * STEPS, DT, phi=function)
    assert_same_rates(traj, history, model.areas)
    assert_allclose(traj.logits[-1], naive_readout(model, history[-1]), rtol=1e-12, atol=1e-12)


def test_time_constants_per_unit_keep_the_precision_of_the_model():
    tau = nested(7.3 + torch.arange(32, dtype=torch.float64).reshape(2, 4, 4) / 3)
    model = randomised(one_area(areas=(AreaSpec("area1", 2, tau_ms=tau),)))
    images = random_images(model.spec)
    traj = simulate(model, show(images, STEPS * DT), record="all", initial_state="zero")
    assert_same_rates(traj, naive_simulation(model, [images] * STEPS, DT), model.areas)


@pytest.mark.parametrize("engine", ENGINES.names())
@pytest.mark.parametrize("depth", DEPTHS)
def test_a_synchronous_sweep_is_an_update_in_place_from_the_top_down(depth, engine):
    model = randomised(tiny_r(depth))
    images = random_images(model.spec)
    traj = simulate(model, show(images, 12 * DT), record="all", initial_state="zero", engine=engine)
    history = naive_simulation(model, [images] * 12, DT, top_down_in_place=True)
    assert_same_rates(traj, history, model.areas)


@pytest.mark.parametrize("engine", ENGINES.names())
@pytest.mark.parametrize("depth", DEPTHS)
def test_an_image_first_changes_area_j_at_step_half_j_plus_one(depth, engine):
    model = randomised(tiny_r(depth))
    with torch.no_grad():
        for bias in model.bias.values():
            bias.abs_().add_(1.0)  # every unit is active, so every change of drive shows
    images = random_images(model.spec, batch=1)
    options = {"record": "all", "initial_state": "zero", "engine": engine}
    seen = simulate(model, show(images, 12 * DT), **options)
    unseen = simulate(model, show(torch.zeros_like(images), 12 * DT), **options)
    for j, area in enumerate(model.areas):
        change = (seen.rates[area] - unseen.rates[area]).abs().amax((1, 2, 3, 4))
        first = int((change > 1e-12).nonzero()[0]) + 1
        assert first == j // 2 + 1, area


def relay(source_delay, delay):
    """An image that reaches area `low` late, and area `high` later still through `low`."""
    return NetworkSpec(
        "relay",
        POINT_STEM,
        (AreaSpec("low", 2), AreaSpec("high", 2)),
        (ConnectionSpec("stem", "low", delay_ms=source_delay), ConnectionSpec("low", "high", delay_ms=delay)),
        readout=("high",),
        in_channels=1,
        image_size=(4, 4),
        num_classes=2,
    )


@pytest.mark.parametrize("dt", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("source_delay", "delay"), [(0.0, 0.0), (0.0, 8.0), (6.0, 0.0), (4.0, 10.0)])
def test_what_is_delayed_by_d_ms_arrives_d_over_dt_steps_later(source_delay, delay, dt):
    prompt, late = (randomised(relay(*delays), bias=0.0) for delays in ((0.0, 0.0), (source_delay, delay)))
    images = random_images(prompt.spec, batch=1)
    protocol = show(images, 10) + blank(30)
    options = {"dt": dt, "record": "all", "initial_state": "zero"}
    quick, slow = (simulate(model, protocol, **options).rates for model in (prompt, late))
    for area, shift in (("low", round(source_delay / dt)), ("high", round((source_delay + delay) / dt))):
        assert_allclose(slow[area][shift:], quick[area][: len(quick[area]) - shift], rtol=1e-12, atol=0, err_msg=area)
        assert not slow[area][:shift].any(), area
        assert quick[area][2].any(), area


def test_two_connections_that_differ_in_delay_have_kernels_of_their_own():
    links = (
        ConnectionSpec("stem", "low"),
        ConnectionSpec("low", "high"),
        ConnectionSpec("stem", "high", kernel=3, onto="drive"),
        ConnectionSpec("stem", "high", kernel=1, onto="drive", delay_ms=4.0),
    )
    model = randomised(dataclasses.replace(DELAYS, connections=links))
    sizes = sorted(tuple(conv.weight.shape[2:]) for conv in model.wiring.links.values())
    assert sizes == [(1, 1), (3, 3)]

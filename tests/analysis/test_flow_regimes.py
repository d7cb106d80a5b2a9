"""Regimes of systems built by hand, each known in closed form or from the literature."""

import math

import pytest
import torch
from flow_examples import double_well, draw, line, linear, lorenz, random_tanh, ring, van_der_pol

from cordsnet import create_model, steady_state
from cordsnet.analysis import Regime, RegimeSettings
from cordsnet.analysis.flows.flows import FunctionFlow, MapFlow
from cordsnet.analysis.flows.network_flow import NetworkFlow
from cordsnet.analysis.regimes.flow_regimes import classify_flow
from oracles import random_images

TENS = RegimeSettings(max_durations=30)
ONES = RegimeSettings(max_durations=30, image_ms=20.0, tau_ms=1.0)


def test_a_ring_attractor():
    """A bump of activity that may stand anywhere: a continuum of states at rest, closed in itself."""
    report = classify_flow(ring(), draw(60, 64), dt=1.0, settings=TENS)
    assert report.regime is Regime.MULTISTABLE
    assert report.geometry.label == "ring"
    assert report.geometry.loop_p <= 0.05
    assert report.geometry.participation < 3
    assert report.evidence.elsewhere > 0.8
    assert float(report.states.amin()) == pytest.approx(0.0, abs=1e-4)


def test_weak_tuning_has_one_uniform_state():
    report = classify_flow(ring(tuned=1.5), draw(20, 64), dt=1.0, settings=TENS)
    assert report.regime is Regime.MONOSTABLE
    assert report.geometry.label == "point"
    assert float(report.states.std(1).max()) < 1e-3
    assert report.evidence.elsewhere == 0


def test_a_line_attractor():
    report = classify_flow(line(), draw(40, 8), dt=1.0, settings=TENS)
    assert report.regime is Regime.MULTISTABLE
    assert report.geometry.label == "line"
    assert report.geometry.participation == pytest.approx(1.0, abs=1e-3)


def test_two_wells():
    report = classify_flow(double_well(), draw(16, 2), dt=0.1, settings=ONES)
    assert report.regime is Regime.MULTISTABLE
    assert (report.geometry.label, report.geometry.places) == ("points", 2)
    assert sorted({round(float(x), 5) for x in report.states[:, 0]}) == [-1.0, 1.0]
    assert report.row()["geometry"] == "points"


@pytest.mark.parametrize("mu", [0.3, 1.0, 3.0])
def test_limit_cycles_of_even_and_uneven_speed(mu):
    report = classify_flow(van_der_pol(mu), draw(6, 2), dt=0.1, settings=ONES)
    assert report.regime is Regime.OSCILLATORY
    assert abs(report.evidence.exponent) < 0.01
    assert report.geometry is None


def test_lorenz_is_chaotic():
    settings = RegimeSettings(max_durations=10, image_ms=2.0, tau_ms=0.1)
    report = classify_flow(lorenz(), 10 * draw(2, 3) + 20, dt=0.01, settings=settings)
    assert report.regime is Regime.CHAOTIC
    assert report.evidence.exponent == pytest.approx(0.9056, abs=5 * report.evidence.exponent_error)
    assert report.evidence.exponent_error < 0.2


@pytest.mark.parametrize(("gain", "regime"), [(0.7, Regime.MONOSTABLE), (2.0, Regime.CHAOTIC)])
def test_random_networks_below_and_above_the_onset_of_chaos(gain, regime):
    settings = RegimeSettings(max_durations=6, image_ms=40.0, tau_ms=1.0, divergence_durations=20)
    report = classify_flow(random_tanh(300, gain, 0, stepper="euler"), draw(2, 300), dt=0.2, settings=settings)
    assert report.regime is regime


def test_chaos_is_found_in_single_precision():
    def velocity(s):
        x, y, z = s.unbind(-1)
        return torch.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], -1)

    flow = FunctionFlow(velocity, (3,), torch.float32)
    settings = RegimeSettings(max_durations=10, image_ms=2.0, tau_ms=0.1)
    report = classify_flow(flow, 10 * draw(2, 3, dtype=torch.float32) + 20, dt=0.01, settings=settings)
    assert report.regime is Regime.CHAOTIC
    assert report.evidence.exponent == pytest.approx(0.9, abs=0.3)


@pytest.mark.parametrize("rate", [0.02, 3.0])
def test_growth_without_bound(rate):
    report = classify_flow(linear([[rate, 0.0], [0.0, -1.0]]), draw(6, 2), dt=0.1, settings=ONES)
    assert report.regime is Regime.UNSTABLE


@pytest.mark.parametrize("rate", [0.6, 0.9, 1.18])
def test_growth_to_rates_whose_squares_overflow_is_unstable(rate):
    """At the end of 600 ms the rates are between 1e154 and 1e308: finite, where their squares are not."""
    report = classify_flow(linear([[rate, 0.0], [0.0, -1.0]]), draw(6, 2), dt=0.1, settings=ONES)
    assert report.regime is Regime.UNSTABLE
    assert math.isnan(report.evidence.diverged_ms)
    assert torch.isfinite(report.states).all()
    assert rate == 0.6 or float(report.states.abs().max()) > 1e160


@pytest.mark.parametrize(("rate", "regime"), [(-0.5, Regime.MONOSTABLE), (0.05, Regime.UNSTABLE)])
def test_starts_whose_squares_overflow_are_judged_like_others(rate, regime):
    starts = draw(6, 2)
    far, near = (
        classify_flow(linear([[rate, 0.0], [0.0, -1.0]]), size * starts, dt=0.1, settings=ONES) for size in (1e200, 1.0)
    )
    assert far.regime is near.regime is regime
    assert far.evidence.response == pytest.approx(1e200 * near.evidence.response)


def test_the_time_of_divergence_is_that_since_the_start():
    """exp(10 t) is beyond double precision after 71 ms."""
    report = classify_flow(linear([[10.0, 0.0], [0.0, -1.0]]), torch.eye(2).double(), dt=0.1, settings=ONES)
    assert report.regime is Regime.UNSTABLE
    assert 70 < report.evidence.diverged_ms < 75


def test_the_time_of_divergence_is_reported():
    flow = FunctionFlow(lambda x: x**2, (1,))
    report = classify_flow(flow, torch.tensor([[1.0], [-1.0]]).double(), dt=0.1, settings=ONES)
    assert report.regime is Regime.UNSTABLE
    assert 0 < report.evidence.diverged_ms < 20
    assert len(report.states) == 0


@pytest.mark.parametrize(
    ("gain", "regime"), [(2.5, Regime.MONOSTABLE), (3.2, Regime.OSCILLATORY), (4.0, Regime.CHAOTIC)]
)
def test_the_logistic_map(gain, regime):
    starts = torch.tensor([[0.12], [0.43], [0.77]]).double()
    settings = RegimeSettings(max_durations=12, image_ms=25.0, tau_ms=1.0, divergence_durations=20)
    report = classify_flow(MapFlow(lambda x: gain * x * (1 - x), (1,)), starts, dt=1.0, settings=settings)
    assert report.regime is regime
    if regime is Regime.CHAOTIC:
        assert report.evidence.exponent == pytest.approx(math.log(2), abs=0.15)


def test_a_network_under_an_image_is_classified():
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=3, image_size=8, width=2, seed=1).double()
    flow = NetworkFlow(model, random_images(model.spec, batch=1).double(), "euler")
    report = classify_flow(flow, draw(4, *flow.domain).abs(), dt=2.0, settings=TENS)
    assert report.regime is Regime.MONOSTABLE
    settled = steady_state(model, random_images(model.spec, batch=1).double(), tol=1e-10)
    assert float((report.states - flow.pack(settled.rates)).abs().max()) < 1e-4


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"starts": draw(1, 2)}, "starts must be at least two"),
        ({"starts": draw(4, 3)}, "starts must be a batch of states of shape"),
        ({"dt": 0.0}, "dt must be a finite number above 0"),
        ({"dt": 0.3}, "image_ms = 20 ms is not a whole number"),
        ({"size": -1.0}, "size must be a finite number above 0"),
    ],
)
def test_bad_arguments_are_named_in_the_error(change, words):
    asked = {"starts": draw(4, 2), "dt": 0.1, "settings": ONES} | change
    with pytest.raises(ValueError, match=words):
        classify_flow(double_well(), asked.pop("starts"), **asked)

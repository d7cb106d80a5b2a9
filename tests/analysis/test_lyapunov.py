"""Lyapunov exponents against closed forms and textbook values."""

import math

import pytest
import torch
from flow_examples import draw, linear, lorenz, random_tanh, van_der_pol

from cordsnet.analysis.flows.flows import MapFlow, RateFlow
from cordsnet.analysis.flows.lyapunov import kaplan_yorke_dimension, lyapunov_spectrum
from cordsnet.analysis.operators import ConvOperator
from cordsnet.analysis.status import Status


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_a_linear_system_has_the_real_parts_of_its_eigenvalues():
    matrix = numbers(-0.1, 2.0, 0.0, 0.0, -2.0, -0.1, 0.0, 0.0, 0.3, 0.0, -0.7, 1.0, 0.0, 0.0, 0.0, -1.5).view(4, 4)
    found = lyapunov_spectrum(linear(matrix), draw(4), 4, duration_ms=200.0, transient_ms=50.0, dt=0.05)
    assert found.exponents.tolist() == pytest.approx([-0.1, -0.1, -0.7, -1.5], abs=0.01)
    assert float(found.exponents.sum()) == pytest.approx(float(matrix.trace()), abs=1e-5)
    assert found.dimension == 0
    assert not found.chaotic


def test_lorenz():
    """Wolf et al. 1985; Sprott 2003: 0.9056, 0, -14.5723, dimension 2.062."""
    start = numbers(1.0, 1.0, 20.0)
    found = lyapunov_spectrum(lorenz(), start, 3, duration_ms=150.0, transient_ms=10.0, dt=0.01)
    errors = (found.exponents - numbers(0.9056, 0.0, -14.5723)).abs()
    assert bool((errors < 0.04).all())
    assert bool((errors < 5 * found.standard_error.clamp_min(1e-3)).all())
    assert float(found.exponents.sum()) == pytest.approx(-(10 + 1 + 8 / 3), abs=1e-3)
    assert found.dimension == pytest.approx(2.062, abs=0.01)
    assert found.chaotic
    assert found.status is Status.CONVERGED
    assert len(found.trace) == len(found.times_ms) == 1500


def test_the_logistic_map_at_four_gains_one_bit_a_step():
    found = lyapunov_spectrum(MapFlow(lambda x: 4 * x * (1 - x), (1,)), numbers(0.3), duration_ms=5000, dt=1, every=5)
    assert float(found.exponents) == pytest.approx(math.log(2), abs=0.01)
    assert found.chaotic


def test_the_henon_map():
    """Exponents 0.4192 and ln 0.3 - 0.4192 per step (Sprott 2003)."""
    henon = MapFlow(lambda s: torch.stack([1 - 1.4 * s[..., 0] ** 2 + s[..., 1], 0.3 * s[..., 0]], -1), (2,))
    found = lyapunov_spectrum(henon, numbers(0.1, 0.1), 2, duration_ms=4000, transient_ms=100, dt=1, every=5)
    assert found.exponents.tolist() == pytest.approx([0.4192, math.log(0.3) - 0.4192], abs=0.015)


def test_a_limit_cycle_has_the_exponent_zero_and_is_not_chaotic():
    found = lyapunov_spectrum(van_der_pol(), numbers(1.0, 0.0), 2, duration_ms=100.0, transient_ms=30.0, dt=0.05)
    assert abs(float(found.exponents[0])) < 0.01
    assert float(found.exponents[1]) == pytest.approx(-1.059, abs=0.03)
    assert not found.chaotic


@pytest.mark.parametrize("seed", [0, 1])
def test_random_networks_turn_chaotic_at_a_gain_of_one(seed):
    """Sompolinsky, Crisanti & Sommers 1988. Below one, the largest exponent is that of rest: about g - 1."""

    def largest(gain, duration):
        flow, start = random_tanh(500, gain, seed, stepper="euler"), draw(500, seed=seed)
        return lyapunov_spectrum(flow, start, 2, duration_ms=duration, transient_ms=50.0, dt=0.1)

    quiet, critical, chaotic = largest(0.7, 100.0), largest(1.0, 100.0), largest(1.8, 200.0)
    assert float(quiet.exponents[0]) == pytest.approx(-0.3, abs=0.08)
    assert abs(float(critical.exponents[0])) < 0.06
    assert 0 < float(chaotic.exponents[0]) < 0.4
    assert chaotic.chaotic
    assert not quiet.chaotic


def test_states_may_have_any_shape_and_precision():
    flow = RateFlow(ConvOperator(0.1 * draw(2, 2, 3, 3, dtype=torch.float32), (4, 5), "periodic"), 0.1, "softplus")
    found = lyapunov_spectrum(
        flow, draw(2, 4, 5, dtype=torch.float32), 3, duration_ms=400.0, transient_ms=600.0, dt=2.0
    )
    values = torch.linalg.eigvals(flow.jacobian(found.state).to_dense().double()).real.sort(descending=True).values
    assert found.exponents.tolist() == pytest.approx(values[:3].tolist(), abs=2e-3)
    again = lyapunov_spectrum(
        flow, draw(2, 4, 5, dtype=torch.float32), 3, duration_ms=400.0, transient_ms=600.0, dt=2.0
    )
    assert torch.equal(found.exponents, again.exponents)


def test_a_step_that_is_too_long_has_status_diverged():
    found = lyapunov_spectrum(lorenz(), numbers(1.0, 1.0, 20.0), 2, duration_ms=100.0, dt=0.5)
    assert found.status is Status.DIVERGED
    assert bool(found.exponents.isnan().all())
    assert not found.chaotic
    assert "lower dt" in found.status.value


def test_the_dimension_needs_enough_exponents():
    assert math.isnan(kaplan_yorke_dimension(numbers(0.9, 0.0)))
    assert kaplan_yorke_dimension(numbers(0.5, -1.0)) == pytest.approx(1.5)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": 4}, "k must be from 1 to the number of units, 3, got 4"),
        ({"dt": 0.0}, "dt must be a finite number above 0"),
        ({"duration_ms": 0.5}, "duration_ms = 0.5 must hold at least 10"),
        ({"every": 0}, "every must be at least one"),
        ({"transient_ms": -1.0}, "transient_ms must be a duration"),
        ({"start": draw(4)}, "start must be a batch of states"),
    ],
)
def test_bad_arguments_are_named_in_the_error(change, words):
    asked = {"start": numbers(1.0, 1.0, 20.0), "k": 2, "duration_ms": 10.0, "dt": 0.01} | change
    with pytest.raises(ValueError, match=words):
        lyapunov_spectrum(lorenz(), asked.pop("start"), asked.pop("k"), **asked)

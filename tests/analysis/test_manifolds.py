"""Attractors of networks whose attractor is known, by three witnesses."""

import pytest
from flow_examples import double_well, draw
from manifold_examples import contracting, hopfield, integrator, oscillator, ring_network

from cordsnet.analysis import find_manifold

FEW = {"tested": 2}


def test_a_ring():
    flow, starts, scales = ring_network()
    found = find_manifold(flow, starts, **scales | FEW)
    assert found.kind == "ring"
    assert found.claims
    assert found.spectrum.numbers["kept_1"] == pytest.approx(1, abs=1e-3)
    assert found.spectrum.numbers["kept_2"] < 0.1
    assert found.perturbation.numbers["along"] == pytest.approx(1, abs=0.05)
    assert found.topology.numbers["loop"] > 1.5 * found.topology.numbers["loop_null"]
    assert found.spectrum.residual < 1e-6


def test_an_integrator_is_a_line():
    flow, starts, scales = integrator()
    found = find_manifold(flow, starts, **scales | FEW)
    assert found.kind == "line"
    assert found.topology.numbers["loop"] == 1
    assert found.row()["topology"] == "arc"


def test_stored_patterns_are_points():
    flow, starts, scales = hopfield()
    found = find_manifold(flow, starts, **scales | FEW)
    assert (found.kind, found.topology.numbers["places"]) == ("points", 6)
    assert found.spectrum.numbers["slow"] == 0


def test_an_oscillator_is_a_cycle():
    flow, starts, scales = oscillator()
    found = find_manifold(flow, starts, **scales | {"tested": 1})
    assert found.kind == "cycle"
    assert found.spectrum.numbers["multiplier_1"] == pytest.approx(1, abs=0.02)
    assert found.spectrum.numbers["multiplier_2"] < 0.1
    assert found.perturbation.numbers["phase"] == pytest.approx(1, abs=0.1)


def test_a_contracting_network_has_a_single_point_and_claims_nothing():
    flow, starts, scales = contracting()
    found = find_manifold(flow, starts, **scales | FEW)
    assert found.kind == "single point"
    assert not found.claims
    assert float((found.states - found.states[0]).abs().max()) < 1e-5


def test_two_wells_are_points():
    found = find_manifold(double_well(), draw(24, 2), slow_ms=10.0, dt=0.2, **FEW)
    assert (found.kind, found.topology.numbers["places"]) == ("points", 2)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"starts": draw(4, 2)}, "starts must be at least 12"),
        ({"starts": draw(12, 3)}, "starts must be a batch of states of shape"),
        ({"slow_ms": -1.0}, "slow_ms must be a finite number above 0"),
        ({"slow_ms": 0.5}, "slow_ms must hold 10 to"),
        ({"settle_ms": 0.0}, "settle_ms must be a finite number above 0"),
        ({"dt": 0.0}, "dt must be a finite number above 0"),
        ({"size": 0.0}, "size must be a finite number above 0"),
        ({"tested": 0}, "tested must be at least 1"),
    ],
)
def test_bad_arguments_are_named_in_the_error(change, words):
    asked = {"starts": draw(12, 2), "slow_ms": 10.0, "dt": 0.1} | change
    with pytest.raises(ValueError, match=words):
        find_manifold(double_well(), asked.pop("starts"), **asked)

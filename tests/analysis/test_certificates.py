"""Certificates against what networks do: certified ones have one attractor, those with several are never certified."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from cordsnet import AreaSpec, ConnectionSpec, create_model
from cordsnet.analysis.networks.certificates import CRITERIA, certify_monostable, smallest_bound
from cordsnet.analysis.operators import ConvOperator
from cordsnet.dynamics import Activation, State
from cordsnet.models import CordsNet
from oracles import CASCADE, FEEDBACK, PER_AREA_TAU, PER_UNIT_TAU, one_area, random_images, randomised


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@torch.no_grad()
def with_kernel(kernel, size=(3, 3), seed=0) -> CordsNet:
    """One area of two channels with exactly this recurrent kernel [2, 2, 3, 3], biases of either sign."""
    model = randomised(one_area(image_size=size), seed, bias=1.0)
    state = model.wiring.recurrent["area1"].parametrizations.weight
    norm = kernel.flatten(1).norm(dim=1).reshape(state.original0.shape)
    state.original0.copy_(norm)
    state.original1.copy_(torch.where(norm > 0, kernel, torch.ones_like(kernel)))
    return model


@torch.no_grad()
def spread_after(model, steps, starts=200, spread=20.0):
    """Root mean square distance between where the same image goes from many states, over the states' own size.

    It stops as soon as they have met to a millionth.
    """
    system = model.system()
    held = system.hold({"image": random_images(model.spec, 1)})
    shapes = {area: rates.shape[1:] for area, rates in system.zero_state(1).rates.items()}
    state = State({area: spread * draw(starts, *shape, seed=9) for area, shape in shapes.items()})
    apart = math.inf
    for step in range(steps):
        state = system.advance(state, held)
        if step % 50 == 49:
            apart = max(float((r - r[:1]).square().mean().sqrt() / r.std()) for r in state.rates.values())
            if apart < 1e-6:
                break
    return apart


def scaled_to(bound, kernel, criterion, size=(3, 3)):
    return kernel * bound / smallest_bound(kernel, size, criterion)[0]


def inhibitory(seed):
    """Inhibition between channels that one of them does not return: large norm, small symmetric part."""
    twist = torch.zeros(2, 2, 3, 3, dtype=torch.float64)
    twist[0, 1], twist[1, 0] = draw(3, 3, seed=seed).abs(), -draw(3, 3, seed=seed).abs().flip(0, 1)
    return twist - 0.3 * torch.eye(2, dtype=torch.float64)[:, :, None, None] * draw(3, 3, seed=seed + 1).abs()


@pytest.mark.parametrize(("criterion", "seed"), [("norm", 0), ("perron", 1), ("hermitian", 2)])
def test_a_certified_network_has_one_attractor(criterion, seed):
    model = with_kernel(scaled_to(0.9, draw(2, 2, 3, 3, seed=seed), criterion), seed=seed)
    certificate = certify_monostable(model)
    assert certificate.certified
    assert certificate.areas[0].bounds[criterion] == pytest.approx(0.9, rel=1e-6)
    assert spread_after(model, 1500, starts=1000) < 1e-6


def test_the_symmetric_part_certifies_more_than_norms():
    model = with_kernel(scaled_to(0.9, inhibitory(1), "hermitian"))
    (area,) = certify_monostable(model).areas
    assert area.criterion == "hermitian"
    assert area.certified
    assert min(area.bounds["norm"], area.bounds["perron"]) > 1.5
    assert not certify_monostable(model, criteria=("norm", "perron")).certified
    assert area.rate == 0
    assert spread_after(model, 3000) < 1e-6


def test_weights_certify_a_network_that_amplifies():
    """Channel 1 drives channel 2 forty times as strongly as is returned: norm above 2, and still one attractor."""
    kernel = torch.zeros(2, 2, 3, 3, dtype=torch.float64)
    kernel[:, :, 1, 1] = torch.tensor([[0.5, 0.01], [4.0, 0.5]])
    model = with_kernel(kernel)
    (area,) = certify_monostable(model).areas
    assert area.certified
    assert area.norm_reached > 2
    assert area.bounds["norm"] == pytest.approx(0.7, rel=0.01)
    assert not certify_monostable(model, criteria=("norm",)).areas[0].weights.allclose(torch.ones(2).double())
    assert spread_after(model, 500) < 1e-6


def test_one_attractor_is_not_always_certified():
    """Each unit drives its right neighbour by 1.5: nothing comes back, but weights of channels do not see that."""
    kernel = torch.zeros(2, 2, 3, 3, dtype=torch.float64)
    kernel[:, :, 1, 0] = 1.5 * torch.eye(2)
    model = with_kernel(kernel)
    certificate = certify_monostable(model)
    assert not certificate.certified
    assert certificate.areas[0].margin < 0
    assert "proves nothing" in str(certificate)
    assert spread_after(model, 1000) < 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_unstable_networks_are_never_certified(seed):
    """All units active, or some of them: one eigenvalue with real part 1.01."""
    kernel = draw(2, 2, 3, 3, seed=seed) - (seed % 3) * torch.eye(2, dtype=torch.float64)[:, :, None, None]
    dense = ConvOperator(kernel, (3, 3)).to_dense().numpy()
    patterns = np.random.default_rng(seed).random((20, 18)) > np.linspace(-0.05, 0.9, 20)[:, None]
    growth = max(np.linalg.eigvals(active[:, None] * dense).real.max() for active in patterns)
    model = with_kernel(kernel * 1.01 / growth, seed=seed)
    certificate = certify_monostable(model)
    assert not certificate.certified
    assert min(certificate.areas[0].bounds.values()) >= 1


def test_two_attractors_are_never_certified():
    kernel = torch.zeros(2, 2, 3, 3, dtype=torch.float64)
    kernel[:, :, 1, 1] = torch.tensor([[0.0, -1.05], [-1.05, 0.0]])
    model = with_kernel(kernel)
    with torch.no_grad():
        model.bias["area1"].fill_(20.0)
    assert spread_after(model, 2000) > 0.1
    assert not certify_monostable(model).certified


def test_every_area_counts():
    model = randomised(CASCADE)
    with torch.no_grad():
        model.wiring.recurrent["area1"].parametrizations.weight.original0.mul_(0.1)
        model.wiring.recurrent["area2"].parametrizations.weight.original0.mul_(10)
    certificate = certify_monostable(model)
    assert [area.certified for area in certificate.areas] == [True, False]
    assert not certificate.certified
    assert certificate.bound == certificate.areas[1].bound
    assert "area1" in str(certificate)
    rows = certificate.rows()
    assert [row["certified"] for row in rows] == [True, False]
    assert rows[0]["bound"] == min(rows[0][f"{name} bound"] for name in CRITERIA)
    assert rows[0]["unweighted norm at least"] <= rows[0]["norm bound"] * 30


@pytest.mark.parametrize("spec", [PER_AREA_TAU, PER_UNIT_TAU])
def test_the_rate_is_guaranteed(spec):
    """Distances between trajectories fall at least as fast as the certificate says, in its own norm."""
    model = randomised(spec, bias=1.0)
    with torch.no_grad():
        model.wiring.recurrent["area1"].parametrizations.weight.original0.mul_(0.7)
    area = certify_monostable(model, criteria=("norm",)).areas[0]
    assert area.certified
    system = model.system(0.05)
    held = system.hold({"image": random_images(spec, 1)})
    state = State({name: 3 * draw(2, *r.shape[1:], seed=2) for name, r in system.zero_state(1).rates.items()})
    tau = torch.as_tensor(system.equation.circuit.tau_ms["area1"], dtype=torch.float64)

    def distance(state):
        apart = state.rates["area1"][0] - state.rates["area1"][1]
        return float((tau * (area.weights[:, None, None] * apart).square()).sum().sqrt())

    before = distance(state)
    with torch.no_grad():
        for _ in range(400):
            state = system.advance(state, held)
    assert distance(state) <= before * math.exp(-area.rate * 20.0) * 1.001


def test_one_time_constant_per_unit_leaves_the_symmetric_part_out():
    certificate = certify_monostable(randomised(PER_UNIT_TAU))
    assert [set(area.bounds) for area in certificate.areas] == [{"norm", "perron"}] * 2
    with pytest.raises(ValueError, match="'hermitian' alone does not cover 'area1'"):
        certify_monostable(randomised(PER_UNIT_TAU), criteria=("hermitian",))
    assert set(certify_monostable(randomised(PER_AREA_TAU)).areas[0].bounds) == set(CRITERIA)


def test_areas_without_recurrence_and_delays_are_no_obstacle():
    spec = dataclasses.replace(
        CASCADE,
        name="late",
        areas=(AreaSpec("area1", 2), AreaSpec("area2", 3, recurrent_kernel=None)),
        connections=(ConnectionSpec("stem", "area1"), ConnectionSpec("area1", "area2", delay_ms=6.0)),
    )
    one, other = certify_monostable(randomised(spec)).areas
    assert other.bound == 0
    assert other.rate == pytest.approx(1 / spec.tau_ms)
    assert one.bound > 0


def test_a_model_of_the_table_and_its_precision():
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=3, image_size=8, width=4, seed=1)
    certificate = certify_monostable(model)
    assert len(certificate.areas) == 2
    for area in certificate.areas:
        assert area.norm_reached > 0
        assert certify_monostable(model, tighten=False).areas[0].bound >= certificate.areas[0].bound


@pytest.mark.usefixtures("as_users_run_it")
def test_models_outside_the_proof_are_refused_by_name():
    model = randomised(CASCADE)
    with pytest.raises(ValueError, match="top -> low"):
        certify_monostable(randomised(FEEDBACK))
    with pytest.raises(TypeError, match="model must have a rate equation, got int"):
        certify_monostable(3)
    with pytest.raises(ValueError, match="criteria must be some of norm, perron, hermitian, got gain"):
        certify_monostable(model, criteria=("gain",))
    with pytest.raises(ValueError, match="got none"):
        certify_monostable(model, criteria=())
    model.activation = Activation("prelu", 1.5)
    with pytest.raises(TypeError, match=r"slope 1\.5"):
        certify_monostable(model)
    model.activation = Activation("tanh")
    assert len(certify_monostable(model).areas) == 2
    with torch.no_grad():
        model.wiring.recurrent["area2"].parametrizations.weight.original0.fill_(math.nan)
    with pytest.raises(ValueError, match="recurrent kernel of 'area2' holds NaN"):
        certify_monostable(model)

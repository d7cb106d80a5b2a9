"""Engines differ in cost alone: the same rates, logits and gradients, through many blocks of time."""

import contextlib
import dataclasses

import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet import AreaSpec, ConnectionSpec, Record, State, blank, movie, show, simulate
from cordsnet.dynamics import ENGINES, STEPPERS, Activation
from oracles import CASCADE, NETWORKS, random_images, randomised, tiny_r

OTHERS = [name for name in ENGINES if name != "time_major"]
ONTO_DRIVE = dataclasses.replace(
    CASCADE,
    name="onto_drive",
    areas=(AreaSpec("area1", 2), AreaSpec("area2", 3, recurrent_kernel=None), AreaSpec("area3", 3, stride=2)),
    connections=(
        ConnectionSpec("stem", "area1"),
        ConnectionSpec("area1", "area2"),
        ConnectionSpec("area1", "area2", kernel=3, onto="drive"),
        ConnectionSpec("stem", "area2", kernel=1, onto="drive"),
        ConnectionSpec("area2", "area3"),
        ConnectionSpec("area1", "area3", kernel=3, stride=2, onto="drive"),
        ConnectionSpec("area2", "area3", kernel=1, stride=4, onto="drive"),
    ),
    readout=("area2", "area3"),
)
SPECS = {
    "cascade": CASCADE,
    "per_area_tau": NETWORKS["per_area_tau"],
    "per_unit_tau": NETWORKS["per_unit_tau"],
    "onto_drive": ONTO_DRIVE,
    "r6": tiny_r(6, image_size=8),
}
PHIS = [Activation(name) for name in ("relu", "identity", "tanh", "softplus")] + [Activation("prelu", 0.3)]


def one_block(images):
    return show(images, 14) + blank(6) + movie(torch.stack([images, -images, 2 * images]), 20 / 3)


def many_blocks(images):
    return blank(30) + show(images, 150) + blank(70) + movie(torch.stack([images, -images]), 40)


PROTOCOLS = {"one block": one_block, "many blocks": many_blocks}


def run(model, engine, protocol, **options):
    """A trajectory, and the gradients of a sum over all of it with respect to parameters, images and start."""
    images = random_images(model.spec).requires_grad_()
    start = {
        area: (0.3 * torch.randn(2, *shape, dtype=torch.float64).abs()).requires_grad_()
        for area, shape in model.shapes.items()
    }
    traj = simulate(
        model, protocol(images), record="all", engine=engine, initial_state=State(start), grad=True, **options
    )
    weights = torch.linspace(-1, 1, len(traj.time_ms), dtype=torch.float64)
    total = (weights[:, None, None] * traj.logits.sin()).sum()
    total = total + sum((weights.flip(0) * rates.square().flatten(1).sum(1)).sum() for rates in traj.rates.values())
    inputs = {**dict(model.named_parameters()), "images": images, **{f"start {k}": v for k, v in start.items()}}
    gradients = dict(zip(inputs, torch.autograd.grad(total, list(inputs.values())), strict=True))
    return traj, gradients


def assert_same(found, wanted):
    (traj, gradients), (reference, wanted_gradients) = found, wanted
    assert_allclose(traj.logits.detach(), reference.logits.detach(), rtol=1e-10, atol=1e-12)
    for area, rates in reference.rates.items():
        assert_allclose(traj.rates[area].detach(), rates.detach(), rtol=1e-10, atol=1e-12, err_msg=area)
    for name, gradient in wanted_gradients.items():
        scale = float(gradient.abs().max())
        assert scale > 0, name
        assert_allclose(gradients[name], gradient, rtol=1e-7, atol=1e-9 * scale, err_msg=name)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", SPECS)
def test_engines_agree_on_rates_and_gradients(name, protocol, engine):
    results = []
    for each in (engine, "time_major"):
        torch.manual_seed(0)
        results.append(run(randomised(SPECS[name]), each, PROTOCOLS[protocol]))
    assert_same(*results)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("phi", PHIS, ids=lambda phi: phi.name)
@pytest.mark.parametrize("dt", [2.0, 12.5])
def test_engines_agree_for_every_phi_and_any_share_of_tau(phi, dt, engine):
    def protocol(images):
        return show(images, 5 * dt) + blank(3 * dt)

    results = []
    for each in (engine, "time_major"):
        torch.manual_seed(0)
        model = randomised(CASCADE)
        model.activation = phi
        results.append(run(model, each, protocol, dt=dt))
    assert_same(*results)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("stepper", STEPPERS.names())
def test_engines_agree_for_every_stepper_or_refuse_it_by_name(stepper, engine):
    results = []
    for each in (engine, "time_major"):
        torch.manual_seed(0)
        model = randomised(CASCADE)
        if stepper in ("heun", "rk4") and each == "area_major":
            with pytest.raises(ValueError, match=f"engine '{each}' needs a cascade"):
                run(model, each, one_block, stepper=stepper)
            return
        results.append(run(model, each, one_block, stepper=stepper))
    assert_same(*results)


@pytest.mark.parametrize("name", ["feedback", "delays"])
def test_the_engine_for_cascades_refuses_other_networks_with_a_remedy(name):
    model = randomised(NETWORKS[name])
    with pytest.raises(ValueError, match=r"engine 'area_major' needs a cascade .* use engine='auto' or 'time_major'"):
        simulate(model, show(random_images(model.spec), 20), engine="area_major")


@pytest.mark.parametrize("engine", ENGINES.names())
@pytest.mark.parametrize("record", [Record("area2", times_ms=(6, 110, 230)), Record("all", every_ms=70, reduce="mean")])
def test_gradients_reach_back_from_sparse_recordings(record, engine):
    found = []
    for each in (engine, "time_major"):
        model = randomised(CASCADE)
        images = random_images(CASCADE)
        traj = simulate(model, show(images, 150) + blank(90), record=record, engine=each, grad=True)
        total = traj.logits.square().sum() + traj.rates["area2"].sin().sum()
        found.append(torch.autograd.grad(total, list(model.wiring.recurrent.parameters())))
    for one, other in zip(*found, strict=True):
        assert_allclose(one, other, rtol=1e-8, atol=1e-10)
        assert other.any()


@pytest.mark.parametrize("engine", OTHERS)
def test_second_derivatives_are_right_or_refused(engine):
    model = randomised(CASCADE)
    model.activation = Activation("tanh")

    def curvature(each):
        images = random_images(CASCADE, batch=1).requires_grad_()
        traj = simulate(model, show(images, 12), engine=each, initial_state="zero", grad=True)
        (slope,) = torch.autograd.grad(traj.logits[-1].square().sum(), images, create_graph=True)
        (bend,) = torch.autograd.grad(slope.square().sum(), images)
        return bend

    wanted = curvature("time_major")
    assert wanted.any()
    with contextlib.suppress(RuntimeError):  # a refusal is an answer; a wrong number is none
        assert_allclose(curvature(engine), wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("engine", ENGINES.names())
@pytest.mark.parametrize("dt", [2.0, 9.0])
def test_units_that_fall_silent_give_right_gradients_in_single_precision(dt, engine):
    def gradients(each, dtype):
        model = randomised(CASCADE)
        with torch.no_grad():
            for bias in model.bias.values():
                bias.fill_(-0.3)
        model, images = model.to(dtype), 3 * random_images(CASCADE).to(dtype)
        protocol = show(images, 20 * dt) + blank(150 * dt)
        traj = simulate(model, protocol, dt=dt, record="all", engine=each, initial_state="zero", grad=True)
        total = torch.stack([rates.sum() for rates in traj.rates.values()]).sum()
        return torch.autograd.grad(total, list(model.bias.values()))

    for found, wanted in zip(gradients(engine, torch.float32), gradients("time_major", torch.float64), strict=True):
        assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize("engine", ENGINES.names())
def test_every_engine_takes_one_trial_or_many_and_blank_fields_alone(engine):
    model = randomised(CASCADE)
    one = simulate(model, blank(110), record="all", initial_state="zero", engine=engine)
    many = simulate(model, blank(110), record="all", initial_state=model.initial_state(3), engine=engine)
    assert one.rates["area2"].shape[:2] == (55, 1)
    assert_allclose(many.rates["area2"], one.rates["area2"].expand(55, 3, 3, 5, 5), rtol=1e-12)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e12])
def test_small_and_large_gradients_keep_their_digits_in_single_precision(engine, size):
    """Gradients fade by many powers of ten within a trial; subnormal numbers would cost both time and digits."""
    model, images = randomised(CASCADE).float(), random_images(CASCADE).float()
    gradients = []
    for scale, dtype in ((size, torch.float32), (1.0, torch.float64)):
        model, images = model.to(dtype), images.to(dtype)
        model.zero_grad()
        traj = simulate(model, show(images, 60) + blank(200), engine=engine, grad=True)
        (scale * traj.logits[-1].square().sum()).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]).double() / scale)
    assert float((gradients[0] - gradients[1]).norm() / gradients[1].norm()) < 1e-4

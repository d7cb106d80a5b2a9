"""Simulation on a GPU: the numbers of a processor, in every engine, stepper and precision."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from beside_cpu import DEVICE, NEEDS_GPU, assert_near, moved
from numpy.testing import assert_allclose

from cordsnet import Precision, Record, State, blank, create_model, movie, show, simulate, with_noise
from cordsnet.dynamics import ENGINES, STEPPERS, Activation, full_precision
from cordsnet.errors import DivergedError
from cordsnet.models import published_names
from cordsnet.training.objective import objective
from golden_rules import fill_random, sample
from oracles import CASCADE, NETWORKS, random_images, randomised, tiny_r

pytestmark = NEEDS_GPU

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "r2_training.npz")
CASCADES = {
    **{name: NETWORKS[name] for name in ("cascade", "per_area_tau", "per_unit_tau")},
    "skips": tiny_r(6, image_size=8),
}
PHIS = [Activation(name) for name in ("identity", "tanh", "softplus")] + [Activation("prelu", 0.3)]


def shown(images):
    """More than one block of time, every kind of segment."""
    return blank(10) + show(images, 120) + movie(torch.stack([images, -images, 2 * images]), 20 / 3)


def run(model, device, protocol=shown, **options):
    """A trajectory, and the gradients of a sum over all of it by parameters, images and where it started."""
    generator = torch.Generator().manual_seed(0)
    images = random_images(model.spec).to(device).requires_grad_()
    start = {
        area: torch.rand(2, *shape, generator=generator, dtype=torch.float64).to(device).requires_grad_()
        for area, shape in model.shapes.items()
    }
    state = State(start, model.system(options.get("dt")).zero_state(2).past)
    traj = simulate(model, protocol(images), record="all", initial_state=state, grad=True, **options)
    weights = torch.linspace(-1, 1, len(traj.time_ms), dtype=torch.float64).to(device)
    total = (weights[:, None, None] * traj.logits.sin()).sum()
    total = total + sum((weights.flip(0) * rates.square().flatten(1).sum(1)).sum() for rates in traj.rates.values())
    inputs = {**dict(model.named_parameters()), "images": images, **{f"start {k}": v for k, v in start.items()}}
    return traj, dict(zip(inputs, torch.autograd.grad(total, list(inputs.values())), strict=True))


def assert_same(found, wanted):
    (traj, gradients), (reference, wanted_gradients) = found, wanted
    assert_near(traj.logits, reference.logits)
    for area, rates in reference.rates.items():
        assert_near(traj.rates[area], rates, name=area)
        assert traj.final_state.rates[area].device.type == DEVICE
    for name, gradient in wanted_gradients.items():
        assert_near(gradients[name], gradient, name=name)


@pytest.fixture(scope="module")
def on_processor():
    """(name of a cascade) -> rates and gradients of a processor, step by step."""
    return {name: run(randomised(spec), "cpu", engine="time_major") for name, spec in CASCADES.items()}


@pytest.mark.parametrize("engine", ENGINES.names())
@pytest.mark.parametrize("name", CASCADES)
def test_every_engine_gives_the_rates_and_gradients_of_a_processor(name, engine, on_processor):
    assert_same(run(moved(randomised(CASCADES[name])), DEVICE, engine=engine), on_processor[name])


@pytest.mark.parametrize("stepper", STEPPERS.names())
@pytest.mark.parametrize("name", ["per_unit_tau", "feedback", "delays"])
def test_every_stepper_gives_the_rates_and_gradients_of_a_processor(name, stepper):
    if (name, stepper) == ("delays", "rk4"):
        pytest.skip("rk4 refuses delays")
    model = randomised(NETWORKS[name])
    wanted = run(model, "cpu", stepper=stepper, dt=2.0)
    assert_same(run(moved(model), DEVICE, stepper=stepper, dt=2.0), wanted)


@pytest.mark.parametrize("engine", ["area_major", "checkpointed"])
@pytest.mark.parametrize("phi", PHIS, ids=lambda phi: phi.name)
def test_every_phi_gives_the_rates_and_gradients_of_a_processor(phi, engine):
    model = randomised(CASCADE)
    model.activation = phi
    assert_same(run(moved(model), DEVICE, engine=engine), run(model, "cpu", engine="time_major"))


@pytest.mark.parametrize("engine", ["time_major", "area_major", "checkpointed"])
def test_single_precision_gives_the_rates_and_gradients_of_double(engine):
    model, images = randomised(CASCADE), random_images(CASCADE, batch=4)
    wanted = simulate(model, show(images, 100), grad=True).logits
    wanted.square().sum().backward()
    ours = moved(model).float()
    ours.zero_grad()
    with full_precision():
        found = simulate(ours, show(images.to(DEVICE, torch.float32), 100), grad=True, engine=engine).logits
        found.square().sum().backward()
    assert_near(found.double(), wanted, rtol=1e-4)
    for (name, parameter), other in zip(model.named_parameters(), ours.parameters(), strict=True):
        assert_near(other.grad.double(), parameter.grad, rtol=1e-3, name=name)


def test_second_derivatives_are_refused_where_the_backward_pass_has_a_thread_of_its_own():
    model, images = moved(randomised(CASCADE)), random_images(CASCADE).to(DEVICE)
    logits = simulate(model, show(images, 20), grad=True, engine="area_major").logits
    with pytest.raises(RuntimeError, match="first derivatives only; use engine='time_major'"):
        torch.autograd.grad(logits.sum(), list(model.parameters()), create_graph=True, allow_unused=True)


RECORDS = {
    "steps": Record("all"),
    "times": Record("all", times_ms=(4.0, 30.0, 36.0), reduce="channels"),
    "spacing": Record(["area2"], every_ms=6.0, reduce="map", outputs=()),
    "window": Record("all", window_ms=(10.0, 40.0), reduce="mean"),
    "norm": Record("all", reduce="norm"),
    "function": Record("all", reduce={a: lambda r: r.amax((2, 3)) for a in ("area1", "area2")}),
}


@pytest.mark.parametrize("engine", ["time_major", "area_major"])
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_what_is_recorded_is_that_of_a_processor(record, engine):
    model, images = randomised(CASCADE), random_images(CASCADE)
    wanted = simulate(model, show(images, 60), record=record)
    found = simulate(moved(model), show(images.to(DEVICE), 60), record=record, engine=engine)
    assert torch.equal(found.time_ms, wanted.time_ms)
    assert set(found.outputs) == set(wanted.outputs)
    for area, rates in wanted.rates.items():
        assert_near(found.rates[area], rates)


def test_a_trajectory_goes_to_xarray():
    pytest.importorskip("xarray")
    model, images = moved(randomised(CASCADE).float()), random_images(CASCADE).to(DEVICE, torch.float32)
    traj = simulate(model, show(images, 20), record="all", precision="bfloat16")
    dataset = traj.to_xarray()
    assert_allclose(dataset["area1"].to_numpy(), traj.rates["area1"].cpu())
    assert_allclose(dataset["time"].to_numpy(), traj.time_ms)


def test_noise_is_drawn_on_the_gpu_and_is_the_same_each_time():
    model, images = randomised(CASCADE), random_images(CASCADE, batch=8)
    noisy = with_noise(show(images.to(DEVICE), 40), 0.5, seed=3, every_ms=4.0)
    frames = [torch.stack([hold.frame for hold in noisy.schedule(2.0)]) for _ in range(2)]
    assert frames[0].device.type == DEVICE
    assert torch.equal(*frames)
    noise = frames[0].cpu() - images
    assert float(noise.std()) == pytest.approx(0.5, rel=0.1)
    other = with_noise(show(images.to(DEVICE), 40), 0.5, seed=4, every_ms=4.0)
    assert not torch.equal(next(iter(other.schedule(2.0))).frame, frames[0][0])
    wanted = simulate(model, movie(frames[0].cpu(), 4.0), record="all")
    found = simulate(moved(model), noisy, record="all")
    assert_near(found.rates["area2"], wanted.rates["area2"])


def test_spontaneous_activity_is_that_of_a_processor_and_follows_the_model():
    model = randomised(CASCADE)
    wanted = simulate(model, blank(2), record="all")
    model.to(DEVICE)  # the same object, which remembers its activity on the processor
    found = simulate(model, blank(2), record="all")
    for area, rates in wanted.rates.items():
        assert_near(found.rates[area], rates)
    assert model.spontaneous(model.system(), "euler") is model.spontaneous(model.system(), "euler")


def test_streaming_gives_what_a_protocol_gives():
    model, images = moved(randomised(CASCADE)), random_images(CASCADE).to(DEVICE)
    state = model.initial_state(len(images))
    for _ in range(5):
        state = model.step(state, images)
    wanted = simulate(model, show(images, 10), initial_state="zero", record="all")
    assert_near(state.rates["area2"], wanted.rates["area2"][-1])
    assert_near(model.readout(state), wanted.logits[-1])
    assert_near(model(images, ms=10.0), simulate(model, show(images, 10)).logits[-1])


@pytest.mark.parametrize("engine", ["time_major", "area_major", "checkpointed"])
def test_divergence_is_found_where_and_when_it_is_on_a_processor(engine):
    model, images = randomised(CASCADE).float(), random_images(CASCADE).float()
    with torch.no_grad():
        model.wiring.recurrent["area1"].parametrizations.weight.original0.mul_(1e5)
    places = []
    for network, frames in ((model, images), (moved(model), images.to(DEVICE))):
        with pytest.raises(DivergedError) as caught:
            simulate(network, show(frames, 200), initial_state="zero", engine=engine)
        places.append((caught.value.area, str(caught.value)))
    assert places[0] == places[1]


def test_a_budget_of_memory_is_kept_and_changes_no_gradient():
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=10).to(DEVICE)
    images = torch.randn(32, 1, 16, 16, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    gradients, peaks = [], []
    for memory in (None, "30MB"):
        model.zero_grad()
        before = peak()
        last = Record(times_ms=(400,))
        simulate(model, show(images, 400), grad=True, memory=memory, record=last).logits.sum().backward()
        peaks.append(peak(before))
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert_near(gradients[1], gradients[0], rtol=1e-2)
    if DEVICE == "cuda":
        assert peaks[1] < 0.5 * peaks[0]


def peak(before: int = 0) -> int:
    """Bytes allocated at most since this was last asked, over those `before`."""
    if DEVICE != "cuda":
        return 0
    torch.cuda.synchronize()
    found = torch.cuda.memory_allocated() if before == 0 else torch.cuda.max_memory_allocated() - before
    torch.cuda.reset_peak_memory_stats()
    return found


def test_training_numbers_of_the_public_code_are_met():
    model = fill_random(create_model("cordsnet_r2", num_classes=10, in_channels=1), GOLDEN["key_order"]).to(DEVICE)
    images = torch.from_numpy(np.random.RandomState(1).standard_normal((1, 1, 224, 224))).to(DEVICE)
    label = torch.nn.functional.one_hot(torch.tensor([3]), 10).double().to(DEVICE)
    losses = objective(model, images, label)
    losses.total.backward()
    assert_allclose(losses.cross_entropy.detach().cpu(), GOLDEN["loss"], rtol=1e-9)
    assert_allclose(losses.spontaneous.item(), GOLDEN["spontaneous"], rtol=1e-6)
    assert_allclose(losses.total.item(), GOLDEN["total"], rtol=1e-9)
    names = published_names(model.spec)
    for name, parameter in model.named_parameters():
        key, gradient = f"grad/{names[name]}", parameter.grad.cpu()
        assert_allclose(gradient.norm(), GOLDEN[f"{key}/norm"], rtol=1e-9, err_msg=key)
        wanted = GOLDEN[f"{key}/sample"]
        assert_allclose(sample(gradient, 11, 32), wanted, rtol=1e-8, atol=1e-9 * abs(wanted).max(), err_msg=key)


@pytest.mark.parametrize(("precision", "digits"), [("bfloat16", 8), ("float16", 11)])
@pytest.mark.parametrize("engine", ["time_major", "area_major", "checkpointed"])
def test_half_precision_is_near_full_precision(engine, precision, digits):
    spec = dataclasses.replace(tiny_r(4), num_classes=4)
    model, images = randomised(spec), random_images(spec, batch=4)
    wanted = simulate(model, show(images, 60), record="all", grad=True)
    wanted.logits.square().mean().backward()
    ours, frames = moved(model).float(), images.to(DEVICE, torch.float32)
    ours.zero_grad()
    with torch.autocast(DEVICE, getattr(torch, precision)):
        found = simulate(ours, show(frames, 60), record="all", grad=True, engine=engine)
        named = simulate(ours, show(frames, 60), precision=precision, engine=engine).logits
    assert_near(found.logits, named, rtol=2.0**-digits)
    assert not torch.equal(found.logits, simulate(ours, show(frames, 60), engine=engine).logits)
    found.logits.square().mean().backward()
    for area, rates in wanted.rates.items():
        assert found.rates[area].dtype == torch.float32
        error = (found.rates[area].cpu() - rates).norm() / rates.norm()
        assert float(error.detach()) < 8 * 2.0**-digits
    gradients = [torch.cat([p.grad.flatten().cpu().double() for p in m.parameters()]) for m in (ours, model)]
    assert float((gradients[0] - gradients[1]).norm() / gradients[1].norm()) < 40 * 2.0**-digits


def test_rates_in_half_precision_are_trained_step_by_step():
    model = moved(randomised(CASCADE).float())
    images = random_images(CASCADE).to(DEVICE, torch.float32)
    wanted = simulate(model, show(images, 40), record="all").rates["area2"]
    fine = simulate(model, show(images, 40), record="all", precision="bfloat16")
    both = Precision("bfloat16", rates="bfloat16")
    coarse = simulate(model, show(images, 40), record="all", precision=both, grad=True)
    coarse.logits.sum().backward()
    assert coarse.rates["area2"].dtype == torch.bfloat16
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters())
    apart = [float((t.rates["area2"].detach().float() - wanted).norm() / wanted.norm()) for t in (fine, coarse)]
    assert apart[0] < apart[1] < 0.1

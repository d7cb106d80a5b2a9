"""Drives and encoded images are recorded beside the rates, for every kind of model and every engine."""

import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet import Activation, Record, blank, create_model, give, inject, lesion, show, simulate, together
from cordsnet.dynamics import ENGINES, STEPPERS
from cordsnet.models import MODELS
from oracles import CASCADE, NETWORKS, random_images, randomised

IMAGE_MODELS = ["cordsnet_r2_small", "cordsnet_r4_small", "cornet_s_small", "convlstm_small", "cnn_r2_small"]


def tiny(name):
    return create_model(name, **MODELS[name].tiny).double().eval()


def shown(model, steps=6):
    images = torch.rand(2, *model.input_shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return show(images, model.dt_ms * steps) + blank(model.dt_ms * 3)


@pytest.mark.parametrize("name", [*IMAGE_MODELS, "task_rnn_small"])
def test_the_rates_are_what_the_recorded_drives_make_of_them(name):
    model = tiny(name)
    protocol = shown(model)
    drives = [f"{area}.drive" for area in model.areas]
    plain = simulate(model, protocol, record="all", initial_state="zero")
    found = simulate(model, protocol, record=[*model.areas, *drives], initial_state="zero")
    for area in model.areas:
        drive, rates = found.rates[f"{area}.drive"], found.rates[area]
        assert drive.shape == rates.shape
        assert found.axes[f"{area}.drive"] == found.axes[area]
        assert_allclose(rates, plain.rates[area], rtol=1e-12, atol=1e-14)  # watching changes nothing
        if name.startswith(("cordsnet", "task")):
            tau = model.system().equation.circuit.tau_ms[area]
            before = torch.cat([torch.zeros_like(rates[:1]), rates[:-1]])
            assert_allclose(rates, before + model.dt_ms / tau * (drive.relu() - before), rtol=1e-10, atol=1e-13)
        elif name.startswith(("cornet", "cnn")):
            assert_allclose(rates, drive.relu(), rtol=1e-12)
        else:
            assert bool((rates.abs() <= 1).all())
            assert float(drive.abs().max()) > 0


@pytest.mark.parametrize("name", [one for one in IMAGE_MODELS if one != "cornet_s_small"])
def test_the_stem_is_what_the_network_makes_of_the_image(name):
    model = tiny(name)
    found = simulate(model, shown(model), record=["stem", "area1"])
    stem = found.rates["stem"]
    assert stem.shape[:2] == found.rates["area1"].shape[:2]
    assert found.axes["stem"] == ("time", "trial", "channel", "row", "column")
    assert torch.equal(stem[0], stem[5])
    assert float(stem[0].abs().max()) > 0
    if name.startswith("cordsnet"):
        image = shown(model).segments[0].given
        assert_allclose(stem[0], model.circuit().encoders["stem"]({"image": image}).detach(), rtol=1e-12)
        assert float(stem[6:].abs().max()) == 0
    assert "stem" in found.to_xarray()


def test_all_inputs_of_a_model_with_several_are_recorded():
    model = tiny("task_rnn_small")
    image, cue = (torch.ones(2, *model.inputs[name], dtype=torch.float64) for name in ("image", "fixation"))
    found = simulate(model, together(show(image, 20), give("fixation", cue, 20)), record=["stem", "fixation"])
    assert torch.equal(found.rates["fixation"][-1], cue)
    assert found.rates["stem"].shape[1:] == (2, *model.spec.maps)


@pytest.mark.parametrize("engine", ENGINES.names())
@pytest.mark.parametrize("name", [one for one, spec in NETWORKS.items() if spec.is_cascade])
def test_every_engine_records_the_same_drives_and_gradients(name, engine):
    model = randomised(NETWORKS[name])
    protocol = show(random_images(model.spec), 14) + blank(6)
    names = ["area1.drive", "stem", "area1"]
    if engine == "area_major" and any(link.delay_ms for link in model.spec.connections):
        pytest.skip("this engine runs no delays")
    wanted = simulate(model, protocol, record=names, engine="time_major", grad=True)
    found = simulate(model, protocol, record=names, engine=engine, grad=True)
    gradients = []
    for one in (wanted, found):
        model.zero_grad()
        sum(value.square().sum() for value in one.rates.values()).backward()
        gradients.append([None if p.grad is None else p.grad.clone() for p in model.parameters()])
    for key in names:
        assert_allclose(found.rates[key].detach(), wanted.rates[key].detach(), rtol=1e-12, atol=1e-14)
    for one, other in zip(*gradients, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("stepper", STEPPERS.names())
def test_a_drive_is_that_at_the_beginning_of_the_step(stepper):
    model = randomised(CASCADE)
    images = random_images(CASCADE)
    found = simulate(model, show(images, 2), record=["area1.drive"], stepper=stepper, initial_state="zero")
    wanted = simulate(model, show(images, 2), record=["area1.drive"], initial_state="zero")
    assert_allclose(found.rates["area1.drive"], wanted.rates["area1.drive"], rtol=1e-12)


def test_drives_hold_what_is_injected_and_may_be_negative():
    model = randomised(CASCADE)
    images = random_images(CASCADE)
    plain = simulate(model, show(images, 2), record=["area1.drive"])
    pushed = simulate(model, show(images, 2), record=["area1.drive"], interventions=inject("area1", -3.0))
    assert_allclose(pushed.rates["area1.drive"], plain.rates["area1.drive"] - 3, rtol=1e-10, atol=1e-12)
    assert float(pushed.rates["area1.drive"].min()) < 0


def test_drives_can_be_reduced_thinned_and_seen_in_lesioned_and_linear_networks():
    model = randomised(CASCADE)
    images = random_images(CASCADE)
    model.activation = Activation("identity")
    full = simulate(model, show(images, 20), record=["area1.drive"])
    some = simulate(model, show(images, 20), record=Record(["area1.drive"], times_ms=(10, 20), reduce="channels"))
    assert_allclose(some.rates["area1.drive"], full.rates["area1.drive"][[4, 9]].mean((3, 4)), rtol=1e-12)
    hurt = lesion(tiny("convlstm_small"), "area1", units=[0])
    seen = simulate(hurt, shown(hurt), record=["area1.drive", "stem"])
    assert seen.rates["stem"].shape[0] == len(seen.time_ms)


@pytest.mark.usefixtures("as_users_run_it")
def test_unknown_signals_are_answered_with_known_ones():
    with pytest.raises(ValueError, match=r"area1\.drive"):
        simulate(randomised(CASCADE), blank(10), record=["area1.drives"])

"""Recurrent networks on vectors: steps, noise, signs, masks, spectra and sizes, against what is worked out here."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import cordsnet
from cordsnet.analysis import NetworkFlow, StepFlow, eigenvalues, jacobian, network_eigenvalues, settled_response
from cordsnet.dynamics import Record, Unflatten, noise, steady_state
from cordsnet.errors import RunError
from cordsnet.models import MODELS, build
from cordsnet.models.ctrnn import ContinuousRNN, RNNSpec
from cordsnet.models.vector_rnn import VectorRNN, VectorSpec, matched
from cordsnet.stimuli import give
from cordsnet.testing import check_model
from cordsnet.training import ModelChoice, find_recipe, fit
from cordsnet.training.dry_run import dry_run

OUTPUTS = (("choice", "option", 3), ("eye", "coordinate", 2))
SMALL = VectorSpec(
    "small", vector_size=5, outputs=OUTPUTS, units=18, rank=4, density=0.3, channels=2, side=3, noise=0.0
)
RECURRENCES = ("dense", "lowrank", "sparse", "conv")
SIGNED = ("dense", "sparse", "conv")
PHI = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "softplus": lambda x: np.log1p(np.exp(x))}


def small(recurrence="dense", seed=0, **changes):
    torch.manual_seed(seed)
    model = VectorRNN(SMALL.changed(recurrence=recurrence, **changes)).double()
    with torch.no_grad():
        for bias in (model.bias, *model.decoder_biases.values()):
            bias.normal_()
    return model


def vectors(model, batch=3, seed=0):
    return torch.randn(batch, model.spec.vector_size, generator=torch.Generator().manual_seed(seed)).double()


def matrix_of(model):
    """W [N, N], written out from the state dict."""
    w = {name: value.numpy() for name, value in model.state_dict().items()}
    sign = w.get("recurrent.sign")
    if "recurrent.left" in w:
        return w["recurrent.left"] @ w["recurrent.right"].T / len(w["recurrent.left"])
    if "recurrent.values" in w:
        matrix = np.zeros(w["recurrent.mask"].shape)
        matrix[w["recurrent.mask"]] = w["recurrent.values"]
        return matrix if sign is None else np.abs(matrix) * sign
    weight = w["recurrent.weight"]
    if weight.ndim == 2:
        return weight if sign is None else np.abs(weight) * sign
    weight = weight if sign is None else np.abs(weight) * sign[None, :, None, None]
    return matrix_of_kernel(weight, model.spec.side)


def matrix_of_kernel(weight, side):
    """A zero-padded convolution as a matrix, tap by tap."""
    channels, reach = len(weight), weight.shape[-1] // 2
    matrix = np.zeros((channels, side, side, channels, side, side))
    for row in range(side):
        for column in range(side):
            for down in range(-reach, reach + 1):
                for right in range(-reach, reach + 1):
                    y, x = row + down, column + right
                    if 0 <= y < side and 0 <= x < side:
                        matrix[:, row, column, :, y, x] = weight[:, :, down + reach, right + reach]
    return matrix.reshape(channels * side**2, -1)


def by_hand(model, shown, steps, added=None):
    """Rates [steps, B, N] from zero, and the outputs at their end, in numpy."""
    w = {name: value.numpy() for name, value in model.state_dict().items()}
    share, phi, matrix = model.spec.dt_ms / model.spec.tau_ms, PHI[model.spec.activation], matrix_of(model)
    constant = shown.numpy() @ w["afferent"].T + w["bias"].ravel()
    r, course = np.zeros_like(constant), []
    for k in range(steps):
        drive = r @ matrix.T + constant + (0 if added is None else added[k])
        r = (1 - share) * r + share * phi(drive)
        course.append(r)
    read = {name: r @ w[f"decoders.to_{name}"].T + w[f"decoder_biases.to_{name}"] for name in model.outputs}
    return np.stack(course), read


def check_by_hand(model, steps=25, **options):
    shown = vectors(model)
    protocol = give("vector", shown, steps * model.dt_ms)
    found = cordsnet.simulate(model, protocol, record="all", **options)
    course, read = by_hand(model, shown, steps)
    assert_close(found.rates["area1"].flatten(2).numpy(), course, rtol=0, atol=1e-12)
    assert set(found.outputs) == {"choice", "eye"}
    for name, values in read.items():
        assert_close(found.outputs[name][-1].numpy(), values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_rates_and_outputs_are_those_of_a_plain_loop(recurrence, activation):
    check_by_hand(small(recurrence, activation=activation))


@pytest.mark.parametrize("recurrence", SIGNED)
def test_rates_under_dales_law_are_those_of_a_plain_loop(recurrence):
    check_by_hand(small(recurrence, dale=0.75, channels=4))


def test_outputs_read_negative_rates_too():
    model = small(activation="tanh")
    found = cordsnet.simulate(model, give("vector", vectors(model), 200), record="all")
    rates = found.rates["area1"][-1]
    assert bool((rates < 0).any())
    weight, bias = model.decoders["to_eye"].detach(), model.decoder_biases["to_eye"].detach()
    assert_close(found.outputs["eye"][-1], rates @ weight.T + bias)


def test_noise_is_that_of_the_formula():
    model = small(noise=0.3)
    shown, steps = vectors(model), 5
    system, state = model.system(), None
    with torch.no_grad():
        state = system.begin(3, seed=4)
        drawn = [noise.normal(state.seeds, 0, k, (18,), torch.float64).numpy() for k in range(steps)]
        held = system.hold({"vector": shown})
        for _ in range(steps):
            state = system.advance(state, held)
    strength = 0.3 * math.sqrt(2 * 100 / 20 - 1)
    course, _ = by_hand(model, shown, steps, [strength * one for one in drawn])
    assert_close(state.rates["area1"].numpy(), course[-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dt", [5.0, 20.0, 50.0])
def test_a_unit_without_recurrence_fluctuates_alike_at_every_dt(dt):
    model = small(noise=0.1, gain=0.0, units=400)
    with torch.no_grad():
        model.bias.fill_(5.0)  # far above the kink
    found = cordsnet.simulate(
        model, give("vector", torch.zeros(20, 5).double(), 1000), dt=dt, seed=3, record=Record("all", times_ms=[1000.0])
    )
    assert float(found.rates["area1"][-1].std()) == pytest.approx(0.1, rel=0.03)  # 8,000 units: 0.8 % of error


def test_it_is_the_network_on_pixels_where_they_coincide():
    spec = RNNSpec("pixels", in_channels=1, image_size=(1, 5), num_classes=3, units=18, tau_ms=100.0, dt_ms=20.0)
    pixels, model = ContinuousRNN(spec).double(), small()
    with torch.no_grad():
        pixels.bias.copy_(model.bias)
        pixels.afferent.copy_(model.afferent)
        pixels.recurrent.load_state_dict(model.recurrent.state_dict())
        pixels.decoder.copy_(model.decoders["to_choice"])
        pixels.decoder_bias.copy_(model.decoder_biases["to_choice"])
    shown = vectors(model)
    one = cordsnet.simulate(model, give("vector", shown, 400), record="all")
    other = cordsnet.simulate(pixels, cordsnet.show(shown.view(3, 1, 1, 5), 400), record="all", initial_state="zero")
    assert_close(one.rates["area1"], other.rates["area1"], rtol=0, atol=0)
    assert_close(one.outputs["choice"], other.logits, rtol=0, atol=1e-14)


def updated(model, updates=50):
    """The model after some updates by Adam that pull all rates and outputs."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    shown = vectors(model, 8)
    for _ in range(updates):
        found = cordsnet.simulate(model, give("vector", shown, 200), record="all", grad=True)
        loss = found.rates["area1"].square().mean() + (found.outputs["choice"][-1] - 1).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


@pytest.mark.parametrize("recurrence", SIGNED)
def test_signs_stay_in_training(recurrence):
    model = small(recurrence, dale=0.75, channels=4)
    before = matrix_of(model)
    after = matrix_of(updated(model))
    sources = before.shape[1] // model.spec.sources
    sign = np.repeat(model.recurrent.sign.numpy(), sources)
    assert (after * sign >= 0).all()
    assert (np.sign(after[before != 0]) == np.sign(before[before != 0])).mean() > 0.9  # few are at exactly zero
    assert np.abs(after - before).max() > 0.05
    assert set(sign) == {-1.0, 1.0}


def test_places_of_a_sparse_matrix_stay_in_training():
    model = small("sparse")
    before = matrix_of(model)
    after = matrix_of(updated(model))
    assert ((after != 0) == (before != 0)).all()
    assert (before != 0).sum() == model.spec.entries == 97
    assert np.abs(after - before).max() > 0.05


@pytest.mark.parametrize("dale", [0.5, 0.8])
@pytest.mark.parametrize("recurrence", SIGNED)
def test_excitation_and_inhibition_balance_at_the_start(recurrence, dale):
    model = small(recurrence, units=400, channels=40, side=2, kernel=1, density=0.25, dale=dale)
    matrix = matrix_of(model)
    assert np.abs(matrix.sum(1)).max() < 1e-5
    radius = np.abs(np.linalg.eigvals(matrix)).max()
    assert 0.75 * 0.9 < radius < 1.35 * 0.9  # without balance, 0.5 would give an outlier of about 0.9 sqrt(N) / 2
    assert (model.recurrent.sign > 0).double().mean() == pytest.approx(dale, abs=0.01)


@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_weights_are_drawn_with_the_spectral_radius_of_the_spec(recurrence):
    model = small(recurrence, units=400, rank=100, channels=100, side=2, kernel=1, gain=0.5)
    assert np.abs(np.linalg.eigvals(matrix_of(model))).max() == pytest.approx(0.5, rel=0.2)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_fixed_points_and_spectra_are_those_of_the_matrix(recurrence, activation):
    model = small(recurrence, gain=0.4, activation=activation)
    shown = vectors(model, 1)
    point = steady_state(model, {"vector": shown}, tol=1e-12)
    course, _ = by_hand(model, shown, 400)
    assert point.converged
    assert_close(point.rates["area1"].flatten(1).numpy(), course[-1], rtol=1e-8, atol=1e-9)
    matrix, w = matrix_of(model), model.state_dict()
    drive = course[-1, 0] @ matrix.T + shown[0].numpy() @ w["afferent"].numpy().T + w["bias"].numpy().ravel()
    slope = (drive > 0) * 1.0 if activation == "relu" else 1 - np.tanh(drive) ** 2
    dense = slope[:, None] * matrix
    op = jacobian(model, None, {"vector": shown})
    assert_close(op.to_dense().numpy(), dense, rtol=1e-6, atol=1e-8)
    wanted = np.linalg.eigvals(dense)
    found = eigenvalues(op, k=2)
    assert abs(found.values[0]) == pytest.approx(np.abs(wanted).max(), rel=1e-6)
    flow = jacobian(model, None, {"vector": shown}, of="flow").to_dense().numpy()
    assert_close(flow, (dense - np.eye(len(dense))) / 100.0, rtol=1e-6, atol=1e-9)


def test_flows_and_spectra_of_networks_take_inputs_by_name():
    model = small(gain=0.4, activation="softplus")
    shown = {"vector": vectors(model, 1)}
    end = torch.from_numpy(by_hand(model, shown["vector"], 400)[0][-1])
    flow = NetworkFlow(model, shown)
    assert float(flow.velocity(end).abs().max()) < 1e-9
    assert_close(flow.pack(steady_state(model, shown, tol=1e-12).rates), end, rtol=1e-8, atol=1e-9)
    step = StepFlow(model, shown)
    assert float(step.velocity(end).abs().max()) < 1e-9
    found = network_eigenvalues(model, shown, k=1, tol=1e-8).parts["area1"].values[0]
    slope = 1 - np.exp(-end[0].numpy())  # of softplus, from its own value
    assert float(found.real) == pytest.approx(np.linalg.eigvals(slope[:, None] * matrix_of(model)).real.max(), rel=1e-6)
    with pytest.raises(ValueError, match=r"vector must be one trial \[1, ...\], got 2; take one of them"):
        jacobian(model, None, {"vector": vectors(model, 2)})


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_settled_outputs_change_with_the_vector_as_by_hand(activation):
    model = small(gain=0.4, activation=activation)
    shown = vectors(model, 1)
    end = steady_state(model, {"vector": shown}, tol=1e-13).rates["area1"][0].numpy()
    slope = (end > 0) * 1.0 if activation == "relu" else 1 - end**2
    w = {name: value.detach().numpy() for name, value in model.named_parameters()}
    inward = np.linalg.inv(np.eye(18) - slope[:, None] * matrix_of(model)) @ (slope[:, None] * w["afferent"])
    for to, wanted in (("area1", inward), ("choice", w["decoders.to_choice"] @ inward)):
        found = settled_response(model, {"vector": shown}, to, tol=1e-12)
        assert_close(found.to_dense().numpy(), wanted, rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match="to must be one of area1, choice, eye, got 'logits'"):
        settled_response(model, {"vector": shown})


def test_data_with_images_are_refused(as_users_run_it, tmp_path):
    recipe = dataclasses.replace(find_recipe("demo"), model=ModelChoice("vector_rnn_dense_small"))
    with pytest.raises(RunError, match="vector_rnn_dense_small reads no images, and 'digits' has images"):
        fit(recipe, tmp_path, progress=False)
    with pytest.raises(RunError, match="a VectorSpec reads no images, and 'digits' has images"):
        dry_run(recipe)


@pytest.mark.parametrize("by", ["units", "parameters"])
@pytest.mark.parametrize("target", RECURRENCES)
@pytest.mark.parametrize("source", RECURRENCES)
def test_matched_networks_are_as_near_as_is_said(source, target, by):
    spec = MODELS[f"vector_rnn_{source}"].spec
    found = matched(spec, target, by)
    assert found.recurrence == target
    assert found.outputs == spec.outputs
    assert sum(p.numel() for p in build(found, 0, "vector_rnn").parameters()) == found.parameters
    if by == "units":
        assert found.size == spec.size
    elif target == "lowrank":
        assert abs(found.parameters - spec.parameters) <= found.units or found.rank in (1, found.units)
    elif target == "sparse":
        assert found.parameters == spec.parameters
    else:
        assert found.parameters == pytest.approx(spec.parameters, rel=0.03)


def test_a_matched_map_keeps_its_side_where_that_is_as_near():
    assert matched(SMALL.changed(units=256, side=8), "conv").shape == (4, 8, 8)
    assert matched(SMALL.changed(units=7), "conv").size == 7
    assert matched(SMALL.changed(recurrence="conv"), "dense").units == 18
    with pytest.raises(ValueError, match=r"dale = 0\.8 needs weights with a sign of their own"):
        matched(SMALL.changed(dale=0.8), "lowrank")


@pytest.mark.parametrize("changes", [{"activation": "tanh"}, {"recurrence": "conv", "dale": 0.5, "gain": 0.3}])
def test_other_options_keep_the_contract(changes, as_users_run_it):
    row = MODELS["vector_rnn_dense"]
    check_model(build(row.spec.changed(**{**row.tiny, **changes}), 0, row.kind), skip=["compiled_is_the_same"])


def test_specs_are_plain_data_and_models_are_saved(tmp_path, as_users_run_it):
    spec = SMALL.changed(outputs=[["choice", "option", np.int64(3)], ["x", "bit", 1]], dale=0.5)
    assert VectorSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.outputs == (("choice", "option", 3), ("x", "bit", 1))
    model = build(spec, 1, "vector_rnn")
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert loaded.spec == spec
    assert_close(dict(loaded.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    assert loaded.outputs == {"choice": ("option",), "x": ("bit",)}


def test_outputs_may_have_names_of_a_dictionary():
    model = build(SMALL.changed(outputs=(("keys", "unit", 2), ("values", "bit", 1))), 0, "vector_rnn")
    assert {name: list(value.shape) for name, value in model({"vector": torch.zeros(4, 5)}, 40.0).items()} == {
        "keys": [4, 2],
        "values": [4, 1],
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recurrence": "block"}, "recurrence must be one of dense, lowrank, sparse, conv, got 'block'"),
        ({"recurrence": "lowrank", "rank": 19}, "rank must be at most the number of units, 18, got 19"),
        ({"density": 0.0}, "density must be above 0 and at most 1"),
        ({"vector_size": 0}, "vector_size must be a whole number of at least 1"),
        ({"kernel": 2}, "kernel must be odd"),
        ({"activation": "gelu"}, "activation must be one of relu, tanh, softplus, got 'gelu'"),
        ({"dale": 1.0}, "dale must be a share of excitatory units"),
        ({"dale": 0.8, "recurrence": "lowrank"}, "dale = 0.8 needs weights with a sign of their own"),
        ({"dale": 0.8, "activation": "tanh"}, "dale = 0.8 needs rates that are never negative"),
        ({"dale": 0.8, "recurrence": "conv", "channels": 1}, "dale = 0.8 needs at least two units"),
        ({"noise": -0.1}, "noise must be a finite number of at least 0"),
        ({"gain": math.nan}, "gain must be a finite number of at least 0"),
        ({"tau_ms": 0.0}, "tau_ms must be a finite number above 0"),
        ({"outputs": ()}, r"outputs must be one or more of \(name, axis, size\)"),
        ({"outputs": (("a", "option", 2), ("a", "unit", 2))}, "outputs has two of the name 'a'"),
        ({"outputs": (("a", "option"),)}, r"outputs must be one or more of \(name, axis, size\), such as"),
        ({"outputs": (("area1", "option", 2),)}, "the name of an output cannot be 'area1'"),
        ({"outputs": (("a", "class", 2),)}, "the axis of an output cannot be 'class'"),
        ({"outputs": (("a b", "option", 2),)}, "the name of an output must be a word"),
        ({"outputs": (("a", "option", 0),)}, "the size of output 'a' must be a whole number of at least 1"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message) as caught:
        SMALL.changed(**changes)
    assert "\n" not in str(caught.value)


def test_images_are_refused(as_users_run_it):
    model = small()
    with pytest.raises(ValueError, match="input 'image' is unknown to this model"):
        model(torch.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match=r"input 'vector' must have the shape \[B, 5\], got \[2, 6\]"):
        model({"vector": torch.zeros(2, 6).double()})
    with pytest.raises(ValueError, match="VectorRNN reads vector and no images"):
        _ = model.input_shape
    with pytest.raises(ValueError, match="VectorRNN has no class scores; read its outputs choice, eye"):
        model.readout(model.initial_state(1))
    with pytest.raises(ValueError, match="network 'small' reads no images, so there is nothing to normalise"):
        _ = model.preprocessing


def test_unflatten_is_the_inverse_of_flattening():
    maps = torch.randn(2, 3, 4, 5)
    assert torch.equal(Unflatten((3, 4, 5))(maps.flatten(1)), maps)
    with pytest.raises(ValueError, match="shape must be whole numbers above 0"):
        Unflatten(())

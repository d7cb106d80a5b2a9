"""CNN-RNNs against torch's own recurrent networks on the features of the feedforward network."""

import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics import Precision
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.models import CNN, MODELS, build
from cordsnet.models.cnn_rnn import CELLS, CNNRNNSpec
from effects_seen import Seen
from peers_by_hand import ratio_of_times

CHANGES = {"lstm": {}, "rnn": {}, "ctrnn": {"tau_ms": 10.0}, "readout": {"tau_ms": 10.0, "units": None}}
ZERO = torch.zeros((), dtype=torch.float64)


def small(cell="lstm", depth=4, **changes):
    """A small network in double precision, with statistics and norms that are not those of the initialisation."""
    fields = {"image_size": (16, 16), "in_channels": 2, "num_classes": 7, "channels": 4}
    fields |= {"stem_kernel": 3, "stem_stride": 1}
    fields |= {"units": 12, "depth": depth, "ms_per_step": 2.0, "steps": 6, "cell": cell} | CHANGES[cell] | changes
    model = build(CNNRNNSpec("small", **fields), seed=1).double()
    torch.manual_seed(3)
    for name, value in model.state_dict().items():
        if "running" in name or (name.startswith(("cnn.before", "cnn.after", "cnn.norm")) and "num_" not in name):
            value.copy_(0.5 + torch.rand_like(value))
        if name.startswith("head"):
            value.copy_(0.5 * torch.randn_like(value))
    return model.eval()


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def run(model, frames, effects=NONE, system=None):
    """States after each of some frames [B, C, H, W] (None: blank), one per step."""
    system = system or model.system()
    state, found = system.begin(next(len(f) for f in frames if f is not None)), []
    with torch.no_grad():
        for k, frame in enumerate(frames):
            if k == 0 or frame is not frames[k - 1]:
                context = system.hold({} if frame is None else {"image": frame})
            state = system.advance(state, context, effects)
            found.append(state)
    return found


def features(model, frames):
    """Pooled features [T, B, C] of a feedforward network with the same weights, which is a model of its own."""
    cnn = CNN(model.spec.network).double()
    cnn.load_state_dict(model.cnn.state_dict(), strict=False)
    with torch.no_grad():
        rates = [cnn.eval().rates(frame) for frame in frames]
    return torch.stack([sum(one[top].mean((2, 3)) for top in model.spec.network.readout) for one in rates]), rates


def filled(model, module):
    """A recurrent network of torch with the weights of the head."""
    weights = model.head.state_dict()
    names = {"weight_ih_l0": "input.weight", "bias_ih_l0": "input.bias"}
    names |= {"weight_hh_l0": "recurrent.weight", "bias_hh_l0": "recurrent.bias"}
    module = module.double()
    module.load_state_dict({own: weights[name] for own, name in names.items()})
    return module


@pytest.mark.parametrize(("cell", "count"), [("lstm", 2_101_248), ("rnn", 525_312), ("ctrnn", 524_800)])
def test_heads_have_as_many_parameters_as_those_of_torch(cell, count):
    with torch.device("meta"):
        model = build(MODELS[f"cnn_{cell}"].spec)
        cnn = build(MODELS["cnn_r8"].spec, 0, "cnn")
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    readout = sum(parameter.numel() for parameter in cnn.wiring.readout.parameters())
    assert sizes == {"cnn": 11_732_240 - readout, "head": count, "decoder": 513_000}


@pytest.mark.parametrize("depth", [2, 4, 6, 8])
def test_a_recurrent_readout_has_a_unit_for_each_class(depth):
    with torch.device("meta"):
        model = build(MODELS[f"cordsnet_readout_r{depth}"].spec)
    channels = 64 * 2 ** (depth // 2 - 1)
    assert sum(parameter.numel() for parameter in model.head.parameters()) == 1000 * (channels + 1000 + 1)
    assert not hasattr(model, "decoder")
    assert model.shapes["readout"] == (1000,)


@pytest.mark.parametrize(("cell", "torch_cell"), [("lstm", nn.LSTM), ("rnn", nn.RNN)])
def test_a_movie_gives_what_torch_gives_on_its_features(cell, torch_cell):
    model = small(cell)
    frames = [images(model, seed=k // 2) for k in range(6)]
    with torch.no_grad():
        expected, _ = filled(model, torch_cell(model.spec.features, 12))(features(model, frames)[0])
        scores = F.linear(expected, model.decoder.weight, model.decoder.bias)
    states = run(model, frames)
    assert_close(torch.stack([state.rates["memory"] for state in states]), expected, rtol=0, atol=1e-12)
    read = model.system().read
    assert_close(torch.stack([read(state)["scores"] for state in states]).detach(), scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("share", [0.2, 1.0])
@pytest.mark.parametrize("cell", ["ctrnn", "readout"])
def test_a_continuous_cell_is_its_equation(cell, share):
    model = small(cell)
    frames = [images(model, seed=k // 2) for k in range(6)]
    found = run(model, frames, system=model.system(dt=10 * share))
    weights = model.head.state_dict()
    phi = torch.relu if cell == "ctrnn" else lambda value: value
    rate = torch.zeros(3, model.spec.size, dtype=torch.float64)
    for state, seen in zip(found, features(model, frames)[0], strict=True):
        drive = rate @ weights["recurrent.weight"].T + seen @ weights["input.weight"].T + weights["input.bias"]
        rate = (1 - share) * rate + share * phi(drive)
        assert_close(state.rates[model.spec.type.area], rate, rtol=0, atol=1e-12)
    scores = model.system().read(state)["scores"].detach()
    assert_close(scores, rate if cell == "readout" else model.decoder(rate).detach())


def test_a_continuous_cell_whose_step_is_tau_is_the_vanilla_one_but_for_its_nonlinearity():
    model, vanilla = small("ctrnn"), small("rnn")
    weights = dict(vanilla.state_dict())
    weights["head.input.bias"] = weights["head.input.bias"] + weights.pop("head.recurrent.bias")
    model.load_state_dict(weights)
    frames = [images(model, seed=k) for k in range(4)]
    expected, _ = filled(vanilla, nn.RNN(model.spec.features, 12, nonlinearity="relu"))(features(model, frames)[0])
    found = torch.stack([state.rates["memory"] for state in run(model, frames, system=model.system(dt=10))])
    assert_close(found, expected.detach(), rtol=0, atol=1e-12)


def test_areas_below_are_those_of_the_feedforward_network_from_the_first_step_on():
    model = small()
    shown = images(model)
    states = run(model, [shown, shown])
    rates = features(model, [shown])[1][0]
    for state in states:
        assert_close({area: state.rates[area] for area in model.spec.maps}, {a: rates[a] for a in model.spec.maps})
    assert not torch.equal(states[0].rates["memory"], states[1].rates["memory"])
    assert_close(model.system().encoded(model.system().hold({"image": shown}))["stem"].detach(), rates["stem"])


@pytest.mark.parametrize("training", [False, True])
def test_a_blank_field_is_an_image_of_zeros(training):
    model = small().train(training)
    blank, zeros = (run(model, [images(model), frame])[-1] for frame in (None, torch.zeros_like(images(model))))
    assert_close(blank.values, zeros.values, rtol=0, atol=1e-12)


def test_a_blank_field_has_statistics_also_where_a_map_has_one_unit():
    model = small(depth=8, image_size=(8, 8)).train()
    assert model.shapes["area8"] == (32, 1, 1)
    assert run(model, [images(model), None])[-1].rates["memory"].isfinite().all()


def test_the_image_is_seen_once_for_as_long_as_it_is_held(monkeypatch):
    model, calls = small(), []
    drives = CNN.drives
    monkeypatch.setattr(CNN, "drives", lambda *given: calls.append(1) or drives(*given))
    cordsnet.simulate(model, cordsnet.show(images(model), 20) + cordsnet.blank(10))
    assert len(calls) == 2


def test_a_step_in_training_mode_changes_nothing_and_calibration_measures():
    model = small("rnn").train()
    before, shown = {name: value.clone() for name, value in model.state_dict().items()}, images(model, 6)
    trained = run(model, [shown, shown])[-1]
    assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    model.calibrate([shown])
    assert_close(run(model.eval(), [shown, shown])[-1].values, trained.values, rtol=0, atol=1e-10)


def test_a_frozen_backbone_keeps_weights_and_statistics(tmp_path):
    model = small(train_backbone=False)
    cnn = CNN(model.spec.network.changed(num_classes=9)).double()
    cnn.get_buffer("norm_stem.running_mean").fill_(0.25)
    model.take(cnn).train()
    assert not model.cnn.training
    assert {name.split(".")[0] for name, value in model.named_parameters() if value.requires_grad} == {
        "head",
        "decoder",
    }
    shown = images(model)
    in_training = run(model, [shown])[-1]
    model.calibrate([shown])
    assert_close(run(model.eval(), [shown])[-1].values, in_training.values, rtol=0, atol=0)
    assert_close(in_training.rates["area4"], cnn.eval().rates(shown)["area4"].detach())
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert not any(parameter.requires_grad for parameter in loaded.cnn.parameters())
    with pytest.raises(ValueError, match="cnn must have the areas and channels"):
        model.take(CNN(small(depth=2).spec.network))


@pytest.mark.parametrize("lost", ["area2", "area1 -> area2", "memory"])
def test_calibration_counts_what_a_lesioned_network_sees(lost):
    model = cordsnet.lesion(small(steps=3).eval(), lost).train()
    shown = images(model, 6)
    trained = run(model, [shown] * 3)[-1]
    model.calibrate([shown])
    assert_close(run(model.eval(), [shown] * 3)[-1].values, trained.values, rtol=0, atol=1e-10)


def test_lesions_and_images_of_a_cnn_are_taken_with_its_weights(tmp_path):
    model = small(train_backbone=False)
    cnn = CNN(model.spec.network.changed(num_classes=7)).double().eval()
    cnn = cordsnet.lesion(cnn, "area1 -> area2", fraction=0.5)
    data = {"mean": [0.5, 0.4], "std": [0.2, 0.3], "classes": list("abcdefg")}
    cnn.metadata["data"] = data
    model.take(cnn)
    shown = images(model)
    assert_close(run(model, [shown])[-1].rates["area4"], cnn.rates(shown)["area4"].detach())
    assert model.lesions == cnn.lesions
    assert model.preprocessing.mean == (0.5, 0.4)
    assert model.metadata["data"] is not data
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert loaded.lesions == cnn.lesions
    other = CNN(model.spec.network.changed(num_classes=9)).double()
    other.metadata["data"] = data
    assert "classes" not in cordsnet.lesion(small(), "memory").take(other).metadata["data"]


@pytest.mark.parametrize("cell", CELLS)
def test_everything_goes_through_effects(cell):
    model, seen = small(cell), Seen(seen={})
    shown = images(model)
    state = run(model, [shown, shown], seen)[-1]
    system = model.system()
    assert system.unrolling == "sweep"
    assert seen.counts("drive") == seen.counts("rate") == dict.fromkeys(model.areas, 2)
    assert set(seen.counts("pathway")) <= set(system.pathways)
    area = model.spec.type.area
    for name in (f"area3 -> {area}", f"area4 -> {area}", f"{area} -> {area}", "stem -> area1", "area2 -> area2"):
        cut = run(model, [shown, shown], Effects(factors={name: ZERO}))[-1]
        assert not torch.equal(cut.rates[area], state.rates[area])
        whole = run(model, [shown, shown], Effects(factors={name: ZERO + 1}))[-1]
        assert_close(whole.values, state.values, rtol=0, atol=1e-14)


def test_a_silenced_area_is_silent_for_the_cell():
    model = small("readout")
    shown = images(model)
    silent = {area: (Clamped(torch.tensor(True), ZERO),) for area in ("area3", "area4")}
    silenced = run(model, [shown], Effects(clamps=silent))[-1]
    cut = run(model, [shown], Effects(factors={"area3 -> readout": ZERO, "area4 -> readout": ZERO}))[-1]
    assert_close(silenced.rates["readout"], cut.rates["readout"])
    assert cut.rates["area4"].any()


def test_clocks_and_steppers():
    steps, continuous = small("lstm"), small("ctrnn")
    assert (steps.clock.kind, steps.response_ms) == ("steps", 12)
    assert (continuous.clock.kind, continuous.timing) == ("continuous", "continuous time, step 2 ms")
    exact = continuous.system(dt=5.0, stepper="exponential_euler")
    assert exact.share == pytest.approx(1 - 2.718281828459045**-0.5)
    continuous.tau_ms = 20.0
    assert continuous.system().share == 0.1
    with pytest.raises(ValueError, match="needs a model in continuous time"):
        steps.system(stepper="heun")
    with pytest.raises(ValueError, match="stepper must be 'euler' or 'exponential_euler'"):
        continuous.system(stepper="heun")
    with pytest.raises(ValueError, match="dt must be below 40 ms"):
        continuous.system(dt=50.0)
    with pytest.raises(ValueError, match=r"computes in torch\.float64"):
        continuous.system(precision=Precision(compute="bfloat16"))


def test_there_is_no_rate_equation_to_solve(as_users_run_it):
    model = small("readout")
    with pytest.raises(TypeError, match="rate equation"):
        cordsnet.dynamics.steady_state(model, images(model))


def test_specs_are_plain_data():
    spec = small("readout").spec.changed(width=8)
    assert CNNRNNSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.shapes["area1"] == (8, 8, 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "gru"}, "cell must be one of 'lstm'"),
        ({"units": None}, "units must be a whole number"),
        ({"units": 0}, "units must be whole and at least 1"),
        ({"tau_ms": 10.0}, "tau_ms must be a time for 'ctrnn' and 'readout'"),
        ({"cell": "ctrnn", "tau_ms": -1.0}, "tau_ms must be"),
        ({"cell": "readout", "tau_ms": 10.0}, "units must be a whole number, or None for 'readout'"),
        ({"depth": 3}, "depth must be an even number"),
        ({"train_backbone": 1}, "train_backbone"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises((ValueError, TypeError), match=message):
        MODELS["cnn_lstm_small"].spec.changed(**changes)


@pytest.mark.parametrize("cell", ["lstm", "rnn", "ctrnn"])
def test_a_run_costs_no_more_than_a_plain_loop(cell, as_users_run_it):
    model = small(cell, units=512, channels=16).float()
    shown, weights, cnn = images(model, 128).float(), model.state_dict(), CNN(model.spec.network).eval()
    cnn.load_state_dict(model.cnn.state_dict(), strict=False)
    recurrent, bias = weights["head.recurrent.weight"], weights.get("head.recurrent.bias")

    @torch.no_grad()
    def theirs():
        rates = cnn.rates(shown)
        pooled = (rates["area3"] + rates["area4"]).mean((2, 3))
        fed = F.linear(pooled, weights["head.input.weight"], weights["head.input.bias"])
        rate = kept = torch.zeros(128, 512)
        for _ in range(20):
            drive = fed + F.linear(rate, recurrent, bias)
            if cell == "lstm":
                i, f, g, o = drive.chunk(4, 1)
                kept = torch.sigmoid(f) * kept + torch.sigmoid(i) * torch.tanh(g)
                rate = torch.sigmoid(o) * torch.tanh(kept)
            else:
                rate = torch.tanh(drive) if cell == "rnn" else torch.lerp(rate, torch.relu(drive), 0.2)

    system = model.system()
    assert ratio_of_times(lambda: run(model, [shown] * 20, system=system), theirs, limit=1.1, rounds=50) <= 1.1

"""RCNN against published counts and a plain loop, its options, and what its interface promises."""

import json

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.models.rcnn import AREAS, RCNN, RCNNSpec
from cordsnet.models.table import MODELS
from effects_seen import Seen
from peers_by_hand import ratio_of_times

SMALL = RCNNSpec("small", image_size=(20, 20), channels=8, num_classes=5)
SYNC = SMALL.changed(unroll="sync", steps=8)
OPTIONS = ("lrn", "bn_per_step", None)


class ByHand:
    """RCNN on a state dict, one frame with all iterations, or one iteration of every area per step."""

    def __init__(self, weights, norm, training=False):
        self.weights, self.norm, self.training = weights, norm, training

    def conv(self, name, maps):
        kernel = self.weights[f"{name}.weight"]
        return functional.conv2d(maps, kernel, self.weights.get(f"{name}.bias"), padding=kernel.shape[-1] // 2)

    def rate(self, area, t, drive):
        if self.norm == "bn_per_step":
            name = f"{area}.norm_{t}"
            kept = [self.weights[f"{name}.{one}"] for one in ("running_mean", "running_var", "weight", "bias")]
            kept[:2] = (None, None) if self.training else kept[:2]
            drive = functional.batch_norm(drive, *kept, training=self.training)
        rate = functional.relu(drive)
        if self.norm == "lrn" and area != "area1":
            maps = rate.shape[1]
            rate = torch.nn.LocalResponseNorm(maps // 8 + 1, 1e-3, 0.75, 1.0)(rate)
        return rate

    def fed(self, area, maps):
        return self.conv(f"{area}.input", functional.max_pool2d(maps, 3, 2, 1) if area in ("area2", "area4") else maps)

    def scores(self, maps):
        return functional.linear(maps.amax((2, 3)), self.weights["decoder.weight"], self.weights["decoder.bias"])

    def frame(self, image, repetitions):
        maps = self.rate("area1", 0, self.conv("area1.input", image))
        found = {"area1": [maps]}
        for area in AREAS[1:]:
            fed, found[area] = self.fed(area, maps), []
            for t in range(repetitions):
                maps = self.rate(area, t, fed + self.conv(f"{area}.recurrent", maps) if t else fed)
                found[area].append(maps)
        return found, self.scores(maps)

    def steps(self, frames, repetitions):
        recorded = []
        for step, image in enumerate(frames):
            rates = {"area1": self.rate("area1", 0, self.conv("area1.input", image))}
            for k, area in enumerate(AREAS[1:], 1):
                size = [-(-pixels // (2 if k < 3 else 4)) for pixels in image.shape[2:]]
                rates[area] = rates["area1"].new_zeros(len(image), rates["area1"].shape[1], *size)
                t = min(step - k, repetitions - 1)
                if t >= 0:
                    drive = self.fed(area, recorded[-1][AREAS[k - 1]])
                    drive = drive + self.conv(f"{area}.recurrent", recorded[-1][area]) if t else drive
                    rates[area] = self.rate(area, t, drive)
            recorded.append(rates)
        return recorded


def small(spec=SMALL, **changes):
    """A small network in double precision, with biases, norms and statistics that are not the initial ones."""
    model = RCNN(spec.changed(**changes)).double()
    for name, value in model.state_dict().items():
        if "norm" in name and value.is_floating_point():
            value.copy_(0.5 + torch.rand_like(value))
        elif "bias" in name:
            value.copy_(0.3 * torch.randn_like(value))
    return model.eval()


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def course(model, frames, effects=NONE, batch=3, seed=0):
    """The states after every step, with an image or a blank (None) in each."""
    system = model.system()
    state, found = system.begin(batch, seed), []
    with torch.no_grad():
        for frame in frames:
            state = system.advance(state, system.hold({} if frame is None else {"image": frame}), effects)
            found.append(state)
    return found


def weights_of(model):
    return dict(model.named_parameters()) | dict(model.named_buffers())


@pytest.mark.parametrize(
    ("channels", "changes", "count"),
    [
        (96, {}, 672_202),
        (128, {}, 1_191_178),
        (160, {}, 1_857_610),
        (96, {"num_classes": 100}, 680_932),
        (128, {"num_classes": 100}, 1_202_788),
        (160, {"num_classes": 100}, 1_872_100),
        (32, {"in_channels": 1, "image_size": 28}, 75_018),
        (64, {"in_channels": 1, "image_size": 28}, 297_482),
        (96, {"in_channels": 1, "image_size": 28}, 667_402),
    ],
)
def test_sizes_are_those_of_the_paper(channels, changes, count):
    with torch.device("meta"):
        model = RCNN(MODELS["rcnn_96"].spec.changed(width=channels, **changes))
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    if not changes:
        row = MODELS[f"rcnn_{channels}"]
        assert (row.spec.channels, row.published) == (channels, count)
        assert [shape[1] for shape in model.shapes.values()] == [32, 16, 16, 8, 8]
        assert model.spec.neighbours == {96: 13, 128: 17, 160: 21}[channels]


def test_batch_norms_belong_to_one_iteration_each():
    with torch.device("meta"):
        model = RCNN(MODELS["rcnn_96"].spec.changed(norm="bn_per_step"))
    norms = [name for name, one in model.named_modules() if isinstance(one, torch.nn.BatchNorm2d)]
    assert norms == ["area1.norm_0", *(f"{area}.norm_{t}" for area in AREAS[1:] for t in range(4))]
    assert sum(p.numel() for p in model.parameters()) == 672_202 - 5 * 96 + 17 * 2 * 96


@pytest.mark.parametrize("size", [20, (13, 30)])
@pytest.mark.parametrize("norm", OPTIONS)
@pytest.mark.parametrize("training", [False, True])
def test_a_frame_is_that_of_a_plain_loop(norm, size, training):
    model = small(norm=norm, image_size=size).train(training)
    shown = images(model)
    found, scores = ByHand(weights_of(model), norm, training).frame(shown, 4)
    (state,) = course(model, [shown])
    for area, iterations in found.items():
        assert_close(state.values[f"{area}.iterations"], torch.stack(iterations, 1).detach(), rtol=0, atol=1e-12)
        assert_close(state.rates[area], iterations[-1].detach(), rtol=0, atol=1e-12)
        assert tuple(state.rates[area].shape[1:]) == model.shapes[area]
    assert_close(model.system().read(state)["scores"], scores)
    decoded = model.system().decode(state.values["area5.iterations"])
    assert_close(decoded[:, -1], scores)


@pytest.mark.parametrize("norm", OPTIONS)
def test_a_movie_in_sync_is_that_of_a_plain_loop(norm):
    model = small(SYNC, norm=norm)
    first, second = images(model), images(model, seed=1)
    frames = [None, first, first, second, None, second, second, None, first]
    seen = [torch.zeros_like(first) if frame is None else frame for frame in frames]
    found = ByHand(weights_of(model), norm).steps(seen, 4)
    for state, rates in zip(course(model, frames), found, strict=True):
        assert_close(state.rates, {area: rate.detach() for area, rate in rates.items()}, rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", OPTIONS)
def test_in_sync_the_first_recurrent_area_has_the_iterations_of_a_frame(norm):
    model = small(SYNC, norm=norm)
    frame = small(norm=norm)
    frame.load_state_dict(model.state_dict())
    shown = images(model)
    states, (whole,) = course(model, [shown] * 5), course(frame, [shown])
    assert_close(torch.stack([s.rates["area2"] for s in states[1:]], 1), whole.values["area2.iterations"])
    assert (model(shown) - frame(shown)).abs().max() > 1e-3


def test_in_sync_the_image_needs_a_step_for_every_area():
    model = small(SYNC)
    one, other = (course(model, [images(model, seed=seed)] * 6) for seed in (0, 1))
    for k, area in enumerate(AREAS):
        differs = [not torch.equal(a.rates[area], b.rates[area]) for a, b in zip(one, other, strict=True)]
        assert differs == [step >= k for step in range(6)]
        assert [bool(state.rates[area].any()) for state in one] == differs
    assert model.response_ms == 800


def test_every_frame_is_seen_afresh():
    model = small()
    first, second = images(model), images(model, seed=1)
    states = course(model, [first, None, second])
    assert_close(states[2].values, course(model, [second])[0].values)
    zeros = torch.zeros_like(first)
    assert_close(states[1].values, course(model, [zeros])[0].values)
    assert states[2].step == 3
    found = cordsnet.simulate(
        model, cordsnet.show(first, 100) + cordsnet.show(second, 100), record=["area4.iterations"]
    )
    assert_close(found.rates["area4.iterations"][1], states[2].values["area4.iterations"])


@pytest.mark.parametrize("spec", [SMALL, SYNC], ids=["inner", "sync"])
def test_everything_goes_through_effects(spec):
    model, seen = small(spec), Seen()
    course(model, [images(model)] * spec.steps, seen)
    steps = dict.fromkeys(AREAS, 8) if spec is SYNC else spec.iterations
    assert seen.counts("drive") == seen.counts("rate") == steps
    assert set(seen.counts("pathway")) == set(model.system().pathways)


def test_a_silenced_area_is_silent_in_every_iteration_and_for_the_next_area():
    model = small()
    silent = Effects(clamps={"area2": (Clamped(torch.tensor(True), torch.tensor(0.0, dtype=torch.float64)),)})
    (state,) = course(model, [images(model)], silent)
    assert not state.values["area2.iterations"].any()
    (cut,) = course(model, [images(model)], Effects(factors={"area2 -> area3": torch.tensor(0.0, dtype=torch.float64)}))
    assert_close(state.rates["area5"], cut.rates["area5"])
    assert cut.rates["area2"].any()


def test_without_recurrence_all_iterations_are_the_first():
    model = small()
    nothing = torch.tensor(0.0, dtype=torch.float64)
    cut = Effects(factors={f"{area} -> {area}": nothing for area in AREAS[1:]})
    (state,) = course(model, [images(model)], cut)
    for area in AREAS[1:]:
        iterations = state.values[f"{area}.iterations"]
        assert_close(iterations, iterations[:, :1].expand_as(iterations))
    once = small(repetitions=1)
    assert not [name for name in once.state_dict() if "recurrent" in name]
    once.load_state_dict({name: value for name, value in model.state_dict().items() if "recurrent" not in name})
    assert_close(once(images(model)), model.system().decode(state.rates["area5"]))


@pytest.mark.parametrize("spec", [SMALL, SYNC.changed(steps=5)], ids=["inner", "sync"])
def test_after_calibration_with_one_batch_evaluation_gives_what_training_gave(spec):
    model = small(spec, norm="bn_per_step").train()
    shown = images(model, batch=6)
    trained = course(model, [shown] * spec.steps, batch=6)[-1]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    course(model, [shown], batch=6)
    assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    model.calibrate([shown])
    assert_close(course(model.eval(), [shown] * spec.steps, batch=6)[-1].values, trained.values, rtol=0, atol=1e-9)


@pytest.mark.parametrize("spec", [SMALL, SYNC], ids=["inner", "sync"])
def test_dropout_leaves_out_in_training_alone_and_can_be_repeated(spec):
    model, whole = small(spec, dropout=0.3).train(), small(spec)
    whole.load_state_dict(model.state_dict())
    shown, frames = images(model), [images(model)] * spec.steps
    assert model.system().has_noise
    one, again, other = (course(model, frames, seed=seed)[-1] for seed in (1, 1, 2))
    assert_close(one.rates, again.rates, rtol=0, atol=0)
    assert (one.rates["area5"] - other.rates["area5"]).abs().max() > 1e-3
    alone = course(model, [shown[:1]] * spec.steps, batch=1, seed=1)[-1]
    assert_close(alone.rates["area5"], one.rates["area5"][:1])
    system = model.system()
    kept = system._kept(1, system.begin(3, 1), torch.zeros(3, 8, 40, 40, dtype=torch.float64))
    assert set(kept.unique().tolist()) == {0.0, 1 / 0.7}
    assert abs(float((kept == 0).double().mean()) - 0.3) < 0.01
    assert not model.eval().system().has_noise
    assert_close(model(shown), whole(shown), rtol=0, atol=0)


def test_gradients_with_dropout_are_the_same_under_every_engine():
    model = small(dropout=0.5).train()
    protocol = cordsnet.show(images(model), 200)
    gradients = []
    for engine in ("time_major", "checkpointed"):
        found = cordsnet.simulate(model, protocol, engine=engine, grad=True, seed=4)
        gradients.append(torch.autograd.grad(found.logits.square().sum(), list(model.parameters())))
    assert_close(*gradients)


@pytest.mark.parametrize("norm", OPTIONS)
def test_gradients_are_those_of_the_plain_loop(norm):
    model = small(norm=norm).train()
    shown, weights = images(model), dict(model.named_parameters())
    system = model.system()
    state = system.advance(system.begin(3), system.hold({"image": shown}))
    own = torch.autograd.grad(system.read(state)["scores"].square().sum(), list(weights.values()))
    scores = ByHand(weights_of(model), norm, training=True).frame(shown, 4)[1]
    theirs = torch.autograd.grad(scores.square().sum(), list(weights.values()))
    assert_close(own, theirs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 0}, "channels must be whole and at least 1"),
        ({"repetitions": 0}, "repetitions must be whole and at least 1"),
        ({"kernel": 2}, "kernel must be odd"),
        ({"norm": "batch"}, "norm must be one of 'lrn', 'bn_per_step', None, got 'batch'"),
        ({"unroll": "sweep"}, "unroll must be one of 'inner', 'sync', got 'sweep'"),
        ({"dropout": 1.0}, "dropout must be a number from 0 to below 1, got 1.0"),
        ({"dropout": float("nan")}, "dropout must be a number from 0 to below 1"),
        ({"unroll": "sync"}, "steps must be at least 5 with unroll = 'sync'.* 8 for all iterations of area5; got 1"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        SMALL.changed(**changes)


def test_specs_are_plain_data():
    for norm in OPTIONS:
        spec = SYNC.changed(width=12, norm=norm)
        assert RCNNSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize("changes", [{}, {"unroll": "sync", "steps": 8, "norm": "bn_per_step", "dropout": 0.5}])
def test_rows_are_built_and_saved(changes, tmp_path):
    model = cordsnet.create_model("rcnn_small", seed=1, **changes).eval()
    assert 20_000 < sum(parameter.numel() for parameter in model.parameters()) < 100_000
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert loaded.system().unrolling == changes.get("unroll", "inner")
    shown = images(model).float()
    assert_close(loaded(shown), model(shown), rtol=0, atol=0)
    activity = cordsnet.simulate(model, cordsnet.show(shown, model.response_ms)).rates
    assert all(0.05 < float(rates[-1].square().mean()) < 20 for rates in activity.values())


@pytest.mark.parametrize("spec", [SMALL, SYNC], ids=["inner", "sync"])
def test_a_step_costs_no_more_than_a_plain_loop(spec, as_users_run_it):
    model = RCNN(spec.changed(channels=32)).eval()
    shown, plain = images(model, batch=8).float(), ByHand(weights_of(model), "lrn")
    count = 8 if spec is SYNC else 2

    @torch.no_grad()
    def ours():
        system = model.system()
        state, context = system.begin(8), system.hold({"image": shown})
        for _ in range(count):
            state = system.advance(state, context)
            system.read(state)

    @torch.no_grad()
    def theirs():
        if spec is SYNC:
            for rates in plain.steps([shown] * count, 4):
                plain.scores(rates["area5"])
        else:
            for _ in range(count):
                plain.frame(shown, 4)

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

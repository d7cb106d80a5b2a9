"""The hGRUs against the public code's numbers and plain loops, and what their interface promises."""

import json
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose
from torch.nn import functional as F
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.models.hgru import CRBPHGRU, HGRU, CRBPSpec, HGRUSpec, gabors
from cordsnet.models.table import MODELS
from effects_seen import Seen
from golden_rules import sines
from peers_by_hand import ratio_of_times

GOLDEN = Path(__file__).parents[1] / "golden" / "peers.json"
SIZES = {"image_size": (9, 12), "num_classes": 4, "channels": 5, "kernel": 5, "stem_kernel": 3, "steps": 3}
KINDS = {"hgru": (HGRU, HGRUSpec("small", **SIZES)), "crbp_hgru": (CRBPHGRU, CRBPSpec("small", **SIZES))}
OPTIONS = [
    ("hgru", {}),
    ("hgru", {"gate_on": "candidate"}),
    ("hgru", {"head": "max"}),
    ("hgru", {"stem_stride": 2}),
    ("crbp_hgru", {}),
    ("crbp_hgru", {"head": "pixel"}),
    ("crbp_hgru", {"stem_stride": 2}),
]


def small(kind, **changes):
    """A small network in double precision whose weights and statistics are not those of the initialisation."""
    torch.manual_seed(1)
    cls, spec = KINDS[kind]
    model = cls(spec.changed(**changes)).double()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.1 * torch.randn_like(value))
        for name, value in model.named_buffers():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) + (0.5 if "var" in name else 0))
    return model.eval()


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, dtype=torch.float64, generator=generator)


def run(system, inputs, steps, batch=3, effects=NONE):
    """States after every step."""
    state, context, states = system.begin(batch), system.hold(inputs), []
    for _ in range(steps):
        state = system.advance(state, context, effects)
        states.append(state)
    return states


def weights_of(model):
    return dict(model.named_parameters()) | dict(model.named_buffers())


def norm(weights, name, maps, training, eps=1e-5):
    statistics = (None, None) if training else (weights[f"{name}.running_mean"], weights[f"{name}.running_var"])
    return F.batch_norm(
        maps, *statistics, weights[f"{name}.weight"], weights[f"{name}.bias"], training=training, eps=eps
    )


def same(maps, kernel, bias=None, stride=1):
    return F.conv2d(maps, kernel, bias, stride, kernel.shape[-1] // 2)


def hgru(weights, spec, image, steps, training=False):
    """Rates after each step, and the class scores of the last."""
    w = {name.removeprefix("cell."): value for name, value in weights.items()}
    alpha, mu, gamma, kappa, omega = (w[name].view(-1, 1, 1) for name in ("alpha", "mu", "gamma", "kappa", "omega"))
    b1, b2 = w["gate_bias"]
    kernel = (w["lateral.weight"] + w["lateral.weight"].transpose(0, 1)) / 2
    x = same(image, w["stem.weight"], w["stem.bias"], spec.stem_stride) ** 2
    h, rates = torch.zeros_like(x), []
    for t in range(steps):
        g1 = torch.sigmoid(F.conv2d(h, w["gate1.weight"], b1))
        h1 = torch.tanh(x - same(g1 * h, kernel) * (alpha * h + mu))
        g2 = torch.sigmoid(F.conv2d(h1, w["gate2.weight"], b2))
        e = gamma * same(h1, kernel)
        new = torch.tanh(kappa * (h1 + e) + omega * (h1 * e))
        kept = g2 if spec.gate_on == "state" else 1 - g2
        h = w["eta"][min(t, spec.steps - 1)] * (kept * h + (1 - kept) * new)
        rates.append(h)
    maps = norm(w, "norm", h, training)
    if spec.head == "max":
        top = F.conv2d(maps, w["maps.weight"], w["maps.bias"]).amax((2, 3), keepdim=True)
        vector = norm(w, "maps_norm", top, training)[..., 0, 0]
    else:
        vector = maps.mean((2, 3))
    return rates, F.linear(vector, w["decoder.weight"], w["decoder.bias"])


def crbp_steps(weights, x, steps, training, prefix="unit1."):
    w = {name.removeprefix(prefix): value for name, value in weights.items()}
    sp, h, rates = F.softplus, torch.zeros_like(x), []
    for _ in range(steps):
        g1 = torch.sigmoid(F.conv2d(h, w["u1_gate.weight"], w["u1_gate.bias"]))
        c1 = norm(w, "bn.1", same(h * g1, w["w_gate_inh"]), training, 1e-3)
        a = sp(x - sp(c1 * (w["alpha"] * h + w["mu"])))
        g2 = torch.sigmoid(F.conv2d(a, w["u2_gate.weight"], w["u2_gate.bias"]))
        c2 = norm(w, "bn.3", same(a, w["w_gate_exc"]), training, 1e-3)
        new = sp(w["kappa"] * a + w["gamma"] * c2 + w["w"] * a * c2)
        h = sp((1 - g2) * h + g2 * new)
        rates.append(h)
    return rates


def crbp_hgru(weights, spec, image, steps, training=False):
    """Rates after each step, and what is read of the last."""
    x = same(image, weights["conv0.weight"], weights["conv0.bias"], spec.stem_stride) ** 2
    inside = {name: value for name, value in weights.items() if name.startswith("unit1.")}
    rates = crbp_steps(inside, x, steps, training)
    maps = norm(weights, "bn", rates[-1], training, 1e-3)
    found = F.conv2d(maps, weights["conv6.weight"], weights["conv6.bias"])
    return rates, found if spec.head == "pixel" else found.mean((2, 3))


BY_HAND = {"hgru": hgru, "crbp_hgru": crbp_hgru}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_cell_of_2018_has_the_published_size():
    with torch.device("meta"):
        model = HGRU(MODELS["hgru_2018"].spec)
    assert count(model.cell) == 142_058
    assert model.shapes == {"area1": (25, 150, 150)}


def test_the_network_of_2020_has_the_published_size():
    row = MODELS["crbp_hgru"]
    with torch.device("meta"):
        model = CRBPHGRU(row.spec)
    assert count(model.unit1) == 282_875
    assert count(model) == row.published == 284_227
    assert sum(count(model.unit1.bn[k]) for k in (0, 2)) == 100


def test_the_cell_of_2020_gives_what_the_public_code_gives():
    """The golden numbers are those of two trials, whose input is positive, under the statistics of the batch."""
    golden = json.loads(GOLDEN.read_text())["crbp_hgru_cell_6steps_16px_absinput"]["h_t"]
    spec = CRBPSpec(in_channels=1, image_size=(16, 16), num_classes=2)
    model = CRBPHGRU(spec).double().train()
    cell = sines({name: value.shape for name, value in model.unit1.named_parameters()})
    model.unit1.load_state_dict(cell, strict=False)
    x = torch.sin(0.01 * torch.arange(2 * 25 * 16 * 16, dtype=torch.float64)).reshape(2, 25, 16, 16).abs()
    system = model.system()
    state = system.begin(2)
    with torch.no_grad():
        for wanted, rate in zip(golden, crbp_steps(cell, x, 6, training=True), strict=True):
            state = system.advance(state, x)
            found = state.rates["area1"]
            assert_allclose(found[0, 0, 0, :6], wanted["first"], rtol=1e-10)
            assert_allclose([found.mean(), found.std()], [wanted["mean"], wanted["std"]], rtol=1e-10)
            assert_close(found, rate, rtol=0, atol=1e-12)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("kind", "changes"), OPTIONS, ids=str)
def test_steps_are_those_of_a_plain_loop(kind, changes, training):
    model = small(kind, **changes).train(training)
    shown, system = images(model), model.system()
    rates, scores = BY_HAND[kind](weights_of(model), model.spec, shown, 5, training)
    states = run(system, {"image": shown}, 5)
    for state, rate in zip(states, rates, strict=True):
        system.check_state(state)
        assert_close(state.rates["area1"], rate, rtol=0, atol=1e-12)
    assert_close(next(iter(system.read(states[-1]).values())), scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_plain_loop(kind):
    model = small(kind)
    shown, named, system = images(model), dict(model.named_parameters()), model.system()
    scores = system.read(run(system, {"image": shown}, 3)[-1])["scores"]
    own = torch.autograd.grad(scores.square().sum(), list(named.values()), allow_unused=True)
    theirs = BY_HAND[kind](weights_of(model), model.spec, shown, 3)[1]
    wanted = torch.autograd.grad(theirs.square().sum(), list(named.values()), allow_unused=True)
    unused = {name for name, value in zip(named, own, strict=True) if value is None}
    assert unused == ({"unit1.bn.0.weight", "unit1.bn.0.bias", "unit1.bn.2.weight", "unit1.bn.2.bias"} & set(named))
    for one, other in zip(own, wanted, strict=True):
        assert_close(one, other) if one is not None else None


def test_training_keeps_the_kernel_symmetric():
    model = HGRU(KINDS["hgru"][1])
    kernel = model.cell.lateral.weight
    assert_close(kernel, kernel.transpose(0, 1))
    model(images(model).float()).square().sum().backward()
    assert kernel.grad.abs().max() > 0
    assert_close(kernel.grad, kernel.grad.transpose(0, 1))


def test_gates_remember_for_as_many_steps_as_there_are():
    torch.manual_seed(0)
    forget, keep = HGRU(HGRUSpec(channels=40, kernel=3, steps=8, image_size=(4, 4))).cell.gate_bias.exp()
    assert 1 <= keep.min() < keep.max() <= 7
    assert_close(forget, 1 / keep)


def test_the_two_ways_to_gate_differ():
    model, other = small("hgru"), small("hgru", gate_on="candidate")
    other.load_state_dict(model.state_dict())
    shown = {"image": images(model)}
    one, two = (run(net.system(), shown, 1)[0].rates["area1"] for net in (model, other))
    # from zero, the public code gives the candidate times 1 - g, the paper's text the candidate times g
    full = torch.tanh(torch.atanh((one + two) / model.cell.eta[0]).detach()) * model.cell.eta[0]
    assert_close((one + two), full)
    assert (one - two).abs().max() > 1e-3


def test_gabors_have_norm_one_and_differ():
    bank = gabors(25, 3, 7)
    assert bank.shape == (25, 3, 7, 7)
    assert_close(bank.flatten(1).norm(dim=1), torch.ones(25))
    assert_close(bank.sum((1, 2, 3)), torch.zeros(25), atol=1e-5, rtol=0)
    alike = bank.flatten(1) @ bank.flatten(1).T - torch.eye(25)
    assert alike.max() < 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_the_image_acts_in_the_first_step(kind):
    model = small(kind)
    seen, blank = (run(model.system(), inputs, 1)[0].rates["area1"] for inputs in ({"image": images(model)}, {}))
    assert (seen - blank).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_everything_goes_through_effects(kind):
    model, seen = small(kind), Seen()
    system = model.system()
    run(system, {"image": images(model)}, 1, effects=seen)
    assert seen.counts("drive") == seen.counts("rate") == {"area1": 1}
    assert seen.counts("pathway") == {"image -> area1": 1, "area1 -> area1": 4}
    assert set(seen.counts("pathway")) == set(system.pathways)


def test_without_recurrence_pixels_do_not_see_one_another():
    model = small("hgru", stem_kernel=1)
    cut = Effects(factors={"area1 -> area1": torch.tensor(0.0, dtype=torch.float64)})
    shown = images(model, batch=1)
    moved = shown.clone()
    moved[..., 0, 0] += 1
    for effects, reaches in ((cut, False), (NONE, True)):
        one, other = (run(model.system(), {"image": x}, 2, 1, effects)[-1].rates["area1"] for x in (shown, moved))
        changed = (one - other).abs().amax((0, 1)) > 1e-9
        assert changed[0, 0]
        assert bool(changed[1:, 1:].any()) == reaches


@pytest.mark.parametrize("kind", KINDS)
def test_calibration_measures_the_statistics_of_the_readout_too(kind):
    model = small(kind).train()
    batch = images(model, batch=6)
    with torch.no_grad():
        last = run(model.system(), {"image": batch}, model.spec.steps, 6)[-1].rates["area1"]
    model.calibrate([batch])
    top = model.get_submodule("norm" if kind == "hgru" else "bn")
    assert_close(top.running_mean, last.mean((0, 2, 3)))
    if kind == "hgru":
        with torch.no_grad():
            trained, evaluated = model(batch), model.eval()(batch)
        assert_close(trained, evaluated)


def test_segmentation_has_a_score_for_every_pixel():
    model = small("crbp_hgru", head="pixel")
    assert model.outputs == {"segmentation": ("class", "row", "column")}
    found = cordsnet.simulate(model, cordsnet.show(images(model), 30))
    assert found.outputs["segmentation"].shape == (3, 3, 4, 9, 12)
    with pytest.raises(ValueError, match="has no class scores"):
        cordsnet.analysis.classify_regime(model, images(model))


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("hgru", {"kernel": 4}, "kernel must be odd"),
        ("hgru", {"gate_on": "both"}, "gate_on must be one of 'state', 'candidate'"),
        ("hgru", {"head": "pixel"}, "head must be one of 'average', 'max'"),
        ("hgru", {"readout_maps": 0}, "readout_maps must be whole and at least 1"),
        ("crbp_hgru", {"head": "max"}, "head must be one of 'pixel', 'average'"),
        ("crbp_hgru", {"channels": 0}, "channels must be whole and at least 1"),
    ],
)
def test_specs_that_cannot_be_are_refused(kind, changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        KINDS[kind][1].changed(**changes)


@pytest.mark.parametrize("name", ["hgru_small", "crbp_hgru_small"])
def test_rows_are_small_and_their_models_are_saved(name, tmp_path):
    model = cordsnet.create_model(name, seed=1)
    assert count(model) < 100_000
    assert type(model.spec).from_dict(json.loads(json.dumps(model.spec.to_dict()))) == model.spec
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert loaded.spec == model.spec
    assert_close(dict(loaded.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_cost_no_more_than_a_plain_loop(kind, as_users_run_it):
    cls, spec = KINDS[kind]
    model = cls(spec.changed(image_size=(24, 24), channels=25, kernel=9, in_channels=1)).eval()
    shown, weights = images(model, batch=4).float(), weights_of(model)

    @torch.no_grad()
    def ours():
        system = model.system()
        return system.read(run(system, {"image": shown}, 6, 4)[-1])

    @torch.no_grad()
    def theirs():
        return BY_HAND[kind](weights, model.spec, shown, 6)

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

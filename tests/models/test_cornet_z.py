"""CORnet-Z against the public code's numbers and a plain loop, and what it is without time."""

import json
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose
from torch.nn import functional
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.errors import CheckpointError
from cordsnet.models.cornet import (
    AREAS,
    CornetRT,
    CornetRTSpec,
    CornetS,
    CornetSpec,
    CornetZ,
    CornetZSpec,
    load_published,
)
from cordsnet.models.table import MODELS
from effects_seen import Seen
from golden_rules import sines
from peers_by_hand import ratio_of_times

GOLDEN = Path(__file__).parents[1] / "golden" / "peers.json"
SMALL = CornetZSpec("small", image_size=(32, 32), num_classes=10, channels=(4, 8, 12, 16), stem_kernel=3, stem_stride=1)


def by_hand(weights, image, stem_stride=2):
    """Area -> its rate, and class scores."""
    maps, found = image, {}
    for area in AREAS:
        kernel, stride = weights[f"{area}.conv.weight"], stem_stride if area == "V1" else 1
        maps = functional.conv2d(maps, kernel, weights[f"{area}.conv.bias"], stride, kernel.shape[-1] // 2)
        maps = functional.max_pool2d(functional.relu(maps), 3, 2, 1)
        found[area] = maps
    scores = functional.linear(maps.mean((2, 3)), weights["decoder.linear.weight"], weights["decoder.linear.bias"])
    return found, scores


def small(**changes):
    """A small network in double precision, with biases that are not zero."""
    model = CornetZ(SMALL.changed(**changes)).double()
    for name, value in model.state_dict().items():
        if "bias" in name:
            value.copy_(0.2 * torch.randn_like(value))
    return model.eval()


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def answer(model, inputs, effects=NONE, batch=3):
    system = model.system()
    with torch.no_grad():
        return system.advance(system.begin(batch), system.hold(inputs), effects)


def test_sizes_are_those_of_the_public_network():
    with torch.device("meta"):
        model = CornetZ(CornetZSpec())
    assert sum(parameter.numel() for parameter in model.parameters()) == MODELS["cornet_z"].published == 2_071_656
    assert len(model.state_dict()) == 10
    assert model.shapes == {"V1": (64, 56, 56), "V2": (128, 28, 28), "V4": (256, 14, 14), "IT": (512, 7, 7)}


def test_rates_and_scores_match_the_public_code():
    golden = json.loads(GOLDEN.read_text())["cornet_z_64px"]
    model = CornetZ(CornetZSpec(image_size=(64, 64))).double().eval()
    model.load_state_dict(sines({name: value.shape for name, value in model.named_parameters()}))
    image = torch.sin(0.01 * torch.arange(3 * 64 * 64, dtype=torch.float64)).reshape(1, 3, 64, 64)
    state = answer(model, {"image": image}, batch=1)
    for area in AREAS:
        assert_allclose([state.rates[area].mean()], golden["area_mean_t"][area], rtol=1e-10)
    scores = model.system().read(state)["scores"][0].detach()
    assert_allclose(scores[:6], golden["logits"]["first"], rtol=1e-10)
    assert_allclose([scores.mean(), scores.std()], [golden["logits"]["mean"], golden["logits"]["std"]], rtol=1e-10)
    assert_close(model(image)[0].detach(), scores)


@pytest.mark.parametrize("size", [32, 33, (19, 47), 3])
def test_the_answer_is_that_of_a_plain_loop(size):
    model = small(image_size=size)
    shown = images(model)
    found, scores = by_hand(dict(model.state_dict()), shown, stem_stride=1)
    state = answer(model, {"image": shown})
    assert_close(state.rates, found, rtol=0, atol=1e-12)
    assert_close(model.system().read(state)["scores"].detach(), scores)
    assert {area: tuple(rate.shape[1:]) for area, rate in state.rates.items()} == model.shapes


def test_it_answers_at_once_whatever_came_before():
    model = small()
    assert (model.clock.kind, model.timing) == ("static", "one pass, without time")
    first, second = images(model), images(model, seed=1)
    protocol = cordsnet.show(first, 30) + cordsnet.blank(10) + cordsnet.show(second, 20)
    found = cordsnet.simulate(model, protocol, record="all")
    for row, inputs in enumerate([first] * 3 + [None] + [second] * 2):
        state = answer(model, {} if inputs is None else {"image": inputs})
        assert_close({area: rates[row] for area, rates in found.rates.items()}, state.rates)
    assert_close(model(second), found.logits[-1], check_stride=False)
    assert_close(model(second, ms=3.7), model(second))
    assert_close(cordsnet.simulate(model, cordsnet.show(first, 9), dt=3).logits[0], found.logits[0])


def test_everything_goes_through_effects():
    model, seen = small(), Seen(seen={})
    state = answer(model, {"image": images(model)}, seen)
    assert seen.counts("drive") == seen.counts("rate") == dict.fromkeys(AREAS, 1)
    assert set(seen.counts("pathway")) == set(model.system().pathways)
    assert_close(state.rates, answer(model, {"image": images(model)}).rates, rtol=0, atol=0)
    for area in AREAS:
        assert_close(seen.seen[area][0].relu(), state.rates[area])


@pytest.mark.parametrize("name", ["image -> V1", "V1 -> V2"])
def test_a_pathway_brings_no_bias_and_can_be_scaled_per_unit(name):
    model, area = small(image_size=(32, 46)), name[-2:]
    shown, factor = {"image": images(model)}, torch.ones(model.shapes[area], dtype=torch.float64)
    whole = answer(model, shown).rates[area]
    cut = answer(model, shown, Effects(factors={name: torch.tensor(0.0, dtype=torch.float64)})).rates[area]
    bias = model.get_parameter(f"{area}.conv.bias").detach().relu()
    assert_close(cut, bias[None, :, None, None].expand_as(cut))
    assert_close(answer(model, shown, Effects(factors={name: factor})).rates[area], whole, rtol=0, atol=0)
    factor[:, :3] = 0
    changed = (answer(model, shown, Effects(factors={name: factor})).rates[area] - whole).abs().amax((0, 1, 3))
    assert changed[:2].amin() > 0
    assert not changed[4:].any()


def test_gradients_are_those_of_the_plain_loop():
    model = small().train()
    shown, weights = images(model), dict(model.named_parameters())
    own = torch.autograd.grad(model(shown).square().sum(), list(weights.values()))
    theirs = torch.autograd.grad(by_hand(weights, shown, stem_stride=1)[1].square().sum(), list(weights.values()))
    assert_close(own, theirs)


def test_weights_are_uniform_and_biases_zero():
    torch.manual_seed(0)
    model = CornetZ(SMALL)
    weight, bound = model.get_parameter("V4.conv.weight"), (6 / (9 * (8 + 12))) ** 0.5
    assert 0.98 * bound < weight.abs().max() <= bound
    assert not any(value.any() for name, value in model.named_parameters() if name.endswith("bias"))
    assert weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": (4, 8)}, "channels must be 4 whole numbers"),
        ({"stem_kernel": 4}, "stem_kernel must be odd"),
        ({"stem_stride": 0}, "stem_stride must be whole and at least 1"),
        ({"ms_per_step": 0}, "ms_per_step must be a finite number above 0"),
        ({"width": 3}, "width = 3 does not scale"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        SMALL.changed(**(changes | ({"channels": (4, 7, 12, 16)} if "width" in changes else {})))


MEMBERS = {
    "CORnet-Z": CornetZ(SMALL),
    "CORnet-RT or CORnet-R": CornetRT(CornetRTSpec(image_size=(32, 32), channels=(4, 4, 4, 4), groups=2)),
    "CORnet-S": CornetS(CornetSpec(image_size=(32, 32), channels=(4, 4, 4, 4))),
}


@pytest.mark.parametrize("member", MEMBERS)
def test_public_checkpoints_load_strictly(member, tmp_path):
    model, path = MEMBERS[member], tmp_path / "cornet.pth"
    other = type(model)(model.spec)
    public = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save({"epoch": 25, "state_dict": public}, path)
    assert load_published(other, path) is other
    assert_close(dict(other.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    torch.save({"state_dict": public | {"module.V3.conv.weight": torch.zeros(1)}}, path)
    with pytest.raises(CheckpointError, match=r"V3\.conv\.weight.*no place"):
        load_published(other, path)
    torch.save({"state_dict": dict(list(public.items())[:-1])}, path)
    with pytest.raises(CheckpointError, match=r"lacks 'decoder\.linear\.bias'"):
        load_published(other, path)
    torch.save(public, path)
    with pytest.raises(CheckpointError, match="check num_classes"):
        load_published(type(model)(model.spec.changed(num_classes=7)), path)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_file_of_another_member_is_named(member, tmp_path):
    path = tmp_path / "cornet.pth"
    torch.save({"state_dict": {f"module.{name}": value for name, value in MEMBERS[member].state_dict().items()}}, path)
    for name, other in MEMBERS.items():
        if name != member:
            with pytest.raises(CheckpointError, match=f"looks like {member}, and the model is a {name}") as caught:
                load_published(other, path)
            assert "\n" not in str(caught.value)


def test_an_answer_costs_no_more_than_a_plain_loop(as_users_run_it):
    model = CornetZ(SMALL.changed(channels=(32, 64, 64, 64))).eval()
    shown, weights = images(model, batch=8).float(), dict(model.state_dict())

    @torch.no_grad()
    def ours():
        system = model.system()
        for _ in range(3):
            system.read(system.advance(system.begin(8), system.hold({"image": shown})))

    @torch.no_grad()
    def theirs():
        for _ in range(3):
            by_hand(weights, shown, stem_stride=1)

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

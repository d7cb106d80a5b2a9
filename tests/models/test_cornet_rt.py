"""CORnet-RT and CORnet-R against the public code's numbers and a plain loop, and what reaches which area when."""

import json
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose
from torch.nn import functional
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.models.cornet import AREAS, CornetRT, CornetRTSpec
from cordsnet.models.table import MODELS
from effects_seen import Seen
from golden_rules import sines
from peers_by_hand import ratio_of_times

GOLDEN = Path(__file__).parents[1] / "golden" / "peers.json"
SMALL = CornetRTSpec(
    "small", image_size=(32, 32), num_classes=10, channels=(4, 8, 12, 16), stem_kernel=3, stem_stride=2, groups=2
)
UNROLLINGS = ("sync", "sweep")
READS_THE_IMAGE = {
    "sync": {"V1": "11111", "V2": "01111", "V4": "00111", "IT": "00011"},
    "sweep": {"V1": "11111", "V2": "01111", "V4": "01111", "IT": "01111"},
}


def by_hand(weights, frames, groups, stem_stride=4, unroll="sync"):
    """Area -> rate for every step, and class scores [T, B, K], for one image per step."""

    def norm(name, maps):
        return functional.group_norm(maps, groups, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def conv(name, maps, stride=1):
        kernel = weights[f"{name}.weight"]
        return functional.conv2d(maps, kernel, weights.get(f"{name}.bias"), stride, kernel.shape[-1] // 2)

    recorded, scores = [], []
    for t, frame in enumerate(frames):
        rates = {}
        for k, area in enumerate(AREAS):
            if k == 0:
                maps = frame
            else:
                maps = rates[AREAS[k - 1]] if unroll == "sweep" or t == 0 else recorded[-1][AREAS[k - 1]]
            arriving = conv(f"{area}.conv_input", maps, 2 if k else stem_stride)
            arriving = functional.relu(norm(f"{area}.norm_input", arriving))
            if t == 0 and k > 0:
                arriving = torch.zeros_like(arriving)
            total = arriving + recorded[-1][area] if t else arriving
            rates[area] = functional.relu(norm(f"{area}.norm1", conv(f"{area}.conv1", total)))
        recorded.append(rates)
        top = rates["IT"].mean((2, 3))
        scores.append(functional.linear(top, weights["decoder.linear.weight"], weights["decoder.linear.bias"]))
    return recorded, torch.stack(scores)


def small(**changes):
    """A small network in double precision, with norms and biases that are not those of the initialisation."""
    model = CornetRT(SMALL.changed(**changes)).double()
    for name, value in model.state_dict().items():
        if "norm" in name or "bias" in name:
            value.copy_(0.3 + torch.rand_like(value))
    return model.eval()


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def course(model, frames, effects=NONE, batch=3):
    """The states after every step, with an image or a blank (None) in each."""
    system = model.system()
    state, found = system.begin(batch), []
    with torch.no_grad():
        for frame in frames:
            state = system.advance(state, system.hold({} if frame is None else {"image": frame}), effects)
            found.append(state)
    return found


@pytest.mark.parametrize("name", ["cornet_rt", "cornet_r"])
def test_sizes_are_those_of_the_public_network(name):
    with torch.device("meta"):
        model = CornetRT(MODELS[name].spec)
    assert sum(parameter.numel() for parameter in model.parameters()) == MODELS[name].published == 5_208_936
    assert len(model.state_dict()) == 30
    assert model.shapes == {"V1": (64, 56, 56), "V2": (128, 28, 28), "V4": (256, 14, 14), "IT": (512, 7, 7)}
    assert model.response_ms == 100


@pytest.mark.parametrize("name", ["cornet_rt", "cornet_r"])
def test_every_step_and_the_scores_match_the_public_code(name):
    golden = json.loads(GOLDEN.read_text())[f"{name}_224px"]
    model = CornetRT(MODELS[name].spec).double().eval()
    model.load_state_dict(sines({name: value.shape for name, value in model.named_parameters()}))
    image = torch.sin(0.01 * torch.arange(3 * 224 * 224, dtype=torch.float64)).reshape(1, 3, 224, 224)
    states = course(model, [image] * 5, batch=1)
    for area in AREAS:
        assert_allclose([state.rates[area].mean() for state in states], golden["area_mean_t"][area], rtol=1e-10)
    scores = model.system().read(states[-1])["scores"][0].detach()
    assert_allclose(scores[:6], golden["logits"]["first"], rtol=1e-10)
    assert_allclose([scores.mean(), scores.std()], [golden["logits"]["mean"], golden["logits"]["std"]], rtol=1e-10)


@pytest.mark.parametrize("size", [32, 33, (19, 47)])
@pytest.mark.parametrize("unroll", UNROLLINGS)
def test_a_movie_with_blanks_is_that_of_a_plain_loop(unroll, size):
    model = small(unroll=unroll, image_size=size)
    first, second = images(model), images(model, seed=1)
    frames = [None, None, first, first, second, None, second]
    seen = [torch.zeros_like(first) if frame is None else frame for frame in frames]
    found, scores = by_hand(dict(model.state_dict()), seen, 2, 2, unroll)
    states = course(model, frames)
    for state, rates, score in zip(states, found, scores, strict=True):
        assert_close(state.rates, rates, rtol=0, atol=1e-12)
        assert_close(model.system().read(state)["scores"].detach(), score)
    assert {area: tuple(rate.shape[1:]) for area, rate in found[0].items()} == model.shapes


@pytest.mark.parametrize("unroll", UNROLLINGS)
def test_the_image_reaches_each_area_when_it_should(unroll):
    model = small(unroll=unroll)
    one, other = (course(model, [images(model, seed=seed)] * 5) for seed in (0, 1))
    for area, pattern in READS_THE_IMAGE[unroll].items():
        differs = [not torch.equal(a.rates[area], b.rates[area]) for a, b in zip(one, other, strict=True)]
        assert "".join("01"[depends] for depends in differs) == pattern


@pytest.mark.parametrize("unroll", UNROLLINGS)
def test_at_the_first_step_only_the_lowest_area_reads(unroll):
    model = small(unroll=unroll)
    (state,) = course(model, [images(model)])
    weights = dict(model.state_dict())
    for area in AREAS[1:]:
        bias = weights[f"{area}.norm1.bias"].relu()[None, :, None, None]
        assert_close(state.rates[area], bias.expand_as(state.rates[area]))


@pytest.mark.parametrize("unroll", UNROLLINGS)
def test_an_image_after_a_blank_finds_areas_that_have_read(unroll):
    model = small(unroll=unroll)
    shown = images(model)
    late = course(model, [None, None, shown])[-1]
    first = course(model, [shown])[0]
    assert (late.rates["V1"] - first.rates["V1"]).abs().max() > 1e-3
    before, after = course(model, [None] * 2)
    assert (after.rates["V2"] - before.rates["V2"]).abs().max() > 1e-3
    other = course(model, [None, None, images(model, seed=1)])[-1]
    reached = [area for area in AREAS if not torch.equal(late.rates[area], other.rates[area])]
    assert reached == (["V1"] if unroll == "sync" else list(AREAS))


def test_the_two_unrollings_share_their_weights_and_differ():
    model = small()
    other = CornetRT(SMALL.changed(unroll="sweep")).double().eval()
    other.load_state_dict(model.state_dict())
    assert (model.system().unrolling, other.system().unrolling) == UNROLLINGS
    shown = images(model)
    assert (model(shown) - other(shown)).abs().max() > 1e-3
    assert "together" in model.timing
    assert "bottom to top" in other.timing


@pytest.mark.parametrize("unroll", UNROLLINGS)
def test_everything_goes_through_effects(unroll):
    model, seen = small(unroll=unroll), Seen(seen={})
    states = course(model, [images(model)] * 2, seen)
    assert seen.counts("drive") == seen.counts("rate") == dict.fromkeys(AREAS, 2)
    assert set(seen.counts("pathway")) == set(model.system().pathways)
    for area in AREAS:
        assert_close(seen.seen[area][1].relu(), states[1].rates[area])


def test_a_pathway_that_is_cut_brings_what_the_first_step_brings():
    model = small()
    cut = Effects(factors={"V1 -> V2": torch.tensor(0.0, dtype=torch.float64)})
    first, second = course(model, [images(model)] * 2, cut)
    kernel = model.get_parameter("V2.conv1.weight").detach()
    weights = dict(model.state_dict())
    drive = functional.conv2d(first.rates["V2"], kernel, padding=1)
    drive = functional.group_norm(drive, 2, weights["V2.norm1.weight"], weights["V2.norm1.bias"])
    assert_close(second.rates["V2"], drive.relu())


@pytest.mark.parametrize("unroll", UNROLLINGS)
def test_gradients_are_those_of_the_plain_loop(unroll):
    model = small(unroll=unroll).train()
    shown, weights = images(model), dict(model.named_parameters())
    own = torch.autograd.grad(model(shown).square().sum(), list(weights.values()))
    scores = by_hand(weights, [shown] * 5, 2, 2, unroll)[1][-1]
    theirs = torch.autograd.grad(scores.square().sum(), list(weights.values()))
    assert_close(own, theirs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": 3}, "groups must divide the channels of every area, got 3 for 4 maps"),
        ({"image_size": 4, "channels": (2, 2, 2, 2)}, "groups = 2 leaves a single unit in each group of V2"),
        ({"unroll": "inner"}, "unroll must be one of 'sync', 'sweep', got 'inner'"),
        ({"groups": 0}, "groups must be whole and at least 1"),
        ({"channels": (4, 8)}, "channels must be 4 whole numbers"),
        ({"stem_kernel": 4}, "stem_kernel must be odd"),
        ({"steps": 0}, "steps must be whole and at least 1"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        SMALL.changed(**changes)


def test_specs_are_plain_data():
    spec = SMALL.changed(width=8, unroll="sweep")
    assert CornetRTSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.channels == (8, 16, 24, 32)


@pytest.mark.parametrize("unroll", UNROLLINGS)
def test_rows_are_built_and_saved(unroll, tmp_path):
    model = cordsnet.create_model({"sync": "cornet_rt_small", "sweep": "cornet_r_small"}[unroll], seed=1)
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert loaded.system().unrolling == unroll
    shown = images(model).float()
    assert_close(loaded(shown), model(shown), rtol=0, atol=0)


@pytest.mark.parametrize("unroll", UNROLLINGS)
def test_a_step_costs_no_more_than_a_plain_loop(unroll, as_users_run_it):
    model = CornetRT(SMALL.changed(channels=(32, 64, 64, 64), unroll=unroll)).eval()
    shown, weights = images(model, batch=8).float(), dict(model.state_dict())

    @torch.no_grad()
    def ours():
        system = model.system()
        state, context = system.begin(8), system.hold({"image": shown})
        for _ in range(5):
            state = system.advance(state, context)
            system.read(state)

    @torch.no_grad()
    def theirs():
        by_hand(weights, [shown] * 5, 2, 2, unroll)

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

"""A CordsNet with an attention area: its equation by hand, its limits, and what it refuses."""

import dataclasses
import itertools
import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import cordsnet
from cordsnet.models import MODELS, arrival_steps
from cordsnet.models.cordsnet.attention import ATTENTION, AttentionSpec
from peers_by_hand import ratio_of_times

pytestmark = pytest.mark.usefixtures("as_users_run_it")


def small(name="cords_attention_r2_small", **changes):
    model = cordsnet.create_model(name, seed=3, **{**MODELS[name].tiny, **changes}).double().eval()
    with torch.no_grad():
        for bias in model.bias.values():
            bias.normal_(0, 0.1, generator=torch.Generator().manual_seed(1))
    return model


def images_of(model, trials=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(trials, *model.input_shape, generator=generator, dtype=torch.float64)


def below(model):
    """The CordsNet with the same weights, whose highest area has no recurrence at all."""
    names = [field.name for field in dataclasses.fields(cordsnet.NetworkSpec)]
    spec = cordsnet.NetworkSpec(**{name: getattr(model.spec, name) for name in names})
    found = cordsnet.CordsNet(spec).double().eval()
    found.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("attention.")})
    return found


def test_attention_is_that_of_torch():
    model = small(heads=2)
    channels = model.shapes[ATTENTION][0]
    torchs = nn.MultiheadAttention(channels, 2, bias=False, batch_first=True).double()
    w = model.attention
    with torch.no_grad():
        torchs.in_proj_weight.copy_(torch.cat([w["query"], w["key"], w["value"]]))
        torchs.out_proj.weight.copy_(w["out"])
        maps = torch.rand(2, *model.shapes[ATTENTION], dtype=torch.float64)
        tokens = maps.flatten(2).transpose(1, 2)
        wanted = torchs(tokens, tokens, tokens)[0].transpose(1, 2).reshape(maps.shape)
        assert_close(model.system().attend(maps), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("stepper", ["euler", "exponential_euler"])
def test_a_step_obeys_the_equation(stepper):
    model = small()
    system, under, images = model.system(stepper=stepper), below(model).system(stepper=stepper), images_of(model)
    with torch.no_grad():
        state, context = system.zero_state(3), system.hold({"image": images})
        for _ in range(8):
            new, without = system.advance(state, context), under.advance(state, context)
            for area in model.areas[:-1]:
                assert_close(new.values[area], without.values[area], rtol=0, atol=1e-12)
            r, share = state.values[ATTENTION], 2 / 20 if stepper == "euler" else 1 - math.exp(-0.1)
            read = torch.relu(state.values["area2"])
            kernel = model.wiring.feedforward[ATTENTION].weight
            drive = torch.nn.functional.conv2d(read, kernel) + model.bias[ATTENTION] + system.attend(torch.relu(r))
            assert_close(new.values[ATTENTION], r + share * (torch.relu(drive) - r), rtol=0, atol=1e-12)
            state = new
    assert float(state.values[ATTENTION].abs().max()) > 0


def test_without_attention_it_is_a_cordsnet():
    model = small()
    with torch.no_grad():
        model.attention["out"].zero_()
    images = images_of(model)
    runs = [
        cordsnet.simulate(one, cordsnet.show(images, 40), record="all", initial_state="zero")
        for one in (model, below(model))
    ]
    assert_close(dict(runs[0].rates), dict(runs[1].rates), rtol=0, atol=1e-12)
    assert_close(runs[0].logits, runs[1].logits, rtol=0, atol=1e-12)


def test_its_time_constant_is_its_own():
    model = small()
    assert model.spec.area(ATTENTION).tau_ms == 20
    model.tau_ms = {ATTENTION: 50}
    assert model.system().inner.equation.circuit.tau_ms == {"area1": 10, "area2": 10, ATTENTION: 50}


def test_a_shorter_step_simulates_the_same_network():
    model = small()
    ends = [
        cordsnet.simulate(model, cordsnet.show(images_of(model), 40), dt=dt, record=cordsnet.Record(times_ms=[40]))
        for dt in (0.02, 0.01, 0.005)
    ]
    apart = [float((a.logits - b.logits).abs().max()) for a, b in itertools.pairwise(ends)]
    assert apart[1] < 0.6 * apart[0]  # first order


@pytest.mark.parametrize(("depth", "steps"), [(2, [1, 1, 2]), (4, [1, 1, 2, 2, 3])])
def test_the_image_reaches_it_one_step_after_the_area_below(depth, steps):
    assert list(arrival_steps(small(f"cords_attention_r{depth}_small")).values()) == steps


def test_cutting_its_pathway_silences_attention():
    model = small()
    images = images_of(model)
    lesioned = cordsnet.lesion(model, "attention -> attention")
    with torch.no_grad():
        model.attention["out"].zero_()
    runs = [cordsnet.simulate(one, cordsnet.show(images, 30)).logits for one in (lesioned, model)]
    assert_close(*runs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("heads", [3, 0, 1.5])
def test_heads_divide_the_channels(heads):
    with pytest.raises(ValueError, match="heads"):
        cordsnet.create_model("cords_attention_r2_small", heads=heads)


def test_what_it_cannot_be_is_refused():
    row = MODELS["cords_attention_r2_small"].spec
    with pytest.raises(ValueError, match="areas must end with one that is called 'attention'"):
        dataclasses.replace(row, areas=row.areas[:-1], connections=row.connections[:-1], readout=("area2",))
    with pytest.raises(ValueError, match="stepper must be one of euler, exponential_euler"):
        small().system(stepper="heun")
    assert isinstance(row, AttentionSpec)


def by_hand(model, shown, steps):
    """Rates after some steps of Euler's method from zero rates, in a plain loop; two areas and attention."""
    wiring, conv = model.wiring, nn.functional.conv2d
    stem = nn.functional.avg_pool2d(conv(shown, wiring.stem.weight, padding=1), 3, 2, 1)
    skip = conv(stem, wiring.links["stem_to_area2"].weight, padding=1)
    kernels = {name: (wiring.recurrent[name].weight, wiring.feedforward[name].weight) for name in ("area1", "area2")}
    fixed = conv(stem, kernels["area1"][1], padding=1) + model.bias["area1"]
    last, w, heads = wiring.feedforward[ATTENTION].weight, model.attention, model.spec.heads
    r = {area: shown.new_zeros(len(shown), *shape) for area, shape in model.shapes.items()}
    batch, channels, height, width = r[ATTENTION].shape
    for _ in range(steps):
        tokens = torch.relu(r[ATTENTION]).flatten(2).transpose(1, 2)
        parts = [
            (tokens @ w[name].T).view(batch, -1, heads, channels // heads).transpose(1, 2)
            for name in ("query", "key", "value")
        ]
        mixed = nn.functional.scaled_dot_product_attention(*parts).transpose(1, 2).reshape(batch, -1, channels)
        attended = (mixed @ w["out"].T).transpose(1, 2).reshape(batch, channels, height, width)
        drives = {
            "area1": fixed + conv(r["area1"], kernels["area1"][0], padding=1),
            "area2": conv(r["area1"] + skip, kernels["area2"][1], padding=1)
            + conv(r["area2"], kernels["area2"][0], padding=1)
            + model.bias["area2"],
            ATTENTION: conv(r["area2"], last) + model.bias[ATTENTION] + attended,
        }
        r = {
            area: r[area] + (2 / 20 if area == ATTENTION else 2 / 10) * (torch.relu(drives[area]) - r[area])
            for area in r
        }
    return r


def test_a_step_costs_no_more_than_a_plain_loop():
    model = small(image_size=32, width=16).float()
    shown = images_of(model, 8).float()

    @torch.no_grad()
    def ours():
        system = model.system()
        state, context = system.zero_state(8), system.hold({"image": shown})
        for _ in range(20):
            state = system.advance(state, context)
        return state

    theirs = torch.no_grad()(lambda: by_hand(model, shown, 20))
    found = theirs()
    for area, rates in ours().rates.items():
        assert_close(rates, found[area], rtol=1e-4, atol=1e-5)
    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

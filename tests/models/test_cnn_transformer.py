"""CNN-transformers against torch's attention over whole sequences of features."""

import json
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.models import CNN, MODELS, build
from cordsnet.models.cnn_transformer import CNNTransformerSpec
from effects_seen import Seen
from peers_by_hand import ratio_of_times

ZERO = torch.zeros((), dtype=torch.float64)


def small(**changes):
    """A small network in double precision, with weights and statistics that are not those of the initialisation."""
    fields = {"image_size": (16, 16), "in_channels": 2, "num_classes": 7, "channels": 4, "depth": 2}
    fields |= {"stem_kernel": 3, "stem_stride": 1, "units": 12, "heads": 3, "blocks": 2, "memory": 4, "expansion": 2}
    model = build(CNNTransformerSpec("small", **(fields | changes)), seed=1).double()
    torch.manual_seed(3)
    for name, value in model.state_dict().items():
        if "running" in name:
            value.copy_(0.5 + torch.rand_like(value))
        if not name.startswith("cnn"):
            value.copy_(torch.randn_like(value) / max(value.shape[-1] if value.ndim > 1 else 1, 1) ** 0.5)
    return model.eval()


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def run(model, frames, effects=NONE, state=None, system=None):
    """States after each of some frames [B, C, H, W], one per step."""
    system, found = system or model.system(), []
    state = state or system.begin(len(frames[0]))
    with torch.no_grad():
        for k, frame in enumerate(frames):
            if k == 0 or frame is not frames[k - 1]:
                context = system.hold({"image": frame})
            state = system.advance(state, context, effects)
            found.append(state)
    return found


def features(model, frames):
    """Pooled features [T, B, C] of a feedforward network with the same weights, which is a model of its own."""
    cnn = CNN(model.spec.network).double()
    cnn.load_state_dict(model.cnn.state_dict(), strict=False)
    rates = [cnn.eval().rates(frame) for frame in frames]
    return torch.stack([sum(one[top].mean((2, 3)) for top in model.spec.network.readout) for one in rates])


@torch.no_grad()
def transformer(model, seen):
    """Outputs of all blocks [T, B, units] and scores [T, B, K] over a whole sequence of features [T, B, C] at once."""
    spec, x, found = model.spec, model.embed(seen), []
    steps, batch = seen.shape[:2]
    ages = torch.arange(steps)[:, None] - torch.arange(steps)
    for name in spec.layers:
        block = model.blocks[name]
        attention = nn.MultiheadAttention(spec.units, spec.heads, dtype=torch.float64)
        attention.load_state_dict(
            {
                "in_proj_weight": block["attend"].weight,
                "in_proj_bias": block["attend"].bias,
                "out_proj.weight": block["project"].weight,
                "out_proj.bias": block["project"].bias,
            }
        )
        mask = model.age[name][:, ages.clamp(0, spec.memory - 1)]
        mask = mask.masked_fill((ages < 0) | (ages >= spec.memory), -torch.inf).repeat(batch, 1, 1)
        token = block["norm_attend"](x)
        y = x + attention(token, token, token, attn_mask=mask)[0]
        x = y + block["contract"](F.gelu(block["expand"](block["norm_expand"](y))))
        found.append(x)
    return found, model.decoder(model.norm(x))


def test_native_parameters():
    with torch.device("meta"):
        model = build(MODELS["cnn_transformer"].spec)
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    block = 4 * 512 * 513 + 512 * 2048 * 2 + 2048 + 512 + 4 * 512
    assert sizes["blocks"] == 2 * block
    assert sizes["embed"] == 512 * 513
    assert sizes["age"] == 2 * 8 * 16


@pytest.mark.parametrize("changes", [{}, {"blocks": 1, "heads": 1, "memory": 1}, {"memory": 9, "heads": 12}])
def test_a_movie_gives_what_causal_attention_gives_on_all_frames_at_once(changes):
    model = small(**changes)
    frames = [images(model, seed=k // 2) for k in range(8)]
    blocks, scores = transformer(model, features(model, frames))
    states = run(model, frames)
    for name, expected in zip(model.spec.layers, blocks, strict=True):
        assert_close(torch.stack([state.rates[name] for state in states]), expected, rtol=0, atol=1e-12)
    found = torch.stack([model.system().read(state)["scores"] for state in states])
    assert_close(found.detach(), scores, rtol=0, atol=1e-12)


def test_the_memory_holds_the_last_steps_newest_first():
    model = small()
    states = run(model, [images(model, seed=k) for k in range(6)])
    assert [state.values["block1.filled"][0].tolist() for state in states[:5]] == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
        [1, 1, 1, 1],
    ]
    for before, after in pairwise(states):
        for name in ("block1.keys", "block2.values"):
            assert_close(after.values[name][:, 1:], before.values[name][:, :-1], rtol=0, atol=0)
    by_name = {signal.name: signal for signal in model.system().signals}
    assert (by_name["block2.keys"].shape, by_name["block2.keys"].axes) == ((4, 12), ("age", "unit"))


def test_a_frame_is_forgotten_when_it_has_left_the_memory_of_all_blocks():
    model = small(memory=3, blocks=2)
    rest = [images(model, seed=k) for k in range(1, 8)]
    first, second = (run(model, [images(model, seed=seed), *rest]) for seed in (0, 9))
    for block, last in (("block1", 2), ("block2", 4)):
        differs = [not torch.equal(a.rates[block], b.rates[block]) for a, b in zip(first, second, strict=True)]
        assert differs == [step <= last for step in range(8)]


def test_a_held_image_has_one_answer():
    model = small()
    shown = images(model)
    states = run(model, [shown] * 6)
    for state in states[1:]:
        assert_close(state.rates["block2"], states[0].rates["block2"], rtol=0, atol=1e-12)


def test_a_state_is_all_that_the_future_depends_on():
    model = small()
    frames = [images(model, seed=k) for k in range(5)]
    whole = run(model, frames)
    assert_close(run(model, frames[3:], state=whole[2].clone())[-1].values, whole[-1].values, rtol=0, atol=0)


def test_everything_goes_through_effects():
    model, seen = small(), Seen(seen={})
    frames = [images(model, seed=k) for k in range(3)]
    state, system = run(model, frames, seen)[-1], model.system()
    assert system.unrolling == "sweep"
    assert seen.counts("drive") == seen.counts("rate") == dict.fromkeys(model.areas, 3)
    assert set(seen.counts("pathway")) <= set(system.pathways)
    for name in ("area1 -> block1", "area2 -> block1", "block1 -> block1", "block1 -> block2", "block2 -> block2"):
        cut = run(model, frames, Effects(factors={name: ZERO}))[-1]
        assert torch.equal(cut.rates["block1"], state.rates["block1"]) == name.endswith("block2")
        assert not torch.equal(cut.rates["block2"], state.rates["block2"])


def test_calibration_and_frozen_backbones():
    model = small(steps=3).train()
    before, shown = {name: value.clone() for name, value in model.state_dict().items()}, images(model, 6)
    trained = run(model, [shown] * 3)[-1]
    assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    model.calibrate([shown])
    assert_close(run(model.eval(), [shown] * 3)[-1].values, trained.values, rtol=0, atol=1e-10)
    frozen = small(train_backbone=False)
    assert not any(name.startswith("cnn") for name, value in frozen.named_parameters() if value.requires_grad)


def test_specs_are_plain_data():
    spec = small().spec.changed(width=8)
    assert CNNTransformerSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.shapes["block2"] == (12,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 5}, "heads must divide units, got 5 heads for 64 units"),
        ({"blocks": 0}, "blocks must be whole and at least 1"),
        ({"memory": 0}, "memory must be whole and at least 1"),
        ({"depth": 0}, "depth must be"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        cordsnet.create_model("cnn_transformer_small", **changes)


def test_a_step_costs_no_more_than_a_plain_loop(as_users_run_it):
    model = small(units=256, heads=4, memory=16).float()
    shown, blocks, heads = images(model, 32).float(), list(model.blocks.values()), 4
    ages, system = list(model.age.values()), model.system()
    with torch.no_grad():
        token = model.embed(features(model.double(), [shown.double()])[0]).float()
        model.float()
        context = system.hold({"image": shown})

    @torch.no_grad()
    def theirs():
        keys, values = ([torch.zeros(32, 16, 256)] * 2 for _ in range(2))
        filled = torch.zeros(32, 16)
        for _ in range(20):
            x, filled = token, torch.cat((torch.ones(32, 1), filled[:, :-1]), 1)
            empty = torch.zeros_like(filled).masked_fill(filled < 0.5, -torch.inf)[:, None]
            for k, block in enumerate(blocks):
                q, *new = block["attend"](block["norm_attend"](x)).chunk(3, -1)
                keys[k], values[k] = (
                    torch.cat((one[:, None], kept[k][:, :-1]), 1) for kept, one in zip((keys, values), new, strict=True)
                )
                one, two = (kept[k].view(32, 16, heads, -1).transpose(1, 2) for kept in (keys, values))
                mask = (empty + ages[k])[:, :, None]
                mixed = F.scaled_dot_product_attention(q.view(32, heads, 1, -1), one, two, mask).flatten(1)
                y = x + block["project"](mixed)
                x = y + block["contract"](F.gelu(block["expand"](block["norm_expand"](y))))

    @torch.no_grad()
    def ours():
        state = system.begin(32)
        for _ in range(20):
            state = system.advance(state, context)

    assert ratio_of_times(ours, theirs, limit=1.1, rounds=50) <= 1.1

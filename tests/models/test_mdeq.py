"""Multiscale deep equilibrium models: counts, a plain loop, and gradients."""

import json

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics import Status
from cordsnet.models.deq import Mdeq, MdeqSpec, solver_trajectory
from cordsnet.models.table import MODELS
from peers_by_hand import ratio_of_times

TINY = MdeqSpec(**{**MODELS["mdeq_small"].tiny, "name": "tiny", "image_size": (9, 8), "widening": 2})
PLAIN = {"solver": "fixed_point", "max_iterations": 8, "gradient": "unrolled"}


def tiny(seed=0, **changes):
    torch.manual_seed(seed)
    model = Mdeq(TINY.changed(**changes)).double()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim == 1:
                value.add_(0.02 * torch.randn_like(value))
            elif name.startswith("gains"):
                value.mul_(1 + 0.1 * torch.rand_like(value))
    return model.eval()


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def weights_of(model):
    return dict(model.named_parameters()) | dict(model.named_buffers())


def by_hand(w, spec, image, iterations):  # noqa: C901  # scales read scales through chains
    """Rates of the scales after `iterations` of the cell from zero, and scores, in evaluation mode."""

    def conv(name, x, stride=1):
        kernel, gain = w[f"{name}.weight"], w.get(f"gains.{name.replace('.', '-')}")
        if gain is not None:
            kernel = kernel * gain / kernel.square().sum((1, 2, 3), keepdim=True).sqrt()
        return F.conv2d(x, kernel, w.get(f"{name}.bias"), stride, kernel.shape[-1] // 2)

    def batch(name, x):
        return F.batch_norm(
            x, w[f"{name}.running_mean"], w[f"{name}.running_var"], w.get(f"{name}.weight"), w.get(f"{name}.bias")
        )

    def group(name, x, groups):
        return F.group_norm(x, groups, w[f"{name}.weight"], w[f"{name}.bias"])

    x = image
    for k in (1, 2, 3) if spec.has_injection else (1, 2):
        x = torch.relu(batch(f"stem.norm{k}", conv(f"stem.conv{k}", x)))
    names, g = spec.scales, spec.groups
    z = [x.new_zeros(len(x), *spec.shapes[name]) for name in names]
    for _ in range(iterations):
        y = []
        for i, name in enumerate(names):
            h = torch.relu(group(f"block.{name}.norm1", conv(f"block.{name}.conv1", z[i]), g))
            h = conv(f"block.{name}.conv2", h) + (x if i == 0 else 0)
            h = group(f"block.{name}.norm2", h, g)
            y.append(group(f"block.{name}.norm3", torch.relu(h + z[i]), g))
        for i, name in enumerate(names):
            total = y[i]
            for j, source in enumerate(names):
                part, path = y[j], f"fuse.{source}_{name}"
                for k in range(1, i - j + 1):
                    part = torch.relu(part) if k > 1 else part
                    part = group(f"{path}.norm{k}", conv(f"{path}.conv{k}", part, 2), g)
                if j > i:
                    part = group(f"{path}.norm1", conv(f"{path}.conv1", part), g)
                    part = F.interpolate(part, size=total.shape[2:])
                total = total if i == j else total + part
            z[i] = group(f"after.{name}.norm", conv(f"after.{name}.conv", torch.relu(total)), spec.fused_groups)
    return dict(zip(names, z, strict=True)), head_by_hand(w, names, z, conv, batch)


def head_by_hand(w, names, z, conv, batch):
    """Scores, from the rates of all scales."""
    maps = None
    for i, name in enumerate(names):
        h = torch.relu(batch(f"head.{name}.norm1", conv(f"head.{name}.conv1", z[i])))
        h = torch.relu(batch(f"head.{name}.norm2", conv(f"head.{name}.conv2", h)))
        h = batch(f"head.{name}.norm3", conv(f"head.{name}.conv3", h))
        h = torch.relu(h + batch(f"head.{name}.norm_skip", conv(f"head.{name}.skip", z[i])))
        if maps is not None:
            path = f"head.{names[i - 1]}_{name}"
            h = h + torch.relu(batch(f"{path}.norm", conv(f"{path}.conv", maps, 2)))
        maps = h
    maps = torch.relu(batch("head.last.norm", conv("head.last.conv", maps)))
    return F.linear(maps.mean((2, 3)), w["decoder.weight"], w["decoder.bias"])


def count(spec, part=""):
    with torch.device("meta"):
        return sum(p.numel() for name, p in Mdeq(spec).named_parameters() if name.startswith(part))


IMAGENET = MdeqSpec(
    image_size=(224, 224), num_classes=1000, stem_stride=2, head_channels=(24, 48, 96, 192), features=2048
)


@pytest.mark.parametrize(
    ("spec", "gains", "published"),
    [
        (MODELS["mdeq_large"].spec, 4_960, 11_095_038),
        (MODELS["mdeq_small"].spec, 384, 158_650),
        (IMAGENET, 4_960, 16_805_576),
    ],
)
def test_sizes_are_those_of_the_public_networks(spec, gains, published):
    plain = spec.changed(weight_norm=False)
    assert count(plain) == published
    assert count(spec) == published + gains
    assert MODELS["mdeq_large"].published == count(MODELS["mdeq_large"].spec)
    assert MODELS["mdeq_small"].published == count(MODELS["mdeq_small"].spec)


def test_the_large_cell_has_the_published_size():
    spec = MODELS["mdeq_large"].spec
    assert sum(count(spec, part) for part in ("block", "fuse", "after")) == 8_712_832


@pytest.mark.parametrize(
    "changes",
    [{}, {"weight_norm": False, "has_injection": False}, {"channels": (8, 8, 16), "head_channels": (2, 3, 2)}],
)
def test_a_frame_is_that_of_a_plain_loop(changes):
    model = tiny(**PLAIN, **changes)
    shown = images(model)
    system = model.system()
    with torch.no_grad():
        state = system.advance(system.begin(3), system.hold({"image": shown}))
        rates, scores = by_hand(weights_of(model), model.spec, shown, 8)
        assert_close(state.rates, rates, rtol=0, atol=1e-10)
        assert_close(system.read(state)["scores"], scores, rtol=0, atol=1e-10)


def test_unrolled_gradients_are_those_of_the_plain_loop():
    model = tiny(**PLAIN)
    shown, weights = images(model), dict(model.named_parameters())
    ours = torch.autograd.grad(model(shown).square().sum(), list(weights.values()))
    scores = by_hand(weights_of(model), model.spec, shown, 8)[1]
    assert_close(ours, torch.autograd.grad(scores.square().sum(), list(weights.values())))


@pytest.mark.parametrize("solver", ["broyden", "anderson"])
def test_the_equilibrium_and_its_gradient_are_those_of_many_iterations(solver):
    model = tiny(solver=solver)
    shown, weights = images(model), dict(model.named_parameters())
    found = model(shown)
    scores = by_hand(weights_of(model), model.spec, shown, 80)[1]
    assert_close(found, scores, rtol=1e-9, atol=1e-10)
    ours = torch.cat([g.flatten() for g in torch.autograd.grad(found.square().sum(), list(weights.values()))])
    theirs = torch.cat([g.flatten() for g in torch.autograd.grad(scores.square().sum(), list(weights.values()))])
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-8


def test_phantom_gradients_are_near_the_implicit_ones():
    exact, phantom = tiny(), tiny(gradient="phantom")
    shown, found = images(exact), []
    for model in (exact, phantom):
        grads = torch.autograd.grad(model(shown).square().sum(), list(model.parameters()))
        found.append(torch.cat([g.flatten() for g in grads]))
    assert float((found[1] - found[0]).norm() / found[0].norm()) < 0.1


def test_what_is_far_from_an_equilibrium_is_said():
    model = tiny(max_iterations=3)
    system = model.system()
    with torch.no_grad():
        state = system.advance(system.begin(3), system.hold({"image": images(model)}))
    assert float(state.values["scale2.residual"].min()) > 1e-4
    assert solver_trajectory(model, images(model)).status == (Status.STALLED,) * 3
    assert solver_trajectory(tiny(), images(model)).status == (Status.CONVERGED,) * 3


def test_the_image_enters_the_finest_scale_and_reaches_the_others_in_the_same_iteration():
    model = tiny(**PLAIN)
    one, other = (solver_trajectory(model, shown).rates for shown in (images(model), images(model, seed=1)))
    for scale in model.areas:
        assert float((one[scale][0] - other[scale][0]).abs().max()) > 1e-6


def test_after_calibration_with_one_batch_evaluation_gives_what_training_gave():
    model = tiny().train()
    shown = images(model, batch=6)
    system = model.system()
    with torch.no_grad():
        trained = system.advance(system.begin(6), system.hold({"image": shown})).rates
        model.calibrate([shown])
        system = model.eval().system()
        assert_close(system.advance(system.begin(6), system.hold({"image": shown})).rates, trained, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": (8, 11)}, "groups must divide all channels"),
        ({"head_channels": (2,)}, "head_channels must be 2 whole numbers, for the scales"),
        ({"gradient": "unrolled"}, "gradient = 'unrolled' needs solver = 'fixed_point'"),
        ({"widening": 0}, "widening must be whole and at least 1"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        TINY.changed(**changes)


def test_specs_are_plain_data():
    spec = MODELS["mdeq_large"].spec.changed(width=64)
    assert MdeqSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.channels == (64, 128, 256, 512)
    assert isinstance(cordsnet.create_model("mdeq_small"), Mdeq)


def test_a_step_costs_no_more_than_a_plain_loop(as_users_run_it):
    model = tiny(**PLAIN, channels=(32, 32), image_size=32).float()
    shown, weights = images(model, 8).float(), weights_of(model)

    @torch.no_grad()
    def ours():
        system = model.system()
        system.read(system.advance(system.begin(8), system.hold({"image": shown})))

    @torch.no_grad()
    def theirs():
        by_hand(weights, model.spec, shown, 8)

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

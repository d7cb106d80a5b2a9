"""ConvGRU against linear algebra, published equations and a plain loop, and what its interface promises."""

import pytest
import torch
from numpy.testing import assert_allclose
from torch.nn import functional as F
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.models.convgru import ConvGRU, ConvGRUCell, ConvGRUSpec
from cordsnet.models.table import MODELS
from effects_seen import Seen
from peers_by_hand import ratio_of_times

SMALL = ConvGRUSpec(
    "small",
    image_size=(16, 16),
    num_classes=10,
    channels=(4, 6, 8),
    strides=(1, 2, 2),
    stem_channels=4,
    stem_kernel=3,
    stem_stride=1,
)
OPTIONS = [{}, {"stem_channels": 0}, {"image_size": (15, 22)}, {"kernel": 5, "recurrent_kernel": 1}]


def small(**changes):
    """A small network in double precision with biases that are not zero."""
    model = ConvGRU(SMALL.changed(**changes)).double()
    for name, value in model.named_parameters():
        if "bias" in name:
            torch.nn.init.normal_(value)
    return model


def images(model, batch=3):
    return torch.randn(batch, *model.input_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def run(system, inputs, steps, batch=3, effects=NONE):
    """States after every step."""
    state, context, states = system.begin(batch), system.hold(inputs), []
    for _ in range(steps):
        state = system.advance(state, context, effects)
        states.append(state)
    return states


def by_hand(weights, strides, image, steps):
    """Rates of every area after each step, and class scores."""
    if "stem.weight" in weights:
        image = F.avg_pool2d(F.conv2d(image, weights["stem.weight"], padding=1), 3, 2, 1)
    rates, recorded, scores = [None] * len(strides), [], []
    first = None
    for _ in range(steps):
        maps = image
        for k, stride in enumerate(strides):
            name = f"cells.area{k + 1}"
            wx, uh, uc, bias = (
                weights[f"{name}.{w}"] for w in ("input.weight", "recurrent.weight", "candidate.weight", "bias")
            )
            if k or first is None:
                fed = F.conv2d(maps, wx, bias, stride=stride, padding=wx.shape[-1] // 2)
                first = fed if k == 0 else first
            else:
                fed = first
            zx, rx, cx = fed.chunk(3, 1)
            h = torch.zeros_like(zx) if rates[k] is None else rates[k]
            zh, rh = F.conv2d(h, uh, padding=uh.shape[-1] // 2).chunk(2, 1)
            z = torch.sigmoid(zx + zh)
            c = torch.tanh(cx + F.conv2d(torch.sigmoid(rx + rh) * h, uc, padding=uc.shape[-1] // 2))
            rates[k] = maps = (1 - z) * h + z * c
        recorded.append(list(rates))
        scores.append(F.linear(maps.mean((2, 3)), weights["decoder.weight"], weights["decoder.bias"]))
    return recorded, torch.stack(scores)


def test_cells_have_the_published_size():
    with torch.device("meta"):
        model = ConvGRU(ConvGRUSpec())
    sizes = [sum(p.numel() for p in cell.parameters()) for cell in model.cells.values()]
    assert sizes == [221_376, 663_936, 2_654_976, 10_618_368]
    assert sum(sizes) == 14_158_656
    assert model.shapes == {"area1": (64, 56, 56), "area2": (128, 28, 28), "area3": (256, 14, 14), "area4": (512, 7, 7)}


@pytest.mark.parametrize(("reads", "channels", "kernel"), [(3, 5, 3), (7, 2, 5)])
def test_a_cell_has_as_many_weights_as_the_formula_says(reads, channels, kernel):
    count = sum(p.numel() for p in ConvGRUCell(reads, channels, kernel, kernel).parameters())
    assert count == (reads + channels) * kernel**2 * 3 * channels + 3 * channels


def test_a_cell_of_one_pixel_is_four_equations_of_linear_algebra():
    spec = ConvGRUSpec(
        "pixel",
        in_channels=5,
        image_size=(1, 1),
        num_classes=2,
        channels=(7,),
        strides=(1,),
        kernel=1,
        recurrent_kernel=1,
        stem_channels=0,
    )
    model = ConvGRU(spec).double()
    torch.nn.init.normal_(model.cells["area1"].bias)
    system, weights = model.system(), {k: v.detach().numpy() for k, v in model.cells["area1"].named_parameters()}
    (wz, wr, wc), (uz, ur) = (
        weights[name][:, :, 0, 0].reshape(blocks, 7, -1)
        for name, blocks in (("input.weight", 3), ("recurrent.weight", 2))
    )
    uc, (bz, br, bc) = weights["candidate.weight"][:, :, 0, 0], weights["bias"].reshape(3, 7)
    state, h = system.begin(4), torch.zeros(4, 7, dtype=torch.float64).numpy()

    def logistic(v):
        return 1 / (1 + torch.exp(-torch.from_numpy(v)).numpy())

    for image in torch.randn(6, 4, 5, dtype=torch.float64):
        state = system.advance(state, system.hold({"image": image[..., None, None]}))
        x = image.numpy()
        z, r = logistic(x @ wz.T + h @ uz.T + bz), logistic(x @ wr.T + h @ ur.T + br)
        c = torch.tanh(torch.from_numpy(x @ wc.T + (r * h) @ uc.T + bc)).numpy()
        h = (1 - z) * h + z * c
        assert_allclose(state.values["area1"].detach().flatten(1), h, rtol=0, atol=1e-12)


@pytest.mark.parametrize("changes", OPTIONS, ids=str)
def test_steps_are_those_of_a_plain_loop(changes):
    model = small(**changes)
    shown, system = images(model), model.system()
    recorded, scores = by_hand(dict(model.named_parameters()), SMALL.strides, shown, 4)
    for state, rates, score in zip(run(system, {"image": shown}, 4), recorded, scores, strict=True):
        system.check_state(state)
        for area, rate in zip(model.shapes, rates, strict=True):
            assert_close(state.values[area], rate, rtol=0, atol=1e-12)
        assert_close(system.read(state)["scores"], score)


def test_gradients_are_those_of_the_plain_loop():
    model = small()
    shown, weights, system = images(model), dict(model.named_parameters()), model.system()
    scores = system.read(run(system, {"image": shown}, 3)[-1])["scores"]
    own = torch.autograd.grad(scores.square().sum(), list(weights.values()))
    theirs = by_hand(weights, SMALL.strides, shown, 3)[1][-1]
    assert_close(own, torch.autograd.grad(theirs.square().sum(), list(weights.values())))


def test_pooling_is_another_way_to_the_same_sizes():
    model, pooled = small(image_size=15), small(image_size=15, downsampling="pool")
    assert model.shapes == pooled.shapes
    pooled.load_state_dict(model.state_dict())
    shown = {"image": images(model)}
    strided, pooled = (run(one.system(), shown, 2)[-1] for one in (model, pooled))
    assert_close(strided.rates["area1"], pooled.rates["area1"])
    assert (strided.rates["area2"] - pooled.rates["area2"]).abs().max() > 1e-3


def test_the_image_reaches_the_highest_area_in_the_first_step():
    model = small()
    system = model.system()
    assert system.unrolling == "sweep"
    seen, blank = (run(system, inputs, 1)[0].rates["area3"] for inputs in ({"image": images(model)}, {}))
    assert (seen - blank).abs().max() > 1e-4


def test_everything_goes_through_effects():
    model, seen = small(), Seen()
    run(model.system(), {"image": images(model)}, 1, effects=seen)
    assert set(seen.counts("drive")) == set(seen.counts("rate")) == set(model.shapes)
    assert set(seen.counts("pathway")) == set(model.system().pathways)
    assert seen.counts("pathway")["area2 -> area2"] == 2


def test_a_clamped_rate_is_read_in_the_same_step():
    model = small()
    system, shown = model.system(), {"image": images(model)}
    zero = torch.tensor(0.0, dtype=torch.float64)
    silenced = run(system, shown, 2, effects=Effects(clamps={"area1": (Clamped(torch.tensor(True), zero),)}))[-1]
    cut = run(system, shown, 2, effects=Effects(factors={"area1 -> area2": zero}))[-1]
    assert not silenced.rates["area1"].any()
    assert_close(silenced.rates["area3"], cut.rates["area3"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strides": (1, 2)}, "channels and strides must have one number per area, got 3 and 2"),
        ({"channels": (4, 0, 8)}, "channels must be whole and at least 1"),
        ({"recurrent_kernel": 2}, "recurrent_kernel must be odd"),
        ({"downsampling": "mean"}, "downsampling must be one of 'stride', 'pool'"),
        ({"stem_channels": -1}, "stem_channels must be whole and at least 0"),
        ({"width": 3}, "width = 3 does not scale"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        SMALL.changed(**changes)


def test_rows_are_in_the_table_and_their_models_are_saved(tmp_path):
    assert MODELS["convgru"].spec == ConvGRUSpec()
    model = cordsnet.create_model("convgru_small", seed=1)
    assert sum(parameter.numel() for parameter in model.parameters()) < 50_000
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert isinstance(loaded, ConvGRU)
    assert loaded.spec == model.spec
    assert_close(dict(loaded.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("grad", [False, True])
def test_steps_cost_no_more_than_a_plain_loop(grad, as_users_run_it):
    model = ConvGRU(SMALL.changed(channels=(16, 16, 16)))
    shown, weights = images(model, batch=16).float(), dict(model.named_parameters())

    def ours():
        with torch.set_grad_enabled(grad):
            system = model.system()
            scores = torch.stack([system.read(s)["scores"] for s in run(system, {"image": shown}, 10, batch=16)])
            return scores.sum().backward() if grad else scores

    def theirs():
        with torch.set_grad_enabled(grad):
            scores = by_hand(weights, SMALL.strides, shown, 10)[1]
            return scores.sum().backward() if grad else scores

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

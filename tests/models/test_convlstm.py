"""ConvLSTM against `nn.LSTMCell`, published sizes and a plain loop, and what its interface promises."""

import json

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.models.convlstm import ConvLSTM, ConvLSTMCell, ConvLSTMSpec
from cordsnet.models.table import MODELS
from effects_seen import Seen
from peers_by_hand import convlstm, ratio_of_times

SMALL = ConvLSTMSpec(
    "small",
    image_size=(16, 16),
    num_classes=10,
    channels=(4, 6, 8),
    strides=(1, 2, 2),
    stem_channels=4,
    stem_kernel=3,
    stem_stride=1,
)
OPTIONS = [
    {},
    {"peephole": "pixel"},
    {"peephole": None},
    {"stem_channels": 0},
    {"image_size": (15, 22)},
    {"kernel": 5, "recurrent_kernel": 1},
]


def small(**changes):
    """A small network in double precision with peepholes that are not zero."""
    model = ConvLSTM(SMALL.changed(**changes)).double()
    for name, value in model.named_parameters():
        if "peephole" in name:
            nn.init.normal_(value)
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


def test_cells_have_the_published_size():
    with torch.device("meta"):
        model = ConvLSTM(ConvLSTMSpec())
    sizes = [sum(p.numel() for p in cell.parameters()) for cell in model.cells.values()]
    assert sizes == [295_360, 885_632, 3_540_736, 14_159_360]
    assert model.shapes == {
        "area1": (64, 56, 56),
        "area2": (128, 28, 28),
        "area3": (256, 14, 14),
        "area4": (512, 7, 7),
    }


@pytest.mark.parametrize(
    ("channels", "kernel", "recurrent_kernel", "total"),
    [
        ((256,), 5, 5, 13_524_496),
        ((128, 128), 5, 5, 10_042_896),
        ((128, 64, 64), 5, 5, 7_585_296),
        ((128, 128), 9, 1, 11_550_224),
    ],
)
def test_encoders_and_forecasters_of_moving_mnist_have_the_published_size(channels, kernel, recurrent_kernel, total):
    """Shi et al. 2015, table 1: 16 patches per map; the first cell of the forecaster reads nothing."""
    encoder, forecaster = (16, *channels[:-1]), (0, *channels[:0:-1])
    cells = [*zip(encoder, channels, strict=True), *zip(forecaster, channels[::-1], strict=True)]
    with torch.device("meta"):
        layers = [ConvLSTMCell(reads, n, kernel, recurrent_kernel) for reads, n in cells]
        layers.append(nn.Conv2d(sum(channels), 16, 1))
    assert sum(p.numel() for layer in layers for p in layer.parameters()) == total


def test_the_fully_connected_network_of_moving_mnist_has_the_published_size():
    with torch.device("meta"):
        cells = [ConvLSTMCell(reads, 2048, 1, 1) for reads in (4096, 2048, 0, 2048)]
        layers = [*cells, nn.Linear(2048, 4096)]
    assert sum(p.numel() for layer in layers for p in layer.parameters()) == 142_667_776


def test_a_cell_of_one_pixel_is_that_of_torch():
    spec = ConvLSTMSpec(
        "pixel",
        in_channels=5,
        image_size=(1, 1),
        num_classes=2,
        channels=(7,),
        strides=(1,),
        kernel=1,
        recurrent_kernel=1,
        peephole=None,
        stem_channels=0,
    )
    model, cell = ConvLSTM(spec).double(), nn.LSTMCell(5, 7, dtype=torch.float64)
    own = model.cells["area1"]
    with torch.no_grad():
        own.input.weight.copy_(cell.weight_ih[..., None, None])
        own.recurrent.weight.copy_(cell.weight_hh[..., None, None])
        own.bias.copy_(cell.bias_ih + cell.bias_hh)
    system = model.system()
    state, theirs = system.begin(4), None
    for image in torch.randn(6, 4, 5, dtype=torch.float64):
        state = system.advance(state, system.hold({"image": image[..., None, None]}))
        theirs = cell(image, theirs)
        assert_close(state.values["area1"].flatten(1), theirs[0], rtol=0, atol=1e-12)
        assert_close(state.values["area1.cell"].flatten(1), theirs[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("changes", OPTIONS, ids=str)
def test_steps_are_those_of_a_plain_loop(changes):
    model = small(**changes)
    shown, system = images(model), model.system()
    recorded, scores = convlstm(dict(model.named_parameters()), SMALL.strides, shown, 4, stem_stride=1)
    for state, (rates, cells), score in zip(run(system, {"image": shown}, 4), recorded, scores, strict=True):
        system.check_state(state)
        for area, rate, cell in zip(model.shapes, rates, cells, strict=True):
            assert_close(state.values[area], rate, rtol=0, atol=1e-12)
            assert_close(state.values[f"{area}.cell"], cell, rtol=0, atol=1e-12)
        assert_close(system.read(state)["scores"], score)


def test_gradients_are_those_of_the_plain_loop():
    model = small()
    shown, weights, system = images(model), dict(model.named_parameters()), model.system()
    scores = system.read(run(system, {"image": shown}, 3)[-1])["scores"]
    own = torch.autograd.grad(scores.square().sum(), list(weights.values()))
    theirs = convlstm(weights, SMALL.strides, shown, 3, stem_stride=1)[1][-1]
    assert_close(own, torch.autograd.grad(theirs.square().sum(), list(weights.values())))


def test_pooling_is_another_way_to_the_same_sizes():
    model, pooled = small(image_size=15), small(image_size=15, downsampling="pool")
    assert model.shapes == pooled.shapes
    pooled.load_state_dict(model.state_dict())
    shown = {"image": images(model)}
    strided, pooled = (run(one.system(), shown, 2)[-1] for one in (model, pooled))
    assert_close(strided.rates["area1"], pooled.rates["area1"])
    expected = nn.functional.max_pool2d(strided.rates["area1"], 2, ceil_mode=True)
    assert pooled.rates["area2"].shape[2:] == expected.shape[2:]
    assert (strided.rates["area2"] - pooled.rates["area2"]).abs().max() > 1e-3


def test_the_image_reaches_the_highest_area_in_the_first_step():
    model = small()
    system = model.system()
    assert system.unrolling == "sweep"
    seen, blank = (run(system, inputs, 1)[0].rates["area3"] for inputs in ({"image": images(model)}, {}))
    assert (seen - blank).abs().max() > 1e-4


def test_a_blank_field_is_an_image_of_zeros():
    model = small()
    zeros = torch.zeros(3, *model.input_shape, dtype=torch.float64)
    assert_close(run(model.system(), {}, 3)[-1].values, run(model.system(), {"image": zeros}, 3)[-1].values)


def test_everything_goes_through_effects():
    model, seen = small(), Seen()
    run(model.system(), {"image": images(model)}, 1, effects=seen)
    assert set(seen.counts("drive")) == set(seen.counts("rate")) == set(model.shapes)
    assert set(seen.counts("pathway")) == set(model.system().pathways)


def test_a_clamped_rate_is_read_in_the_same_step():
    model = small()
    system, shown = model.system(), {"image": images(model)}
    zero = torch.tensor(0.0, dtype=torch.float64)
    silenced = run(system, shown, 2, effects=Effects(clamps={"area1": (Clamped(torch.tensor(True), zero),)}))[-1]
    cut = run(system, shown, 2, effects=Effects(factors={"area1 -> area2": zero}))[-1]
    assert not silenced.rates["area1"].any()
    assert silenced.values["area1.cell"].any()
    assert_close(silenced.rates["area3"], cut.rates["area3"])


@pytest.mark.parametrize("area", ["area1", "area2"])
def test_a_pathway_can_be_scaled_per_unit_of_its_target(area):
    model = small()
    system, shown = model.system(), {"image": images(model)}
    factor = torch.rand(1, *model.shapes[area], dtype=torch.float64)
    for name in (f"{area} -> {area}", *(name for name in system.pathways if name.endswith(f" -> {area}"))):
        scaled = run(system, shown, 2, effects=Effects(factors={name: factor}))[-1]
        assert (scaled.rates[area] - run(system, shown, 2)[-1].rates[area]).abs().max() > 1e-5


def test_without_the_image_pathway_the_image_is_blank():
    model = small()
    cut = Effects(factors={"image -> area1": torch.tensor(0.0, dtype=torch.float64)})
    lesioned = run(model.system(), {"image": images(model)}, 2, effects=cut)[-1]
    assert_close(lesioned.values, run(model.system(), {}, 2)[-1].values)


def test_an_injected_current_joins_the_candidate():
    """At a strong current the candidate is 1, so that the cell grows by the input gate."""
    model = small(peephole=None)
    system, shown = model.system(), {"image": images(model)}
    current = Effects(currents={"area1": torch.full((1, 1, 1, 1), 50.0, dtype=torch.float64)})
    context = system.hold(shown)
    state = system.advance(system.begin(3), context, current)
    assert_close(state.values["area1.cell"], torch.sigmoid(context.biased[0]))


def test_specs_are_plain_data():
    spec = SMALL.changed(width=8, peephole="pixel")
    assert ConvLSTMSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert (spec.stem_channels, spec.channels) == (8, (8, 12, 16))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": (4, 8)}, "channels and strides must have one number per area, got 2 and 3"),
        ({"strides": (1, 2, 0)}, "strides must be whole and at least 1"),
        ({"recurrent_kernel": 2}, "recurrent_kernel must be odd"),
        ({"peephole": "unit"}, "peephole must be one of 'channel', 'pixel', None"),
        ({"downsampling": "mean"}, "downsampling must be one of 'stride', 'pool'"),
        ({"stem_channels": -1}, "stem_channels must be whole and at least 0"),
        ({"ms_per_step": 0}, "ms_per_step must be a finite number above 0"),
        ({"width": 3}, "width = 3 does not scale"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        SMALL.changed(**changes)


def test_weights_are_drawn_in_single_precision_from_the_seed_alone():
    drawn = []
    for dtype in (torch.float32, torch.float64):
        torch.set_default_dtype(dtype)
        try:
            torch.manual_seed(3)
            drawn.append(dict(ConvLSTM(SMALL).state_dict()))
        finally:
            torch.set_default_dtype(torch.float32)
    assert_close(drawn[0], drawn[1], rtol=0, atol=0)


@pytest.mark.parametrize("engine", ["time_major", "checkpointed"])
def test_a_protocol_gives_what_steps_give(engine):
    model = small(ms_per_step=33.0)
    shown = images(model)
    record = cordsnet.Record(areas=["area1", "area3.cell"])
    found = cordsnet.simulate(model, cordsnet.show(shown, 200), record=record, engine=engine)
    assert found.notes == ("duration of show(): 200 ms is 6 steps of 33 ms, 198 ms",)
    states = run(model.system(), {"image": shown}, 6)
    assert_close(found.rates["area3.cell"], torch.stack([s.values["area3.cell"] for s in states]).detach())
    assert_close(found.logits[-1], model.read(states[-1])["scores"].detach())


@pytest.mark.parametrize("memory", [None, "1MB"])
def test_blocks_that_run_twice_give_the_same_gradients(memory):
    model = small()
    shown, weights = images(model), list(model.parameters())
    gradients = []
    for engine in ("time_major", "checkpointed"):
        budget = memory if engine == "checkpointed" else None
        found = cordsnet.simulate(model, cordsnet.show(shown, 90), engine=engine, grad=True, memory=budget)
        gradients.append(torch.autograd.grad(found.logits.square().sum(), weights))
    assert_close(gradients[0], gradients[1])


def test_lesioned_units_stay_silent():
    model = cordsnet.lesion(small(), "area2", units=[0, 2])
    rates = cordsnet.simulate(model, cordsnet.show(images(model), 50), record=["area2"]).rates["area2"]
    assert not rates[:, :, [0, 2]].any()
    assert rates[:, :, 1].any()


def test_the_step_is_a_convention_and_the_stepper_is_not():
    model = small()
    assert (model.clock.kind, model.clock.dt_ms) == ("steps", 10)
    for change in ({"dt": 33}, {"stepper": "heun"}):
        with pytest.raises(ValueError, match="needs a model in continuous time"):
            model.system(**change)
    model.ms_per_step = 33
    assert model.system().dt == 33


def test_convolutions_in_half_precision_keep_rates_in_single():
    model = small().float()
    shown = {"image": images(model).float()}
    half = run(model.system(precision=Precision(compute="bfloat16")), shown, 3)[-1]
    assert half.rates["area3"].dtype == torch.float32
    assert_close(half.rates["area3"], run(model.system(), shown, 3)[-1].rates["area3"], rtol=0.1, atol=0.05)


def test_rows_are_in_the_table_and_their_models_are_saved(tmp_path):
    assert MODELS["convlstm"].spec == ConvLSTMSpec()
    model = cordsnet.create_model("convlstm_small", seed=1)
    assert sum(parameter.numel() for parameter in model.parameters()) < 50_000
    model.metadata["note"] = "kept"
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert isinstance(loaded, ConvLSTM)
    assert (loaded.spec, loaded.metadata["note"]) == (model.spec, "kept")
    assert_close(dict(loaded.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("grad", [False, True])
def test_steps_cost_no_more_than_a_plain_loop(grad, as_users_run_it):
    model = ConvLSTM(SMALL.changed(channels=(16, 16, 16)))
    shown, weights = images(model, batch=16).float(), dict(model.named_parameters())

    def ours():
        with torch.set_grad_enabled(grad):
            system = model.system()
            scores = torch.stack([system.read(s)["scores"] for s in run(system, {"image": shown}, 10, batch=16)])
            return scores.sum().backward() if grad else scores

    def theirs():
        with torch.set_grad_enabled(grad):
            scores = convlstm(weights, SMALL.strides, shown, 10, stem_stride=1)[1]
            return scores.sum().backward() if grad else scores

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

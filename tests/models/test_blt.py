"""BLT networks of four definitions against published counts, the public code's numbers and plain loops."""

import json
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

import blt_by_hand
import cordsnet
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.models import arrival_steps, export_step
from cordsnet.models.blt import CCN23, BLTSync, CCN23Spec, RCNNSat, RCNNSatSpec, Spoerer2017, Spoerer2017Spec, SyncSpec
from cordsnet.models.names import KINDS
from cordsnet.models.table import MODELS
from effects_seen import Seen
from golden_rules import sines
from peers_by_hand import ratio_of_times

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "peers.json").read_text())
FAMILIES = ("blt_ccn23", "rcnnsat", "blt_sync", "blt_spoerer2017")
ROWS = [name for name in MODELS if name.startswith(FAMILIES)]

CCN = CCN23Spec(image_size=(16, 16), num_classes=5, retina_channels=3, channels=(4, 6, 8, 10))
BL = RCNNSatSpec(image_size=(16, 16), num_classes=5, channels=(4, 6, 8), kernels=(5, 3, 1), steps=3)
B = BL.changed(lateral=False, steps=1)
SYNC = SyncSpec(
    image_size=(32, 32),
    num_classes=5,
    channels=(4, 4, 6, 8),
    strides=(1, 1, 2, 2),
    groups=2,
    stem_kernel=3,
    stem_stride=1,
)
SMALL = Spoerer2017Spec(image_size=(12, 12), channels=(4, 6))


def made(spec, **changes):
    """A network in double precision, whose norms, statistics and biases are not those of the initialisation."""
    torch.manual_seed(0)
    model = KINDS[spec.kind](spec.changed(**changes)).double()
    for name, value in model.state_dict().items():
        if ("norm" in name or "_ln" in name or name.endswith("bias")) and value.is_floating_point():
            value.copy_(0.2 + torch.rand_like(value))
    return model.eval()


def images(model, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def steps_of(model, inputs, steps, batch=2, effects=NONE):
    """The states of some steps, with their scores."""
    system = model.system()
    state, context, found = system.begin(batch), system.hold(inputs), []
    with torch.no_grad():
        for _ in range(steps):
            state = system.advance(state, context, effects)
            found.append((state, system.read(state)["scores"]))
    return found


def weights_of(model):
    return dict(model.named_parameters()) | dict(model.named_buffers())


@pytest.mark.parametrize("name", [name for name in ROWS if MODELS[name].published])
def test_parameters_are_as_many_as_published(name):
    row = MODELS[name]
    with torch.device("meta"):
        model = KINDS[row.kind](row.spec)
    assert sum(parameter.numel() for parameter in model.parameters()) == row.published


@pytest.mark.parametrize(
    ("name", "changes", "count"),
    [
        ("blt_ccn23_b", {"image_size": 128, "kernel": 5}, 8_338_916),
        ("blt_ccn23_bl", {"image_size": 128, "kernel": 5}, 17_305_060),
        ("blt_ccn23_bt", {"image_size": 128, "kernel": 5}, 12_639_716),
        ("blt_ccn23_blt", {"classifier_bias": False}, 7_546_752),
        ("rcnnsat_b", {"num_classes": 565}, 10_146_453),
        ("rcnnsat_b", {"num_classes": 10}, 9_009_258),
        ("rcnnsat_b_k", {"num_classes": 565}, 38_904_725),
        ("rcnnsat_b_k", {"num_classes": 10}, 37_767_530),
        ("rcnnsat_b_f", {"num_classes": 565}, 38_224_629),
        ("rcnnsat_b_f", {"num_classes": 10}, 35_950_794),
        ("rcnnsat_b_d", {"num_classes": 565}, 27_928_533),
        ("rcnnsat_b_d", {"num_classes": 10}, 26_791_338),
        ("rcnnsat_bl", {"num_classes": 565}, 27_979_605),
        ("rcnnsat_bl", {"num_classes": 10}, 26_842_410),
    ],
)
def test_parameters_of_other_published_sizes(name, changes, count):
    spec = MODELS[name].spec.changed(**changes)
    with torch.device("meta"):
        model = KINDS[spec.kind](spec)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_small_rows_are_small():
    for name in ROWS:
        if name.endswith("_small"):
            model = cordsnet.create_model(name)
            assert 20_000 < sum(parameter.numel() for parameter in model.parameters()) < 100_000
            assert model.num_classes == 10


def test_sizes_of_maps_are_those_of_the_public_networks():
    assert CCN23Spec().shapes == {
        "V1": (64, 64, 64),
        "V2": (128, 32, 32),
        "V4": (256, 16, 16),
        "IT": (512, 8, 8),
        "GAP": (512,),
    }
    assert [shape[1] for shape in RCNNSatSpec().shapes.values()] == [128, 64, 32, 16, 8, 4, 2]
    assert [shape[1] for shape in SyncSpec().shapes.values()] == [56, 56, 28, 14, 7, 7]
    assert [shape[1] for shape in Spoerer2017Spec().shapes.values()] == [28, 14]
    assert list(MODELS["rcnnsat_b_d"].spec.shapes.values())[2:4] == [(128, 64, 64)] * 2


@pytest.mark.parametrize("lateral", [False, True])
@pytest.mark.parametrize("top_down", [False, True])
def test_log_probabilities_are_those_of_the_public_code(lateral, top_down):
    golden = GOLDEN[f"bltccn23_64_l{lateral:d}_t{top_down:d}_T4"]["logprob_t"]
    model = CCN23(CCN23Spec(lateral=lateral, top_down=top_down)).double().eval()
    public = {name.replace("decoder", "readout"): name for name in model.state_dict()}
    filled = sines({name: model.state_dict()[own].shape for name, own in public.items()})
    model.load_state_dict({own: filled[name] for name, own in public.items()})
    shown = torch.sin(0.01 * torch.arange(2 * 3 * 64 * 64, dtype=torch.float64)).reshape(2, 3, 64, 64)
    for (_, scores), wanted in zip(steps_of(model, {"image": shown}, 4), golden, strict=True):
        assert_allclose(scores[0, :6], wanted["first"], rtol=1e-10)
        assert_allclose([scores.mean(), scores.std()], [wanted["mean"], wanted["std"]], rtol=1e-10)


WIRINGS = [{"lateral": lateral, "top_down": top_down} for lateral in (False, True) for top_down in (False, True)]


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize(
    "options", [{}, {"integration": "modulatory"}, {"v1_recurrent": True}, {"classifier_bias": False}]
)
def test_ccn23_is_a_plain_loop(wiring, options):
    model = made(CCN, **wiring, **options)
    how = {"modulatory": "integration" in options, "v1_recurrent": "v1_recurrent" in options}
    check_loop(model, blt_by_hand.ccn23, 4, **how)


@pytest.mark.parametrize("lateral", [False, True])
def test_recurrence_can_be_within_gap_alone(lateral):
    model = made(CCN, lateral=lateral, lt_position="last")
    assert [name for name in model.state_dict() if "lateral" in name] == ["gap.lateral.weight"] * lateral
    check_loop(model, blt_by_hand.ccn23, 4)
    assert model.clock.kind == ("steps" if lateral else "static")


@pytest.mark.parametrize("options", [{}, {"cumulative": True}, {"depth": 2, "cumulative": True}, {"image_size": 13}])
@pytest.mark.parametrize("training", [False, True])
def test_rcnnsat_is_a_plain_loop(options, training):
    model = made(BL, **options).train(training)
    how = {name: options[name] for name in ("depth", "cumulative") if name in options}
    check_loop(model, blt_by_hand.rcnnsat, 4, training=training, **how)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("training", [False, True])
def test_feedforward_controls_are_plain_loops(depth, training):
    check_loop(made(B, depth=depth).train(training), blt_by_hand.rcnnsat, 1, depth=depth, training=training)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_sync_is_a_plain_loop(wiring):
    model = made(SYNC, **wiring)
    check_loop(model, blt_by_hand.sync, 7, strides=SYNC.strides, groups=2, stem_stride=1)


def test_sync_at_equal_sizes_and_with_a_coarse_stem_is_a_plain_loop():
    model = made(SYNC, strides=(1, 2, 1, 1), stem_kernel=7, stem_stride=2)
    check_loop(model, blt_by_hand.sync, 6, strides=(1, 2, 1, 1), groups=2, stem_stride=2)


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("options", [{}, {"kernel": 5}, {"channels": (4, 4, 6)}])
def test_spoerer2017_is_a_plain_loop(wiring, options):
    check_loop(made(SMALL, **wiring, **options), blt_by_hand.spoerer2017, 4)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
def test_responses_are_normalised_as_torch_does_it(size):
    how = {"size": size, "alpha": 0.5, "beta": 0.75, "k": 2.0}
    model = made(SMALL, **{f"response_{name}": value for name, value in how.items()})
    check_loop(model, blt_by_hand.spoerer2017, 4, **how)


def check_loop(model, loop, steps, **how):
    """Rates and scores of all steps, and the gradients of the last scores, are those of a plain loop."""
    shown, system, weights = images(model), model.system(), weights_of(model)
    found, scores = loop(weights, shown, steps, **how)
    state, context = system.begin(2), system.hold({"image": shown})
    for rates, wanted in zip(found, scores, strict=True):
        state = system.advance(state, context)
        for area, value in state.rates.items():
            if area in rates:
                assert_close(value, rates[area], rtol=0, atol=1e-10)
            else:
                assert not value.any()
        if wanted is not None:
            assert_close(system.read(state)["scores"], wanted, rtol=0, atol=1e-10)
    ours, theirs = system.read(state)["scores"].square().sum(), scores[-1].square().sum()
    parameters = list(model.parameters())
    own = torch.autograd.grad(ours, parameters, allow_unused=True, materialize_grads=True)
    others = torch.autograd.grad(theirs, parameters, allow_unused=True, materialize_grads=True)
    assert_close(own, others, rtol=1e-8, atol=1e-9)


def test_cross_entropy_of_log_probabilities_is_their_negative():
    model = made(CCN)
    scores = steps_of(model, {"image": images(model)}, 3)[-1][1]
    labels = torch.tensor([1, 4])
    assert_close(torch.nn.functional.cross_entropy(scores, labels), -scores[[0, 1], labels].mean())


def test_a_batch_of_one_image_is_a_trial_of_a_batch():
    model = made(CCN)
    shown = images(model, 3)
    one, three = (steps_of(model, {"image": shown[:n]}, 3, batch=n)[-1][1] for n in (1, 3))
    assert_close(one, three[:1])


def test_v1_is_constant_in_time_and_its_recurrent_weights_have_no_gradient():
    model = made(CCN)
    (first, _), *_, (last, _) = steps_of(model, {"image": images(model)}, 4)
    assert_close(first.rates["V1"], last.rates["V1"], rtol=0, atol=0)
    assert (first.rates["V2"] - last.rates["V2"]).abs().max() > 1e-3
    model({"image": images(model)}).sum().backward()
    silent = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert silent == ["v1.lateral.weight", "v1.top_down.weight"]
    assert not {"V1 -> V1", "V2 -> V1"} & set(model.system().pathways)
    assert {"V1 -> V1", "V2 -> V1"} < set(made(CCN, v1_recurrent=True).system().pathways)


def test_the_image_reaches_all_areas_in_a_sweep():
    for model in (made(CCN), made(BL), made(SMALL)):
        assert model.system().unrolling == "sweep"
        assert set(arrival_steps(model).values()) == {1}


def test_the_image_reaches_one_area_more_per_synchronous_step():
    model = made(SYNC)
    assert model.system().unrolling == "sync"
    assert arrival_steps(model) == {"area1": 1, "area2": 2, "area3": 3, "area4": 4}
    scores = [value for _, value in steps_of(model, {"image": images(model)}, 4)]
    for early in scores[:3]:
        assert_close(early, model.decoder.bias.detach().expand(2, -1))
    assert (scores[3] - scores[2]).abs().max() > 1e-3


def test_top_down_effects_of_an_area_come_a_step_later():
    model = made(SYNC)
    zero = torch.tensor(0.0, dtype=torch.float64)
    silent = Effects(clamps={"area4": (Clamped(torch.tensor(True), zero),)})
    free, cut = (steps_of(model, {"image": images(model)}, 6, effects=effects) for effects in (NONE, silent))
    differ = [not torch.allclose(a.rates["area3"], b.rates["area3"]) for (a, _), (b, _) in zip(free, cut, strict=True)]
    assert differ == [False, False, False, False, True, True]


@pytest.mark.parametrize(
    "spec", [CCN.changed(lateral=False, top_down=False), B, SMALL.changed(lateral=False, top_down=False)]
)
def test_feedforward_networks_answer_at_once(spec):
    model = made(spec)
    assert model.clock.kind == "static"
    assert model.timing == "one pass, without time"
    (first, scores), (second, _) = steps_of(model, {"image": images(model)}, 2)
    assert_close(first.values, second.values, rtol=0, atol=0)
    assert_close(model(images(model)), scores)
    blank, _ = steps_of(model, {}, 1)[0]
    zeros, _ = steps_of(model, {"image": torch.zeros_like(images(model))}, 1)[0]
    assert_close(blank.values, zeros.values)


def test_scores_add_up_over_steps():
    model, plain = made(BL, cumulative=True), made(BL)
    assert model.system().signals[-1].name == "area3.summed"
    sums, single = ([s for _, s in steps_of(one, {"image": images(one)}, 4)] for one in (model, plain))
    assert_close(torch.stack(sums), torch.stack(single).cumsum(0))


def test_steps_beyond_the_last_use_its_batch_norms():
    model = made(BL)
    longer = made(BL, steps=5)
    own = model.state_dict()
    longer.load_state_dict({name: own[name.replace("_3", "_2").replace("_4", "_2")] for name in longer.state_dict()})
    pairs = zip(*(steps_of(one, {"image": images(one)}, 5) for one in (model, longer)), strict=True)
    for (state, _), (other, _) in pairs:
        assert_close(state.values, other.values)


@pytest.mark.parametrize("spec", [BL, B])
def test_after_calibration_with_one_batch_evaluation_gives_what_training_gave(spec):
    model = made(spec).train()
    shown = images(model, 6)
    trained, _ = steps_of(model, {"image": shown}, spec.steps, batch=6)[-1]
    model.calibrate([shown])
    found, _ = steps_of(model.eval(), {"image": shown}, spec.steps, batch=6)[-1]
    assert_close(found.values, trained.values, rtol=0, atol=1e-10)


@pytest.mark.parametrize("spec", [CCN, BL, SYNC, SMALL])
def test_everything_goes_through_effects(spec):
    model, seen = made(spec), Seen(factors={"image -> nowhere": torch.ones(())})
    steps_of(model, {"image": images(model)}, 6, effects=seen)
    assert seen.counts("drive") == seen.counts("rate") == dict.fromkeys(model.areas, 6)
    assert set(seen.counts("pathway")) == set(model.system().pathways)


@pytest.mark.parametrize("spec", [SYNC, SMALL])
def test_a_pathway_that_is_cut_keeps_its_bias(spec):
    model = made(spec, lateral=False)
    target = model.areas[0]
    none = Effects(factors={f"{model.areas[1]} -> {target}": torch.tensor(0.0, dtype=torch.float64)})
    cut = steps_of(model, {"image": images(model)}, 4, effects=none)[-1][0]
    with torch.no_grad():
        model.get_parameter(f"{target}.top_down.weight").zero_()
    without = steps_of(model, {"image": images(model)}, 4)[-1][0]
    assert_close(cut.values, without.values)


ALL = [CCN, CCN.changed(lateral=False, top_down=False), BL, B, SYNC, SMALL]


@pytest.mark.parametrize("spec", ALL)
@pytest.mark.parametrize("training", [False, True])
def test_a_blank_field_is_an_image_of_zeros(spec, training):
    model = made(spec).train(training)
    blank, zeros = (steps_of(model, inputs, 5) for inputs in ({}, {"image": torch.zeros_like(images(model))}))
    for (one, scores), (other, others) in zip(blank, zeros, strict=True):
        assert_close(one.values, other.values)
        assert_close(scores, others)


@pytest.mark.parametrize("spec", ALL)
def test_drives_can_be_recorded(spec):
    model = made(spec)
    names = [f"{area}.drive" for area in model.areas]
    protocol = cordsnet.blank(20) + cordsnet.show(images(model), 30)
    found = cordsnet.simulate(model, protocol, record=[*model.areas, *names]).rates
    plain = cordsnet.simulate(model, protocol, record="all").rates
    for area in model.areas:
        assert_close(found[area], plain[area])
        if spec is not SMALL:
            assert_close(found[f"{area}.drive"].relu(), plain[area])


@pytest.mark.parametrize("spec", ALL)
def test_convolutions_in_half_precision_keep_rates_in_single(spec):
    model = made(spec).float()
    shown = images(model).float()
    system = model.system(precision=Precision(compute="bfloat16"))
    state = system.advance(system.begin(2), system.hold({"image": shown}))
    assert all(value.dtype == torch.float32 for value in state.values.values())
    wanted, _ = steps_of(model, {"image": shown}, 1)[0]
    assert_close(state.rates, wanted.rates, rtol=0.1, atol=0.2)


def test_encoded_images_can_be_recorded():
    for model, name in ((made(CCN), "retina"), (made(SYNC), "stem")):
        kept = cordsnet.simulate(model, cordsnet.show(images(model), 20), record=[name]).rates[name]
        assert kept.shape[2:] == model.system().sources[0].shape
        assert kept.any()


@pytest.mark.parametrize(
    ("spec", "changes", "message"),
    [
        (CCN, {"channels": (4, 8)}, "channels must be 4 whole numbers"),
        (CCN, {"kernel": 4}, "kernel must be odd"),
        (CCN, {"integration": "divisive"}, "integration must be one of 'additive', 'modulatory'"),
        (CCN, {"lt_position": "first"}, "lt_position must be one of 'all', 'last'"),
        (CCN, {"v1_recurrent": 1}, "v1_recurrent must be True or False"),
        (CCN, {"image_size": 20}, "image_size must give V4 twice the rows and columns of IT"),
        (CCN, {"image_size": 4}, "image_size is too small: IT would have no units"),
        (CCN, {"lateral": None}, "lateral must be True or False"),
        (BL, {"kernels": (3, 3)}, "kernels must be 3 whole numbers"),
        (BL, {"channels": ()}, "channels must be whole numbers, one for each area"),
        (BL, {"image_size": 3}, "image_size is too small"),
        (BL, {"top_down": True}, "top_down must be False"),
        (BL, {"lateral": False}, "steps must be 1 without lateral connections, got 3"),
        (B, {"cumulative": True}, "cumulative = True needs lateral connections"),
        (BL, {"depth": 0}, "depth must be whole and at least 1"),
        (SYNC, {"groups": 3}, "channels must be multiples of groups = 3"),
        (SYNC, {"strides": (2, 1, 1, 1)}, "strides must be 1 or 2, and 1 for the lowest area"),
        (SYNC, {"image_size": 20}, "image_size must give area3 twice the rows"),
        (SYNC, {"channels": (4, 4, 4, 4), "groups": 4, "image_size": 8}, "leaves one unit of area4 to be normalised"),
        (SMALL, {"response_beta": 0}, "response_beta must be a finite number above 0"),
        (SMALL, {"image_size": 13}, "image_size must give area1 twice the rows"),
        (SMALL, {"width": 3}, "width = 3 does not scale"),
    ],
)
def test_specs_that_cannot_be_are_refused(spec, changes, message, as_users_run_it):
    with pytest.raises((ValueError, TypeError), match=message):
        spec.changed(**changes)


@pytest.mark.parametrize("spec", [CCN, BL, SYNC, SMALL])
def test_a_step_can_be_exported(spec):
    model = made(spec)
    (before, _), (after, scores) = steps_of(model, {"image": images(model)}, 2)
    signals, outputs = export_step(model, batch=2, step=1).module()(dict(before.values), images(model))
    assert_close(signals, dict(after.values))
    assert_close(outputs["scores"], scores)


@pytest.mark.parametrize("spec", [CCN, BL, SYNC, SMALL])
def test_specs_are_plain_data_and_have_a_width(spec):
    again = type(spec).from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert spec.changed(width=8).channels == tuple(2 * n for n in spec.channels)


@pytest.mark.parametrize("kind", [CCN23, RCNNSat, BLTSync, Spoerer2017])
def test_kinds_are_in_the_table(kind):
    assert KINDS[kind.kind] is kind


CHANNELS = {"channels": (32, 32, 64, 64)}


@pytest.mark.parametrize(
    ("spec", "loop", "how"),
    [
        (CCN.changed(**CHANNELS, retina_channels=16), blt_by_hand.ccn23, {}),
        (BL.changed(channels=(32, 32, 64), kernels=(5, 3, 3)), blt_by_hand.rcnnsat, {}),
        (
            SYNC.changed(**CHANNELS, groups=8),
            blt_by_hand.sync,
            {"strides": SYNC.strides, "groups": 8, "stem_stride": 1},
        ),
        (SMALL.changed(channels=(32, 32), image_size=16), blt_by_hand.spoerer2017, {}),
    ],
)
def test_steps_cost_no_more_than_a_plain_loop(spec, loop, how, as_users_run_it):
    model = made(spec).float()
    shown, weights = images(model, batch=16).float(), weights_of(model)

    @torch.no_grad()
    def ours():
        system = model.system()
        state, context = system.begin(16), system.hold({"image": shown})
        for _ in range(6):
            state = system.advance(state, context)
            system.read(state)

    @torch.no_grad()
    def theirs():
        loop(weights, shown, 6, **how)

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

"""CORnet-S against the public code's numbers and a plain loop, and what its interface promises."""

import copy
import json
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.errors import CheckpointError
from cordsnet.models.cornet import AREAS, ITERATION_MS, CornetS, CornetSpec, aligned, load_published
from cordsnet.models.table import MODELS
from effects_seen import Seen
from golden_rules import sines
from peers_by_hand import cornet_s, ratio_of_times

GOLDEN = Path(__file__).parents[1] / "golden" / "peers.json"
SMALL = CornetSpec("small", image_size=(32, 32), num_classes=10, channels=(4, 8, 12, 16), stem_kernel=3, stem_stride=1)


def small(**changes):
    """A small network in double precision, with statistics and norms that are not those of the initialisation."""
    model = CornetS(SMALL.changed(**changes)).double()
    for name, value in model.state_dict().items():
        if "norm" in name and value.is_floating_point():
            value.copy_(0.5 + torch.rand_like(value))
    return model.eval()


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def frame(model, inputs, effects=NONE, batch=3):
    system = model.system()
    with torch.no_grad():
        return system.advance(system.begin(batch), system.hold(inputs), effects)


def weights_of(model):
    return dict(model.named_parameters()) | dict(model.named_buffers())


@pytest.fixture(scope="module")
def published():
    torch.manual_seed(0)
    return CornetS(CornetSpec(image_size=(64, 64))).eval()


def test_sizes_are_those_of_the_public_network(published):
    count = sum(parameter.numel() for parameter in published.parameters())
    assert count == MODELS["cornet_s"].published == 53_416_616
    assert sum(buffer.numel() for buffer in published.buffers()) == 43_549
    assert len(published.state_dict()) == 164
    assert CornetSpec().shapes == {"V1": (64, 56, 56), "V2": (128, 28, 28), "V4": (256, 14, 14), "IT": (512, 7, 7)}


def test_every_iteration_and_the_scores_match_the_public_code(published):
    golden = json.loads(GOLDEN.read_text())["cornet_s_64px"]
    model = published.double()
    model.load_state_dict(sines({name: value.shape for name, value in model.named_parameters()}), strict=False)
    image = torch.sin(0.01 * torch.arange(3 * 64 * 64, dtype=torch.float64)).reshape(1, 3, 64, 64)
    state = frame(model, {"image": image}, batch=1)
    for area in AREAS:
        means = state.values[f"{area}.iterations"].mean((0, 2, 3, 4))
        assert_allclose(means, golden["area_mean_t"][area], rtol=1e-10)
    scores = model.system().read(state)["scores"][0].detach()
    assert_allclose(scores[:6], golden["logits"]["first"], rtol=1e-10)
    assert_allclose([scores.mean(), scores.std()], [golden["logits"]["mean"], golden["logits"]["std"]], rtol=1e-10)


@pytest.mark.parametrize("size", [32, 33, (32, 47)])
@pytest.mark.parametrize("training", [False, True])
def test_a_frame_is_that_of_a_plain_loop(size, training):
    model = small(image_size=size).train(training)
    shown = images(model)
    found, scores = cornet_s(weights_of(model), SMALL.repetitions, shown, stem_stride=1, training=training)
    state = frame(model, {"image": shown})
    for area, iterations in found.items():
        assert_close(state.values[f"{area}.iterations"], torch.stack(iterations, 1).detach(), rtol=0, atol=1e-12)
        assert_close(state.rates[area], iterations[-1].detach(), rtol=0, atol=1e-12)
    assert_close(model.system().read(state)["scores"], scores)


def test_signals_say_what_the_state_holds():
    model = small()
    system = model.system()
    assert system.areas == AREAS
    assert system.unrolling == "inner"
    for state in (system.begin(2), frame(model, {}, batch=2)):
        system.check_state(state)
    by_name = {signal.name: signal for signal in system.signals}
    assert by_name["V4.iterations"].shape == (4, *model.shapes["V4"])
    assert by_name["V4.iterations"].axes == ("iteration", "channel", "row", "column")


def test_every_frame_is_seen_afresh():
    model = small()
    system, first, second = model.system(), images(model), images(model, seed=1)
    state = system.advance(system.begin(3), system.hold({"image": first}))
    state = system.advance(state, system.hold({"image": second}))
    assert_close(state.values, frame(model, {"image": second}).values)
    assert state.step == 2


@pytest.mark.parametrize("training", [False, True])
def test_a_blank_field_is_an_image_of_zeros(training):
    model = small().train(training)
    zeros = torch.zeros(3, *model.input_shape, dtype=torch.float64)
    assert_close(frame(model, {}).values, frame(model, {"image": zeros}).values)


def test_all_iterations_can_be_decoded():
    model = small()
    system, state = model.system(), frame(model, {"image": images(model)})
    scores = system.decode(state.values["IT.iterations"])
    assert scores.shape == (3, 2, 10)
    assert_close(scores[:, -1], system.read(state)["scores"])


def test_everything_goes_through_effects():
    model, seen = small(), Seen()
    frame(model, {"image": images(model)}, seen)
    assert seen.counts("drive") == seen.counts("rate") == SMALL.iterations
    assert set(seen.counts("pathway")) == set(model.system().pathways)


def test_a_silenced_area_is_silent_in_every_iteration_and_for_the_next_area():
    model = small()
    shown = {"image": images(model)}
    silent = Effects(clamps={"V2": (Clamped(torch.tensor(True), torch.tensor(0.0, dtype=torch.float64)),)})
    state = frame(model, shown, silent)
    assert not state.values["V2.iterations"].any()
    cut = frame(model, shown, Effects(factors={"V2 -> V4": torch.tensor(0.0, dtype=torch.float64)}))
    assert_close(state.rates["IT"], cut.rates["IT"])
    assert cut.rates["V2"].any()


@pytest.mark.parametrize("name", ["image -> V1", "V1 -> V2", "V4 -> V4"])
def test_a_pathway_can_be_scaled_per_unit_of_its_target(name):
    model, area = small(image_size=(32, 46)), name[-2:]
    shown, factor = {"image": images(model)}, torch.ones(model.shapes[area], dtype=torch.float64)
    whole = frame(model, shown).rates[area]
    assert_close(frame(model, shown, Effects(factors={name: factor})).rates[area], whole, rtol=0, atol=0)
    factor[:, :3] = 0
    changed = (frame(model, shown, Effects(factors={name: factor})).rates[area] - whole).abs().amax((0, 1, 3))
    assert changed[:2].amin() > 0
    if name == "image -> V1":  # the pool and the kernel behind it reach one unit further each
        assert not changed[5:].any()


def test_recurrence_can_be_cut_after_the_first_iteration():
    model = small()
    shown = {"image": images(model)}
    cut = frame(model, shown, Effects(factors={"V4 -> V4": torch.tensor(0.0, dtype=torch.float64)}))
    whole, cut = (state.values["V4.iterations"] for state in (frame(model, shown), cut))
    assert_close(cut[:, 0], whole[:, 0])
    assert (cut[:, 1] - whole[:, 1]).abs().max() > 1e-3


def test_an_injected_current_joins_the_drive_of_every_iteration():
    model = small()
    current = Effects(currents={"V1": torch.full((1, 1, 1, 1), -1e6, dtype=torch.float64)})
    assert not frame(model, {"image": images(model)}, current).rates["V1"].any()


def test_a_step_in_training_mode_changes_nothing_in_the_model():
    model = small().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    frame(model, {"image": images(model)})
    assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_after_calibration_with_one_batch_evaluation_gives_what_training_gave():
    model = small().train()
    shown = images(model, batch=6)
    trained = frame(model, {"image": shown}, batch=6)
    model.calibrate([shown])
    assert model.training
    assert_close(frame(model.eval(), {"image": shown}, batch=6).values, trained.values, rtol=0, atol=1e-10)


def test_calibration_takes_population_statistics_over_batches_of_any_size():
    model = small()
    shown = images(model, batch=7)
    model.calibrate(shown.split([2, 5]))
    assert not model.training
    received = torch.nn.functional.conv2d(shown, model.get_parameter("V1.conv1.weight"), padding=1)
    norm = model.get_submodule("V1.norm1")
    assert_close(norm.running_mean, received.mean((0, 2, 3)))
    assert_close(norm.running_var, received.var((0, 2, 3), correction=0))
    assert norm.num_batches_tracked == 2


def test_calibration_measures_in_the_precision_of_the_model_under_autocast():
    one = small().float()
    other = copy.deepcopy(one)
    shown = images(one).float()
    one.calibrate([shown])
    with torch.autocast("cpu", torch.bfloat16):
        other.calibrate([shown])
    assert_close(dict(other.state_dict()), dict(one.state_dict()), rtol=0, atol=0)


def test_calibration_without_images_is_refused():
    with pytest.raises(ValueError, match="at least one batch of images"):
        small().calibrate([])


def test_public_checkpoints_load_strictly(tmp_path):
    model, other = small(), small()
    path = tmp_path / "cornet_s.pth"
    torch.save({"epoch": 43, "state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, path)
    load_published(other, path)
    assert_close(dict(other.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    content = {f"module.{k}": v for k, v in model.state_dict().items() if k != "V2.norm1_1.weight"}
    torch.save({"state_dict": content}, path)
    with pytest.raises(CheckpointError, match=r"V2\.norm1_1\.weight"):
        load_published(other, path)
    torch.save({"state_dict": dict(model.state_dict()) | content}, path)
    with pytest.raises(CheckpointError, match="twice"):
        load_published(other, path)


def test_aligned_iterations_hold_the_last_value():
    state = frame(small(), {})
    views = {area: aligned(state.values[f"{area}.iterations"], 4) for area in AREAS}
    assert all(view.shape[1] == 4 for view in views.values())
    assert_close(views["IT"][:, 1:], state.rates["IT"][:, None].expand(-1, 3, -1, -1, -1))
    with pytest.raises(ValueError, match="longest must be at least the 4 iterations"):
        aligned(state.values["V4.iterations"], 2)


def test_brain_score_times_every_iteration():
    assert {area: len(times) for area, times in ITERATION_MS.items()} == CornetSpec().iterations


def test_specs_are_plain_data():
    spec = SMALL.changed(width=8, ms_per_step=50.0)
    assert CornetSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.channels == (8, 16, 24, 32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": (4, 8)}, "channels must be 4 whole numbers"),
        ({"repetitions": (1, 2, 0)}, "repetitions must be whole and at least 1"),
        ({"stem_kernel": 4}, "stem_kernel must be odd"),
        ({"ms_per_step": 0}, "ms_per_step must be a finite number above 0"),
        ({"width": 0}, "width = 0 does not scale"),
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
            drawn.append(dict(CornetS(SMALL).state_dict()))
        finally:
            torch.set_default_dtype(torch.float32)
    assert_close(drawn[0], drawn[1], rtol=0, atol=0)


@pytest.mark.parametrize("engine", ["time_major", "checkpointed"])
def test_a_protocol_is_a_frame_per_step(engine):
    model = small()
    first, second = images(model), images(model, seed=1)
    record = cordsnet.Record(areas=["V1", "V4.iterations"])
    protocol = cordsnet.show(first, 200) + cordsnet.blank(100) + cordsnet.show(second, 100)
    found = cordsnet.simulate(model, protocol, record=record, engine=engine)
    assert found.time_ms.tolist() == [100, 200, 300, 400]
    for row, inputs in enumerate([{"image": first}, {"image": first}, {}, {"image": second}]):
        state = frame(model, inputs)
        assert_close(found.rates["V4.iterations"][row], state.values["V4.iterations"])
        assert_close(found.logits[row], model.read(state)["scores"].detach())
    assert_close(model(second), found.logits[-1], check_stride=False)


def test_lesions_hold_in_simulation_and_calibration():
    model = cordsnet.lesion(small(), "V2")
    model.calibrate([images(model)])
    found = cordsnet.simulate(model, cordsnet.show(images(model), 100), record=["V2", "V4"])
    assert not found.rates["V2"].any()
    assert found.rates["V4"].any()
    assert not model.get_buffer("V4.norm1_0.running_mean").any()


def test_the_step_is_a_convention_and_the_stepper_is_not():
    model = small()
    assert (model.clock.kind, model.clock.dt_ms) == ("steps", 100)
    for change in ({"dt": 50}, {"stepper": "heun"}):
        with pytest.raises(ValueError, match="needs a model in continuous time"):
            model.system(**change)
    model.ms_per_step = 50
    assert model.system().dt == 50


def test_convolutions_in_half_precision_keep_rates_in_single():
    model = small().float()
    shown = images(model).float()
    half = model.system(precision=Precision(compute="bfloat16"))
    state = half.advance(half.begin(3), half.hold({"image": shown}))
    assert state.rates["IT"].dtype == torch.float32
    assert_close(state.rates["V1"], frame(model, {"image": shown}).rates["V1"], rtol=0.1, atol=0.1)


def test_gradients_are_those_of_the_plain_loop():
    model = small().train()
    shown, weights = images(model), dict(model.named_parameters())
    system = model.system()
    state = system.advance(system.begin(3), system.hold({"image": shown}))
    own = torch.autograd.grad(system.read(state)["scores"].square().sum(), list(weights.values()))
    scores = cornet_s(weights, SMALL.repetitions, shown, stem_stride=1, training=True)[1]
    theirs = torch.autograd.grad(scores.square().sum(), list(weights.values()))
    assert_close(own, theirs)


def test_rows_are_in_the_table_and_their_models_are_saved(tmp_path):
    assert MODELS["cornet_s"].spec == CornetSpec()
    model = cordsnet.create_model("cornet_s_small", seed=1)
    assert sum(parameter.numel() for parameter in model.parameters()) < 250_000
    model.metadata["note"] = "kept"
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert isinstance(loaded, CornetS)
    assert (loaded.spec, loaded.metadata["note"]) == (model.spec, "kept")
    assert_close(dict(loaded.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


def test_a_step_costs_no_more_than_a_plain_loop(as_users_run_it):
    model = CornetS(SMALL.changed(channels=(32, 64, 64, 64))).eval()
    shown, weights = images(model, batch=8).float(), weights_of(model)

    @torch.no_grad()
    def ours():
        system = model.system()
        state, context = system.begin(8), system.hold({"image": shown})
        for _ in range(3):
            state = system.advance(state, context)
            system.read(state)

    @torch.no_grad()
    def theirs():
        for _ in range(3):
            cornet_s(weights, SMALL.repetitions, shown, stem_stride=1)

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

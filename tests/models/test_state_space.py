"""The state-space network against complex arithmetic, its exact steps, and what its interface promises."""

from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics.effects import NONE
from cordsnet.models.state_space import ConvS5, ConvS5Spec
from cordsnet.models.table import MODELS
from effects_seen import Seen
from peers_by_hand import ratio_of_times

SMALL = ConvS5Spec(
    "small",
    image_size=(16, 16),
    num_classes=10,
    channels=(5, 6, 8),
    strides=(1, 2, 2),
    stem_channels=4,
    stem_kernel=3,
    stem_stride=1,
)
OPTIONS = [{}, {"stem_channels": 0}, {"image_size": (15, 22)}, {"kernel": 5}, {"downsampling": "pool"}]


def small(**changes):
    """A small network in double precision whose weights are not those of the initialisation."""
    torch.manual_seed(0)
    model = ConvS5(SMALL.changed(**changes)).double()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.1 * torch.randn_like(value))
    return model


def images(model, batch=3):
    return torch.randn(batch, *model.input_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def run(system, inputs, steps, batch=3, effects=NONE):
    """States after every step."""
    state, context, states = system.begin(batch), system.hold(inputs), []
    for _ in range(steps):
        state = system.advance(state, context, effects)
        states.append(state)
    return states


def by_hand(weights, spec, image, steps, dt):
    """Complex states and rates of every area after each step, and class scores."""
    if "stem.weight" in weights:
        image = F.avg_pool2d(F.conv2d(image, weights["stem.weight"], padding=1), 3, 2, 1)
    cells = []
    for k, stride in enumerate(spec.strides):
        w = {name.split(".", 2)[2]: v for name, v in weights.items() if name.startswith(f"cells.area{k + 1}.")}
        decay, time = w["log_decay"].exp(), w["log_scale"].exp() * dt
        eigenvalue = torch.complex(-decay, w["frequency"])
        kept = torch.exp(eigenvalue * time)
        cells.append((w, stride, kept.view(-1, 1, 1), ((kept - 1) / eigenvalue).view(-1, 1, 1)))
    states, recorded, scores, first = [0] * len(cells), [], [], None
    for _ in range(steps):
        maps, rates = image, []
        for k, (w, stride, kept, into) in enumerate(cells):
            if k or first is None:
                if spec.downsampling == "pool":
                    maps, stride = F.max_pool2d(maps, stride, ceil_mode=True) if stride > 1 else maps, 1
                fed = F.conv2d(maps, w["input.weight"], w["bias"], stride, w["input.weight"].shape[-1] // 2)
                real, imaginary, direct = fed.chunk(3, 1)
                entering = into * torch.complex(real, imaginary)
                first = (entering, direct) if k == 0 else first
            else:
                entering, direct = first
            states[k] = kept * states[k] + entering
            real, imaginary = w["output.weight"].chunk(2, 1)
            mixed = F.conv2d(states[k].real, real) - F.conv2d(states[k].imag, imaginary)
            maps = F.gelu(2 * mixed + direct)
            rates.append(maps)
        recorded.append((list(states), rates))
        scores.append(F.linear(maps.mean((2, 3)), weights["decoder.weight"], weights["decoder.bias"]))
    return recorded, torch.stack(scores)


def test_cells_have_as_many_weights_as_the_formula_says():
    with torch.device("meta"):
        model = ConvS5(ConvS5Spec())
    for cell, reads, channels in zip(model.cells.values(), (64, 64, 128, 256), (64, 128, 256, 512), strict=True):
        count = sum(p.numel() for p in cell.parameters())
        assert count == 3 * channels * (9 * reads + 1) + 2 * channels**2 + 3 * channels
    assert MODELS["conv_s5"].published is None


@pytest.mark.parametrize("changes", OPTIONS, ids=str)
def test_steps_are_those_of_complex_arithmetic(changes):
    model = small(**changes)
    shown, system = images(model), model.system()
    recorded, scores = by_hand(dict(model.named_parameters()), model.spec, shown, 4, 5.0)
    for state, (states, rates), score in zip(run(system, {"image": shown}, 4), recorded, scores, strict=True):
        system.check_state(state)
        for area, x, rate in zip(model.shapes, states, rates, strict=True):
            assert_close(state.values[f"{area}.real"], x.real.detach(), rtol=0, atol=1e-12)
            assert_close(state.values[f"{area}.imaginary"], x.imag.detach(), rtol=0, atol=1e-12)
            assert_close(state.values[area], rate.detach(), rtol=0, atol=1e-12)
        assert_close(system.read(state)["scores"].detach(), score.detach())


@pytest.mark.parametrize("dt", [10.0, 1e-4])
def test_two_half_steps_are_one_step_while_the_input_is_held(dt):
    model = small()
    shown = {"image": images(model)}
    whole, halves = run(model.system(dt), shown, 3)[-1], run(model.system(dt / 2), shown, 6)[-1]
    for name in ("area1", "area1.real", "area1.imaginary"):
        assert_close(halves.values[name], whole.values[name], rtol=1e-10, atol=1e-10 * min(dt, 1))


def test_higher_areas_approach_their_course_as_steps_become_short():
    model = small()
    shown = {"image": images(model)}
    with torch.no_grad():
        truth, *others = (run(model.system(dt), shown, round(40 / dt))[-1].rates["area3"] for dt in (0.25, 1, 2, 4))
    errors = [float((other - truth).abs().max()) for other in others]
    assert errors[0] < errors[1] < errors[2] < 0.5 * float(truth.abs().max())


def test_the_lowest_states_solve_their_differential_equation():
    model = small()
    shown, w = images(model), model.cells["area1"]
    last = run(model.system(5.0), {"image": shown}, 4000)[-1]
    with torch.no_grad():
        stem = F.avg_pool2d(F.conv2d(shown, model.stem.weight, padding=1), 3, 2, 1)
        real, imaginary, _ = F.conv2d(stem, w.input.weight, w.bias, padding=1).chunk(3, 1)
        steady = -torch.complex(real, imaginary) / torch.complex(-w.log_decay.exp(), w.frequency).view(-1, 1, 1)
    assert_close(last.values["area1.real"], steady.real)
    assert_close(last.values["area1.imaginary"], steady.imag)


def test_states_decay_whatever_the_weights_are():
    model = small()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "log_" in name or "frequency" in name:
                value.copy_(3 * torch.randn_like(value) - (4 if "scale" in name else 0))
        for cell in model.cells.values():
            cell.bias.zero_()
        system = model.system(5.0)
    state, sizes = run(system, {"image": images(model)}, 3)[-1], []
    for _ in range(50):
        state = system.advance(state, system.hold({}))
        sizes.append(torch.hypot(state.values["area1.real"], state.values["area1.imaginary"]).detach())
    assert all(bool((later <= earlier).all()) for earlier, later in pairwise(sizes))


def test_time_is_continuous_and_steppers_are_not_needed():
    model = small()
    assert (model.clock.kind, model.clock.dt_ms, model.response_ms) == ("continuous", 5.0, 100.0)
    assert model.system(dt=2.5).dt == 2.5
    with pytest.raises(ValueError, match="stepper 'heun' cannot be chosen"):
        model.system(stepper="heun")


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
    assert not any(name.split(" -> ")[0] == name.split(" -> ")[1] for name in model.system().pathways)


def test_bad_specs_are_refused(as_users_run_it):
    with pytest.raises(ValueError, match="kernel must be odd"):
        SMALL.changed(kernel=2)
    with pytest.raises(ValueError, match="ms_per_step must be a finite number above 0"):
        SMALL.changed(ms_per_step=0)


def test_rows_are_small_and_their_models_are_saved(tmp_path):
    model = cordsnet.create_model("conv_s5_small", seed=1)
    assert sum(parameter.numel() for parameter in model.parameters()) < 100_000
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert loaded.spec == model.spec
    assert_close(dict(loaded.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("grad", [False, True])
def test_steps_cost_no_more_than_a_plain_loop(grad, as_users_run_it):
    model = ConvS5(SMALL.changed(channels=(16, 16, 16)))
    shown, weights = images(model, batch=16).float(), dict(model.named_parameters())

    def ours():
        with torch.set_grad_enabled(grad):
            system = model.system()
            state, context, scores = system.begin(16), system.hold({"image": shown}), []
            for _ in range(10):
                state = system.advance(state, context)
                scores.append(system.read(state)["scores"])
            return torch.stack(scores).sum().backward() if grad else scores

    def theirs():
        with torch.set_grad_enabled(grad):
            scores = by_hand(weights, model.spec, shown, 10, 5.0)[1]
            return scores.sum().backward() if grad else scores

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

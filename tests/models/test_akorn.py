"""The network of oscillators against a plain loop, its sphere and its energy, and what its interface promises."""

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.models.akorn import Akorn, AkornSpec, antisymmetric
from cordsnet.models.table import MODELS
from effects_seen import Seen
from peers_by_hand import ratio_of_times

SMALL = AkornSpec(
    "small",
    image_size=(16, 16),
    num_classes=10,
    channels=(4, 8, 12),
    strides=(1, 2, 2),
    stem_channels=4,
    stem_kernel=3,
    stem_stride=1,
)
OPTIONS = [
    {},
    {"dimensions": 2, "gamma": 0.3},
    {"stem_channels": 0},
    {"image_size": (15, 22)},
    {"kernel": 5, "recurrent_kernel": 1},
]


def small(**changes):
    """A small network in double precision whose biases are not zero."""
    torch.manual_seed(0)
    model = Akorn(SMALL.changed(**changes)).double()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.1 * torch.randn_like(value))
    return model


def images(model, batch=3):
    return torch.randn(batch, *model.input_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def run(system, inputs, steps, batch=3, effects=NONE, state=None):
    """States after every step."""
    state, context, states = state or system.begin(batch), system.hold(inputs), []
    for _ in range(steps):
        state = system.advance(state, context, effects)
        states.append(state)
    return states


def lengths(rates, dimensions):
    return rates.unflatten(1, (-1, dimensions)).norm(dim=2)


def by_hand(weights, spec, image, steps):
    """Rates of every area after each step, and class scores."""
    n = spec.dimensions
    if "stem.weight" in weights:
        image = F.avg_pool2d(F.conv2d(image, weights["stem.weight"], padding=1), 3, 2, 1)
    cells, rates = [], []
    for k, (area, shape) in enumerate(spec.shapes.items()):
        w = {name.split(".", 2)[2]: v for name, v in weights.items() if name.startswith(f"cells.{area}.")}
        upper = torch.zeros(shape[0] // n, n, n, dtype=image.dtype)
        rows, columns = torch.triu_indices(n, n, 1)
        upper[:, rows, columns] = w["frequency"]
        cells.append((w, spec.strides[k], upper - upper.transpose(1, 2)))
        start = torch.zeros(len(image), *shape, dtype=image.dtype)
        start[:, ::n] = 1
        rates.append(start)
    recorded, scores, held = [], [], None
    for _ in range(steps):
        maps = image
        for k, (w, stride, omega) in enumerate(cells):
            if k or held is None:
                stimulus = F.conv2d(maps, w["input.weight"], w["bias"], stride, w["input.weight"].shape[-1] // 2)
                held = stimulus if k == 0 else held
            else:
                stimulus = held
            kernel = w["recurrent.weight"]
            force = (stimulus + F.conv2d(rates[k], kernel, padding=kernel.shape[-1] // 2)).unflatten(1, (-1, n))
            x = rates[k].unflatten(1, (-1, n))
            turned = F.conv2d(rates[k], omega.reshape(-1, n, 1, 1), groups=len(omega)).unflatten(1, (-1, n))
            x = x + spec.gamma * (turned + force - (x * force).sum(2, keepdim=True) * x)
            rates[k] = (x / x.norm(dim=2, keepdim=True)).flatten(1, 2)
            shown = F.conv2d(rates[k], w["project.weight"]).unflatten(1, (-1, n))
            maps = (shown.square().sum(2) + 1e-12).sqrt() + w["project_bias"].view(-1, 1, 1)
        recorded.append(list(rates))
        scores.append(F.linear(maps.mean((2, 3)), weights["decoder.weight"], weights["decoder.bias"]))
    return recorded, torch.stack(scores)


def test_cells_have_as_many_weights_as_the_formula_says():
    with torch.device("meta"):
        model = Akorn(AkornSpec())
    for cell, reads, channels in zip(model.cells.values(), (64, 16, 32, 64), (64, 128, 256, 512), strict=True):
        count = sum(p.numel() for p in cell.parameters())
        groups = channels // 4
        assert count == channels * (9 * reads + 1) + 9 * channels**2 + 6 * groups + channels**2 + groups
    assert MODELS["akorn"].published is None


@pytest.mark.parametrize("changes", OPTIONS, ids=str)
def test_steps_are_those_of_a_plain_loop(changes):
    model = small(**changes)
    shown, system = images(model), model.system()
    recorded, scores = by_hand(dict(model.named_parameters()), model.spec, shown, 4)
    for state, rates, score in zip(run(system, {"image": shown}, 4), recorded, scores, strict=True):
        system.check_state(state)
        for area, rate in zip(model.shapes, rates, strict=True):
            assert_close(state.values[area], rate, rtol=0, atol=1e-12)
        assert_close(system.read(state)["scores"], score)


@pytest.mark.parametrize("dimensions", [2, 4])
def test_oscillators_stay_on_the_sphere(dimensions):
    model = small(dimensions=dimensions)
    system = model.system()
    begun = system.begin(3)
    for inputs in ({"image": 10 * images(model)}, {}):
        for state in (begun, *run(system, inputs, 30)):
            for rates in state.rates.values():
                found = lengths(rates.detach(), dimensions)
                assert_close(found, torch.ones_like(found), rtol=0, atol=1e-12)


def test_zeros_stay_finite_and_reach_the_sphere():
    model = small()
    system = model.system()
    with torch.no_grad():
        driven = run(system, {"image": images(model)}, 2, state=system.zero_state(3))[-1].rates["area1"]
        for value in model.parameters():
            value.zero_()
        silent = run(model.system(), {}, 2, state=system.zero_state(3))[-1]
    assert_close(lengths(driven, 4), torch.ones_like(driven[:, ::4]))
    assert all(not value.any() for value in silent.values.values())


def symmetric_area(dimensions, gamma):
    """One area with symmetric couplings and without turning."""
    model = small(channels=(8,), strides=(1,), dimensions=dimensions, gamma=gamma)
    cell = model.cells["area1"]
    with torch.no_grad():
        kernel = cell.recurrent.weight
        kernel.copy_((kernel + kernel.transpose(0, 1).flip(2, 3)) / 2)
        cell.frequency.zero_()
    return model


@pytest.mark.parametrize("dimensions", [2, 4])
def test_the_energy_falls_with_symmetric_couplings_and_without_turning(dimensions):
    model = symmetric_area(dimensions, gamma=0.05)
    system, inputs = model.system(), {"image": images(model)}
    with torch.no_grad():
        stimulus = system.hold(inputs).biased[0]
        energies = []
        for state in run(system, inputs, 60):
            x = state.rates["area1"]
            coupled = F.conv2d(x, model.cells["area1"].recurrent.weight, padding=1)
            energies.append(-(x * (stimulus + coupled / 2)).sum((1, 2, 3)))
    energies = torch.stack(energies)
    assert bool((energies.diff(dim=0) <= 1e-10).all())
    assert bool((energies[-1] < energies[0] - 1).all())


def test_turning_alone_turns():
    """Without stimulus and coupling two dimensions turn by the frequency; small steps keep the angle's speed."""
    model = small(channels=(4,), strides=(1,), dimensions=2, gamma=0.01)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "frequency" not in name:
                value.zero_()
    x = run(model.system(), {}, 100, 1)[-1].rates["area1"].detach().unflatten(1, (-1, 2))
    angle = torch.atan2(x[0, :, 1, 0, 0], x[0, :, 0, 0, 0])
    assert_close(angle, -model.cells["area1"].frequency[:, 0].detach(), rtol=1e-3, atol=1e-3)


def test_antisymmetric_matrices_have_the_entries_above_the_diagonal():
    matrix = antisymmetric(torch.arange(1.0, 7).view(1, 6), 4)[0]
    assert_close(matrix, -matrix.T)
    assert matrix[0].tolist() == [0, 1, 2, 3]
    assert (matrix[1, 2], matrix[1, 3], matrix[2, 3]) == (4, 5, 6)


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


def test_a_clamped_rate_is_read_in_the_same_step():
    model = small()
    with torch.no_grad():
        for cell in model.cells.values():
            cell.project_bias.zero_()
    system, shown = model.system(), {"image": images(model)}
    zero = torch.tensor(0.0, dtype=torch.float64)
    silenced = run(system, shown, 2, effects=Effects(clamps={"area1": (Clamped(torch.tensor(True), zero),)}))[-1]
    cut = run(system, shown, 2, effects=Effects(factors={"area1 -> area2": zero}))[-1]
    assert not silenced.rates["area1"].any()
    assert_close(silenced.rates["area3"], cut.rates["area3"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimensions": 3}, "dimensions must be one of 2, 4"),
        ({"channels": (4, 6, 8)}, "channels must be multiples of dimensions = 4"),
        ({"recurrent_kernel": 2}, "recurrent_kernel must be odd"),
        ({"gamma": 0.0}, "gamma must be a finite number above 0"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        SMALL.changed(**changes)


def test_rows_are_small_and_their_models_are_saved(tmp_path):
    model = cordsnet.create_model("akorn_small", seed=1)
    assert sum(parameter.numel() for parameter in model.parameters()) < 100_000
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert loaded.spec == model.spec
    assert_close(dict(loaded.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("grad", [False, True])
def test_steps_cost_no_more_than_a_plain_loop(grad, as_users_run_it):
    model = Akorn(SMALL.changed(channels=(16, 16, 16), dimensions=2))
    shown, weights = images(model, batch=16).float(), dict(model.named_parameters())

    def ours():
        with torch.set_grad_enabled(grad):
            system = model.system()
            scores = torch.stack([system.read(s)["scores"] for s in run(system, {"image": shown}, 10, batch=16)])
            return scores.sum().backward() if grad else scores

    def theirs():
        with torch.set_grad_enabled(grad):
            scores = by_hand(weights, model.spec, shown, 10)[1]
            return scores.sum().backward() if grad else scores

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

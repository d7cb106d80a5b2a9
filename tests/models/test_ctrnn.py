"""Continuous-time RNNs on pixels: counts, the dense limits of low rank and sparse, and a CordsNet area as a matrix."""

import json

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

import cordsnet
from cordsnet import AreaSpec, ConnectionSpec, CordsNet, NetworkSpec, StemSpec
from cordsnet.analysis import Regime, RegimeSettings, classify_regime, eigenvalues, jacobian
from cordsnet.dynamics import LowRankMap
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.models.ctrnn import RECURRENCES, ContinuousRNN, RNNSpec
from cordsnet.models.table import MODELS
from peers_by_hand import ratio_of_times

SMALL = RNNSpec("small", in_channels=1, image_size=(5, 6), num_classes=3, units=20, rank=4, density=0.3)


def small(recurrence="dense", seed=0, **changes):
    torch.manual_seed(seed)
    model = ContinuousRNN(SMALL.changed(recurrence=recurrence, **changes)).double()
    with torch.no_grad():
        model.bias.normal_()
        model.decoder_bias.normal_()
    return model


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def matrix_of(model):
    """W, written out from the state dict."""
    w = dict(model.state_dict())
    if "recurrent.weight" in w:
        return w["recurrent.weight"]
    if "recurrent.left" in w:
        return w["recurrent.left"] @ w["recurrent.right"].T / len(w["bias"])
    matrix = torch.zeros(len(w["bias"]), len(w["bias"]), dtype=w["bias"].dtype)
    matrix[w["recurrent.mask"]] = w["recurrent.values"]
    return matrix


def by_hand(weights, matrix, shown, steps, alpha=0.2):
    """Rates [steps, B, N] from zero, and the scores at their end."""
    constant = shown.flatten(1) @ weights["afferent"].T + weights["bias"]
    r, course = torch.zeros_like(constant), []
    for _ in range(steps):
        r = (1 - alpha) * r + alpha * torch.relu(r @ matrix.T + constant)
        course.append(r)
    return torch.stack(course), r @ weights["decoder"].T + weights["decoder_bias"]


def parameters(spec):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in ContinuousRNN(spec).parameters())


@pytest.mark.parametrize(
    ("recurrence", "mnist", "cifar"),
    [("dense", 669_194, 4_083_010), ("lowrank", 423_434, 3_115_010), ("sparse", 433_264, 3_183_010)],
)
def test_sizes_follow_the_formulas(recurrence, mnist, cifar):
    spec = MODELS[f"ctrnn_{recurrence}"].spec
    assert parameters(spec) == cifar
    assert parameters(spec.changed(in_channels=1, image_size=28, units=512)) == mnist


@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_rates_and_scores_are_those_of_a_plain_loop(recurrence):
    model = small(recurrence)
    shown = images(model)
    found = cordsnet.simulate(model, cordsnet.show(shown, 60), record="all", initial_state="zero")
    course, scores = by_hand(dict(model.state_dict()), matrix_of(model), shown, 30)
    assert_close(found.rates["area1"], course, rtol=0, atol=1e-12)
    assert_close(found.logits[-1], scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", ["time_major", "area_major"])
@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_gradients_are_those_of_the_plain_loop(recurrence, engine):
    model = small(recurrence)
    shown, weights = images(model), dict(model.named_parameters())
    found = cordsnet.simulate(model, cordsnet.show(shown, 40), initial_state="zero", grad=True, engine=engine)
    ours = torch.autograd.grad(found.logits[-1].square().sum(), list(weights.values()))
    if recurrence == "dense":
        matrix = weights["recurrent.weight"]
    elif recurrence == "lowrank":
        matrix = weights["recurrent.left"] @ weights["recurrent.right"].T / model.spec.units
    else:
        matrix = torch.zeros(20, 20).double().masked_scatter(model.recurrent.mask, weights["recurrent.values"])
    scores = by_hand(weights, matrix, shown, 20)[1]
    assert_close(ours, torch.autograd.grad(scores.square().sum(), list(weights.values())))


def settled(model, shown):
    return cordsnet.simulate(model, cordsnet.show(shown, 60), record="all").rates["area1"]


def test_full_rank_and_full_density_reproduce_the_dense_network():
    dense = small()
    shown, weight = images(dense), dense.recurrent.weight.detach()
    others = {"lowrank": small("lowrank", rank=20), "sparse": small("sparse", density=1.0)}
    with torch.no_grad():
        for other in others.values():
            other.load_state_dict({k: v for k, v in dense.state_dict().items() if "recurrent" not in k}, strict=False)
        others["lowrank"].recurrent.left.copy_(20 * weight)
        others["lowrank"].recurrent.right.copy_(torch.eye(20))
        others["sparse"].recurrent.values.copy_(weight.flatten())
    for other in others.values():
        assert_close(settled(other, shown), settled(dense, shown), rtol=0, atol=1e-12)


def test_an_area_of_a_cordsnet_as_an_explicit_matrix_has_the_same_trajectory():
    """A unit of an area of 2 x 6 x 6 is a row of W; its kernel stands in it wherever it reaches."""
    stem = StemSpec(channels=2, kernel=1, stride=1, pool_kernel=1, pool_stride=1)
    spec = NetworkSpec(
        "one", stem, (AreaSpec("area1", 2),), (ConnectionSpec("stem", "area1"),), ("area1",), 1, (6, 6), 3
    )
    torch.manual_seed(0)
    conv = CordsNet(spec).double()
    with torch.no_grad():
        conv.bias["area1"].normal_()
    kernels = {name: getattr(conv.wiring, name)["area1"].weight.detach() for name in ("recurrent", "feedforward")}
    units, pixels = torch.eye(72).double().view(72, 2, 6, 6), torch.eye(36).double().view(36, 1, 6, 6)
    model = ContinuousRNN(SMALL.changed(units=72, image_size=6)).double()
    encoded = functional.conv2d(pixels, conv.wiring.stem.weight.detach())
    pool = torch.eye(2).double().repeat_interleave(36, 1) / 36
    with torch.no_grad():
        model.recurrent.weight.copy_(functional.conv2d(units, kernels["recurrent"], padding=1).flatten(1).T)
        model.afferent.copy_(functional.conv2d(encoded, kernels["feedforward"], padding=1).flatten(1).T)
        model.bias.copy_(conv.bias["area1"].flatten())
        model.decoder.copy_(conv.wiring.readout.weight.detach() @ pool)
    shown = images(conv)
    protocol = cordsnet.blank(20) + cordsnet.show(shown, 60) + cordsnet.blank(40)
    one, other = (cordsnet.simulate(net, protocol, record="all") for net in (conv, model))
    assert_close(other.rates["area1"], one.rates["area1"].flatten(2), rtol=0, atol=1e-12)
    assert_close(other.logits, one.logits, rtol=0, atol=1e-12)


def test_the_mask_is_drawn_from_the_seed_and_saved(tmp_path):
    one, same, other = (cordsnet.create_model("ctrnn_sparse", seed=s, **tiny("sparse")) for s in (1, 1, 2))
    assert int(one.recurrent.mask.sum()) == one.spec.entries == round(0.3 * 12**2)
    assert_close(dict(one.state_dict()), dict(same.state_dict()), rtol=0, atol=0)
    assert not torch.equal(one.recurrent.mask, other.recurrent.mask)
    loaded = cordsnet.load_model(cordsnet.save_model(one, tmp_path))
    assert_close(dict(loaded.state_dict()), dict(one.state_dict()), rtol=0, atol=0)


def tiny(recurrence):
    return MODELS[f"ctrnn_{recurrence}"].tiny


@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_entries_are_drawn_with_the_spectral_radius_of_the_spec(recurrence):
    torch.manual_seed(0)
    model = ContinuousRNN(SMALL.changed(recurrence=recurrence, units=400, rank=100, gain=0.5)).double()
    matrix = matrix_of(model)
    assert float(torch.linalg.eigvals(matrix).abs().max()) == pytest.approx(0.5, rel=0.15)
    assert float(matrix.square().sum()) == pytest.approx(0.25 * 400, rel=0.1)


@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_steady_states_and_eigenvalues_are_those_of_the_matrix(recurrence):
    model = small(recurrence, gain=0.3)
    shown = images(model, 1)
    point = cordsnet.steady_state(model, shown, tol=1e-12)
    last = cordsnet.simulate(model, cordsnet.show(shown, 1500), record="all").rates["area1"][-1]
    assert point.converged
    assert_close(point.rates["area1"], last, rtol=1e-8, atol=1e-10)
    drive = matrix_of(model) @ last[0] + model.afferent.detach() @ shown.flatten() + model.bias.detach()
    wanted = torch.linalg.eigvals((drive > 0).double()[:, None] * matrix_of(model)).abs().amax()
    found = eigenvalues(jacobian(model, None, shown), k=2)
    assert float(abs(found.values[0])) == pytest.approx(float(wanted), rel=1e-6)
    settings = RegimeSettings(image_ms=100.0, holds=2, noisy_starts=1)
    assert classify_regime(model, images(model, 2), settings=settings).regime is Regime.MONOSTABLE


def test_the_map_of_low_rank_is_its_matrix():
    factors = torch.randn(2, 7, 3, dtype=torch.float64, requires_grad=True)
    low, x, y = LowRankMap(factors), torch.randn(4, 7).double(), torch.randn(4, 7).double()
    matrix = factors[0] @ factors[1].T / 7
    assert_close(low(x), x @ matrix.T)
    assert_close(low.transpose(y), y @ matrix)
    (gradient,) = torch.autograd.grad((y * (x @ matrix.T)).sum(), factors)
    assert_close(low.weight_gradient(x, y), gradient)
    with pytest.raises(ValueError, match="weight must have the axes"):
        LowRankMap(factors[0])


def test_the_image_arrives_in_the_first_step_and_pathways_act():
    model = small()
    system, shown = model.system(), images(model)
    assert system.unrolling == "sync"
    assert system.pathways == ("image -> area1", "area1 -> area1")
    start, held = system.zero_state(3), system.hold({"image": shown})

    def step(effects=NONE):
        with torch.no_grad():
            return system.advance(start, held, effects).rates["area1"]

    cut = step(Effects(factors={"image -> area1": torch.zeros((), dtype=torch.float64)}))
    assert_close(cut, 0.2 * model.bias.detach().relu().expand(3, -1))
    assert (step() - cut).abs().max() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recurrence": "block"}, "recurrence must be 'dense', 'lowrank' or 'sparse', got 'block'"),
        ({"recurrence": "lowrank", "rank": 21}, "rank must be at most the number of units, 20, got 21"),
        ({"density": 0.0}, "density must be above 0 and at most 1"),
        ({"units": 0}, "units must be a whole number of at least 1"),
        ({"tau_ms": -1.0}, "tau_ms must be a finite number above 0"),
        ({"gain": float("nan")}, "gain must be a finite number of at least 0"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        SMALL.changed(**changes)


def test_specs_are_plain_data():
    spec = SMALL.changed(width=8)
    assert RNNSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.units == 8


def test_a_step_costs_no_more_than_a_plain_loop(as_users_run_it):
    model = ContinuousRNN(SMALL.changed(units=1000, image_size=32)).eval()
    shown, weights = images(model, 64).float(), dict(model.state_dict())
    with torch.no_grad():
        system = model.system()

    @torch.no_grad()
    def ours():
        state, held = system.zero_state(64), system.hold({"image": shown})
        for _ in range(20):
            state = system.advance(state, held)
        system.read(state)

    @torch.no_grad()
    def theirs():
        by_hand(weights, weights["recurrent.weight"], shown, 20)

    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

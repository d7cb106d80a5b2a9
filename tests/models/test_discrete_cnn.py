"""Discrete-time recurrent CNNs against CordsNet and a plain loop; CordsNets whose top area alone is recurrent."""

import json
import math

import pytest
import torch
from torch.testing import assert_close

import cordsnet
from cordsnet.analysis import jacobian
from cordsnet.dynamics import Solver, steady_state
from cordsnet.dynamics.effects import Effects
from cordsnet.models import MODELS, arrival_steps, build
from cordsnet.models.cordsnet.discrete import DiscreteSpec, arrivals_by_links
from cordsnet.models.cordsnet.published import load_published, published_state_dict
from cordsnet.models.cordsnet.spec import ConnectionSpec
from cordsnet.testing import CHECKS, Subject
from effects_seen import Seen
from peers_by_hand import discrete_cordsnet, ratio_of_times

DEPTHS = (2, 4, 6, 8)
COUNTS = dict(zip(DEPTHS, (661_520, 1_451_152, 3_777_936, 12_475_280), strict=True))
TINY = {"num_classes": 5, "width": 4, "image_size": 16}


def small(depth=4, **changes):
    """A small network in double precision, with weights, norms and statistics that are not those of the beginning."""
    model = cordsnet.create_model(f"dtcnn_r{depth}_small", **(TINY | changes)).double().eval()
    torch.manual_seed(2)
    for name, value in model.state_dict().items():
        if name.startswith("norms") and value.is_floating_point():
            value.copy_(0.5 + torch.rand_like(value))
        if name.startswith("bias"):
            value.copy_(0.3 * torch.randn_like(value))
    return model


def continuous(model):
    """The CordsNet with the same weights."""
    depth = len(model.areas)
    twin = cordsnet.create_model(f"cordsnet_r{depth}_small", **TINY).double().eval()
    twin.load_state_dict(model.state_dict())
    return twin


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def run(model, shown, steps):
    """States after each step from the beginning, without a graph."""
    system = model.system()
    state, found = system.begin(len(shown)), []
    with torch.no_grad():
        context = system.hold({"image": shown})
        for _ in range(steps):
            state = system.advance(state, context)
            found.append(state)
    return found


@pytest.mark.parametrize("depth", DEPTHS)
def test_weights_are_those_of_cordsnet(depth):
    with torch.device("meta"):
        model, twin = (build(MODELS[f"{kind}_r{depth}"].spec) for kind in ("dtcnn", "cordsnet"))
    assert sum(parameter.numel() for parameter in model.parameters()) == COUNTS[depth]
    own, theirs = ({name: value.shape for name, value in one.state_dict().items()} for one in (model, twin))
    assert own == theirs


@pytest.mark.parametrize("depth", DEPTHS)
def test_norms_take_the_place_of_biases(depth):
    spec = MODELS[f"dtcnn_r{depth}"].spec
    with torch.device("meta"):
        model = build(spec.changed(norm="bn_per_step"))
    units = sum(math.prod(shape) for shape in model.shapes.values())
    norms = sum(2 * area.channels * (spec.steps - k // 2) for k, area in enumerate(spec.areas))
    assert sum(parameter.numel() for parameter in model.parameters()) == COUNTS[depth] - units + norms


@pytest.mark.parametrize("depth", [2, 6])
def test_a_step_is_one_of_cordsnet_whose_dt_is_tau(depth):
    model = small(depth)
    twin, shown = continuous(model), images(model)
    own, theirs = model.system(), twin.system(dt=twin.spec.tau_ms)
    state = own.state_of({area: torch.rand(3, *shape, dtype=torch.float64) for area, shape in model.shapes.items()})
    with torch.no_grad():
        for _ in range(3):
            after = own.advance(state, own.hold({"image": shown}))
            assert_close(after.values, theirs.advance(state, theirs.hold({"image": shown})).values, rtol=0, atol=1e-15)
            state = after
        assert_close(own.read(state), theirs.read(state))


def test_fixed_points_are_those_of_cordsnet():
    model = small(6)
    twin, shown = continuous(model), images(model)
    solver = Solver(tol=1e-12, max_iterations=300)
    own, theirs = (steady_state(one, shown, solver=solver).rates for one in (model, twin))
    assert_close(own, theirs, rtol=0, atol=1e-9)
    system = model.system()
    with torch.no_grad():
        state = system.advance(system.state_of(theirs), system.hold({"image": shown}))
    assert_close(state.values, theirs, rtol=0, atol=1e-9)
    assert_close(run(model, shown, 80)[-1].values, theirs, rtol=0, atol=1e-8)


@pytest.mark.parametrize("depth", DEPTHS)
def test_steps_are_those_of_a_discrete_cordsnet(depth):
    model = small(depth)
    shown = images(model)
    with torch.no_grad():
        found, scores = discrete_cordsnet(model.state_dict(), depth, shown, 6)
    states = run(model, shown, 6)
    for state, rates in zip(states, found, strict=True):
        assert_close(list(state.values.values()), rates, rtol=0, atol=1e-12)
    assert_close(model.system().read(states[-1])["scores"].detach(), scores)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("depth", [2, 6])
def test_steps_with_norms_are_those_of_a_discrete_cordsnet(depth, training):
    model = small(depth, norm="bn_per_step", steps=4).train(training)
    shown = images(model)
    with torch.no_grad():
        found, scores = discrete_cordsnet(model.state_dict(), depth, shown, 6, training, normed=True, last=3)
    states = run(model, shown, 6)
    for state, rates in zip(states, found, strict=True):
        assert_close(list(state.values.values()), rates, rtol=0, atol=1e-12)
    assert_close(model.system().read(states[-1])["scores"].detach(), scores)


@pytest.mark.parametrize("norm", [None, "bn_per_step"])
def test_the_image_reaches_an_area_pair_by_pair(norm):
    model = small(8, **({"norm": norm} if norm else {}))
    first, second = (run(model, images(model, seed=seed), 5) for seed in (0, 1))
    assert arrivals_by_links(model.spec) == {f"area{k + 1}": k // 2 + 1 for k in range(8)}
    for area, arrival in arrivals_by_links(model.spec).items():
        seen = [not torch.equal(a.rates[area], b.rates[area]) for a, b in zip(first, second, strict=True)]
        assert seen == [step >= arrival for step in range(1, 6)]


@pytest.mark.parametrize("name", ["dtcnn_r2_small", "dtcnn_r8_small", "cordsnet_r4_small"])
def test_links_say_when_the_image_arrives_in_a_simulation(name):
    spec = MODELS[name].spec.changed(**TINY)
    assert arrival_steps(build(spec, seed=1)) == arrivals_by_links(spec)


def test_a_delay_makes_the_image_late():
    spec = MODELS["dtcnn_r2_small"].spec
    links = [link for link in spec.connections if link.target == "area1"]
    spec = spec.changed(
        connections=(*links, ConnectionSpec("area1", "area2", delay_ms=20.0)), norm="bn_per_step", **TINY
    )
    assert arrivals_by_links(spec) == {"area1": 1, "area2": 4}
    model = build(spec, seed=1).double().train()
    assert arrival_steps(model.eval()) == arrivals_by_links(spec)
    states = run(model.train(), images(model), 4)
    assert [bool(state.rates["area2"].any()) for state in states] == [False, False, False, True]


def test_after_calibration_with_one_batch_evaluation_gives_what_training_gave():
    model = small(4, norm="bn_per_step", steps=3).train()
    shown, before = images(model, 6), {name: value.clone() for name, value in model.state_dict().items()}
    trained = run(model, shown, 3)[-1]
    assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    model.calibrate([shown])
    assert_close(run(model.eval(), shown, 3)[-1].values, trained.values, rtol=0, atol=1e-10)


def test_without_norms_there_is_nothing_to_calibrate():
    model = small(2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.calibrate([images(model)])
    assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_everything_goes_through_effects():
    model, seen = small(4, norm="bn_per_step"), Seen()
    system = model.system()
    assert system.unrolling == "sync"
    shown = {"image": images(model)}
    state = system.advance(system.begin(3), system.hold(shown), seen)
    assert seen.counts("drive") == seen.counts("rate") == dict.fromkeys(model.areas, 1)
    for name in system.pathways:
        cut = Effects(factors={name: torch.zeros((), dtype=torch.float64)})
        after, changed = (system.advance(state, system.hold(shown), how) for how in (Effects(), cut))
        target = name.rpartition(" ")[2]
        changes = [area for area in model.areas if not torch.equal(after.rates[area], changed.rates[area])]
        assert changes in ([target], [])
        assert changes or not state.rates[name.partition(" ")[0]].any()


@pytest.mark.parametrize("check", [name for name in CHECKS if "compiled" not in name])
def test_the_network_with_norms_passes_the_checks_of_models(check, normed):
    CHECKS[check](Subject(normed))


@pytest.fixture(scope="module")
def normed():
    return cordsnet.create_model("dtcnn_r2_small", **MODELS["dtcnn_r2_small"].tiny, norm="bn_per_step", steps=3)


def test_analyses_need_the_network_without_norms():
    model = small(2)
    operator = jacobian(model, image=images(model, 1))
    assert operator.shape == (sum(math.prod(shape) for shape in model.shapes.values()),) * 2
    with pytest.raises(TypeError, match="must have a rate equation"):
        jacobian(small(2, norm="bn_per_step"))


def test_the_step_is_a_convention():
    model = small(2)
    assert (model.clock.kind, model.clock.dt_ms, model.response_ms) == ("steps", 10, 80)
    before = run(model, images(model), 2)[-1]
    model.dt_ms = 5
    assert (model.spec.dt_ms, model.spec.tau_ms, model.clock.dt_ms) == (5, 5, 5)
    assert_close(run(model, images(model), 2)[-1].values, before.values, rtol=0, atol=0)
    model.tau_ms = 20
    assert (model.spec.dt_ms, model.spec.tau_ms) == (20, 20)
    with pytest.raises(ValueError, match=r"dt = 4 needs a model in continuous time; .* model\.dt_ms = \.\.\. changes"):
        model.system(dt=4)


def test_specs_are_plain_data():
    spec = small(2, norm="bn_per_step", dt_ms=5.0).spec
    assert DiscreteSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.is_sized(MODELS["dtcnn_r2_small"].spec.changed(norm="bn_per_step"))
    assert not spec.is_sized(MODELS["dtcnn_r2_small"].spec)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be whole and at least 1"),
        ({"norm": "layer"}, "norm must be"),
        ({"tau_ms": 20.0, "dt_ms": 10.0}, "tau_ms must be dt_ms = 10 ms"),
        ({"norm": "bn_per_step", "steps": 3}, "steps must be at least 4"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        MODELS["dtcnn_r8"].spec.changed(**changes)


def test_networks_are_saved_with_their_norms(tmp_path):
    model = small(2, norm="bn_per_step")
    loaded = cordsnet.load_model(cordsnet.save_model(model, tmp_path))
    assert (type(loaded), loaded.spec) == (type(model), model.spec)
    assert_close(dict(loaded.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


def test_public_weights_of_cordsnet_fit(tmp_path):
    twin = cordsnet.create_model("cordsnet_r4_small", seed=3, **TINY)
    torch.save({f"module.{k}": v for k, v in published_state_dict(twin).items()}, tmp_path / "r4.pth")
    model = load_published(cordsnet.create_model("dtcnn_r4_small", **TINY), tmp_path / "r4.pth")
    assert_close(dict(model.state_dict()), dict(twin.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("normed", [False, True])
def test_a_step_costs_no_more_than_a_plain_loop(normed, as_users_run_it):
    changes = {"norm": "bn_per_step"} if normed else {}
    model = cordsnet.create_model("dtcnn_r4_small", image_size=32, width=32, num_classes=10, **changes).eval()
    shown, weights = images(model, 8).float(), model.state_dict()

    @torch.no_grad()
    def theirs():
        discrete_cordsnet(weights, 4, shown, 8, normed=normed, last=7)

    assert ratio_of_times(lambda: run(model, shown, 8), theirs, limit=1.1) <= 1.1


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_top_area_alone_is_recurrent(depth):
    with torch.device("meta"):
        model = build(MODELS[f"cordsnet_top_r{depth}"].spec)
    below = [64 * 2 ** (k // 2) for k in range(depth - 1)]
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == COUNTS[depth] - sum(9 * c * c + c for c in below)
    assert list(model.wiring.recurrent) == [f"area{depth}"]


def test_an_area_without_recurrence_is_one_whose_recurrent_kernel_is_zero():
    model = cordsnet.create_model("cordsnet_top_r4_small", **TINY).double()
    whole = cordsnet.create_model("cordsnet_r4_small", **TINY).double()
    whole.load_state_dict(model.state_dict(), strict=False)
    for area in ("area1", "area2", "area3"):
        whole.scale_recurrence(area, 0.0)
    protocol = cordsnet.show(images(model), 40) + cordsnet.blank(20)
    own, theirs = (cordsnet.simulate(one, protocol, record="all") for one in (model, whole))
    assert_close(own.rates, theirs.rates, rtol=0, atol=1e-12)
    assert own.rates["area1"].any()


def test_a_network_with_recurrence_at_the_top_has_no_feedforward_twin(as_users_run_it):
    with pytest.raises(ValueError, match="'area1' has no recurrent kernel, which its feedforward twin needs"):
        build(MODELS["cordsnet_top_r2_small"].spec, 0, "cnn")

"""Deep equilibrium models of CordsNets: against long simulations, unrolled gradients, and steps of dt = tau."""

import json

import pytest
import torch
from torch.testing import assert_close

import cordsnet
from cordsnet.dynamics import Solver, Status
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.dynamics.solver import METHODS
from cordsnet.errors import ConvergenceWarning
from cordsnet.models.deq import DeqConv, DeqConvSpec, is_equilibrium_model, solver_trajectory
from cordsnet.models.table import MODELS
from effects_seen import Seen
from peers_by_hand import discrete_cordsnet, ratio_of_times

TINY = {**MODELS["cordsnet_r4"].tiny, "image_size": 16, "width": 4, "tol": 1e-13, "max_iterations": 300}


def tiny(depth=4, gain=1.0, **changes):
    """A small network in double precision with biases, whose recurrence is scaled by `gain`."""
    model = cordsnet.create_model(f"deq_conv_r{depth}", seed=1, **{**TINY, **changes}).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for bias in model.bias.values():
            bias.copy_(0.3 * torch.randn(bias.shape, generator=generator))
        for kernel in model.wiring.recurrent.values():
            kernel.scale(gain)
    return model


def twin(model, **changes):
    """The CordsNet with the same weights."""
    depth = len(model.areas)
    sizes = {name: TINY[name] for name in ("image_size", "width", "in_channels", "num_classes")}
    other = cordsnet.create_model(f"cordsnet_r{depth}", **sizes, **changes).double()
    other.load_state_dict(model.state_dict(), strict=True)
    return other


def images(model, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *model.input_shape, generator=generator, dtype=torch.float64)


def frame(model, inputs, effects=NONE, batch=3):
    system = model.system()
    with torch.no_grad():
        return system.advance(system.begin(batch), system.hold(inputs), effects)


@pytest.mark.parametrize("depth", [2, 4, 6, 8])
def test_sizes_are_those_of_the_cordsnet(depth):
    with torch.device("meta"):
        one, other = (
            cordsnet.KINDS[kind](MODELS[f"{kind}_r{depth}"].spec).state_dict() for kind in ("deq_conv", "cordsnet")
        )
    assert {name: value.shape for name, value in one.items()} == {name: value.shape for name, value in other.items()}


@pytest.mark.parametrize("solver", METHODS)
@pytest.mark.parametrize("depth", [2, 4])
def test_the_solution_is_where_the_cordsnet_settles(depth, solver):
    model = tiny(depth, solver=solver)
    shown = images(model)
    state = frame(model, {"image": shown})
    slow = cordsnet.simulate(twin(model), cordsnet.show(shown, 1000), record="all", initial_state="zero")
    for area in model.areas:
        assert_close(state.rates[area], slow.rates[area][-1], rtol=1e-9, atol=1e-10)
        assert float(state.values[f"{area}.residual"].max()) < 1e-12
    assert_close(model.readout(state).detach(), slow.logits[-1], rtol=1e-9, atol=1e-10)
    settled = cordsnet.steady_state(twin(model), shown, tol=1e-12)
    assert_close(state.rates, dict(settled.rates), rtol=1e-9, atol=1e-10)


def gradients(model, scores):
    return torch.autograd.grad(scores.square().sum(), list(model.parameters()))


@pytest.mark.parametrize("solver", METHODS)
def test_implicit_gradients_are_those_of_long_unrolled_time(solver):
    model = tiny(solver=solver)
    shown, other = images(model), twin(model)
    ours = gradients(model, model(shown))
    slow = cordsnet.simulate(other, cordsnet.show(shown, 800), initial_state="zero", grad=True)
    names = [name for name, _ in other.named_parameters()]
    theirs = dict(zip(names, gradients(other, slow.logits[-1]), strict=True))
    for (name, _), gradient in zip(model.named_parameters(), ours, strict=True):
        assert float((gradient - theirs[name]).norm() / theirs[name].norm()) < 1e-8, name


def test_the_other_gradients_approach_the_implicit_one():
    shown = images(tiny())
    exact = torch.cat([part.flatten() for part in gradients(*(lambda m: (m, m(shown)))(tiny()))])

    def error(**changes):
        model = tiny(**changes)
        found = torch.cat([part.flatten() for part in gradients(model, model(shown))])
        return float((found - exact).norm() / exact.norm())

    assert error(gradient="phantom", terms=5) < 0.2
    assert error(gradient="phantom", terms=100) < 1e-8
    assert error(gradient="neumann", terms=100) < 1e-8
    assert error(gradient="unrolled", solver="fixed_point", max_iterations=100) < 1e-8


def test_iterates_of_the_plain_solver_are_steps_of_dt_tau():
    """The discrete-time network: every area reads what the others had one step ago, and nothing leaks."""
    model = tiny(max_iterations=12)
    shown = images(model)
    found = solver_trajectory(model, shown, "fixed_point")
    discrete = cordsnet.simulate(twin(model, dt_ms=10.0), cordsnet.show(shown, 120), record="all", initial_state="zero")
    assert found.is_time_course
    assert found.status == (Status.STALLED,) * 3
    for area in model.areas:
        assert_close(found.rates[area], discrete.rates[area], rtol=0, atol=1e-12)
    assert_close(found.scores, discrete.logits, rtol=0, atol=1e-12)


def test_the_image_arrives_in_an_area_as_far_up_as_pathways_reach():
    """Area j reads the stem or the area two below: from 0, it changes in iteration floor(j / 2)."""
    model = tiny(8, image_size=32, max_iterations=8)
    one, other = (solver_trajectory(model, shown, "fixed_point").rates for shown in (images(model, 1), None))
    for j, area in enumerate(model.areas):
        apart = (one[area] - other[area]).abs().flatten(1).amax(1)
        assert int((apart > 0).nonzero()[0]) == j // 2


@pytest.mark.parametrize("solver", ["anderson", "broyden"])
def test_other_solvers_give_no_time_course_and_need_fewer_iterations(solver):
    model = tiny(gain=1.5, max_iterations=500, tol=1e-9)
    plain, fast = (solver_trajectory(model, images(model), how) for how in ("fixed_point", solver))
    assert not fast.is_time_course
    assert fast.status == plain.status == (Status.CONVERGED,) * 3
    assert len(fast.scores) < len(plain.scores)
    assert_close(fast.rates["area4"][-1], plain.rates["area4"][-1], rtol=1e-6, atol=1e-7)
    assert fast.residual.shape == fast.scores.shape[:2]
    assert bool((fast.residual[-1] <= 1e-9).all())


def test_what_does_not_converge_is_said():
    model = tiny(max_iterations=3)
    with pytest.warns(ConvergenceWarning, match="some trials did not converge"):
        state = frame(model, {"image": images(model)})
    assert float(state.values["area4.residual"].min()) > 1e-3
    with pytest.warns(ConvergenceWarning) as told:
        gradients(model, model(images(model)))
    assert any("the equation of an implicit gradient" in str(one.message) for one in told)
    assert solver_trajectory(model, images(model)).status == (Status.STALLED,) * 3


def test_iterations_are_counted_up_to_the_tolerance_of_each_image():
    model = tiny(max_iterations=500, tol=1e-6)
    found = solver_trajectory(model, images(model), "fixed_point")
    assert max(found.iterations) == len(found.residual)
    for k, count in enumerate(found.iterations):
        assert float(found.residual[count - 1, k]) <= found.tol < float(found.residual[count - 2, k])
    assert solver_trajectory(tiny(max_iterations=3), images(model)).iterations == (None,) * 3
    assert is_equilibrium_model(cordsnet.lesion(model, "area2"))
    assert not is_equilibrium_model(twin(model))


def test_a_carried_state_starts_the_solver_and_changes_no_answer():
    fresh, carried = (tiny(tol=1e-10, carry_state=carry) for carry in (False, True))
    shown = images(fresh)
    calls = {}
    for name, model in (("fresh", fresh), ("carried", carried)):
        seen = []
        system = model.system()
        state, held = system.begin(3), system.hold({"image": shown})
        for _ in range(2):
            effects = Seen()
            with torch.no_grad():
                state = system.advance(state, held, effects)
            seen.append(effects.counts("drive")["area1"])
        calls[name] = seen, state
    assert calls["fresh"][0][0] == calls["fresh"][0][1] == calls["carried"][0][0] > 5
    assert calls["carried"][0][1] <= 2
    assert_close(calls["carried"][1].rates, calls["fresh"][1].rates, rtol=1e-7, atol=1e-8)


def test_interventions_act_on_the_equilibrium():
    model = tiny()
    shown, other = images(model), twin(model)
    protocol = cordsnet.show(shown, 1000)
    for cut in (cordsnet.silence("area2"), cordsnet.scale("area1 -> area2", 0.5), cordsnet.inject("area3", 0.2)):
        slow = cordsnet.simulate(other, protocol, record="all", interventions=cut, initial_state="zero")
        fast = cordsnet.simulate(model, cordsnet.show(shown, 100), record="all", interventions=cut)
        for area in model.areas:
            assert_close(fast.rates[area][-1], slow.rates[area][-1], rtol=1e-8, atol=1e-9)


def test_everything_goes_through_effects_and_drives_are_recorded_once():
    model, seen = tiny(), Seen()
    frame(model, {"image": images(model)}, seen)
    assert set(seen.counts("rate")) == set(model.areas)
    found = cordsnet.simulate(model, cordsnet.show(images(model), 200), record=["area1", "area1.drive"])
    assert_close(found.rates["area1.drive"].relu(), found.rates["area1"], rtol=1e-9, atol=1e-10)


def test_lesions_hold_in_the_solver_too():
    model = cordsnet.lesion(tiny(), "area2")
    found = solver_trajectory(model, images(model))
    assert not found.rates["area2"].any()
    silent = Effects(clamps={"area2": (Clamped(torch.tensor(True), torch.tensor(0.0).double()),)})
    assert_close(found.rates["area4"][-1], frame(tiny(), {"image": images(model)}, silent).rates["area4"])


def test_single_precision_asks_for_no_more_than_it_can_give():
    model = tiny().float()
    assert model.spec.settings(torch.float32).tol == pytest.approx(16 * torch.finfo(torch.float32).eps)
    shown = images(model).float()
    state = frame(model, {"image": shown})
    assert_close(
        state.rates["area4"], frame(tiny(), {"image": shown.double()}).rates["area4"].float(), rtol=1e-4, atol=1e-5
    )


def test_a_solver_with_all_settings_can_be_given():
    model = tiny()
    found = solver_trajectory(model, None, Solver(tol=1e-3, method="broyden", max_iterations=50))
    assert found.status == (Status.CONVERGED,)
    with pytest.raises(TypeError, match="model must be a deep equilibrium model, got CordsNet"):
        solver_trajectory(twin(model))
    with pytest.raises(ValueError, match="method must be"):
        solver_trajectory(model, None, "newton")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"solver": "newton"}, "solver must be one of 'anderson', 'broyden', 'fixed_point', got 'newton'"),
        ({"gradient": "unrolled"}, "gradient = 'unrolled' needs solver = 'fixed_point', got 'anderson'"),
        ({"tol": 0.0}, "tol must be a finite number above 0"),
        ({"max_iterations": 0}, "max_iterations must be a whole number of at least 1"),
        ({"damping": 2.0}, "damping must be at most 1"),
        ({"carry_state": 1}, "carry_state must be True or False"),
    ],
)
def test_specs_that_cannot_be_are_refused(changes, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        MODELS["deq_conv_r2"].spec.changed(**changes)


def test_specs_are_plain_data():
    spec = MODELS["deq_conv_r6_small"].spec.changed(width=8, solver="broyden")
    assert DeqConvSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert isinstance(cordsnet.create_model("deq_conv_r2_small"), DeqConv)
    assert sum(p.numel() for p in cordsnet.create_model("deq_conv_r2_small").parameters()) < 100_000


def test_a_solvers_trajectory_is_in_the_precision_of_the_model_under_autocast():
    model = tiny(tol=1e-6).float()
    shown = images(model).float()
    wanted = solver_trajectory(model, shown)
    with torch.autocast("cpu", torch.bfloat16):
        found = solver_trajectory(model, shown)
    assert_close(found.scores, wanted.scores, rtol=0, atol=0)
    assert found.status == wanted.status == (Status.CONVERGED,) * 3


def test_a_step_costs_no_more_than_a_plain_loop_to_the_same_tolerance(as_users_run_it):
    sizes = {"image_size": 32, "width": 32, "num_classes": 10}
    model = cordsnet.create_model("deq_conv_r4_small", **sizes, solver="fixed_point", seed=0).eval()
    with torch.no_grad():
        for recurrent in model.wiring.recurrent.values():
            recurrent.scale(0.5)
    shown, weights = images(model, 16).float(), model.state_dict()

    def apart(found):
        if len(found) < 2:
            return torch.inf
        after, before = (torch.cat([rates.flatten(1) for rates in step], 1) for step in (found[-1], found[-2]))
        return float(((after - before).norm(dim=1) / after.norm(dim=1)).max())

    @torch.no_grad()
    def ours():
        system = model.system()
        state = system.advance(system.begin(16), system.hold({"image": shown}))
        return state, system.read(state)["scores"]

    @torch.no_grad()
    def theirs():
        return discrete_cordsnet(weights, 4, shown, 100, ended=lambda found: apart(found) <= model.spec.tol)

    found, scores = theirs()
    state, ours_scores = ours()
    assert 5 < len(found) < 50
    assert_close(list(state.rates.values()), found[-1], rtol=1e-4, atol=1e-5)
    assert_close(ours_scores, scores, rtol=1e-4, atol=1e-5)
    assert ratio_of_times(ours, theirs, limit=1.1) <= 1.1

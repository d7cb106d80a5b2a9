"""Temporal skip connections against a loop written by hand, and networks that are trained with them."""

import dataclasses

import pytest
import torch

import cordsnet
from cordsnet import create_model, lesion
from cordsnet.dynamics import Gradient, Hold, Record, integrate
from cordsnet.errors import RunError
from cordsnet.tasks import create_task, task_recipe
from cordsnet.training import Bound, Budget, LastStep, Skips, Train, fit
from cordsnet.training.skips import SkippingSystem

STEPS = 30


def network(**changes):
    spec = {"vector_size": 3, "units": 7, "noise": 0.0, "activation": "tanh", "dt_ms": 20.0} | changes
    return create_model("vector_rnn_dense_small", **spec, seed=1).double()


def pulse(steps=STEPS, trials=2):
    values = torch.randn(trials, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return [Hold(1, {"vector": values}), Hold(steps - 1)]


def run(system, holds, engine="auto"):
    steps = sum(hold.steps for hold in holds)
    return integrate(system, holds, system.begin(2), Record("all"), steps, engine, None, [])


@pytest.mark.parametrize("steps", [2, 5])
@pytest.mark.parametrize("engine", ["auto", "time_major", "checkpointed"])
def test_rates_and_gradients_are_those_of_a_loop_written_by_hand(steps, engine):
    model, weight = network(), 0.3
    found = run(SkippingSystem(model.system(), steps, weight), pulse(), engine).rates["area1"]
    shown = pulse()[0].inputs["vector"]
    course = [torch.zeros(2, 7, dtype=torch.float64)]
    recurrent = model.recurrent.map().weight
    for step in range(STEPS):
        drive = course[-1] @ recurrent.T + model.bias + (shown @ model.afferent.T if step == 0 else 0)
        own = course[-1] + 0.2 * (drive.tanh() - course[-1])
        earlier = course[step + 1 - steps] if step + 1 >= steps else course[0]
        course.append((1 - weight) * own + weight * earlier)
    wanted = torch.stack(course[1:])
    assert torch.allclose(found, wanted, rtol=0, atol=1e-12)
    one, other = (torch.autograd.grad(rates[-1].square().sum(), model.afferent)[0] for rates in (found, wanted))
    assert torch.allclose(one, other, rtol=1e-9, atol=0)
    assert float(other.abs().max()) > 0


def test_gradients_reach_further_back():
    model, sizes = network(gain=0.0), []
    for system in (model.system(), SkippingSystem(model.system(), 10, 0.5)):
        last = run(system, pulse(100)).rates["area1"][-1]
        sizes.append(float(torch.autograd.grad(last.sum(), model.afferent)[0].abs().max()))
    assert sizes[1] > 1e4 * sizes[0] > 0


def test_lesions_noise_and_other_models_go_with_them():
    hurt = lesion(network(noise=0.1), "area1", units=[2])
    rates = run(SkippingSystem(hurt.system(), 4, 0.5), pulse()).rates["area1"]
    assert bool((rates[..., 2] == 0).all())
    assert float(rates.detach().std()) > 0
    model = create_model("cordsnet_r2_small", width=2).double()
    system = SkippingSystem(model.system(), 4, 0.5)
    rest = integrate(system, [Hold(12)], system.begin(1), Record("all"), 12, "auto", None, [])
    begun = model.system().begin(1).values["area2"]
    assert torch.allclose(rest.rates["area2"][-1], begun, atol=1e-6)  # it stays at rest


def test_the_weight_falls_to_zero_and_leaves_the_system_alone():
    skips = Skips(100.0, 0.4, 0.5)
    assert [skips.at(update, 8) for update in range(6)] == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.0, 0.0])
    bound = Bound.of(network())
    assert skips.applied(bound, 0.0) is bound
    assert skips.applied(bound, 0.2).system.steps == 5


def recipe_with(skips, updates=8):
    task = create_task("match_to_sample", timing={"sample": 100.0, "delay": 200.0, "test": 100.0, "decision": 100.0})
    recipe = task_recipe(task, test_trials=20)
    how = dataclasses.replace(recipe.stages[0].optimisation, updates=updates, batch=8)
    stage = dataclasses.replace(recipe.stages[0], optimisation=how, skips=skips)
    return dataclasses.replace(recipe, stages=(stage,))


def weights(report):
    return report.model().state_dict()


def test_a_network_is_trained_with_them_and_has_none_in_the_end(tmp_path):
    plain, with_skips, again = (
        fit(recipe_with(skips), tmp_path / name, progress=False)["train"]
        for name, skips in (("plain", None), ("skips", Skips(100.0)), ("again", Skips(100.0)))
    )
    assert any(not torch.equal(value, weights(plain)[name]) for name, value in weights(with_skips).items())
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(with_skips).items())
    model = with_skips.model()
    assert type(model.system()) is type(plain.model().system())
    trajectory = cordsnet.simulate(model, cordsnet.give("vector", torch.zeros(1, model.spec.vector_size), 100.0))
    assert not trajectory.final_state.past
    assert "skips" not in recipe_with(None).stages[0].to_dict()


WRONG = {
    "weight": (lambda: Skips(weight=1.0), "weight must lie between 0 and 1, got 1.0"),
    "until": (lambda: Skips(until=0.0), "until must be a share of the updates above 0"),
    "ms": (lambda: Skips(ms=-1.0), "ms must be"),
    "budget": (lambda: Train(skips=Skips(), budget=Budget(seconds=1.0)), "skips are removed by the updates"),
    "gradient": (
        lambda: Train(loss=LastStep(), skips=Skips(), gradient=Gradient("implicit")),
        "skips reach into the past",
    ),
    "warm": (lambda: Train(skips=Skips(), spontaneous_residual=1e-3), "skips need a model in time"),
    "short": (lambda: Skips(20.0).applied(Bound.of(network()), 0.5), "at least two steps of 20 ms, got 20"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_settings_are_refused_in_one_sentence(case):
    call, said = WRONG[case]
    with pytest.raises(ValueError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_stage_whose_skips_are_too_short_is_refused_before_it_is_trained(tmp_path):
    with pytest.raises(RunError, match="at least two steps of"):
        fit(recipe_with(Skips(20.0)), tmp_path, progress=False)

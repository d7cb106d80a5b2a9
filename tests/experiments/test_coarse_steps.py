"""Coarse and fine steps: networks and flows with known solutions, and models that have no step to choose."""

import math

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels

import cordsnet
from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.needs import free_step, no_noise
from cordsnet.experiments.questions.coarse_steps import CoarseStepsOptions, known_rows, known_slope, measure, slopes
from cordsnet.experiments.questions.known_flow import KnownFlow
from cordsnet.experiments.questions.stepping import StepRun, simulate_steps, time_constant

DTS = (10.0, 5.0, 2.0, 1.0)
OPTIONS = CoarseStepsOptions(trials=20, image_ms=40.0, dts_ms=DTS)


def one_area():
    """A leaky network whose first area reads a constant drive: r(t) = x (1 - exp(-t / tau)) for a lit channel."""
    model, _ = leaky_readers()
    return model, lit_channels()


def test_the_known_solution_is_that_of_the_matrix_exponential():
    flow = KnownFlow(tau_ms=7.0, growth=0.3, turn=0.9, drive=2.0)
    matrix = torch.tensor([[0.3 - 1, -0.9], [0.9, 0.3 - 1]], dtype=torch.float64) / flow.tau_ms
    drive = torch.tensor([2.0, 0.0], dtype=torch.float64) / flow.tau_ms
    settled = torch.linalg.solve(-matrix, drive)
    for ms in (0.0, 1.0, 10.0, 100.0):
        expected = settled - torch.matrix_exp(matrix * ms) @ settled
        assert torch.allclose(flow.solution(torch.tensor([ms]))[0], expected, atol=1e-14)


def test_steppers_have_their_order_on_the_known_flow_and_unstable_steps_are_left_out():
    rows = known_rows(KnownFlow(), 40.0, (40.0, 2.0, 1.0, 0.5))
    for name, order in {"euler": 1, "exponential_euler": 1, "heun": 2, "rk4": 4}.items():
        assert known_slope(rows, name) == pytest.approx(order, abs=0.15)
    assert not [row for row in rows if row["stepper"] == "euler" and row["dt_ms"] == 40.0]
    assert math.isnan(known_slope(known_rows(KnownFlow(), 40.0, (40.0, 2.0, 1.0)), "euler"))


def test_errors_of_a_leaky_network_are_those_of_its_recursion():
    """Area 1 of the leaky network is x (1 - (1 - dt / tau)^k) by Euler and exact by exponential Euler."""
    model, split = one_area()
    runs, notes = simulate_steps(model, split, 40.0, DTS)
    assert notes == []
    times, tau = np.array([10.0, 20.0, 30.0, 40.0]), time_constant(model)
    truth = 1 - np.exp(-times / tau)
    for run in runs:
        found = 1 - (1 - run.dt / tau) ** (times / run.dt) if run.stepper == "euler" else truth
        expected = math.sqrt(((found - truth) ** 2).sum() / (truth**2).sum())
        (apart, size) = run.squared["area1"][0]
        assert math.sqrt(apart.sum() / size.sum()) == pytest.approx(expected, rel=5e-3, abs=3e-4)
        assert run.errors(np.ones((1, 20)))[0] >= math.sqrt(apart.sum() / size.sum())


def test_claims_of_a_leaky_network_hold():
    model, split = one_area()
    result = EXPERIMENTS["coarse_steps"](Setting({"leaky": model}, split), OPTIONS)
    verdicts = {claim.name: claim.verdict for claim in result.claims}
    assert verdicts["euler_order"] == verdicts["known_order"] == "holds"
    assert [claim.value for claim in result.claims if "answers" in claim.name] == [1.0] * 3
    assert {row["dt_ms"] for row in result.rows("steps")} == {10.0, 5.0, 2.0, 1.0}
    assert all(row["agreement"] == row["accuracy"] == 1.0 for row in result.rows("steps"))


def test_the_order_is_the_slope_of_given_errors():
    def run(dt):
        squared = np.ones((2, 2, 5))
        squared[:, 0] = (0.01 * dt**3) ** 2
        return StepRun("euler", dt, np.array([4.0]), np.zeros((1, 5), dtype=int), {"a": squared})

    runs = [run(dt) for dt in (1.0, 2.0, 4.0)]
    assert slopes(runs, np.ones((2, 5))) == pytest.approx([3.0, 3.0])
    found = measure(runs, known_rows(KnownFlow(), 4.0, (1.0, 2.0, 4.0)), 2.0, 10.0, 0)
    assert found["euler_order"].value == pytest.approx(3.0)
    assert found["refined_answers"].value == 1.0
    assert "coarse_answers" not in found  # exponential Euler was not run


def test_answers_that_change_are_counted():
    model, split = one_area()
    runs, _ = simulate_steps(model, split, 40.0, DTS)
    assert all((run.answers[-1] == split.labels.numpy()).all() for run in runs)
    changed = [
        StepRun(run.stepper, run.dt, run.times, 1 - run.answers, run.squared) if run.dt == 1.0 else run for run in runs
    ]
    found = measure(changed, known_rows(KnownFlow(), 40.0, DTS), 2.0, 10.0, 0)
    assert found["refined_answers"].value == 0.0
    assert found["coarse_answers"].value == 1.0


def test_an_area_that_is_silent_is_not_compared_and_a_silent_network_has_no_error():
    silent = np.zeros((2, 2, 3))
    squared = np.stack([np.full((2, 3), 0.04), np.ones((2, 3))], 1)
    answers = np.zeros((1, 3), dtype=int)
    one = StepRun("euler", 1.0, np.ones(1), answers, {"a": silent, "b": squared})
    assert one.errors(np.ones((1, 3))) == pytest.approx([0.2])
    assert np.isnan(StepRun("euler", 1.0, np.ones(1), answers, {"a": silent}).errors(np.ones((1, 3)))).all()


def test_results_do_not_depend_on_the_order_of_models():
    model, split = one_area()
    other = cordsnet.create_model("cordsnet_r2_small", in_channels=2, num_classes=2, image_size=8, width=2)
    experiment, both = EXPERIMENTS["coarse_steps"], {"a": model, "b": other}
    options = CoarseStepsOptions(trials=4, image_ms=8.0, dts_ms=(8.0, 4.0, 2.0))
    first = experiment(Setting(both, split), options)
    second = experiment(Setting(dict(reversed(both.items())), split), options)
    for name in ("steps", "course", "known_flow"):
        assert first.rows(name, model="a") == second.rows(name, model="a")
    assert set(first.claims) == set(second.claims)


def test_delays_that_a_step_cannot_represent_are_left_out_with_a_sentence():
    from oracles import DELAYS

    model = cordsnet.models.build(DELAYS, 0)
    split = Split(torch.randn(6, 1, 5, 5), torch.arange(6) % 3)
    options = CoarseStepsOptions(trials=6, image_ms=12.0, dts_ms=(4.0, 2.0, 1.0))
    result = EXPERIMENTS["coarse_steps"](Setting({"delays": model}, split), options)
    assert {row["dt_ms"] for row in result.rows("steps")} == {2.0, 1.0}
    assert sum("4 ms is left out: delay of the pathway" in row["note"] for row in result.rows("notes")) == 2
    assert result.claim("euler_order").value is None  # two steps are too few


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("convlstm_small", "counts time in steps of its own"),
        ("dtcnn_r2_small", "counts time in steps of its own"),
        ("cnn_r2_small", "counts time in steps of its own"),
        ("conv_s5_small", "has no rate equation"),
        ("task_rnn_small", "no class scores"),
    ],
)
def test_models_without_a_step_to_choose_are_refused(name, why):
    with pytest.raises(ValueError, match=f"experiment 'coarse_steps' cannot be run with 'net': it .*{why}"):
        EXPERIMENTS["coarse_steps"].check({"net": cordsnet.create_model(name)})


def test_needs_say_what_is_missing():
    assert free_step(cordsnet.create_model("cordsnet_r2_small")) == ""
    assert "private noise" in no_noise(cordsnet.create_model("task_rnn_small"))
    assert "no dynamics" in no_noise(cordsnet.create_model("cnn_r2_small"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"dts_ms": (4.0, 2.0)}, "at least 3 different steps"),
        ({"dts_ms": (4.0, 3.0, 2.0)}, "the coarsest of dts_ms"),
        ({"image_ms": 45.0, "dts_ms": (10.0, 5.0, 1.0)}, "image_ms = 45 ms is not a whole number"),
        ({"dts_ms": (4.0, 2.0, -1.0)}, "must be"),
    ],
)
def test_bad_options_are_refused(changes, why):
    with pytest.raises(ValueError, match=why):
        CoarseStepsOptions(**changes)


def test_a_step_of_the_model_that_does_not_divide_the_coarsest_is_refused():
    with pytest.raises(ValueError, match="the model's own step"):
        CoarseStepsOptions(dts_ms=(4.0, 2.0, 1.0)).with_own(3.0)

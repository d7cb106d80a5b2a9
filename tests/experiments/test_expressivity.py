"""Expressivity: distances and intervals by hand, trials of one timing, and the experiment on tiny networks."""

import dataclasses

import numpy as np
import pytest
import torch

from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.cognition import expressivity as module
from cordsnet.experiments.cognition.courses import CONDITIONS, mean_courses, one_timing, show_trials
from cordsnet.experiments.cognition.distances import distances, lowest_mean, matrix, ratio
from cordsnet.experiments.cognition.options import MODELS, ExpressivityOptions
from cordsnet.experiments.cognition.recurrences import SHORT, spec_options, task_of
from cordsnet.models import MODELS as ROWS
from cordsnet.models import create_model
from cordsnet.tasks import create_task, ring
from cordsnet.tasks.running import run_rates

TINY = {"updates": 1, "batch": 4, "trials": 20, "units": (16,), "tasks": ("delayed_saccade",)}
NAMES = ("vector_rnn_dense_small", "vector_rnn_conv_small")


def network(task, **changes):
    sizes = {"vector_size": len(task.vector_channels), "outputs": task.outputs}
    return create_model("vector_rnn_dense_small", units=16, dt_ms=20.0, seed=1, **sizes, **changes).eval()


@pytest.mark.parametrize("units", [16, 64, 144, 256])
@pytest.mark.parametrize("name", MODELS)
def test_networks_have_exactly_the_units_that_are_asked_for(name, units):
    spec = ROWS[name].spec.changed(**spec_options(name, units, 40.0))
    assert spec.size == units
    assert spec.dt_ms == 40.0
    assert spec.recurrence == ROWS[name].spec.recurrence
    if spec.recurrence == "conv" and units > 16:
        assert spec.side == 4


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_trials_of_one_timing_are_equal_within_a_condition(name):
    task = task_of(name, "short", 40.0)
    assert set(SHORT[name]["timing"]) == set(task.periods)
    still = one_timing(task)
    shown = show_trials(task)
    assert still.noise == 0
    assert len(set(shown.trials.lengths.tolist())) == 1
    assert len(shown.conditions) == len(shown.group.unique()) >= 8
    for period, edges in shown.periods.items():
        assert edges[1] - edges[0] == still.timings[period]
    inputs = shown.trials.inputs["vector"]
    first = [inputs[:, (shown.group == k).nonzero()[0, 0]] for k in range(len(shown.conditions))]
    assert all(not torch.equal(one, first[0]) for one in first[1:])
    if name in ("delayed_saccade", "sequence", "parametric_memory"):  # no other condition is averaged over
        assert torch.equal(torch.stack(first, 1)[:, shown.group], inputs)


def test_durations_that_vary_become_one():
    own = one_timing(create_task("context_decision"))
    assert own.timings["delay"] == 600
    lists = one_timing(create_task("delayed_saccade"))
    assert [lists.timings[name] for name in ("fixation", "stimulus", "delay")] == [500, 400, 800]
    drawn = one_timing(create_task("sequence", timing={"delay": ["uniform", 100, 345]}))
    assert drawn.timings["delay"] == 220


def test_a_sequence_is_not_answered_by_standing_still():
    task = task_of("sequence", "short", 40.0)
    trials = task.sample(40, 1)
    start, sign = trials.conditions["start"], 1 - 2 * trials.conditions["direction"]
    for ahead in torch.arange(0, 220, 10).deg2rad():
        values = torch.zeros(trials.frames, 40, 33)
        values[..., 1:] = ring.bump(start + sign * ahead)
        assert not task.answers(trials, {"ring": values}).correct.any()
    right = trials.targets["ring"]
    assert task.answers(trials, {"ring": right}).correct.all()


def test_courses_are_means_of_rates_without_noise():
    task = task_of("context_decision", "short", 40.0)
    noisy, quiet = network(task, noise=0.5), network(task, noise=0.0)
    shown = show_trials(task)
    rates = run_rates(noisy, shown.trials, "area1")
    torch.testing.assert_close(rates, run_rates(quiet, shown.trials, "area1"))
    state, system = quiet.initial_state(len(shown.trials)), quiet.system()
    for _ in range(2):
        state = system.advance(state, system.hold({"vector": shown.trials.inputs["vector"][0]}))
    torch.testing.assert_close(rates[0], state.rates["area1"], rtol=1e-5, atol=1e-6)
    means = mean_courses(noisy, shown)
    for k in range(len(shown.conditions)):
        torch.testing.assert_close(means[k], rates[:, shown.group == k].double().mean(1))


def test_turned_and_scaled_courses_are_the_same():
    draw = torch.Generator().manual_seed(0)
    one = torch.randn(8, 22, 12, generator=draw, dtype=torch.float64).cumsum(1)
    turn = torch.linalg.qr(torch.randn(12, 12, generator=draw, dtype=torch.float64)).Q
    found, why = distances(one, 3 * one @ turn + 1, True)
    assert why == ""
    assert found["procrustes"] == pytest.approx(0, abs=1e-9)
    assert found["cca"] == pytest.approx(1, abs=1e-6)
    assert found["dsa"] == pytest.approx(0, abs=1e-3)
    other, _ = distances(one, torch.randn(8, 22, 12, generator=draw, dtype=torch.float64).cumsum(1), False)
    assert other["procrustes"] > 0.2
    assert other["cca"] < 0.9
    assert "dsa" not in other


def test_too_few_dimensions_for_dsa_are_told():
    flat = torch.randn(8, 22, 3, dtype=torch.float64)
    found, why = distances(flat, flat.clone(), True)
    assert "dsa" not in found
    assert "rank" in why


def test_courses_in_which_nothing_happens_have_no_distances():
    moving = torch.randn(8, 22, 12, dtype=torch.float64)
    flat = torch.zeros(8, 22, 12, dtype=torch.float64)
    flat[..., :2] = torch.randn(8, 22, 2, dtype=torch.float64)
    found, why = distances(moving, flat, False)
    assert set(found) == {"procrustes"}
    assert "cca" in why
    still, why = distances(moving, torch.zeros_like(flat), True)
    assert still == {}
    assert all(name in why for name in ("procrustes", "cca", "dsa"))


def clouds(names, apart, seed=0):
    """Distances of points around a centre for each name."""
    random = np.random.default_rng(seed)
    centres = {name: random.normal(size=20) for name in dict.fromkeys(names)}
    points = np.stack([apart * centres[name] + random.normal(size=20) for name in names])
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def test_ratios_of_distances_are_those_of_known_clouds():
    names = [name for name in "abcd" for _ in range(5)]
    far, none = ratio(clouds(names, 2.0), names, 0), ratio(clouds(names, 0.0), names, 0)
    assert far.value > far.interval[0] > 1.5
    assert none.interval[0] < 1 < none.interval[1] < 1.25
    pairs = np.where(np.equal.outer(names, names), 1.0, 1.7)
    assert ratio(pairs, names, 0).value == pytest.approx(1.7)
    assert ratio(pairs, names, 0).interval == pytest.approx((1.7, 1.7))
    order = np.random.default_rng(1).permutation(len(names))
    again = ratio(clouds(names, 2.0)[np.ix_(order, order)], [names[k] for k in order], 0)
    assert again.value == pytest.approx(far.value)
    assert again.interval == pytest.approx(far.interval, rel=0.05)


def test_ratios_need_pairs_of_both_kinds_and_three_networks():
    assert np.isnan(ratio(np.ones((3, 3)), list("aaa"), 0).value)
    assert np.isnan(ratio(np.ones((2, 2)), list("ab"), 0).value)
    assert np.isnan(ratio(np.ones((0, 0)), [], 0).value)
    two = ratio(np.ones((4, 4)), list("aabb"), 0)
    assert (two.value, two.interval) == (1.0, None)
    ends = {"first": "a", "first_units": 16, "first_seed": 0, "second": "b", "second_units": 64, "second_seed": 1}
    found = matrix([{**ends, "dsa": 0.4}], [("a", 16, 0), ("b", 64, 1), ("b", 64, 2)], "dsa")
    assert found[0, 1] == found[1, 0] == 0.4
    assert np.isnan(found[0, 2])


def test_a_ratio_of_two_recurrences_reads_no_others():
    names = [name for name in "abc" for _ in range(4)]
    pairs = np.full((12, 12), 9.0)
    pairs[:4, :4], pairs[4:8, 4:8], pairs[:4, 4:8], pairs[4:8, :4] = 1.0, 4.0, 2.0, 2.0
    assert ratio(pairs, names, 0, ("b", "a")).value == 2
    assert ratio(pairs, names, 0, ("a", "b")).value == 0.5
    assert ratio(pairs, names, 0, ("a", "b")).n == 8
    assert np.isnan(ratio(pairs[4:, 4:], names[4:], 0, ("b", "a")).value)


def test_the_lowest_recurrence_decides():
    good, bad = np.ones((3, 400)), np.zeros((3, 400))
    bad[:, :320] = 1
    found = lowest_mean({"good": good, "bad": bad}, 0)
    assert (found.value, found.n) == (0.8, 6)
    assert found.interval[0] < 0.8 < found.interval[1] < 0.9
    assert lowest_mean({"bad": bad, "good": good}, 0) == found
    all_right = lowest_mean({"good": good}, 0)
    assert all_right.value == all_right.interval[1] == 1 > all_right.interval[0] > 0.98
    spread = np.stack([np.ones(400), np.zeros(400), np.ones(400)])
    assert np.ptp(lowest_mean({"spread": spread}, 0).interval) > 0.5


def run(output, **changes):
    options = dataclasses.replace(EXPERIMENTS["expressivity"].preset("smoke").options, **(TINY | changes))
    return EXPERIMENTS["expressivity"](Setting(output=output), options)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return run(tmp_path_factory.mktemp("run"), models=NAMES, seeds=2)


def test_every_network_and_pair_has_a_row(result):
    networks, pairs = result.rows("networks"), result.rows("distances")
    assert [(row["model"], row["seed"]) for row in networks] == [(name, k) for name in NAMES for k in range(2)]
    assert all(row["low"] <= row["accuracy"] <= row["high"] and row["updates"] == 2 for row in networks)
    assert len(pairs) == 2 * 6
    assert len(result.rows("distances", weights="trained", recurrence="same")) == 2
    assert all(0 <= row["procrustes"] <= 1 and row["cca"] <= 1 for row in pairs)
    assert {claim.name: claim.verdict for claim in result.claims}["all_learn"] == "fails"
    assert {claim.subject for claim in result.claims} == {"delayed_saccade"}
    said = " ".join(str(row["note"]) for row in result.rows("notes"))
    assert "shorter than the tasks' own" in said
    assert "answer less than 90 %" in said
    shown = result.arrays["trajectories/delayed_saccade/16/vector_rnn_dense_small"]
    assert shown.values.shape[0] == 8
    assert shown.axes[1].units == "ms"


def test_matrices_hold_every_pair_of_trained_networks(result):
    names = [f"{name}, 16 units, seed {seed}" for name in sorted(NAMES) for seed in range(2)]
    for measure in ("procrustes", "cca", "dsa"):
        if found := result.arrays.get(f"distances/delayed_saccade/{measure}"):
            assert [str(name) for name in found.axes[0].values] == names
            assert np.array_equal(found.values, found.values.T)
            assert set(np.diag(found.values)) == {1.0 if measure == "cca" else 0.0}
    known = result.arrays["distances/delayed_saccade/procrustes"].values
    row = next(iter(result.rows("distances", weights="trained", first_seed=1, second_seed=1)))
    assert known[1, 3] == row["procrustes"]
    assert result.rows("between_tasks") == ()


def test_networks_of_all_sizes_and_tasks_are_compared(tmp_path):
    found = run(tmp_path, models=NAMES, seeds=1, units=(16, 64), tasks=("delayed_saccade", "parametric_memory"))
    assert len(found.rows("networks")) == 8
    pairs = found.rows("distances", weights="trained", task="delayed_saccade")
    assert len(pairs) == 6
    assert sum("units" in row for row in pairs) == 2
    assert {row["units"] for row in found.rows("ratios")} == {16, 64}
    assert "delayed_saccade, 64 units" in {claim.subject for claim in found.claims}
    assert found.arrays["distances/delayed_saccade/procrustes"].values.shape == (4, 4)
    pytest.importorskip("DSA")
    everything = found.arrays["distances/all tasks/dsa"]
    assert everything.values.shape == (8, 8)
    assert str(everything.axes[0].values[0]).startswith("delayed_saccade, vector_rnn_conv_small, 16 units")
    assert {(row["networks"], row["of"]) for row in found.rows("between_tasks")} == {
        (group, of) for group in ("learnt", "trained") for of in ("tasks", "recurrences")
    }


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_short_trials_are_trained_to_a_loss_and_then_at_a_falling_rate(name):
    options = ExpressivityOptions(seeds=1)
    for one in options.runs(task_of(name, "short", 40.0), 0):
        learn, settle = one.recipe.stages
        assert (learn.name, settle.start, settle.name) == ("learn", "learn", "train")
        assert learn.until.measure == "loss"
        assert (learn.optimisation.schedule, settle.optimisation.schedule) == ("constant", "one_cycle")
        assert settle.optimisation.updates < learn.optimisation.updates
    given = dataclasses.replace(options, updates=7, lr=1e-4).runs(task_of(name, "short", 40.0), 0)[0].recipe
    assert [(one.optimisation.updates, one.optimisation.lr) for one in given.stages] == [(7, 1e-4), (7, 5e-5)]
    own = dataclasses.replace(options, timing="own").runs(task_of(name, "own", 20.0), 0)[0].recipe
    assert [one.until for one in own.stages] == [None]


def test_the_order_of_models_changes_nothing(result, tmp_path):
    turned = run(tmp_path, models=NAMES[::-1], seeds=2)
    drop = {"seconds", "processor_seconds"}

    def known(one, table):
        return sorted(str({k: v for k, v in row.items() if k not in drop}) for row in one.rows(table))

    for table in ("networks", "distances", "ratios"):
        assert known(turned, table) == known(result, table)
    assert turned.claims == result.claims


def test_a_network_that_diverged_answers_nothing(monkeypatch, tmp_path):
    def diverged(runs, *args, **kwargs):
        head = {"status": "diverged", "error": "loss is nan"}
        return [{**one.columns, "run": one.name, "seed": one.recipe.seed, **head} for one in runs]

    monkeypatch.setattr(module, "sweep", diverged)
    found = run(tmp_path, models=NAMES)
    assert {row["status"] for row in found.rows("networks")} == {"diverged"}
    claims = {claim.name: claim for claim in found.claims}
    assert (claims["all_learn"].value, claims["all_learn"].verdict) == (0, "fails")
    assert claims["alike"].value is None
    assert found.rows("distances") == ()


def test_options_that_make_no_sense_are_refused(tmp_path):
    wrong = (
        {"tasks": ()}, {"tasks": ("random_dots",)}, {"models": NAMES[:1]}, {"models": (NAMES[0],) * 2}, {"units": ()},
        {"units": (1,)}, {"seeds": 0}, {"updates": 0}, {"lr": 0.0}, {"gain": 0.0}, {"timing": "long"}, {"dt_ms": 0.0},
        {"trials": 0},
    )  # fmt: skip
    for changes in wrong:
        with pytest.raises((ValueError, TypeError), match=next(iter(changes))):
            ExpressivityOptions(**changes)
    with pytest.raises(ValueError, match="networks that read vectors"):
        run(tmp_path, models=(NAMES[0], "cordsnet_r2_small"))
    with pytest.raises(ValueError, match="whole number of frames of 30 ms"):
        run(tmp_path, models=NAMES, dt_ms=30.0)

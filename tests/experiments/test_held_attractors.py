"""Attractors that networks hold: trainings from short to long delays, and the experiment on tiny networks."""

import math

import pytest
import torch

from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.cognition import held_attractors as module
from cordsnet.experiments.cognition.grown_attractors import attractor_rows, shown_states, slow_of
from cordsnet.experiments.cognition.held_efforts import CYCLE_TURNS, HELD, LARGE, LARGE_MODEL
from cordsnet.experiments.cognition.held_options import HeldOptions
from cordsnet.experiments.cognition.held_runs import held_runs
from cordsnet.models import create_model
from cordsnet.report.cognition.held_attractors import states, summary
from cordsnet.tasks.timing import longest

DENSE = "vector_rnn_dense_small"
TINY = {"models": (DENSE,), "large": (), "units": 16, "updates": 1, "batch": 4, "trials": 20, "starts": 12}


def by_hand(task, units=12, **changes):
    """Units without noise, weak recurrence; the recurrence and the weights from the input are to be filled."""
    sizes = {"vector_size": len(task.vector_channels), "outputs": task.outputs, "noise": 0.0, "seed": 3}
    fields = {"units": units, "gain": 0.5, "activation": "tanh", "dt_ms": task.frame_ms}
    model = create_model(DENSE, **fields | sizes | changes).double()
    weights = dict(model.named_parameters())
    square = next(value for value in weights.values() if value.shape == (units, units))
    entry = next(value for value in weights.values() if value.shape == (units, len(task.vector_channels)))
    return model, square, entry


def test_three_wells_hold_the_patterns_of_a_flip_flop_and_a_weak_network_does_not():
    """A group of tanh units with a gain of 3 for each bit holds its sign, which is eight points in all."""
    held = HELD["flip_flop"]
    task = held.task("flip_flop")
    model, square, entry = by_hand(task)
    with torch.no_grad():
        square.zero_()
        entry.zero_()
        for bit in range(3):
            group = slice(4 * bit, 4 * bit + 4)
            square[group, group], entry[group, bit] = 3.0 / 4, 2.0
    (row,), parts = attractor_rows(model, task, 1000.0, 48, 0, held.question)
    assert (row["kind"], row["expected"], row["confirm"], row["topology_places"]) == ("points", "points", 3, 8)
    held_states, patterns = parts[0]
    read = sum((held_states[:, 4 * bit] > 0).double() * 2 ** (2 - bit) for bit in range(3))
    assert torch.equal(read, patterns)
    assert set(shown_states(parts, "first").axes[0].values) == set(range(8))
    (weak,), _ = attractor_rows(by_hand(task)[0], task, 1000.0, 24, 0, held.question)
    assert (weak["kind"], weak["claims"]) == ("single point", False)


def test_a_cycle_is_followed_in_short_steps_for_four_turns():
    """Two units that turn and saturate."""
    held = HELD["sequence"]
    task = held.task("sequence")
    assert slow_of(task, 1000.0, CYCLE_TURNS) == pytest.approx(4000.0)
    model, square, entry = by_hand(task)
    with torch.no_grad():
        square.zero_()
        square[:2, :2] = 1.6 * torch.tensor([[1.0, -0.7], [0.7, 1.0]])
        entry.zero_()
        angles = 2 * math.pi * torch.arange(32) / 32
        entry[0, 1:33], entry[1, 1:33] = angles.cos(), angles.sin()
    rows, _ = attractor_rows(model, task, 1000.0, 28, 0, held.question)
    assert [(row["trials"], row["kind"]) for row in rows] == [("direction 0", "cycle"), ("direction 1", "cycle")]
    assert all(row["slow_ms"] == 4000.0 and row["spectrum_multiplier_1"] == pytest.approx(1, abs=0.01) for row in rows)


def test_lessons_go_from_short_to_long_delays():
    runs = {run.columns["task"]: run for run in held_runs(HeldOptions(large=(), models=(DENSE,)), 3)}
    assert set(runs) == set(HELD)
    for name in ("parametric_memory", "delayed_saccade"):
        recipe = runs[name].recipe
        first, last = recipe.stages[0].lesson["timing"]["delay"], recipe.load_data().task.timings["delay"]
        assert longest(tuple(first)) < longest(last) / 3
        assert longest(last) >= 2000
        assert [stage.start for stage in recipe.stages] == ["", *(stage.name for stage in recipe.stages[:-1])]
        assert recipe.seed == 3
        assert recipe.spec().noise > 0.05


def test_convolutional_networks_are_drawn_weaker():
    runs = held_runs(HeldOptions(large=()), 0)
    gains = {(run.columns["task"], "conv" in str(run.columns["model"])): run.recipe.spec().gain for run in runs}
    assert all(gains[task, True] < gains[task, False] for task in HELD)


def test_large_networks_have_at_least_ten_thousand_units():
    runs = [run for run in held_runs(HeldOptions(), 0) if run.columns["size"] == "large"]
    assert [run.columns["task"] for run in runs] == list(LARGE)
    assert all(run.columns["units"] >= 10_000 and run.columns["model"] == LARGE_MODEL for run in runs)


def test_updates_and_batches_that_are_given_bound_every_stage():
    (run,) = held_runs(HeldOptions(**TINY | {"tasks": ("delayed_saccade",), "updates": 2}), 0)
    assert len(run.recipe.stages) == 4
    assert {(stage.optimisation.updates, stage.optimisation.batch) for stage in run.recipe.stages} == {(2, 4)}


def run(output, **changes):
    return EXPERIMENTS["held_attractors"](Setting(output=output), HeldOptions(**TINY | changes))


def test_networks_that_did_not_learn_are_not_asked(tmp_path):
    found = run(tmp_path, tasks=("delayed_saccade",))
    (network,) = found.rows("networks")
    assert (network["learnt"], network["updates"]) == (False, 4)  # one in each of four stages
    assert found.rows("attractors") == ()
    assert {(claim.name, claim.verdict) for claim in found.claims} == {
        ("held", "undecided at this scale"), ("control", "undecided at this scale"),
    }  # fmt: skip
    assert any("1 of 1 networks answer less than 90 %" in row["note"] for row in found.rows("notes"))
    assert summary(found).rows[0][-1] == "-"


def test_networks_that_learnt_are_asked_with_their_untrained_twins(tmp_path, monkeypatch):
    whole = module.network_row

    def learnt(*args):
        row, hits = whole(*args)
        return row | {"learnt": True}, hits

    monkeypatch.setattr(module, "network_row", learnt)
    found = run(tmp_path, tasks=("flip_flop",))
    rows = found.rows("attractors")
    assert [(row["weights"], row["expected"], row["units"]) for row in rows] == [
        ("trained", "points", 16), ("drawn", "points", 16),
    ]  # fmt: skip
    claims = {claim.name: claim for claim in found.claims}
    assert claims["held"].value == float(rows[0]["kind"] == "points")
    assert claims["control"].value == float(rows[1]["claims"])
    assert claims["control"].subject == f"flip_flop, {DENSE}, 16 units"
    assert [len(axes.collections) for axes in states(found).axes] == [1, 0, 0, 0]


def test_options_that_make_no_sense_are_refused():
    wrong = (
        {"tasks": ("context_decision",)}, {"tasks": ()}, {"large": ("go_nogo",)}, {"models": ()}, {"units": 1},
        {"models": ("cordsnet_r2_small",)}, {"slow_ms": 0.0}, {"starts": 11}, {"updates": 0}, {"batch": 0},
    )  # fmt: skip
    for changes in wrong:
        with pytest.raises((ValueError, TypeError), match=next(iter(changes))):
            HeldOptions(**changes)

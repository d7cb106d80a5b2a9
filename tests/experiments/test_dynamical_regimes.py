"""Regimes and attractors: known flows, networks made by hand, and the experiment on tiny networks."""

import dataclasses
import math

import pytest
import torch

from cordsnet.analysis import FunctionFlow
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.cognition import dynamical_regimes as module
from cordsnet.experiments.cognition.gain_sweep import extreme, flow_regime, regime_row
from cordsnet.experiments.cognition.grown_attractors import attractor_rows, confirmed, shown_states, slow_of
from cordsnet.experiments.cognition.recurrences import task_of
from cordsnet.experiments.cognition.regime_options import RegimesOptions
from cordsnet.models import create_model
from cordsnet.report.cognition.dynamical_regimes import states
from cordsnet.tasks import create_task, task_attractor

TAU = 100.0
NAMES = ("vector_rnn_dense_small", "vector_rnn_conv_small")
TINY = {
    "updates": 1, "batch": 4, "trials": 20, "units": (16,), "tasks": ("delayed_saccade",), "starts": 12, "seeds": 1,
    "gains": (0.2, 0.5), "slow_ms": 400.0, "scaled": NAMES[1:], "models": NAMES,
}  # fmt: skip


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def oscillator(x):
    """r' = r (1 - r^2) and angle' = 2 pi / 500 ms in the plane: the cycle has exponent 0 and a period of 500 ms."""
    turn = torch.stack([-x[:, 1], x[:, 0]], 1)
    return x * (1 - x.square().sum(1, keepdim=True)) / TAU + 2 * math.pi / 500 * turn


def lorenz(x):
    """Lorenz 1963, whose largest exponent is 0.906 per unit of time (Sprott 2003), here four time constants."""
    a, b, c = x.unbind(1)
    return torch.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], 1) / TAU / 4


def test_a_decaying_flow_is_stable_at_its_slowest_rate():
    rates = torch.tensor([0.3, 1.0, 2.0], dtype=torch.float64)
    row = flow_regime(FunctionFlow(lambda x: -x * rates / TAU, (3,)), draw(2, 3), TAU, 40.0)
    assert (row["regime"], row["by_exponent"], row["by_flow"], row["rest"]) == ("stable", "stable", "stable", "point")
    assert row["exponent"] == pytest.approx(-0.3, abs=1e-3)
    assert row["high"] < 0
    assert "closes" not in row


def test_a_cycle_oscillates_with_its_period():
    row = flow_regime(FunctionFlow(oscillator, (2,)), draw(2, 2), TAU, 30.0)
    assert (row["regime"], row["closes"]) == ("oscillatory", True)
    assert row["exponent"] == pytest.approx(0, abs=0.01)
    assert row["period_ms"] == pytest.approx(500, rel=1e-3)


def test_lorenz_is_chaotic_at_its_exponent():
    row = flow_regime(FunctionFlow(lorenz, (3,)), 5 * draw(2, 3) + 20, TAU, 100.0)
    assert row["regime"] == "chaotic"
    assert row["low"] < 0.906 / 4 < row["high"]
    assert row["low"] > 0


def test_a_scaled_network_is_the_same_but_for_a_factor():
    weak, strong = (create_model(NAMES[1], seed=3, gain=gain, units=64) for gain in (0.5, 2.0))
    for (name, one), (_, other) in zip(weak.named_parameters(), strong.named_parameters(), strict=True):
        torch.testing.assert_close(other, one * (4.0 if "recurrent" in name else 1.0))
    row = regime_row(NAMES[1], 0.3, 3, "tanh", 40.0)
    assert (row["regime"], row["units"], row["seed"]) == ("stable", 64, 3)


def test_extremes_are_those_of_the_least_favourable_network():
    rows = [{"gain": 6.0, "exponent": e, "low": e - 0.1, "high": e + 0.1} for e in (0.3, 0.05, 0.2)]
    found = extreme([*rows, {"gain": 1.0, "exponent": -1.0, "low": -1.1, "high": -0.9}], 6.0, largest=False)
    assert (found.value, found.n) == (0.05, 3)
    assert found.interval == pytest.approx((-0.05, 0.15))
    assert extreme(rows, 6.0, largest=True).value == 0.3
    assert math.isnan(extreme(rows, 2.0, largest=True).value)


def by_hand(task, gain, activation="tanh"):
    """Twelve units without noise; the recurrence, and the weights from the input, are to be filled."""
    sizes = {"vector_size": len(task.vector_channels), "outputs": task.outputs, "noise": 0.0, "seed": 3}
    model = create_model(NAMES[0], units=12, gain=gain, activation=activation, dt_ms=task.frame_ms, **sizes).double()
    weights = dict(model.named_parameters())
    square = next(value for value in weights.values() if value.shape == (12, 12))
    entry = next(value for value in weights.values() if value.shape == (12, len(task.vector_channels)))
    return model, square, entry


def test_two_wells_confirm_points_and_a_weak_network_does_not():
    """Two groups of tanh units with a gain of 3 each hold a sign; the channels of the sample push one of them."""
    task = create_task("match_to_sample", timing={"delay": 400})
    model, square, entry = by_hand(task, 0.5)
    groups = torch.zeros(12, 12, dtype=torch.float64)
    groups[:6, :6] = groups[6:, 6:] = 3.0 / 6
    with torch.no_grad():
        square.copy_(groups)
        entry.zero_()
        entry[:6, 1:17], entry[:6, 17:] = 2.0, -2.0
        entry[6:] = -entry[:6]
    (row,), parts = attractor_rows(model, task, 400.0, 24, 0)
    assert (row["kind"], row["expected"], row["confirm"], row["trials"]) == ("points", "points", 3, "all")
    held, sample = parts[0]
    signs = {(shown, *state.sign().tolist()) for shown, state in zip(sample.tolist(), held, strict=True)}
    assert len(signs) == len(set(sample.tolist()))
    assert len({sign[1:] for sign in signs}) == 2
    shown = shown_states(parts, "sample")
    assert shown.values.shape == (24, 2)
    assert set(shown.axes[0].values) == set(sample.tolist())
    (weak,), _ = attractor_rows(by_hand(task, 0.5)[0], task, 1000.0, 24, 0)
    assert (weak["kind"], weak["claims"]) == ("single point", False)
    assert weak["confirm"] == 2  # spectrum and pushes fit one point as well as several


def test_a_rotation_confirms_a_cycle_either_way_round():
    """Two units that turn and saturate, in the steps of the network; each direction is asked by itself."""
    task = create_task("sequence", frame_ms=20.0, timing={"go": 400}, speed_deg_s=360.0)
    assert slow_of(task, 400.0) == pytest.approx(1500.0)
    model, square, entry = by_hand(task, 0.0)
    with torch.no_grad():
        square[:2, :2] = 1.6 * torch.tensor([[1.0, -0.7], [0.7, 1.0]])
        entry.zero_()
        angles = 2 * math.pi * torch.arange(32) / 32
        entry[0, 1:33], entry[1, 1:33] = angles.cos(), angles.sin()
    rows, parts = attractor_rows(model, task, 400.0, 48, 0)
    assert [row["trials"] for row in rows] == ["direction 0", "direction 1"]
    assert [row["kind"] for row in rows] == ["cycle", "cycle"]
    assert sum(len(states) for states, _ in parts) == 48
    known = {"model": "a", "seed": 0}
    assert confirmed([known | row for row in rows]).value == 1
    assert confirmed([known | rows[0], known | rows[1] | {"kind": "none"}]).value == 0
    assert math.isnan(confirmed([]).value)


def test_conditions_that_are_not_there_are_refused():
    task = task_of("delayed_saccade", "short", 20.0)
    with pytest.raises(ValueError, match="only names no condition 'colour' of the task; it has angle"):
        task_attractor(by_hand(task, 0.5)[0], task, only={"colour": 1.0})


def run(output, **changes):
    options = dataclasses.replace(EXPERIMENTS["dynamical_regimes"].preset("smoke").options, **(TINY | changes))
    return EXPERIMENTS["dynamical_regimes"](Setting(output=output), options)


def test_networks_that_did_not_learn_are_not_asked(tmp_path):
    found = run(tmp_path)
    assert [row["learnt"] for row in found.rows("networks")] == [False, False]
    assert found.rows("attractors") == ()
    said = {(claim.name, claim.subject): claim.verdict for claim in found.claims}
    assert said["stable", NAMES[1]] == "holds"
    assert said["chaotic", NAMES[1]] == "fails"
    assert said["oscillates", NAMES[1]] == "fails"
    assert said["attractor", f"delayed_saccade, {NAMES[0]}"] == "undecided at this scale"
    assert said["control", "delayed_saccade"] == "undecided at this scale"
    assert any("2 of 2 networks answer less than 90 %" in row["note"] for row in found.rows("notes"))


def test_networks_that_learnt_are_asked_with_their_untrained_twins(tmp_path, monkeypatch):
    whole = module.network_row

    def learnt(*args):
        row, hits = whole(*args)
        return row | {"learnt": row["model"] == NAMES[1]}, hits

    monkeypatch.setattr(module, "network_row", learnt)
    found = run(tmp_path)
    rows = found.rows("attractors")
    assert [(row["model"], row["weights"]) for row in rows] == [(NAMES[1], "trained"), (NAMES[1], "drawn")]
    assert all(row["expected"] == "ring" and 0 <= row["confirm"] <= 3 for row in rows)
    claims = {(claim.name, claim.subject): claim for claim in found.claims}
    assert claims["control", "delayed_saccade"].value == int(rows[1]["claims"])
    assert claims["attractor", f"delayed_saccade, {NAMES[1]}"].n == 1
    drawn = states(found)
    assert [len(axes.collections) for axes in drawn.axes] == [0, 1]


def test_options_that_make_no_sense_are_refused():
    wrong = (
        {"tasks": ("context_decision",)}, {"scaled": ("cordsnet_r2_small",)}, {"scaled": ()}, {"gains": (1.0,)},
        {"gains": (2.0, 1.0)}, {"gains": (0.0, 1.0)}, {"activation": "sigmoid"}, {"duration_tau": 1.0},
        {"slow_ms": 0.0}, {"starts": 11},
    )  # fmt: skip
    for changes in wrong:
        with pytest.raises((ValueError, TypeError), match=next(iter(changes))):
            RegimesOptions(**changes)

"""States that move on after the first right answer, on hand-made courses and on a leaky network."""

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels

from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.effects.movement import Movement, record_movement
from cordsnet.experiments.effects.readout_zones import ReadoutZonesOptions, find, measure

SHORT = ReadoutZonesOptions(trials=20, before_ms=20.0, image_ms=200.0)


def moving(hits, speed):
    """A movement of 2 ms steps with onset at the third sample; both signals move alike."""
    hits, speed = np.array(hits, dtype=float).T, np.array(speed, dtype=float).T
    left = np.cumsum(speed[::-1] * 2.0, axis=0)[::-1] - speed * 2.0
    both = {"scores": speed, "top area": speed}
    margin = np.where(hits > 0, 1.0, -1.0) + np.arange(len(hits))[:, None]
    lefts = {"scores": left, "top area": left}
    return Movement(2.0 * np.arange(1, len(hits) + 1), 2, hits, margin, both, lefts, hits[-1] + 1)


def test_first_right_answers_and_what_follows_them():
    hits = [
        [0, 0, 0, 0, 1, 1, 1, 1],  # becomes right and stays
        [0, 0, 0, 1, 0, 1, 1, 1],  # is lost again
        [1, 1, 1, 1, 1, 1, 1, 1],  # right before the image
        [0, 0, 0, 0, 0, 0, 0, 0],  # never
    ]
    speed = [[0, 0, 0, 0.5, 0.5, 0.25, 0.125, 0]] * 4
    found = find(moving(hits, speed), after_ms=4.0)
    assert found.first.tolist() == [4, 3, -1, -1]
    assert np.array_equal(found.stays, [1, 0, np.nan, np.nan], equal_nan=True)
    assert found.after["scores"][:2] == pytest.approx([(0.25 + 0.125) / 2, (0.5 + 0.25) / 2])
    assert np.isnan(found.after["scores"][2:]).all()
    assert found.moved["scores"][:2] == pytest.approx([0.75, 1.75])
    assert found.gain[:2] == pytest.approx([3.0, 4.0])
    claims = measure(found)
    assert claims["right_stays_right"].value == 0.5
    assert claims["right_stays_right"].n == 2
    assert claims["scores_move_on"].interval is None  # two trials decide nothing
    assert claims["scores_move_on"].value == pytest.approx((0.1875 + 0.375) / 2)
    assert claims["scores_slow_down"].value == pytest.approx(0.0625 / 0.28125)
    assert claims["wrong_states_are_smaller"].value == pytest.approx(1 / 1.75)


def test_a_leak_moves_on_and_comes_to_rest():
    model, _ = leaky_readers()
    images = lit_channels()
    images = Split(images.images + 0.1, images.labels)
    movement = record_movement(model, images, 20.0, 200.0)
    # two leaks of 10 ms in a row: 1 - a^n (1 + n (1 - a) / a) of the response after n steps, with a = 0.8
    n = np.arange(101)
    rise = 1 - 0.8**n * (1 + n * 0.25)
    expected = (rise[-1] - rise) / rise[-1]
    assert movement.left["top area"][movement.onset :, 0] == pytest.approx(expected, abs=1e-5)
    both = (rise + 1 - 0.8**n) / 2  # scores are read from both areas alike
    assert movement.speed["scores"][movement.onset + 1 :, 0] == pytest.approx(np.diff(both) / both[-1] / 2, abs=1e-6)
    result = EXPERIMENTS["readout_zones"](Setting({"net": model}, images), SHORT)
    verdicts = {claim.name: claim.verdict for claim in result.claims}
    assert verdicts["scores_move_on"] == verdicts["top_area_slows_down"] == "holds"
    assert verdicts["wrong_states_are_smaller"] == "undecided at this scale"  # nothing is misread


def test_trials_that_are_held_together_change_nothing(monkeypatch):
    model, _ = leaky_readers(0.1)
    whole = record_movement(model, lit_channels(), 20.0, 60.0)
    monkeypatch.setattr("cordsnet.experiments.effects.movement.TOGETHER", 7)
    parts = record_movement(model, lit_channels(), 20.0, 60.0)
    assert np.array_equal(whole.hits, parts.hits)
    for signal in whole.speed:
        assert whole.speed[signal] == pytest.approx(parts.speed[signal], rel=1e-4, abs=1e-7)


def test_a_network_that_sees_nothing_has_no_first_right_answer():
    model, _ = leaky_readers()
    dark = Split(torch.zeros(20, 2, 8, 8), lit_channels().labels)
    result = EXPERIMENTS["readout_zones"](Setting({"net": model}, dark), SHORT)
    assert result.rows("trials")[0]["become_right"] == 0
    assert {claim.verdict for claim in result.claims} == {"undecided at this scale"}


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="after_ms must be at most"):
        ReadoutZonesOptions(after_ms=150.0)

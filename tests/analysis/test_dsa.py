"""Dynamical similarity of systems whose dynamics are known."""

import importlib.util

import numpy as np
import pytest
import torch

from cordsnet.analysis.activity.dsa import dsa

installed = pytest.mark.skipif(
    importlib.util.find_spec("DSA") is None, reason="dsa-metric is not installed: pip install 'cordsnet[geometry]'"
)
SETTINGS = {"components": 4, "delays": 2, "rank": 4, "iterations": 150, "learning_rate": 2e-2}


def spiral(rate, damping, trials=8, times=40, seed=0):
    """Two damped oscillations with a little noise, [trials, time, 4]."""
    draw, matrix = np.random.default_rng(seed), np.zeros((4, 4))
    for k, speed in enumerate((rate, 3 * rate)):
        turn = [[np.cos(speed), -np.sin(speed)], [np.sin(speed), np.cos(speed)]]
        matrix[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = damping * np.array(turn)
    state, out = draw.normal(size=(trials, 4)), []
    for _ in range(times):
        out.append(state)
        state = state @ matrix.T + 0.01 * draw.normal(size=state.shape)
    return np.stack(out, 1)


def turned(x, units=30):
    return x @ np.linalg.qr(np.random.default_rng(9).normal(size=(units, 4)))[0].T + 1


@installed
@pytest.mark.parametrize("score", ["angular", "wasserstein"])
def test_a_rotated_copy_is_closer_than_another_system(score):
    one, other = spiral(0.2, 0.98), spiral(0.6, 0.8, seed=1)
    same = dsa(one, turned(one), score=score, **SETTINGS)
    different = dsa(one, turned(other), score=score, **SETTINGS)
    assert same.distance.value < 0.25 * different.distance.value
    assert min(same.predicted) > 0.99
    assert different.score == score


@installed
def test_the_same_system_from_other_starts_is_close_and_errors_come_from_trials():
    one, again = spiral(0.2, 0.98), spiral(0.2, 0.98, seed=4)
    settings = SETTINGS | {"score": "wasserstein"}
    near = dsa(one, again, bootstrap=8, **settings)
    far = dsa(one, spiral(0.6, 0.8, seed=1), **settings)
    assert near.distance.value < 0.2 * far.distance.value
    assert near.distance.error > 0
    assert len(near.distance.resampled) == 8
    assert np.isnan(far.distance.error)


@installed
def test_the_seed_fixes_the_result_and_the_global_random_state_stays():
    one, other = spiral(0.2, 0.98), spiral(0.4, 0.9, seed=1)
    before = torch.get_rng_state()
    values = [dsa(one, other, seed=seed, **SETTINGS | {"iterations": 3}).distance.value for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert values[0] == values[1] != values[2]


@installed
def test_the_predicted_share_of_noise_is_low():
    noise = np.random.default_rng(0).normal(size=(8, 40, 4))
    assert max(dsa(noise, noise[::-1].copy(), score="wasserstein", **SETTINGS).predicted) < 0.2


def test_without_the_package_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "DSA", None)
    with pytest.raises(ModuleNotFoundError, match=r"cordsnet\[geometry\]"):
        dsa(spiral(0.2, 0.98), spiral(0.2, 0.98), **SETTINGS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score": "cosine"}, "score must be one of"),
        ({"rank": 9}, "rank must be at most 8"),
        ({"delays": 41}, "lower delays"),
        ({"delays": 0}, "at least 1"),
        ({"components": 0}, "components"),
    ],
)
def test_bad_arguments_are_named_in_the_error(change, words):
    with pytest.raises(ValueError, match=words):
        dsa(spiral(0.2, 0.98), spiral(0.2, 0.98), **SETTINGS | change)
    with pytest.raises(ValueError, match="y does not vary"):
        dsa(spiral(0.2, 0.98), np.ones((8, 40, 4)), **SETTINGS)

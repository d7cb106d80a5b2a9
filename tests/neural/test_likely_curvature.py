"""Curvature by maximum likelihood: paths of known curvature with noise, against the number of repeats."""

import numpy as np
import pytest

from cordsnet.errors import DataError
from cordsnet.neural import CurvatureStatus, likely_curvature, neural_curvature
from recordings_by_hand import turning

FRAMES, NEURONS, SETS = 9, 80, 12


def simulated(random, degrees, repeats, noise):
    """Responses [repeat, frame, neuron] along a path of unit steps that turns by an angle."""
    return turning(random, FRAMES, NEURONS, degrees) + noise * random.normal(size=(repeats, FRAMES, NEURONS))


def means(degrees, repeats, noise=0.2):
    """Estimates by the likelihood and by products [set, 2] and the mean curvature of the mean responses."""
    random = np.random.default_rng(repeats)
    found, naive = [], []
    for _ in range(SETS):
        responses = simulated(random, degrees, repeats, noise)
        products = neural_curvature(responses, draws=0)
        found.append((likely_curvature(responses, interval=False).value, products.value))
        naive.append(products.naive)
    return np.array(found), float(np.mean(naive))


@pytest.mark.parametrize("degrees", [60.0, 90.0])
def test_bias_is_small_from_few_repeats_on_where_mean_responses_are_bent_by_noise(degrees):
    bent = []
    for repeats, most in ((3, 6.0), (6, 3.0), (24, 1.5)):
        found, naive = means(degrees, repeats)
        error = found[:, 0].std(ddof=1) / SETS**0.5
        assert abs(found[:, 0].mean() - degrees) < most + 2 * error, repeats
        assert found[:, 0].std() < 1.1 * found[:, 1].std(), repeats  # no more spread than products
        bent.append(naive - degrees)
    assert bent[0] > bent[1] > bent[2]  # the naive bias falls with repeats
    assert bent[0] > 10


def test_the_spread_is_far_below_that_of_products_where_noise_is_large():
    found, _ = means(60.0, 4, noise=0.3)
    assert found[:, 0].std() < 0.6 * np.nanstd(found[:, 1])


def test_intervals_hold_the_curvature_and_steps_their_lengths():
    random = np.random.default_rng(5)
    held = []
    for _ in range(8):
        one = likely_curvature(simulated(random, 75.0, 12, 0.2))
        assert one.status is CurvatureStatus.ESTIMATED
        assert one.interval[0] < one.value < one.interval[1]
        held.append(one.interval[0] < 75 < one.interval[1])
        assert np.allclose(one.steps * NEURONS**0.5, 1, rtol=0.4)
    assert sum(held) >= 6


def test_absent_repeats_are_left_out():
    random = np.random.default_rng(2)
    responses = simulated(random, 60.0, 20, 0.2)
    responses[10:, :, ::2] = np.nan
    found = likely_curvature(responses, interval=False)
    assert found.value == pytest.approx(60, abs=6)
    more = np.concatenate([responses, np.full((2, FRAMES, NEURONS), np.nan)])
    assert likely_curvature(more, interval=False).value == pytest.approx(found.value, abs=1e-6)


def test_noise_alone_has_no_curvature():
    responses = np.random.default_rng(0).normal(size=(6, FRAMES, NEURONS))
    found = likely_curvature(responses)
    assert found.status is CurvatureStatus.NOISE
    assert np.isnan(found.value)
    assert found.interval is None


def test_a_straight_path_is_at_its_bound():
    found = likely_curvature(simulated(np.random.default_rng(1), 0.0, 30, 0.05))
    assert found.value < 6
    assert found.interval[0] < 3


def test_what_will_not_do_is_said():
    same = np.repeat(np.random.default_rng(0).normal(size=(1, 5, 4)), 3, 0)
    with pytest.raises(DataError, match=r"no noise; use curvature\(\)"):
        likely_curvature(same)
    with pytest.raises(DataError, match="two repeats of each frame"):
        likely_curvature(same[:1])


def test_neurons_of_very_different_sizes_do_not_bend_or_straighten_the_path():
    random = np.random.default_rng(3)
    found = []
    for _ in range(10):
        sizes = np.exp(random.normal(size=300))  # a model with one size for all finds some 15 degrees less
        path = turning(random, FRAMES, 300, 60.0) * sizes * (300 / (sizes**2).sum()) ** 0.5
        responses = path + 0.2 * random.normal(size=(20, FRAMES, 300))
        found.append(likely_curvature(responses, interval=False).value)
    assert np.mean(found) == pytest.approx(60, abs=4)

"""Reliability against closed forms, the coverage of its intervals, and the macaque V4 of Cowley et al. 2023."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cordsnet.neural import Recording, ReliabilityStatus, noise_ceiling, spearman_brown, split_half_reliability

V4 = Path(__file__).resolve().parents[3] / "shared" / "data"
NEEDS = "there is no folder shared/data/{} beside the repository"


def gaussian(images=200, repeats=6, bins=1, neurons=400, noise=2.0, missing=0.0, seed=0):
    """Signals of variance 1 in noise of sd s: the mean of n repeats has a reliability of 1 / (1 + s^2 / n)."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(images, 1, bins, neurons))
    responses = signal + noise * rng.normal(size=(images, repeats, bins, neurons))
    responses[rng.random(responses.shape) < missing] = np.nan
    return of(responses)


def of(responses, unit="other"):
    images, _, bins, neurons = responses.shape
    starts = 50.0 + 10 * np.arange(bins)
    names = [[str(k) for k in range(count)] for count in (images, neurons)]
    return Recording(responses, np.stack([starts, starts + 10], 1), *names, unit=unit)


def test_gaussian_reliability_is_that_of_the_closed_form_and_intervals_cover_it():
    truth = 1 / (1 + 4 / 6)
    found = split_half_reliability(gaussian(), halves=20)
    assert found.status is ReliabilityStatus.COMPUTED
    assert found.half_r.mean() == pytest.approx(1 / (1 + 4 / 3), abs=0.005)
    assert found.value.mean() == pytest.approx(truth, abs=0.006)
    inside = (found.interval[..., 0] <= truth) & (truth <= found.interval[..., 1])
    assert 0.91 <= inside.mean() <= 0.98  # of 400 neurons; .95 has a standard error of .011
    assert (found.images == 200).all()
    assert not found.left_out.any()


def test_ragged_repeats_have_the_noise_of_their_own_numbers():
    recording = gaussian(images=300, repeats=7, bins=2, neurons=200, missing=0.5)
    number = (~np.isnan(recording.responses)).sum(1)
    found = split_half_reliability(recording, halves=20, draws=0)
    np.testing.assert_array_equal(found.images, (number >= 2).sum(0))
    np.testing.assert_array_equal(found.left_out, (number == 1).sum(0))
    n = number[number >= 2]
    a, b = (1 / (1 + 4 * np.mean(1 / half)) for half in ((n + 1) // 2, n // 2))
    assert found.half_r.mean() == pytest.approx(np.sqrt(a * b), abs=0.008)
    assert found.interval is None


def test_splits_use_repeats_that_are_present_and_nothing_else():
    whole = gaussian(images=20, repeats=4, neurons=3)
    padded = np.full((22, 9, 1, 3), np.nan)
    padded[:20, [1, 3, 4, 8]] = whole.responses
    padded[20, 5] = 1e6  # one repeat: left out
    one, other = (split_half_reliability(r, halves=2000, draws=0) for r in (whole, of(padded)))
    np.testing.assert_allclose(one.value, other.value, atol=0.01)
    assert other.left_out.tolist() == [[1, 1, 1]]


def test_two_repeats_give_the_correlation_of_numpy():
    recording = gaussian(images=30, repeats=2, bins=2, neurons=3)
    x = recording.responses
    found = split_half_reliability(replace(recording, responses=x + 1e6), halves=1, draws=0)
    order = np.random.default_rng(0)
    order.multinomial(30, np.full(30, 1 / 30), 0)
    turned = order.random((30, 2)).argsort(1)[:, :, None, None]
    first, second = np.take_along_axis(x, turned, 1).swapaxes(0, 1)
    for t, n in np.ndindex(2, 3):
        r = np.corrcoef(first[:, t, n], second[:, t, n])[0, 1]
        assert found.half_r[t, n] == pytest.approx(r, abs=1e-8)
        assert found.value[t, n] == pytest.approx(2 * r / (1 + r), abs=1e-7)


def test_the_pooled_ceiling_rewards_a_shared_time_course_and_the_centred_one_does_not():
    noise = gaussian(bins=8, neurons=30, noise=1.0, repeats=4)
    course = 3 * np.sin(np.arange(8))[None, None, :, None]
    truth = 1 / (1 + 1 / 4)
    found = noise_ceiling(replace(noise, responses=noise.responses + course))
    np.testing.assert_allclose(found.value, truth, atol=0.02)
    assert found.centred == pytest.approx(truth, abs=0.01)
    shared = course.var()
    assert found.pooled == pytest.approx((1 + shared) / (1 + shared + 1 / 4), abs=0.01)
    assert found.centred_interval[0] < truth < found.centred_interval[1]
    assert found.interval.shape == (8, 2)
    assert found.neurons.tolist() == [30] * 8
    plain = noise_ceiling(noise, draws=0)
    assert plain.pooled == pytest.approx(plain.centred, abs=0.01)
    assert plain.interval is None
    assert plain.pooled_interval is None


@pytest.mark.parametrize("compute", [split_half_reliability, noise_ceiling])
def test_no_number_comes_out_where_none_can_be_computed(compute):
    for responses, status in (
        (gaussian(repeats=1, neurons=2).responses, ReliabilityStatus.ONE_REPEAT),
        (gaussian(images=2, neurons=2).responses, ReliabilityStatus.FEW_IMAGES),
        (np.ones((20, 4, 2, 3)), ReliabilityStatus.CONSTANT),
    ):
        found = compute(of(responses))
        assert found.status is status
        assert np.isnan(found.value).all()
        assert found.interval is None


def test_a_silent_neuron_has_no_reliability_and_leaves_the_ceiling_as_it_is():
    alive = gaussian(neurons=3)
    silent = np.concatenate([alive.responses, np.zeros((200, 6, 1, 1))], 3)
    found = split_half_reliability(of(silent), halves=5)
    assert np.isnan(found.value[0]).tolist() == [False, False, False, True]
    assert noise_ceiling(of(silent)).value == pytest.approx(noise_ceiling(alive).value)
    assert noise_ceiling(of(silent)).neurons.tolist() == [3]


def test_the_scale_of_responses_does_not_matter():
    plain = gaussian(images=40, bins=2, neurons=3)
    for scale, shift in ((1e-9, 0.0), (1e9, 0.0), (1.0, 1e6)):
        found = split_half_reliability(of(plain.responses * scale + shift), halves=3, draws=0)
        np.testing.assert_allclose(found.value, split_half_reliability(plain, halves=3, draws=0).value, rtol=1e-6)


def test_spearman_brown_of_measures_of_any_length():
    assert spearman_brown(0.5) == pytest.approx(2 / 3)
    assert spearman_brown(spearman_brown(0.4, 3.0), 1 / 3) == pytest.approx(0.4)
    assert np.isnan(spearman_brown(np.array([np.nan, -1.0]))).all()
    with pytest.raises(ValueError, match="length must be above 0"):
        spearman_brown(0.5, 0.0)


def test_numbers_out_of_range_are_refused():
    recording = gaussian(images=4, neurons=2)
    for settings, message in (
        ({"halves": 0}, "halves"),
        ({"draws": 5}, "draws"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(ValueError, match=message):
            split_half_reliability(recording, **settings)
    with pytest.raises(ValueError, match="draws must be at most 4999 for 10 bins of 2000 neurons"):
        noise_ceiling(gaussian(images=3, repeats=2, bins=10, neurons=2000), draws=10_000)


@pytest.mark.skipif(not (V4 / "v4_session_210325").is_dir(), reason=NEEDS.format("v4_session_210325"))
def test_v4_has_the_reliability_that_is_known():
    """Spearman-Brown .77 is the median over neurons of the odd-even split (.773; the mean is .749); r .34 to .88.

    Random splits have a median of .765 and a mean of .745, and the mean over splits lies within the range of one split.
    """
    counts = np.load(V4 / "v4_session_210325" / "responses.npz")["spike_count"]
    recording = of(counts.transpose(1, 2, 0)[:, :, None].astype(np.float32), "count")
    ceiling = noise_ceiling(recording)
    assert ceiling.value[0] == pytest.approx(0.765, abs=0.008)
    assert ceiling.interval[0, 0] < 0.765 < ceiling.interval[0, 1]
    found = split_half_reliability(recording, halves=20, draws=0)
    assert np.median(found.value) == pytest.approx(0.765, abs=0.008)
    assert found.value.mean() == pytest.approx(0.745, abs=0.008)
    assert found.half_r.min() == pytest.approx(0.34, abs=0.03)
    assert found.half_r.max() == pytest.approx(0.88, abs=0.02)
    halves = [np.nanmean(recording.responses[:, k::2, 0], 1) for k in (0, 1)]
    odd_even = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(halves[0].T, halves[1].T, strict=True)])
    assert [odd_even.min(), odd_even.max()] == pytest.approx([0.34, 0.88], abs=0.005)
    assert np.median(spearman_brown(odd_even)) == pytest.approx(0.77, abs=0.005)


@pytest.mark.skipif(not (V4 / "v4_session_201025").is_dir(), reason=NEEDS.format("v4_session_201025"))
def test_averages_over_repeats_have_no_ceiling():
    means = np.load(V4 / "v4_session_201025" / "responses.npz")["mean_spike_count"]
    found = noise_ceiling(of(means.T[:, None, None].astype(float), "count"))
    assert found.status is ReliabilityStatus.ONE_REPEAT
    assert "averages" in found.status.value
    assert np.isnan([*found.value, found.pooled, found.centred]).all()

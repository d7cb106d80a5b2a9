"""RDM movies, their comparison and RSA in time, beside rsatoolbox, SciPy and formulas written out.

`golden/rsatoolbox.json` was made with rsatoolbox 0.3.2 from the responses x of `example`:

    flat = x.transpose(0, 1, 3, 2).reshape(24, 5, 3); images, repeats = np.repeat(range(6), 4), np.tile(range(4), 6)
    data = TemporalDataset(flat, obs_descriptors={"image": images, "repeat": repeats}, time_descriptors=...)
    calc_rdm_movie(data, "correlation", "image").dissimilarities  # and "euclidean"
    one = Dataset(flat[..., t], obs_descriptors=...); noise = prec_from_unbalanced(one, "image", method="shrinkage_eye")
    calc_rdm(one, "mahalanobis", "image", noise=noise); calc_rdm(one, "crossnobis", "image", noise, "repeat")
    a, b = RDMs(np.round(correlation, 1)), RDMs(np.round(crossnobis, 3))
    compare(a, b, "spearman" | "corr" | "cosine" | "tau-a" | "cosine_cov"); boot_noise_ceiling(a, method)
"""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist

from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural import (
    RDM_METRICS,
    CeilingStatus,
    Recording,
    RsaStatus,
    compare_rdms,
    ct_rsa,
    rdm_movie,
    rsa_ceiling,
    rsa_over_time,
)
from cordsnet.neural.similarity.ceilings import halves
from cordsnet.neural.similarity.rdms import _crossnobis, as_trials

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "rsatoolbox.json").read_text())


def example():
    """Responses [6 images, 4 repeats, 3 bins, 5 neurons] by a closed rule."""
    i, r, t, n = np.ogrid[:6, :4, :3, :5]
    wave = 2 * np.sin(1.3 * i + 0.7 * t * n + n) + np.sin(12.9 * i + 78.2 * r + 37.7 * t + 4.1 * n + i * r * n)
    return np.round(3 + wave, 6)


def recording(values=None, **changes):
    values = example() if values is None else values
    images, _, bins, neurons = values.shape
    edges = np.arange(bins) * 50.0
    names = [f"i{k}" for k in range(images)], [f"n{k}" for k in range(neurons)]
    return Recording(values, np.stack([edges, edges + 50], 1), *names, **{"unit": "other", **changes})


def simulated(rng, images=24, repeats=4, bins=2, neurons=12, noise=1.0, signal=None):
    """Responses of neurons that weight ten features of images at random."""
    features = rng.normal(size=(images, 10)) if signal is None else signal
    mean = np.einsum("if,tfn->itn", features, rng.normal(size=(bins, 10, neurons)))
    return mean[:, None] + noise * rng.normal(size=(images, repeats, bins, neurons))


@pytest.mark.parametrize("metric", [metric for metric in RDM_METRICS if metric != "cosine"])
def test_movies_equal_those_of_rsatoolbox(metric):
    np.testing.assert_allclose(rdm_movie(example(), metric), GOLDEN[metric], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(rdm_movie(recording(), metric), rdm_movie(example(), metric))


def test_cosine_distances_are_those_of_scipy():
    mean = example().mean(1)
    np.testing.assert_allclose(rdm_movie(mean, "cosine")[2], pdist(mean[:, 2], "cosine"), atol=1e-14)
    assert np.isnan(rdm_movie(np.where(np.arange(6)[:, None, None] == 1, 0, mean), "cosine")).sum() == 3 * 5
    assert not rdm_movie(np.full((4, 1, 3), [[[0.1, 0.7, 0.3]]]), "correlation").any()  # the same pattern each time


def test_noise_adds_no_crossnobis_distance():
    rng = np.random.default_rng(0)
    scale = np.linspace(0.5, 2, 20)
    noise = rng.normal(size=(40, 5, 50, 20)) * scale
    found = rdm_movie(noise, "crossnobis", noise=np.diag(scale**2)).mean(1)
    assert abs(found.mean()) < 4 * found.std() / 50**0.5 < 0.02
    inflated = rdm_movie(noise, "mahalanobis").mean()
    assert inflated == pytest.approx(2 / 5, rel=0.05)  # twice the variance of a mean
    left = rdm_movie(noise, "crossnobis").mean() / inflated  # whitened by its own repeats
    assert left == pytest.approx(20 / (200 - 40), rel=0.3)


def test_crossnobis_of_unequal_numbers_of_repeats_is_unbiased():
    rng = np.random.default_rng(1)
    mean = rng.normal(size=(5, 1, 1, 8)) + 5
    found, keep = [], rng.random((5, 6)) < 0.6
    keep[:, :2] = True
    for _ in range(300):
        values = np.where(keep[..., None, None], mean + rng.normal(size=(5, 6, 1, 8)), np.nan)
        found.append(_crossnobis(as_trials(values), 0, np.eye(8)))
    error = np.std(found, 0) / 300**0.5
    assert (np.abs(np.mean(found, 0) - pdist(mean[:, 0, 0], "sqeuclidean") / 8) < 4 * error).all()
    assert error.max() < 0.1


@pytest.mark.parametrize("method", GOLDEN["compare"])
def test_comparisons_equal_those_of_rsatoolbox(method):
    a, b = np.round(GOLDEN["correlation"], 1), np.round(GOLDEN["crossnobis"], 3)
    np.testing.assert_allclose(compare_rdms(a, b, method), GOLDEN["compare"][method], rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.diag(compare_rdms(b, b, method)), 1, atol=1e-12)


def test_a_constant_rdm_agrees_with_nothing():
    flat = np.full((1, 15), 0.1)
    for method in ("spearman", "pearson"):
        assert np.isnan(compare_rdms(flat, np.array(GOLDEN["crossnobis"]), method)).all()
    assert np.isnan(compare_rdms(0 * flat, np.array(GOLDEN["crossnobis"]), "cosine")).all()


def test_rsa_in_time_is_the_comparison_bin_by_bin():
    model, brain = rdm_movie(example().mean(1) ** 2, "euclidean"), rdm_movie(example())
    found = rsa_over_time(model, brain, draws=0)
    by_hand = [stats.spearmanr(one, other).statistic for one, other in zip(model, brain, strict=True)]
    np.testing.assert_allclose(found.value, by_hand, atol=1e-10)
    assert found.interval is found.error is found.ceiling is None
    assert found.status is RsaStatus.NONE
    np.testing.assert_allclose(rsa_over_time(model[1], recording(), draws=0).value[1], by_hand[1], atol=1e-10)
    animals = np.stack([brain, brain[::-1]])
    several = rsa_over_time(model, animals, draws=0)
    np.testing.assert_allclose(several.value, several.by_animal.mean(0))
    np.testing.assert_allclose(several.by_animal[0], by_hand, atol=1e-10)


def test_cross_temporal_rsa_has_every_time_with_every_time():
    rng = np.random.default_rng(2)
    model, brain = rng.random((4, 28)), rng.random((3, 28))
    for method, formula in (("spearman", stats.spearmanr), ("pearson", stats.pearsonr)):
        by_hand = [[formula(one, other).statistic for other in brain] for one in model]
        found = ct_rsa(model, brain, method)
        np.testing.assert_allclose(found.value, by_hand, rtol=0, atol=1e-10)
        np.testing.assert_array_equal(found.best, np.argmax(by_hand, 0))
    drawn = ct_rsa(model, brain, draws=20)
    assert drawn.interval.shape == (4, 3, 2)
    assert (drawn.interval[..., 0] < drawn.value).all()


@pytest.mark.parametrize("method", GOLDEN["ceiling"])
def test_the_ceiling_of_animals_is_that_of_rsatoolbox(method):
    animals = np.round(GOLDEN["correlation"], 1)[:, None]
    found = rsa_ceiling(animals, method)
    np.testing.assert_allclose([found.lower[0], found.upper[0]], GOLDEN["ceiling"][method], rtol=0, atol=1e-12)
    assert (found.n, found.status) == (3, CeilingStatus.ANIMALS)


def test_the_ceiling_of_halves_brackets_the_truth():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(40, 10))
    weights = rng.normal(size=(1, 10, 30))
    mean = np.einsum("if,tfn->itn", features, weights)
    brain = recording(mean[:, None] + 6 * rng.normal(size=(40, 8, 1, 30)))
    found = rsa_over_time(rdm_movie(mean), brain, "pearson", draws=0)
    assert found.ceiling.status is CeilingStatus.HALVES
    assert found.ceiling.lower < found.value < found.ceiling.upper + 0.03
    assert found.ceiling.upper == pytest.approx(found.value, abs=0.06)
    assert np.isnan(rsa_ceiling(brain, "cosine").upper).all()


def test_halves_share_no_repeat_and_lose_none():
    values = example()
    values[2, 1:, :, 3] = np.nan
    values[2, 0, :, 3] = 1.0
    one, other = halves(recording(values), np.random.default_rng(0))
    had, in_one, in_other = (~np.isnan(part) for part in (values, one.responses, other.responses))
    np.testing.assert_array_equal(had, in_one ^ in_other)
    assert set(in_one[0].sum(0).ravel()) == {2}
    assert (in_one[:2] == in_one[:2, :, :, :1]).all()  # neurons of one session are split alike


def test_errors_over_images_and_neurons_are_the_scatter_of_recordings():
    rng, found = np.random.default_rng(4), []
    mixing = rng.normal(size=(10, 3))
    for run in range(80):
        features = rng.normal(size=(24, 10))
        brain = recording(simulated(rng, 24, 1, 1, 16, 0.0, features))
        model = pdist(features @ mixing, "sqeuclidean")
        found.append(rsa_over_time(model, brain, "pearson", "euclidean", draws=40, seed=run))
    values, errors = (np.array([getattr(one, name)[0] for one in found]) for name in ("value", "error"))
    assert found[0].status is RsaStatus.NEURONS
    assert errors.mean() == pytest.approx(values.std(), rel=0.25)
    inside = [one.interval[0, 0] <= values.mean() <= one.interval[0, 1] for one in found]
    assert np.mean(inside) >= 0.88


def test_intervals_say_what_they_hold_for_and_seeds_repeat_them():
    rng = np.random.default_rng(5)
    animals, model = rng.random((5, 2, 45)), rng.random((2, 45))
    for brain, status, others in (
        (animals, RsaStatus.ANIMALS, 5),
        (animals[0], RsaStatus.IMAGES, 1),
        (recording(simulated(rng, 10)), RsaStatus.NEURONS, 12),
    ):
        one, again, other = (rsa_over_time(model, brain, draws=20, seed=seed) for seed in (1, 1, 2))
        assert (one.status, one.n_images, one.n_others) == (status, 10, others)
        np.testing.assert_array_equal(one.interval, again.interval)
        assert (one.error != other.error).all()
        np.testing.assert_allclose(one.interval.mean(1), one.value)


def test_sparse_spikes_have_a_value_by_euclidean_distances_and_nan_by_angles():
    rng = np.random.default_rng(6)
    counts = rng.poisson(0.15, (12, 6, 1, 8)).astype(float)
    counts[:, 0, :, 0] = 1  # every mean has a spike, but not every half and every sample of neurons
    model = rdm_movie(rng.random((12, 1, 5)), "euclidean")
    angles = rsa_over_time(model, recording(counts), metric="cosine", draws=30)
    assert np.isfinite(angles.value).all()
    assert np.isnan(angles.ceiling.lower).all()
    assert np.isnan(angles.error).all()
    squares = rsa_over_time(model, recording(counts), metric="euclidean", draws=30)
    assert np.isfinite(squares.interval).all()
    assert np.isfinite(squares.ceiling.lower).all()


X, RDM = example(), np.random.default_rng(0).random((3, 15))
HOLED = np.where(np.arange(5) == 2, np.nan, X)
PARTLY = np.where((np.arange(4) == 1)[:, None, None] & (np.arange(5) == 2), np.nan, X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rdm_movie(X, "manhattan"), "metric must be one of correlation"),
        (lambda: rdm_movie(X[0, 0]), r"\[image, time, neuron\] or \[image, repeat, time, neuron\], got shape \[3, 5\]"),
        (lambda: rdm_movie(X[:1]), "at least two images, got 1"),
        (lambda: rdm_movie(X.astype(complex)), "real numbers, got an array of complex128"),
        (lambda: rdm_movie(np.full((3, 2, 2), np.inf)), "got infinity or more"),
        (lambda: rdm_movie(HOLED), "missing at image 0, bin 0 and neuron 2"),
        (lambda: rdm_movie(PARTLY, "crossnobis"), "repeat 1 of image 0 are present for some neurons or bins only"),
        (lambda: rdm_movie(X.mean(1), "crossnobis"), "must have repeats"),
        (lambda: rdm_movie(X[:, :1], "crossnobis"), "two repeats of each image for this metric, got fewer for image 0"),
        (lambda: rdm_movie(np.ones((4, 3, 2, 5)), "mahalanobis"), "bin 0 do not differ between repeats"),
        (lambda: rdm_movie(X, noise=np.eye(5)), "noise must be None for metric 'correlation'"),
        (
            lambda: rdm_movie(X, "crossnobis", np.eye(4)),
            r"noise must be .*\[5, 5\] or \[3, 5, 5\], got shape",
        ),
        (lambda: rdm_movie(X, "crossnobis", np.triu(np.ones((5, 5)))), "which is symmetric"),
        (lambda: rdm_movie(X, "crossnobis", np.ones((5, 5))), "eigenvalues above 0"),
        (lambda: compare_rdms(RDM, RDM, "kendall"), "method must be one of spearman"),
        (lambda: compare_rdms(RDM, RDM[:, :10]), "same pairs of images, got 15 and 10"),
        (lambda: compare_rdms(RDM, RDM[:, :14]), r"n \(n - 1\) / 2 pairs, those of one triangle, got 14"),
        (lambda: compare_rdms(RDM * np.nan, RDM), "a holds NaN"),
        (lambda: rsa_over_time(RDM[:2], RDM), "2 times of the model and 3 of the brain; or use ct_rsa"),
        (lambda: rsa_over_time(RDM, RDM, draws=1), "draws must be 0, for no interval, or at least 2"),
        (lambda: rsa_over_time(RDM, RDM, "whitened_cosine"), "draws must be 0 for 'whitened_cosine'"),
        (lambda: rsa_over_time(RDM[:, :3], RDM[:, :3]), "fewer than 4 images, got 3"),
        (lambda: rsa_over_time(RDM[:, :10], RDM), "same images in the same order, got 10 and 15 pairs"),
        (lambda: rsa_over_time(RDM, RDM[0]), "brain must be a Recording or RDMs"),
        (lambda: rsa_over_time(RDM, recording(), seed=-1), "seed must be at least 0"),
        (lambda: rsa_over_time(RDM, recording(np.ones((6, 1, 3, 5)))), "pattern without a direction in bin 0"),
        (lambda: rsa_ceiling(RDM), "two animals or more"),
        (lambda: rsa_ceiling(recording(X[:, :3]), metric="crossnobis"), "4 repeats of each image and neuron .* got 3"),
    ],
)
def test_what_will_not_do_is_said(call, message):
    with pytest.raises((ArgumentError, DataError, ValueError), match=message):
        call()

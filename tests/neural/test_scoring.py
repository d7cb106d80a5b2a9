"""Scores: Brain-Score's splits and aggregation, leaks refused, lags, ceilings, and what a mean time course scores."""

import numpy as np
import pytest
import zarr
from scipy.stats import pearsonr
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from cordsnet.errors import DataError
from cordsnet.neural import PLS, OneToOne, Recording, Ridge
from cordsnet.neural.scoring.baselines import image_baselines
from cordsnet.neural.scoring.ceiling import brain_score_ceiling
from cordsnet.neural.scoring.correlations import correlations, sums
from cordsnet.neural.scoring.features import gabor_features, over_time, pixel_features
from cordsnet.neural.scoring.score import score
from cordsnet.neural.scoring.splits import Splits, check_leaks, image_splits, pixel_hashes

IMAGES, BINS, UNITS, NEURONS = 80, 6, 20, 7


def world(seed=0, noise=1.0, course=4.0, lag=0, repeats=4):
    """Activity, and a recording that reads it `lag` bins later, on top of a time course that all images share."""
    draw = np.random.default_rng(seed)
    latent = draw.standard_normal((IMAGES, BINS + lag, 5))
    activity = latent @ draw.standard_normal((5, UNITS)) + 0.1 * draw.standard_normal((IMAGES, BINS + lag, UNITS))
    signal = latent[:, :BINS] @ draw.standard_normal((5, NEURONS))
    shared = course * np.sin(np.arange(BINS))[:, None] * np.ones(NEURONS)
    responses = (signal + shared)[:, None] + noise * draw.standard_normal((IMAGES, repeats, BINS, NEURONS))
    recording = Recording(
        responses,
        np.column_stack([np.arange(BINS), np.arange(BINS) + 1]) * 20.0,
        [f"image{k}" for k in range(IMAGES)],
        [f"n{k}" for k in range(NEURONS)],
        unit="other",
        image_labels={"object": np.arange(IMAGES) % 4},
    )
    return activity[:, lag:], recording


def test_splits_are_those_of_scikit_learn_that_brain_score_uses():
    objects = np.arange(80) % 4
    expected = StratifiedShuffleSplit(10, train_size=0.9, random_state=1).split(np.zeros(80), objects)
    for (train, test), own, other in zip(
        expected, image_splits(80, objects=objects).train, image_splits(80, objects=objects).test, strict=True
    ):
        np.testing.assert_array_equal(own, train)
        np.testing.assert_array_equal(other, test)
    plain = list(ShuffleSplit(10, train_size=0.9, random_state=1).split(np.zeros(80)))
    assert all((own == pair[1]).all() for own, pair in zip(image_splits(80).test, plain, strict=True))


def test_groups_stay_on_one_side():
    groups = [f"g{k // 3}" for k in range(90)]
    made = image_splits(90, groups=groups)
    check_leaks(made, [str(k) for k in range(90)], groups)
    assert {len(side) for side in made.test} == {9}


def test_images_on_both_sides_are_refused():
    with pytest.raises(DataError, match="image 2 is in training and test of split 0"):
        Splits([np.array([0, 1, 2])], [np.array([2, 3])], 4)
    made = image_splits(10, count=1)
    names = [f"i{k}" for k in range(10)]
    copies = np.random.default_rng(0).random((10, 3, 4))
    check_leaks(made, names, pixel_hashes(copies))
    copies[made.test[0][0]] = copies[made.train[0][3]]
    with pytest.raises(DataError, match=f"'i{made.test[0][0]}' of test is a copy of 'i{made.train[0][3]}'"):
        check_leaks(made, names, pixel_hashes(copies))
    activity, recording = world()
    with pytest.raises(DataError, match="is a copy"):
        score(activity, recording, hashes=["same"] * IMAGES)


def test_correlations_are_those_of_plain_loops():
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((30, 4, 3)) + 50, draw.standard_normal((30, 4, 3)) + np.arange(4)[:, None]
    found = correlations(x, y)
    for n in range(3):
        assert found.pooled[n] == pytest.approx(pearsonr(x[:, :, n].ravel(), y[:, :, n].ravel())[0], abs=1e-10)
        one, other = (part[:, :, n] - part[:, :, n].mean(0) for part in (x, y))
        assert found.centred[n] == pytest.approx(pearsonr(one.ravel(), other.ravel())[0], abs=1e-10)
        for t in range(4):
            assert found.per_bin[t, n] == pytest.approx(pearsonr(x[:, t, n], y[:, t, n])[0], abs=1e-10)


def test_correlations_of_drawn_images_are_those_of_their_copies():
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((2, 12, 4, 3))
    rows = draw.integers(0, 12, (5, 12))
    counts = np.stack([np.bincount(one, minlength=12) for one in rows]).astype(float)
    found = sums(x, y, counts).correlations()
    for k, one in enumerate(rows):
        expected = correlations(x[one], y[one])
        for part in ("pooled", "per_bin", "centred"):
            np.testing.assert_allclose(getattr(found, part)[k], getattr(expected, part), atol=1e-10)


def test_what_does_not_vary_has_no_correlation():
    y = np.random.default_rng(0).standard_normal((20, 3, 2))
    assert (correlations(np.full_like(y, 0.1), y).pooled == 0).all()
    assert np.isnan(correlations(y, np.full_like(y, 0.1)).pooled).all()


def test_pooled_scores_are_brain_scores_by_hand():
    """Split, fit of scikit-learn to images x bins, Pearson per neuron, median, mean, and standard error over splits."""
    activity, recording = world()
    found = score(activity, recording, PLS(8))
    medians = []
    objects = np.arange(IMAGES) % 4
    for train, test in StratifiedShuffleSplit(10, train_size=0.9, random_state=1).split(np.zeros(IMAGES), objects):
        fitted = PLSRegression(8, scale=False, tol=1e-14, max_iter=10_000)
        fitted.fit(activity[train].reshape(-1, UNITS), recording.mean[train].reshape(-1, NEURONS))
        predicted = fitted.predict(activity[test].reshape(-1, UNITS))
        truth = recording.mean[test].reshape(-1, NEURONS)
        medians.append(np.median([pearsonr(predicted[:, n], truth[:, n])[0] for n in range(NEURONS)]))
    total = found.aggregate("pooled")
    assert float(total.value) == pytest.approx(np.mean(medians), abs=1e-6)
    assert float(total.error) == pytest.approx(np.std(medians) / np.sqrt(10), abs=1e-6)
    assert found.aggregate("per_bin").value.shape == (BINS,)
    ceiling = float(found.ceiling_value())
    assert float(found.ceiled()) == pytest.approx(np.mean(medians) ** 2 / ceiling, abs=1e-6)
    assert float(found.ceiled(formula="squared_ratio")) == pytest.approx((np.mean(medians) / ceiling) ** 2, abs=1e-6)


def test_the_ceiling_is_that_of_halves_by_hand():
    _, recording = world(noise=2.0)
    found = brain_score_ceiling(recording)
    expected = []
    for first, second in ShuffleSplit(10, train_size=0.5, random_state=1).split(np.zeros(4)):
        one, other = (recording.responses[:, half].mean(1) for half in (first, second))
        r = np.array([pearsonr(one[:, :, n].ravel(), other[:, :, n].ravel())[0] for n in range(NEURONS)])
        expected.append(2 * r / (1 + r))
    np.testing.assert_allclose(found.pooled, expected, atol=1e-10)
    assert found.per_bin.shape == (10, BINS, NEURONS)


def test_the_ceiling_of_ragged_repeats_is_over_the_images_that_both_halves_have():
    _, recording = world(noise=2.0)
    ragged = recording.responses.copy()
    ragged[:30, 1:, :, 2] = np.nan
    part = brain_score_ceiling(Recording(ragged, recording.bins_ms, recording.images, recording.neurons, "other"))
    kept = brain_score_ceiling(recording.select(images=np.arange(30, IMAGES)))
    np.testing.assert_allclose(part.pooled[:, 2], kept.pooled[:, 2], atol=1e-10)
    np.testing.assert_allclose(part.pooled[:, 3], brain_score_ceiling(recording).pooled[:, 3], atol=1e-10)
    with pytest.raises(DataError, match="single repeat"):
        brain_score_ceiling(world(repeats=1)[1])


def test_a_predictor_that_knows_the_mean_time_course_alone_is_exposed():
    """Activity is the same for every image, up to noise: pooled r is high, and nothing is left without the means."""
    _, recording = world(course=4.0)
    draw = np.random.default_rng(1)
    course = np.sin(np.arange(BINS))[:, None] * draw.standard_normal(UNITS)
    exact = score(np.tile(course, (IMAGES, 1, 1)), recording, PLS(1))
    noisy = score(course + 0.1 * draw.standard_normal((IMAGES, BINS, UNITS)), recording, PLS(3))
    for found in (exact, noisy):
        assert float(found.aggregate("pooled").value) > 0.6
        assert abs(float(found.aggregate("centred").value)) < 0.1
        base = float(found.aggregate("pooled", of="baseline").value)
        assert float(found.aggregate("pooled").value) < base + 0.02
        assert abs(found.aggregate("per_bin").value.mean()) < 0.1
    assert (exact.model.centred == 0).all()
    assert (exact.baseline.centred == 0).all()
    activity, recording = world(course=4.0)
    true = score(activity, recording, PLS(8))
    assert float(true.aggregate("centred").value) > 0.9
    # It follows every image and not the course that all share, and pooled r ranks it below
    assert float(true.aggregate("pooled").value) < float(exact.aggregate("pooled").value)


def test_the_lag_is_found_on_training_images():
    activity, recording = world(lag=2)
    splits = image_splits(IMAGES, count=3)
    found = score(activity, recording, PLS(8), lags=(0, 1, 2, 3), splits=splits)
    assert found.lags.tolist() == [2, 2, 2]
    assert found.bins.tolist() == [3, 4, 5]  # those that all lags reach
    assert float(found.aggregate("centred").value) > 0.9
    assert float(score(activity, recording, PLS(8), splits=splits).aggregate("centred").value) < 0.3
    assert found.ceiled("per_bin").shape == (3,)
    with pytest.raises(DataError, match="ceiling must be of the 3 bins"):
        score(activity, recording, lags=(0, 3), splits=splits, ceiling=brain_score_ceiling(recording))
    ahead = score(activity, recording, PLS(8), lags=(-1,), splits=splits)
    assert ahead.bins.tolist() == [0, 1, 2, 3, 4]


def test_each_bin_may_have_a_mapping_of_its_own():
    draw = np.random.default_rng(0)
    activity = draw.standard_normal((IMAGES, 2, UNITS))
    sign = np.array([1.0, -1.0])[:, None]
    responses = activity[:, :, :NEURONS] * sign  # the mapping turns round from one bin to the next
    splits = image_splits(IMAGES, count=3)
    shared = score(activity, responses, Ridge(), splits=splits)
    each = score(activity, responses, Ridge(), splits=splits, bins="each")
    assert float(each.aggregate("centred").value) > 0.99
    assert float(shared.aggregate("centred").value) < 0.5
    assert each.ceiling is None
    with pytest.raises(DataError, match="no ceiling"):
        each.ceiled()


@pytest.mark.parametrize("mapping", [PLS(4), OneToOne(), Ridge()])
def test_activity_in_a_store_scores_as_in_memory(mapping, tmp_path):
    activity, recording = world()
    store = zarr.create_array(tmp_path / "a.zarr", shape=activity.shape, chunks=(9, 3, 20), dtype="f8")
    store[:] = activity
    splits = image_splits(IMAGES, count=2)
    own, expected = (score(given, recording, mapping, splits=splits).model.pooled for given in (store, activity))
    np.testing.assert_allclose(own, expected, atol=1e-8)


def test_missing_responses_and_wrong_shapes_are_refused():
    activity, recording = world()
    holes = recording.mean.copy()
    holes[3, :, 2] = np.nan
    with pytest.raises(DataError, match="1 of 7 neurons, such as '2'"):
        score(activity, holes)
    with pytest.raises(DataError, match=r"\[80 images, 6 bins, units\], got shape \(80, 5, 20\)"):
        score(activity[:, 1:], recording)
    with pytest.raises(DataError, match="leave a bin of the 6"):
        score(activity, recording, lags=(-3, 3))
    with pytest.raises(DataError, match="splits must be of the 80"):
        score(activity, recording, splits=image_splits(40))


def test_pixels_and_gabor_energy_are_features_that_stay_over_time():
    images = np.random.default_rng(0).random((5, 3, 32, 32)).astype(np.float32)
    assert pixel_features(images).shape == (5, 3 * 32 * 32)
    np.testing.assert_allclose(pixel_features(images, side_px=2)[0, 0], images[0, 0, :16, :16].mean(), rtol=1e-5)
    course = over_time(pixel_features(images), 4)
    assert course.shape == (5, 4, 3072)
    assert course.strides[1] == 0
    with pytest.raises(DataError, match=r"at least 2 px.*got 0.2, 0.8 px in images of 32 x 32 px"):
        gabor_features(images, image_deg=8.0, wavelengths_deg=(0.2,))


def test_pixels_and_gabor_filters_are_scored_beside_a_model():
    images = np.random.default_rng(0).random((IMAGES, 1, 33, 33))
    pooled = images.reshape(IMAGES, 3, 11, 3, 11).mean((2, 4)).reshape(IMAGES, 1, 9)
    responses = np.concatenate([pooled, -pooled], 1)
    found = image_baselines(images, responses, Ridge(), splits=image_splits(IMAGES, count=2), side_px=3)
    assert float(found["pixels"].aggregate("centred").value) > 0.99
    assert float(found["gabor"].aggregate("centred").value) < 0.5
    with pytest.raises(DataError, match="the 80 of recording"):
        image_baselines(images[:5], responses)


def test_gabor_energy_is_largest_for_its_own_wave_and_does_not_depend_on_phase():
    x = np.arange(64)
    waves = [np.cos(2 * np.pi * (x[:, None] * np.sin(a) + x * np.cos(a)) / 8 + 1) for a in np.arange(4) * np.pi / 4]
    energy = gabor_features(np.stack(waves), wavelengths_px=(8.0,), orientations=4).reshape(4, 4, -1)
    assert energy.mean(2).argmax(1).tolist() == [0, 1, 2, 3]
    assert (energy[0, 0].std() / energy[0, 0].mean()) < 0.1
    same = gabor_features(np.stack(waves), image_deg=8.0, wavelengths_deg=(1.0,), orientations=4)
    np.testing.assert_allclose(same.reshape(4, 4, -1), energy, rtol=1e-5)

"""PLS: equal to scikit-learn and to stored numbers of ikpls, and the same from memory, a file and a store of chunks."""

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from sklearn.cross_decomposition import PLSRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from cordsnet.neural.mapping import rows as reading
from cordsnet.neural.mapping.pls import PLS
from cordsnet.neural.mapping.rows import ChosenRows

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "ikpls.json").read_text())


def data(n=400, p=90, q=12, seed=0):
    """Rectified activity of latent directions, and noisy sums of them."""
    draw = np.random.default_rng(seed)
    latent = draw.standard_normal((n, 30)) * 3 / np.arange(1, 31) ** 0.7
    activity = np.maximum(latent @ draw.standard_normal((30, p)) + draw.standard_normal((n, p)), 0)
    return activity, latent @ draw.standard_normal((30, q)) + 2 * draw.standard_normal((n, q))


def correlations(predicted, observed):
    return np.array([np.corrcoef(one, other)[0, 1] for one, other in zip(predicted.T, observed.T, strict=True)])


@pytest.mark.usefixtures("as_users_run_it")
@parametrize_with_checks([PLS(components=1), PLS(components=2), PLS(components=1, scale=True)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("shape", [(400, 90, 12), (60, 90, 12), (400, 20, 40), (400, 90, 1)])
def test_weights_are_those_of_scikit_learn(shape, scale):
    """The power method of scikit-learn is told to converge; by default it stops at differences of 1e-6 in weights."""
    activity, responses = data(*shape)
    own = PLS(15, scale=scale).fit(activity, responses)
    other = PLSRegression(15, scale=scale, tol=1e-16, max_iter=100_000).fit(activity, responses)
    np.testing.assert_allclose(own.coef_, other.coef_, atol=1e-6 * np.abs(other.coef_).max())
    np.testing.assert_allclose(own.predict(activity), other.predict(activity), atol=1e-6 * responses.std())
    assert own.x_rotations_.shape == (shape[1], 15)


def test_correlations_on_held_out_rows_are_those_of_scikit_learn_in_single_precision_too():
    activity, responses = data(900, 300, 40)
    train, test = slice(0, 800), slice(800, None)
    other = PLSRegression(25, scale=False, max_iter=2000, tol=1e-12).fit(activity[train], responses[train])
    expected = correlations(other.predict(activity[test]), responses[test])
    for kind in (np.float64, np.float32):
        own = PLS(25).fit(activity[train].astype(kind), responses[train])
        np.testing.assert_allclose(correlations(own.predict(activity[test]), responses[test]), expected, atol=1e-6)


def test_predictions_are_those_of_ikpls():
    """Stored numbers of ikpls 6.1.2, made with

    m = PLS(algorithm=1, center_X=True, center_Y=True, scale_X=False, scale_Y=False, dtype=np.float64)
    m.fit(X, Y, 5); m.predict(X, 5)
    """
    k = np.arange(1, 41)
    activity = np.sin(np.outer(k, np.arange(1, 13) ** 1.3)) + 0.1 * np.arange(12)
    responses = np.cos(np.outer(k, [0.7, 1.9, 2.3]) + activity[:, :3])
    own = PLS(5).fit(activity, responses).predict(activity)
    np.testing.assert_allclose(own, GOLDEN["predicted"], atol=1e-10)


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.float64])
def test_rows_from_a_file_and_from_a_store_of_chunks_give_the_same_mapping(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "READ_BYTES", 20_000)
    monkeypatch.setattr(reading, "MAPPED_BYTES", 0)
    activity, responses = data()
    activity = activity.astype(kind)
    np.save(tmp_path / "activity.npy", activity)
    mapped = np.load(tmp_path / "activity.npy", mmap_mode="r")
    store = zarr.create_array(tmp_path / "activity.zarr", shape=activity.shape, chunks=(16, 90), dtype=kind)
    store[:] = activity
    used = activity.astype(np.float32) if kind is np.float16 else activity
    expected = PLS(10).fit(used, responses)
    for stored in (mapped, store):
        own = PLS(10).fit(stored, responses)
        tolerance = 1e-10 if kind is np.float64 else 1e-4
        np.testing.assert_allclose(own.coef_, expected.coef_, atol=tolerance * np.abs(expected.coef_).max())
        np.testing.assert_allclose(own.predict(stored), expected.predict(used), atol=tolerance * responses.std())


def test_changes_of_a_private_mapping_outlive_the_fit(tmp_path, monkeypatch):
    """Pages of a file are handed back to the system, but never those that hold what was not written."""
    monkeypatch.setattr(reading, "MAPPED_BYTES", 0)
    activity, responses = data()
    np.save(tmp_path / "activity.npy", activity)
    private = np.load(tmp_path / "activity.npy", mmap_mode="c")
    private[:] = 2 * activity
    shared = np.load(tmp_path / "activity.npy", mmap_mode="r+")
    for values in (private, shared):
        PLS(2).fit(values, responses)
    np.testing.assert_array_equal(private, 2 * activity)
    np.testing.assert_array_equal(shared, activity)


@pytest.mark.parametrize("store", ["memory", "file", "zarr"])
def test_chosen_rows_are_those_of_the_images_and_bins(store, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "READ_BYTES", 3000)
    activity = np.random.default_rng(0).standard_normal((30, 4, 11))
    given = activity
    if store == "file":
        np.save(tmp_path / "a.npy", activity)
        given = np.load(tmp_path / "a.npy", mmap_mode="r")
    if store == "zarr":
        given = zarr.create_array(tmp_path / "a.zarr", shape=activity.shape, chunks=(7, 4, 5), dtype="f8")
        given[:] = activity
    images, bins = np.array([20, 3, 3, 28, 0, 11, 12]), np.array([3, 1])
    chosen = ChosenRows(given, images, bins)
    np.testing.assert_array_equal(np.asarray(chosen), activity[images][:, bins].reshape(14, 11))
    responses = np.random.default_rng(1).standard_normal((14, 3))
    own, expected = (PLS(3).fit(x, responses).coef_ for x in (chosen, np.asarray(chosen)))
    np.testing.assert_allclose(own, expected, rtol=1e-10)


def test_means_that_are_large_beside_the_spread_do_no_harm_in_single_precision():
    activity, responses = data()
    moved = (activity + 1000).astype(np.float32)
    expected = PLS(10).fit(moved.astype(np.float64), responses).predict(moved)
    np.testing.assert_allclose(PLS(10).fit(moved, responses).predict(moved), expected, atol=1e-3 * responses.std())


def test_components_beyond_what_can_be_explained_are_left_out():
    """Directions of three sizes alone: what one combination of units explains is found in three components."""
    activity = np.random.default_rng(0).standard_normal((100, 10))
    activity = np.linalg.qr(activity - activity.mean(0))[0] * [1, 2, 3, 3, 2, 1, 3, 2, 1, 1]
    responses = activity.sum(1, keepdims=True) * [[1.0, -2.0]]
    for kind in (np.float64, np.float32):
        found = PLS(10).fit(activity.astype(kind), responses)
        assert found.n_components_ == 3
        np.testing.assert_allclose(found.predict(activity), responses, atol=1e-4)
    constant = PLS(3).fit(activity, np.ones((100, 2)))
    assert constant.n_components_ == 0
    np.testing.assert_array_equal(constant.predict(activity), np.ones((100, 2)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"components": 0}, "components must be at least 1, got 0"),
        ({"components": 91}, "components must be at most 90"),
        ({"rows": np.zeros((400, 90, 1))}, "dim 3"),
        ({"targets": np.zeros((399, 12))}, "400, 399"),
        ({"targets": np.full((400, 12), np.nan)}, "NaN"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, message):
    activity, responses = data()
    with pytest.raises(ValueError, match=message):
        PLS(change.get("components", 3)).fit(change.get("rows", activity), change.get("targets", responses))


def test_rows_of_a_file_that_cannot_be_fitted_are_refused(tmp_path):
    activity, responses = data()
    activity[300, 7] = np.nan
    np.save(tmp_path / "a.npy", activity)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    with pytest.raises(ValueError, match="NaN or infinity in unit 7"):
        PLS(3).fit(mapped, responses)
    with pytest.raises(ValueError, match="axes"):
        PLS(3).fit(mapped[:, :, None], responses)
    with pytest.raises(ValueError, match="90 units"):
        PLS(3).fit(mapped[:300], responses[:300]).predict(mapped[:, :5])

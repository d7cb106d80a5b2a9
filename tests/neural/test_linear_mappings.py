"""Ridge, reduced rank and one-to-one: equal to scikit-learn, to refits without an image, and to plain loops."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge as OtherRidge
from sklearn.linear_model import RidgeCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from cordsnet.neural.mapping.one_to_one import OneToOne
from cordsnet.neural.mapping.ridge import ReducedRank, Ridge

ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0)


def data(n=60, p=20, q=5, seed=0):
    draw = np.random.default_rng(seed)
    activity = draw.standard_normal((n, p)) * np.linspace(3, 0.1, p) + 2
    noise = draw.standard_normal((n, q)) * np.geomspace(0.1, 10, q)
    return activity, activity @ draw.standard_normal((p, q)) + noise + 5


@pytest.mark.usefixtures("as_users_run_it")
@parametrize_with_checks([Ridge(), Ridge(alphas=1.0), ReducedRank(rank=2), OneToOne()])
def test_they_are_estimators_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("shape", [(60, 20), (25, 40)])
def test_penalties_and_weights_are_those_of_scikit_learn_for_single_rows(shape):
    activity, responses = data(*shape)
    own = Ridge(ALPHAS).fit(activity, responses)
    other = RidgeCV(ALPHAS, alpha_per_target=True, store_cv_results=True).fit(activity, responses)
    np.testing.assert_array_equal(own.alpha_, other.alpha_)
    assert len(set(own.alpha_)) > 1
    np.testing.assert_allclose(own.errors_, other.cv_results_.mean(0).T, rtol=1e-6)
    np.testing.assert_allclose(own.coef_, other.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(own.predict(activity), other.predict(activity), rtol=1e-6)


@pytest.mark.parametrize("shape", [(60, 20), (24, 40)])
def test_errors_are_those_of_refits_without_each_image(shape):
    activity, responses = data(*shape)
    groups = np.array(["a", "b", "c", "d"] * (shape[0] // 4))
    groups[:3] = "alone"
    expected = np.zeros((len(ALPHAS), 5))
    for k, alpha in enumerate(ALPHAS):
        for group in set(groups):
            out = groups == group
            fitted = OtherRidge(alpha).fit(activity[~out], responses[~out])
            expected[k] += ((fitted.predict(activity[out]) - responses[out]) ** 2).sum(0)
    own = Ridge(ALPHAS).fit(activity, responses, groups=groups)
    np.testing.assert_allclose(own.errors_, expected / len(activity), rtol=1e-8)


def test_penalties_and_predictions_are_those_of_himalaya():
    """Stored numbers of himalaya 0.4.11, made with

    cv = list(LeaveOneGroupOut().split(X, Y, groups))
    m = himalaya.ridge.RidgeCV(alphas=[0.1, 1.0, 10.0, 100.0], fit_intercept=True, cv=cv).fit(X, Y)
    m.best_alphas_, m.predict(X)
    """
    golden = json.loads((Path(__file__).parents[1] / "golden" / "himalaya.json").read_text())
    k = np.arange(1, 41)
    activity = np.sin(np.outer(k, np.arange(1, 13) ** 1.3)) + 0.1 * np.arange(12)
    responses = np.cos(np.outer(k, [0.7, 1.9, 2.3]) + activity[:, :3])
    activity, responses = activity - activity.mean(0), responses - responses.mean(0)
    own = Ridge((0.1, 1.0, 10.0, 100.0)).fit(activity, responses, groups=np.repeat(np.arange(10), 4))
    np.testing.assert_allclose(own.alpha_, golden["alphas"], rtol=1e-10)
    np.testing.assert_allclose(own.predict(activity), golden["predicted"], atol=1e-10)


def test_weights_of_reduced_rank_have_the_least_penalised_error_of_that_rank():
    """All eigenvectors give the ridge; at rank 2 no nearby weights of rank 2 have a smaller penalised error."""
    activity, responses = data()
    full = ReducedRank(rank=50, alphas=(3.0,)).fit(activity, responses)
    assert full.rank_ == 5
    np.testing.assert_allclose(full.coef_, OtherRidge(3.0).fit(activity, responses).coef_, rtol=1e-8)
    own = ReducedRank(rank=2, alphas=(3.0,)).fit(activity, responses)
    assert np.linalg.matrix_rank(own.coef_) == 2
    x, y = activity - activity.mean(0), responses - responses.mean(0)

    def error(weights):
        return ((y - x @ weights.T) ** 2).sum() + 3.0 * (weights**2).sum()

    left, sizes, right = np.linalg.svd(own.coef_, full_matrices=False)
    left, right = left[:, :2] * sizes[:2], right[:2]
    draw = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(50):
            moved = left + size * draw.standard_normal(left.shape), right + size * draw.standard_normal(right.shape)
            assert error(moved[0] @ moved[1]) > error(own.coef_)


def test_the_best_unit_is_that_of_a_plain_loop():
    activity, responses = data(q=7)
    activity[:, 3] = 1.0  # does not vary
    own = OneToOne().fit(activity, responses)
    for k in range(7):
        r = [np.corrcoef(activity[:, j], responses[:, k])[0, 1] if j != 3 else -2 for j in range(20)]
        assert own.unit_[k] == np.argmax(r)
        np.testing.assert_allclose(own.correlation_[k], max(r), rtol=1e-10)
        line = np.polyfit(activity[:, own.unit_[k]], responses[:, k], 1)
        np.testing.assert_allclose(own.predict(activity)[:, k], np.polyval(line, activity[:, own.unit_[k]]), rtol=1e-8)


def test_units_that_do_not_vary_predict_the_mean():
    responses = data()[1]
    for kind in (np.float32, np.float64):
        found = OneToOne().fit(np.full((60, 2), 0.1, kind), responses)
        np.testing.assert_allclose(found.predict(np.full((3, 2), 0.1, kind)), np.tile(responses.mean(0), (3, 1)))


@pytest.mark.parametrize(
    ("mapping", "groups", "message"),
    [
        (Ridge(alphas=(0.0, 1.0)), None, "above 0"),
        (Ridge(alphas=()), None, "at least one"),
        (ReducedRank(rank=0), None, "rank must be at least 1"),
        (Ridge(), np.zeros(60), "two images"),
        (Ridge(), np.zeros(59), "60 rows"),
    ],
)
def test_what_cannot_be_fitted_is_refused(mapping, groups, message):
    with pytest.raises(ValueError, match=message):
        mapping.fit(*data(), groups=groups)

"""CKA, CCA and Procrustes in time: published formulas, rotations, unrelated populations, and analysis of one bin."""

import numpy as np
import pytest

from cordsnet import analysis
from cordsnet.errors import ArgumentError
from cordsnet.neural import Recording, cca_over_time, cka_over_time, procrustes_over_time

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3, 12))
ROTATION = np.linalg.qr(RNG.normal(size=(12, 12)))[0]
Y = X @ ROTATION * 3 + RNG.normal(size=(40, 3, 12)) * np.array([0.5, 2.0, 8.0])[:, None]


def test_linear_cka_is_that_of_centred_features():
    found = cka_over_time(X, Y, debiased=False)
    for t in range(3):
        x, y = (part[:, t] - part[:, t].mean(0) for part in (X, Y))
        by_hand = np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
        assert found.value[t] == pytest.approx(by_hand, abs=1e-12)
    sides = [part.reshape(40, -1) - part.reshape(40, -1).mean(0) for part in (X, Y)]
    kernels = [part @ part.T for part in sides]
    assert found.shared == pytest.approx(
        np.sum(kernels[0] * kernels[1]) / np.linalg.norm(kernels[0]) / np.linalg.norm(kernels[1]), abs=1e-12
    )


def hsic(k, m):
    """Equation 5 of Song et al. 2012."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    one = np.ones(n)
    middle = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ m @ one)
    return (np.trace(k @ m) + middle) / (n * (n - 3))


def test_debiased_cka_is_that_of_unbiased_hsic():
    found = cka_over_time(X, Y)
    for t in range(3):
        k, m = X[:, t] @ X[:, t].T, Y[:, t] @ Y[:, t].T
        assert found.value[t] == pytest.approx(hsic(k, m) / (hsic(k, k) * hsic(m, m)) ** 0.5, abs=1e-12)


def test_unrelated_populations_have_no_debiased_cka():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 30, 60, 200))
    biased, debiased = cka_over_time(x, y, debiased=False, groups=10), cka_over_time(x, y, groups=10)
    assert biased.value.min() > 0.8
    assert abs(debiased.value.mean()) < 4 * debiased.value.std() / 60**0.5
    assert 1 < debiased.error.mean() / debiased.value.std() < 2  # without similarity the jackknife is on the safe side


def test_the_error_of_cka_is_the_scatter_over_images():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(60, 100, 6)) * np.linspace(1, 3, 6)
    x = features @ rng.normal(size=(6, 20))
    y = features @ rng.normal(size=(6, 20)) + 4 * rng.normal(size=(60, 100, 20))
    found = cka_over_time(x, y)
    assert found.error.mean() == pytest.approx(found.value.std(), rel=0.25)


def test_a_rotated_population_is_the_same_and_noise_takes_it_away():
    same = X @ ROTATION * 2 + 5
    np.testing.assert_allclose(cka_over_time(X, same).value, 1)
    np.testing.assert_allclose(cca_over_time(X, same, components=12).value, 1)
    np.testing.assert_allclose(procrustes_over_time(X, same, bootstrap=0).value, 0, atol=1e-12)
    for found, sign in ((cka_over_time(X, Y), -1), (cca_over_time(X, Y), -1), (procrustes_over_time(X, Y), 1)):
        assert (sign * np.diff(found.value) > 0).all()
        assert (found.error > 0).all()
        assert found.n_images == 40


def test_bins_and_all_bins_are_those_of_the_analysis_of_activity():
    found = cca_over_time(X, Y, k=2, components=5, folds=4, seed=3)
    for t in range(3):
        one = analysis.cca(X[:, t : t + 1], Y[:, t : t + 1], 2, components=5, folds=4, seed=3)
        assert found.value[t] == pytest.approx(float(one.cross_validated.mean()))
    assert found.shared == pytest.approx(
        float(analysis.cca(X, Y, 2, components=5, folds=4, seed=3).cross_validated.mean())
    )
    moved = procrustes_over_time(X, Y, components=6, bootstrap=5)
    whole = analysis.procrustes(X, Y, components=6, shuffles=0, bootstrap=5).distance
    assert (moved.shared, moved.shared_error) == pytest.approx((whole.value, whole.error))


def test_one_alignment_for_all_bins_is_tighter_than_one_for_each():
    turned = np.stack([X[:, t] @ np.linalg.qr(RNG.normal(size=(12, 12)))[0] for t in range(3)], 1)
    found = procrustes_over_time(X, turned, bootstrap=0)
    np.testing.assert_allclose(found.value, 0, atol=1e-12)  # each bin has a rotation of its own
    assert found.shared > 0.3
    assert np.isnan(found.error).all()


def test_bins_without_variation_have_no_value():
    blank = X.copy()
    blank[:, 0] = 0.1
    for found in (cka_over_time(blank, Y), cca_over_time(blank, Y), procrustes_over_time(blank, Y, bootstrap=3)):
        assert np.isnan(found.value).tolist() == [True, False, False]
        assert np.isfinite(found.shared)


def test_a_recording_and_a_model_of_one_time_will_do():
    names = [f"i{k}" for k in range(40)], list("abcdefghijkl")
    brain = Recording(Y[:, None], np.array([[0.0, 50], [50, 100], [100, 150]]), *names, "other")
    one = cka_over_time(X[:, 1:2], brain)
    np.testing.assert_array_equal(one.value, cka_over_time(X[:, [1, 1, 1]], Y).value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cka_over_time(X[:, 0], Y), r"model must be \[image, time, unit\], got shape \[40, 12\]"),
        (lambda: cka_over_time(X[:30], Y), "same images, got 30 and 40"),
        (lambda: cka_over_time(X[:7], Y[:7]), "8 images or more, got 7"),
        (lambda: cka_over_time(X[:, :2], Y), "one for each bin of the brain, got 2 and 3"),
        (lambda: cka_over_time(X, Y, groups=1), "groups must be at least 2"),
        (lambda: cca_over_time(X, Y, k=11), "k must be from 1 to the 10 dimensions"),
        (lambda: procrustes_over_time(X, Y, components=0), "components must be at least 1"),
    ],
)
def test_what_will_not_do_is_said(call, message):
    with pytest.raises((ArgumentError, ValueError), match=message):
        call()

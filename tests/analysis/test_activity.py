"""The geometry of activity against closed forms, numpy and scikit-learn."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA

from cordsnet.analysis.activity.components import (
    as_trials,
    participation_ratio,
    principal_components,
    reduced_coordinates,
)
from cordsnet.analysis.activity.similarity import cca, first_components, procrustes
from cordsnet.dynamics import Clock, State, Trajectory


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def smooth(trials, times, units, rank=3, seed=0):
    """Trials of slow oscillations in a few dimensions."""
    draw = np.random.default_rng(seed)
    time = np.linspace(0, 1, times)[:, None]
    waves = np.sin(2 * np.pi * (time * draw.uniform(0.5, 3, rank) + draw.uniform(size=(trials, 1, rank))))
    return waves @ draw.normal(size=(rank, units))


def rotation(n, seed=0):
    return torch.linalg.qr(normal(n, n, seed=seed))[0]


def recorded(rates, axes=("channel", "row", "column")):
    names = dict.fromkeys(rates, ("time", "trial", *axes))
    return Trajectory(torch.arange(len(next(iter(rates.values())))), rates, {}, names, State({}), Clock(1.0))


def test_the_dimension_of_an_isotropic_cloud_is_that_of_its_space():
    found = participation_ratio(normal(5000, 12))
    assert_allclose(found.value, 12 * 5000 / 5012, rtol=0.01)
    few = participation_ratio(normal(100, 2000))
    assert_allclose(few.value, 2000 * 100 / 2100, rtol=0.03)


def test_a_line_has_one_dimension_and_a_circle_two():
    angle = torch.linspace(0, 2 * torch.pi, 101, dtype=torch.float64)[:-1]
    assert participation_ratio(angle[:, None] @ normal(1, 40)).value == pytest.approx(1)
    plane = torch.stack([angle.cos(), angle.sin()], 1) @ rotation(300)[:2]
    assert participation_ratio(plane).value == pytest.approx(2)


@pytest.mark.parametrize("units", [7, 300])
def test_the_participation_ratio_is_that_of_the_covariance(units):
    x = normal(4, 25, units) * torch.linspace(0.1, 3, units, dtype=torch.float64) + 5
    values = np.linalg.eigvalsh(np.cov(x.reshape(100, units).T))
    assert_allclose(participation_ratio(x).value, values.sum() ** 2 / (values**2).sum())
    assert_allclose(participation_ratio(x.numpy()).value, participation_ratio(3 * x - 7).value)


def test_the_bootstrap_is_over_trials_and_depends_on_the_seed():
    sizes = torch.tensor([3, 2, 1, 0.5, 0.2], dtype=torch.float64)

    def draw(seed):
        return sizes * normal(60, 4, 5, seed=seed) * normal(60, 1, 5, seed=seed + 500)

    x = draw(0)
    one, again, other = (participation_ratio(x, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.resampled, again.resampled)
    assert not torch.equal(one.resampled, other.resampled)
    assert_allclose(one.error, one.resampled.std())
    fresh = [participation_ratio(draw(seed), bootstrap=50) for seed in range(1, 81)]
    assert_allclose(np.mean([one.error for one in fresh]), np.std([one.value for one in fresh]), rtol=0.3)
    assert np.isnan(participation_ratio(x[0]).error)


def test_resampling_products_is_resampling_trials():
    x = normal(6, 5, 200)
    found = participation_ratio(x, bootstrap=3, seed=2)
    draw = torch.Generator().manual_seed(2)
    for value in found.resampled:
        rows = torch.randint(0, 6, (6,), generator=draw)
        assert_allclose(participation_ratio(x[rows], bootstrap=0).value, value)


@pytest.mark.parametrize("units", [6, 400])
def test_principal_components_are_those_of_scikit_learn(units):
    x = normal(5, 12, units) * torch.linspace(0.1, 3, units, dtype=torch.float64) + 2
    found, flat = principal_components(x, 4, bootstrap=20), x.reshape(60, units).numpy()
    wanted = PCA(4, svd_solver="full").fit(flat)
    signs = np.sign((wanted.components_ * found.components.numpy()).sum(1))
    assert_allclose(found.components, wanted.components_ * signs[:, None], atol=1e-9)
    assert_allclose(found.scores.reshape(60, 4), wanted.transform(flat) * signs, atol=1e-8)
    assert_allclose(found.variance, wanted.explained_variance_)
    assert_allclose(found.explained, wanted.explained_variance_ratio_)
    assert_allclose(found.mean, wanted.mean_)
    assert bool((found.explained_error > 0).all())
    assert bool((found.components.gather(1, found.components.abs().argmax(1, keepdim=True)) > 0).all())


def test_reduced_coordinates_keep_all_distances():
    x = normal(3, 10, 20_000).float() + 100
    points = reduced_coordinates(x)
    assert points.shape == (3, 10, 29)
    flat = x.double().reshape(30, -1)
    assert_allclose(
        torch.cdist(points.reshape(30, -1), points.reshape(30, -1)), torch.cdist(flat, flat), rtol=1e-6, atol=2e-3
    )
    assert_allclose(points.reshape(30, -1).mean(0), 0, atol=1e-8)


def test_an_area_of_a_trajectory_keeps_the_shape_of_its_units():
    rates = normal(9, 4, 2, 3, 5)
    trajectory = recorded({"area1": rates, "area2": rates[..., :1]})
    trials, shape = as_trials(trajectory, "area1")
    assert shape == (2, 3, 5)
    assert_allclose(trials[1, 2], rates[2, 1].flatten())
    assert principal_components(trajectory, 2, "area1").components.shape == (2, 2, 3, 5)
    flat = rates.flatten(2).transpose(0, 1)
    assert_allclose(participation_ratio(trajectory, "area1").value, participation_ratio(flat).value)
    assert procrustes(trajectory, trajectory, "area1", "area2", shuffles=3).distance.value > 0.1
    assert as_trials(recorded({"area1": normal(9, 4)}, ()), "area1")[0].shape == (4, 9, 1)


def test_rotation_shift_and_scale_do_not_change_the_distance():
    x = torch.tensor(smooth(4, 30, 6))
    found = procrustes(x, 3 * x @ rotation(6) + 2)
    assert found.distance.value == pytest.approx(0, abs=1e-12)
    assert found.p_value == pytest.approx(1 / 101)
    assert float(found.null.min()) > 0.5
    wide = torch.nn.functional.pad(x, (0, 200)) @ rotation(206)
    assert procrustes(x, wide, shuffles=0, bootstrap=0).distance.value == pytest.approx(0, abs=1e-7)


def test_other_trajectories_have_a_larger_distance():
    one, other = torch.tensor(smooth(6, 30, 8)), torch.tensor(smooth(6, 30, 8, seed=5))
    found = procrustes(one, other, bootstrap=20)
    assert 0.05 < found.distance.value <= 1
    assert found.distance.error > 0
    assert procrustes(one, one + 0.1 * normal(6, 30, 8)).distance.value < found.distance.value
    null = procrustes(one, normal(6, 30, 8))
    assert null.p_value > 0.01
    assert_allclose(procrustes(one, other, components=3, shuffles=0).distance.value, found.distance.value, atol=1e-6)


def test_canonical_correlations_of_a_linear_map_are_one():
    x = torch.tensor(smooth(8, 25, 40)) + 0.01 * normal(8, 25, 40)
    found = cca(x[..., :5], x[..., :5] @ normal(5, 90, seed=3), 5)
    assert_allclose(found.correlations, 1, atol=1e-9)
    assert_allclose(found.cross_validated, 1, atol=1e-6)
    assert found.dimensions == (5, 5)
    assert_allclose(found.x_variates.abs(), found.y_variates.abs(), atol=1e-6)


def test_canonical_correlations_are_those_of_scikit_learn():
    shared = normal(200, 2)
    x, y = (
        shared @ normal(2, 4, seed=1) + normal(200, 4, seed=2),
        shared @ normal(2, 3, seed=3) + normal(200, 3, seed=4),
    )
    found = cca(x, y, 2)
    one, other = CCA(2, max_iter=10_000, tol=1e-12).fit_transform(x.numpy(), y.numpy())
    wanted = [np.corrcoef(one[:, k], other[:, k])[0, 1] for k in range(2)]
    assert_allclose(found.correlations, wanted, atol=1e-4)
    variates = found.x_variates[0].T @ found.y_variates[0]
    assert_allclose(variates, torch.diag(found.correlations), atol=1e-9)


def test_independent_noise_shares_nothing_once_cross_validated():
    found = cca(normal(20, 10, 30), normal(20, 10, 30, seed=1), 3)
    assert float(found.correlations[0]) > 0.25
    assert bool((found.cross_validated.abs() < 4 * found.cross_validated_error + 0.1).all())
    assert float(found.cross_validated.abs().max()) < 0.25


def test_one_trial_is_cross_validated_by_stretches_of_time():
    x = torch.tensor(smooth(1, 200, 10))
    found = cca(x, x @ normal(10, 10), 2, folds=4)
    assert_allclose(found.cross_validated, 1, atol=1e-6)


def test_first_components_keep_the_largest_variance():
    x = normal(3, 40, 5) * torch.tensor([10.0, 1, 0.1, 0.1, 0.1], dtype=torch.float64)
    assert_allclose(first_components(x, 1)[..., 0].abs(), (x - x.mean((0, 1)))[..., 0].abs(), atol=1.0)


X = normal(4, 10, 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: participation_ratio(0.1 * torch.ones(5, 3)), "does not vary"),
        (lambda: participation_ratio(torch.ones(5)), "activity must be"),
        (lambda: participation_ratio(torch.full((5, 2), float("nan"))), "NaN"),
        (lambda: participation_ratio(torch.ones(1, 3)), "two samples"),
        (lambda: participation_ratio(X, bootstrap=-1), "bootstrap"),
        (lambda: participation_ratio(recorded({"area1": normal(9, 4, 2, 3, 5)})), "area='area1'"),
        (lambda: principal_components(X, 4), "k must be from 1 to the 3"),
        (lambda: procrustes(X, X[:, :5]), "same numbers of trials and times"),
        (lambda: procrustes(X, 0.1 * torch.ones(4, 10, 2)), "y does not vary"),
        (lambda: procrustes(X, X, shuffles=-1), "shuffles"),
        (lambda: procrustes(X, X, components=0), "components"),
        (lambda: cca(X, X, 4, folds=4), "k must be from 1 to the 3"),
        (lambda: cca(X, X, 1, folds=5), "folds must be"),
        (lambda: cca(X[0], X[0], 1, folds=6), "folds must be"),
        (lambda: cca(X, X, 1, folds=1), "folds must be"),
    ],
)
def test_bad_arguments_are_named_in_the_error(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call()

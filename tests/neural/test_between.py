"""A model beside animals: differences written out, verdicts, and what cannot be compared."""

import numpy as np
import pytest
from scipy import stats

from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural import BetweenStatus, BetweenVerdict, between_animals, between_scores, rdm_movie


def animals_of(rng, count=5, images=20, noise=0.6, neurons=30):
    """Features [images, 8] and RDMs [count, 2, pairs] of animals whose neurons weight them at random, with noise."""
    features = rng.normal(size=(images, 8))
    found = []
    for _ in range(count):
        mean = np.einsum("if,tfn->itn", features, rng.normal(size=(2, 8, neurons)))
        found.append(rdm_movie(mean + noise * rng.normal(size=mean.shape), "euclidean"))
    return features, np.stack(found)


def test_the_difference_is_that_of_mean_agreements():
    rng = np.random.default_rng(0)
    model, animals = rng.random((2, 28)), rng.random((3, 2, 28))
    found = between_animals(model, animals, "pearson", draws=10)
    for t in range(2):
        own = [stats.pearsonr(model[t], one[t]).statistic for one in animals]
        pairs = {(a, b): stats.pearsonr(animals[a, t], animals[b, t]).statistic for a, b in ((0, 1), (0, 2), (1, 2))}
        bar = [(pairs[0, 1] + pairs[0, 2]) / 2, (pairs[0, 1] + pairs[1, 2]) / 2, (pairs[0, 2] + pairs[1, 2]) / 2]
        np.testing.assert_allclose(found.model[:, t], own, atol=1e-12)
        np.testing.assert_allclose(found.animals[:, t], bar, atol=1e-12)
        assert found.difference[t] == pytest.approx(np.mean(own) - np.mean(bar))
        assert found.spread[t] == pytest.approx(max(own) - min(own))
    assert (found.n_animals, found.n_images, found.status) == (3, 8, BetweenStatus.IMAGES_AND_ANIMALS)


def test_the_truth_passes_and_noise_fails():
    rng = np.random.default_rng(1)
    features, animals = animals_of(rng, noise=2.0)
    truth = rdm_movie(np.repeat(features[:, None], 2, 1), "euclidean")
    assert between_animals(truth, animals, draws=50).verdicts == (BetweenVerdict.PASSES,) * 2
    assert between_animals(rng.random(190), animals, draws=50).verdicts == (BetweenVerdict.FAILS,) * 2


def test_another_animal_is_within_the_bar():
    rng, verdicts, differences = np.random.default_rng(2), [], []
    for run in range(30):
        _, animals = animals_of(rng, count=5)
        found = between_animals(animals[0], animals[1:], draws=20, seed=run)
        verdicts += [found.verdicts[0]]
        differences += [found.difference[0]]
    assert abs(np.mean(differences)) < 3 * np.std(differences) / 30**0.5
    assert verdicts.count(BetweenVerdict.UNDECIDED) >= 25  # an animal is neither closer nor further than animals are


def test_two_animals_have_an_interval_over_images_only():
    _, animals = animals_of(np.random.default_rng(3), count=2)
    found = between_animals(animals[0], list(animals), draws=20)
    assert found.status is BetweenStatus.IMAGES
    assert np.isfinite(found.interval).all()


def test_scores_are_compared_where_animals_share_images():
    model = np.array([0.5, 0.6, 0.4, 0.5])
    animals = np.array([[1, 0.7, 0.6, 0.8], [0.7, 1, 0.6, 0.7], [0.7, 0.8, 1, 0.7], [0.6, 0.7, 0.7, 1.0]])
    found = between_scores(model, animals)
    bar = (animals.sum(0) - 1) / 3
    np.testing.assert_allclose(found.animals[:, 0], bar)
    assert found.difference[0] == pytest.approx(np.mean(model - bar))
    assert (found.status, found.verdicts) == (BetweenStatus.ANIMALS, (BetweenVerdict.FAILS,))
    left = [between_scores(np.delete(model, k), np.delete(np.delete(animals, k, 0), k, 1)).difference for k in range(4)]
    error = (3 / 4 * np.sum((left - np.mean(left)) ** 2)) ** 0.5
    np.testing.assert_allclose(found.interval[0, 1] - found.difference[0], stats.t.ppf(0.975, 3) * error)


def test_animals_with_different_images_have_no_bar():
    found = between_scores(np.array([0.5, 0.7]), np.full((2, 2), np.nan))
    assert (found.status, found.verdicts) == (BetweenStatus.DIFFERENT_IMAGES, (BetweenVerdict.NO_BAR,))
    assert np.isnan(found.difference).all()
    assert found.spread[0] == pytest.approx(0.2)
    partly = np.array([[np.nan, 0.6, np.nan], [0.5, np.nan, np.nan], [np.nan, np.nan, np.nan]])
    some = between_scores(np.array([0.5, 0.7, 0.9]), partly)
    assert some.status is BetweenStatus.SOME_PAIRS
    assert some.difference[0] == pytest.approx((0.5 - 0.5 + 0.7 - 0.6) / 2)
    assert np.isnan(some.interval).all()
    assert between_scores(np.ones(2), np.ones((2, 2))).status is BetweenStatus.PAIR


RDM = np.random.default_rng(0).random((3, 2, 15))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: between_animals(RDM[0], [RDM[0], RDM[1, :, :10]]), "same images, got 6, 5 images; use between_scores"),
        (lambda: between_animals(RDM[0], [RDM[0], RDM[1, :1]]), "same bins, got 2, 1"),
        (lambda: between_animals(RDM[0], RDM[:1]), "two animals or more, got 1"),
        (lambda: between_animals(RDM[0, :, :10], RDM), "images and bins of animals"),
        (lambda: between_animals(RDM[0, :, :3], RDM[..., :3]), "4 images or more, got 3"),
        (lambda: between_animals(RDM[0], RDM, "whitened_cosine"), "another than 'whitened_cosine'"),
        (lambda: between_animals(RDM[0], RDM, draws=1), "draws must be at least 2"),
        (lambda: between_scores(np.ones(3), np.ones((2, 2))), r"got \[3\] and \[2, 2\]"),
        (lambda: between_scores(np.array([0.5, np.nan]), np.ones((2, 2))), "score for each animal, got NaN"),
        (lambda: between_scores(np.ones(2), np.full((2, 2), np.inf)), "animals must hold finite numbers"),
    ],
)
def test_what_will_not_do_is_said(call, message):
    with pytest.raises((ArgumentError, DataError, ValueError), match=message):
        call()

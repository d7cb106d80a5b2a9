"""Bounds on zero-padded convolutions against their matrices."""

import math

import numpy as np
import pytest
import torch

from cordsnet.analysis.convolutions.balancing import best_weights, mean_weights, perron_weights
from cordsnet.analysis.convolutions.bounds import (
    frequency_grid,
    hermitian_bound,
    norm_bound,
    norm_reached,
    perron_bound,
)
from cordsnet.analysis.convolutions.periodic import periodic_singular_values
from cordsnet.analysis.operators import ConvOperator

BOUNDS = {"norm": norm_bound, "hermitian": hermitian_bound, "perron": perron_bound}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense(kernel, size, weights=None):
    matrix = ConvOperator(kernel, size).to_dense().numpy()
    if weights is None:
        return matrix
    per_unit = weights.repeat_interleave(size[0] * size[1]).numpy()
    return per_unit[:, None] * matrix / per_unit


def largest(matrix, criterion):
    if criterion == "norm":
        return np.linalg.norm(matrix, 2)
    if criterion == "hermitian":
        return np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1]
    return max(0, (np.abs(matrix).sum(1) + np.diag(matrix) - np.abs(np.diag(matrix))).max())


KERNELS = {
    "random": draw(3, 3, 3, 3) / 5,
    "wide": draw(2, 2, 5, 5) / 7,
    "point": draw(3, 3, 1, 1),
    "difference": torch.tensor([-1.0, 0, 1], dtype=torch.float64).expand(1, 1, 3, 3) / 3,
    "laplacian": torch.tensor([[0, 1.0, 0], [1, -4, 1], [0, 1, 0]], dtype=torch.float64)[None, None],
    "inhibition": -draw(3, 3, 3, 3).abs(),
    "chain": torch.eye(3, dtype=torch.float64).roll(1, 0)[:, :, None, None]
    * torch.tensor([9.0, 1, 1])[:, None, None, None],
    "nothing": torch.zeros(2, 2, 3, 3, dtype=torch.float64),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("criterion", BOUNDS)
@pytest.mark.parametrize("name", KERNELS)
def test_bounds_hold_for_maps_of_every_size(name, criterion, weighted):
    kernel = KERNELS[name]
    weights = draw(len(kernel), seed=4).exp() if weighted else None
    always = BOUNDS[criterion](kernel, weights=weights)
    for size in [(1, 1), (1, 4), (2, 2), (3, 3), (4, 6), (5, 5), (7, 3), (8, 8)]:
        truth = largest(dense(kernel, size, weights), criterion)
        bound = BOUNDS[criterion](kernel, size, weights=weights)
        assert bound >= truth
        assert always >= truth
        if criterion != "perron":
            few = BOUNDS[criterion](kernel, size, weights=weights, points=6)
            assert few >= truth


@pytest.mark.parametrize(
    ("name", "factor"), [("random", 1.06), ("wide", 1.15), ("laplacian", 1.06), ("inhibition", 1.06)]
)
def test_bounds_are_close_on_larger_maps(name, factor):
    kernel = KERNELS[name]
    truth = largest(dense(kernel, (12, 12)), "norm")
    assert norm_bound(kernel, (12, 12)) < factor * truth
    assert norm_bound(kernel) < 1.02 * factor * truth
    assert norm_reached(kernel, (12, 12)) <= truth * (1 + 1e-12)
    assert norm_reached(kernel, (12, 12)) > 0.97 * truth


@pytest.mark.parametrize("name", ["random", "wide", "laplacian", "inhibition"])
def test_the_symmetric_part_is_bounded_closely_on_larger_maps(name):
    kernel = KERNELS[name]
    truth, scale = (largest(dense(kernel, (12, 12)), criterion) for criterion in ("hermitian", "norm"))
    assert hermitian_bound(kernel, (12, 12)) < truth + 0.12 * scale
    assert hermitian_bound(kernel) < truth + 0.17 * scale


def test_a_maximum_between_the_frequencies_of_the_maps_is_not_missed():
    """x(p + 1) - x(p - 1) is zero on periodic maps two wide, and has norm 1 with zero padding."""
    kernel = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    kernel[0, 0, 1] = torch.tensor([-1.0, 0, 1])
    assert float(periodic_singular_values(kernel, (1, 2)).max()) < 1e-12
    assert largest(dense(kernel, (1, 2)), "norm") == pytest.approx(1)
    assert 1 <= norm_bound(kernel, (1, 2)) <= 2


@pytest.mark.parametrize("points", [3, 5, 6, 7, 9])
@pytest.mark.parametrize("seed", range(10))
def test_the_factor_covers_frequencies_between_grid_points(points, seed):
    """Polynomials sampled far more finely; and one for which the naive maximum is below and the factor is reached."""
    kernel = draw(2, 2, 3, 3, seed=seed)
    fine = periodic_singular_values(kernel, (96, 96)).max()
    assert norm_bound(kernel, points=points) >= fine
    cosine = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    cosine[0, 0, 1, 0], cosine[0, 0, 1, 2] = 0.5, 0.5
    twisted = torch.zeros(2, 2, 3, 3, dtype=torch.float64)
    turn = math.pi / points
    rotation = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]).double()
    twisted[:, :, 1, 0], twisted[:, :, 1, 2] = rotation / 2, rotation.T / 2  # cos(2 pi f +- turn) in two channels
    for one in (cosine, twisted):
        assert norm_bound(one, points=points) >= 1 - 1e-12


def test_the_maximum_over_the_grid_alone_is_no_bound():
    turn = math.pi / 6
    rotation = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]).double()
    kernel = torch.zeros(2, 2, 3, 3, dtype=torch.float64)
    kernel[:, :, 1, 0], kernel[:, :, 1, 2] = rotation / 2, rotation.T / 2
    naive = float(periodic_singular_values(kernel, (6, 6)).max())
    truth = largest(dense(kernel, (2, 40)), "norm")
    assert naive < 0.9 < truth <= norm_bound(kernel, points=6) < 1.4


def test_grids_and_factors():
    kernel = draw(1, 1, 3, 3)
    assert frequency_grid(kernel, (4, 7)).grid == (5, 8)
    assert frequency_grid(kernel, (4, 7)).factor == 1
    assert frequency_grid(kernel, None, 12).factor == pytest.approx(math.cos(math.pi / 12) ** -2)
    assert frequency_grid(draw(1, 1, 1, 1), None).grid == (1, 1)
    mixed = frequency_grid(kernel, (4, 100), 20)
    assert mixed.grid == (5, 20)
    assert mixed.factor == pytest.approx(1 / math.cos(math.pi / 20))


@pytest.mark.parametrize("name", ["random", "wide", "inhibition", "chain"])
def test_weights_never_raise_the_bound(name):
    kernel, size = KERNELS[name], (5, 5)
    for criterion in ("norm", "hermitian"):
        plain = BOUNDS[criterion](kernel, size)
        weights = best_weights(kernel, size, criterion)
        assert BOUNDS[criterion](kernel, size, weights=weights) <= plain + 1e-3 * abs(plain)
    assert perron_bound(kernel, size, weights=perron_weights(kernel, size)) <= perron_bound(kernel, size) + 1e-12


def test_weights_reach_known_optima():
    """A cycle of gains 9, 1, 1 has norm 9 and, weighed, their geometric mean 9^(1/3); Perron finds it as well."""
    kernel = KERNELS["chain"]
    assert norm_bound(kernel) == pytest.approx(9)
    assert norm_bound(kernel, weights=best_weights(kernel, None, "norm")) == pytest.approx(9 ** (1 / 3), rel=0.02)
    assert norm_bound(kernel, weights=mean_weights(kernel)) == pytest.approx(9 ** (1 / 3), rel=1e-3)
    assert perron_bound(kernel, weights=perron_weights(kernel)) == pytest.approx(9 ** (1 / 3), rel=1e-3)


def test_the_perron_bound_is_the_largest_eigenvalue_of_the_sums():
    kernel = draw(4, 4, 3, 3, seed=3)
    sums = kernel.abs().sum((2, 3)).numpy()
    centre = np.diag(kernel[:, :, 1, 1].numpy())
    sums += np.diag(centre - np.abs(centre))
    root = np.linalg.eigvals(sums).real.max()
    assert perron_bound(kernel, weights=perron_weights(kernel)) == pytest.approx(root, rel=1e-4)
    assert perron_bound(kernel) == pytest.approx(sums.sum(1).max())


@pytest.mark.parametrize("seed", range(20))
def test_the_perron_bound_covers_every_pattern_of_active_units(seed):
    kernel = draw(3, 3, 3, 3, seed=seed)
    bound = perron_bound(kernel, (3, 3), weights=perron_weights(kernel, (3, 3)))
    active = np.random.default_rng(seed).random(27)
    for gains in (active, active > 0.5):
        assert np.linalg.eigvals(gains[:, None] * dense(kernel, (3, 3))).real.max() <= bound + 1e-9


def test_bounds_are_proportional_to_the_kernel():
    kernel = KERNELS["random"]
    for bound in BOUNDS.values():
        assert bound(3 * kernel, (4, 4)) == pytest.approx(3 * bound(kernel, (4, 4)), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: norm_bound(draw(2, 2, 3, 3), points=2), "points must be more than twice"),
        (lambda: norm_bound(draw(2, 2, 3, 3), weights=torch.tensor([1.0, -1.0])), "weights must be 2 finite"),
        (lambda: norm_bound(draw(2, 2, 3, 3), weights=torch.ones(3)), "weights must be 2 finite"),
        (lambda: norm_bound(draw(2, 3, 3, 3), weights=torch.ones(2)), "as many outputs as inputs"),
        (lambda: hermitian_bound(draw(2, 3, 3, 3)), "as many outputs as inputs"),
        (lambda: perron_bound(draw(2, 3, 3, 3)), "as many outputs as inputs"),
        (lambda: norm_bound(draw(2, 2, 3, 3), (0, 3)), "size must be"),
        (lambda: norm_bound(draw(2, 2, 3, 3) * math.nan), "NaN or infinite"),
    ],
)
def test_bad_arguments_are_named_in_the_error(call, words):
    with pytest.raises(ValueError, match=words):
        call()

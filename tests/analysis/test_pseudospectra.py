"""Smallest singular values over the complex plane, and the Kreiss constant, against dense matrices."""

import math

import numpy as np
import pytest
import torch
from nonnormal_examples import EXAMPLES, jordan, normal, operator
from numpy.testing import assert_allclose
from scipy.linalg import expm

from cordsnet.analysis.nonnormal.kreiss import kreiss_bound
from cordsnet.analysis.nonnormal.pseudospectra import pseudospectrum
from cordsnet.analysis.nonnormal.resolvent import ComplexShift, smallest_singular_value
from cordsnet.analysis.operators import ConvOperator, MatrixOperator
from cordsnet.analysis.status import Status


def exact(matrix, z):
    eye = np.eye(len(matrix))
    return np.array([np.linalg.svd(point * eye - matrix, compute_uv=False)[-1] for point in z])


GRID = torch.complex(
    *torch.meshgrid(torch.linspace(-3, 1, 7).double(), torch.linspace(0, 3, 5).double(), indexing="ij")
)


@pytest.mark.parametrize("steps", [10, 30])
@pytest.mark.parametrize("name", EXAMPLES)
def test_sigma_is_never_below_the_truth_and_falls_with_more_steps(name, steps):
    matrix = EXAMPLES[name]
    found = pseudospectrum(operator(matrix), GRID, steps=steps)
    wanted = exact(matrix, GRID.flatten().numpy()).reshape(GRID.shape)
    assert found.sigma.shape == GRID.shape
    assert bool((found.sigma >= torch.tensor(wanted) - 10 * found.rounding).all())
    more = pseudospectrum(operator(matrix), GRID, steps=steps + 5)
    assert bool((more.sigma <= found.sigma + 10 * found.rounding).all())


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_whole_space_gives_the_truth(name):
    matrix = EXAMPLES[name]
    found = pseudospectrum(operator(matrix), GRID, steps=500)
    assert found.status is Status.EXHAUSTED
    assert found.products <= len(matrix)
    wanted = exact(matrix, GRID.flatten().numpy()).reshape(GRID.shape)
    assert_allclose(found.sigma, wanted, atol=1e-8)


def test_the_status_reflects_convergence():
    kernel = torch.randn(4, 4, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 6
    op = ConvOperator(kernel, (6, 6))
    far = pseudospectrum(op, [10 + 0j, 8 + 8j], steps=40)
    near = pseudospectrum(op, [0.9 + 0.1j], steps=12)
    assert far.status is Status.CONVERGED
    assert near.status is Status.STALLED
    assert near.change > far.change
    dense = op.to_dense().numpy()
    assert_allclose(far.sigma, exact(dense, [10, 8 + 8j]), rtol=0.03)


def test_for_a_normal_operator_sigma_is_the_distance_to_the_spectrum():
    matrix = normal()
    values = np.linalg.eigvals(matrix)
    found = pseudospectrum(operator(matrix), GRID, steps=50)
    distance = np.abs(GRID.numpy()[..., None] - values).min(-1)
    assert_allclose(found.sigma, distance, atol=1e-9)


@pytest.mark.parametrize("name", ["jordan", "grcar", "random and rank one"])
def test_the_kreiss_bound_is_below_the_constant_and_the_largest_amplification(name):
    matrix = EXAMPLES[name]
    found = kreiss_bound(operator(matrix), steps=40)
    grid = [complex(x, y) for x in np.logspace(-2, 0.5, 20) for y in np.linspace(0, 3, 7)]
    constant = (np.real(grid) / exact(matrix, grid)).max()
    peak = max(np.linalg.norm(expm(matrix * t), 2) for t in np.linspace(0, 60, 301))
    assert 0.97 * constant < found.value <= peak
    assert found.value > 2
    assert found.value <= found.z.real / exact(matrix, [found.z])[0] * (1 + 1e-6)
    rough = kreiss_bound(operator(matrix), steps=40, tries=0)
    assert 1 < rough.value <= found.value


def test_the_kreiss_constant_of_two_units_is_found():
    matrix = np.array([[-1.0, 40.0], [0.0, -1.2]])
    grid = [x + 0j for x in np.logspace(-3, 2, 4000)]
    wanted = max(z.real / s for z, s in zip(grid, exact(matrix, grid), strict=True))
    assert_allclose(kreiss_bound(operator(matrix), steps=4).value, wanted, rtol=1e-2)


@pytest.mark.parametrize("z", [0.5 + 0j, 0.2 + 1.1j])
@pytest.mark.parametrize("name", ["random and rank one", "normal", "grcar"])
def test_one_point_by_inverse_iteration(name, z):
    matrix = EXAMPLES[name]
    found, wanted = smallest_singular_value(operator(matrix), z), exact(matrix, [z])[0]
    assert found.status is Status.CONVERGED
    assert_allclose(found.value, wanted, rtol=1e-4)
    assert found.value >= wanted * (1 - 1e-9)
    image = z * found.vector.numpy() - matrix @ found.vector.numpy()
    assert_allclose(np.linalg.norm(image), found.value)


def test_a_shifted_operator_is_the_matrix_and_its_adjoint():
    matrix, z = EXAMPLES["normal"], 0.3 - 0.8j
    op = ComplexShift(operator(matrix), z)
    x, y = (torch.randn(2, 50, generator=torch.Generator().manual_seed(seed)).double() for seed in (1, 2))
    wanted = z * torch.complex(*x).numpy() - matrix @ torch.complex(*x).numpy()
    assert_allclose(torch.complex(*op.mv(x)), wanted)
    assert_allclose((op.mv(x) * y).sum(), (x * op.rmv(y)).sum())


def test_an_unsolved_system_is_stalled():
    found = smallest_singular_value(operator(jordan()), 0.1 + 0j, solver_products=4)
    assert (found.status, found.value, found.vector) == (Status.STALLED, math.inf, None)


def test_a_normal_stable_flow_has_the_constant_one():
    found = kreiss_bound(operator(normal()))
    assert found.value == 1
    assert math.isnan(found.z.real)


def test_unstable_flows_have_a_large_bound_and_values_that_are_not_finite_a_status():
    assert kreiss_bound(operator(np.diag([0.5, -1.0, -2.0, -3.0]))).value > 10
    nothing = kreiss_bound(operator(np.zeros((5, 5))))
    assert (nothing.value, nothing.status) == (1, Status.CONVERGED)
    assert kreiss_bound(MatrixOperator(torch.full((5, 5), math.nan))).status is Status.NOT_FINITE
    broken = pseudospectrum(MatrixOperator(torch.full((5, 5), math.nan)), [1 + 0j])
    assert broken.status is Status.NOT_FINITE
    assert bool(broken.sigma.isnan().all())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pseudospectrum(MatrixOperator(torch.zeros(3, 2)), [1j]), "square"),
        (lambda: pseudospectrum(operator(normal()), []), "at least one"),
        (lambda: pseudospectrum(operator(normal()), [complex("nan")]), "finite"),
        (lambda: pseudospectrum(operator(normal()), [1j], steps=3), "steps"),
        (lambda: kreiss_bound(operator(normal()), grid=1), "grid"),
    ],
)
def test_bad_arguments_are_named_in_the_error(call, words):
    with pytest.raises(ValueError, match=words):
        call()

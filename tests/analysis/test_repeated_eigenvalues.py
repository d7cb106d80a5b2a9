"""Eigenvalues that come several times, by every method, against those of the matrix."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet.analysis.krylov import eigenvalues, partial_svd
from cordsnet.analysis.operators import ConvOperator, Diagonal, Identity, MatrixOperator
from cordsnet.analysis.status import Status

KEYS = {
    "LM": lambda z: -abs(z),
    "LR": lambda z: -z.real,
    "SR": lambda z: z.real,
    "LI": lambda z: -abs(z.imag),
}


def draw(*shape, seed=3):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kernel(values):
    return torch.tensor(values, dtype=torch.float64)[None, None]


def turned(matrix, seed=5):
    """The same matrix in a random orthonormal basis."""
    turn = torch.linalg.qr(draw(len(matrix), len(matrix), seed=seed))[0]
    return turn @ matrix @ turn.T


def copied(times, size=25):
    return turned(torch.block_diag(*[draw(size, size) / size**0.5] * times))


def rotations(*angles, copies=2, rest=40):
    """Rotations in planes, each several times, and smaller real eigenvalues."""
    blocks = []
    for angle in angles:
        c, s = np.cos(angle), np.sin(angle)
        blocks += [torch.tensor([[c, -s], [s, c]], dtype=torch.float64)] * copies
    return turned(torch.block_diag(*blocks, torch.diag(torch.linspace(-0.7, 0.7, rest, dtype=torch.float64))))


def jordan(size, value, copies=1, rest=40):
    block = value * torch.eye(size) + torch.diag(torch.ones(size - 1), 1)
    return turned(torch.block_diag(*[block.double()] * copies, torch.diag(torch.linspace(-1, 1, rest).double())))


def skewed(values, spread=0.4):
    """Non-normal, with the given real eigenvalues."""
    size = len(values)
    turn = torch.eye(size, dtype=torch.float64) + spread * draw(size, size, seed=8) / size**0.5
    return turn @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ torch.linalg.inv(turn)


CROSS = [[0.0, 1, 0], [1, 1, 1], [0, 1, 0]]
OPERATORS = {
    "cross, 12 x 12": lambda: ConvOperator(kernel(CROSS), (12, 12), padding="periodic"),
    "cross, 9 x 9, zero padding": lambda: ConvOperator(kernel(CROSS), (9, 9)),
    "laplacian, 10 x 10": lambda: ConvOperator(
        kernel([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]), (10, 10), padding="periodic"
    ),
    "surround, 8 x 14": lambda: ConvOperator(kernel([[-1.0, 0, -1], [0, 5, 0], [-1, 0, -1]]), (8, 14), "periodic"),
    "moving": lambda: ConvOperator(kernel([[0.0, 0, 0], [0, 0.2, 1], [0, 0, 0]]), (5, 12), padding="periodic"),
    "two copies": lambda: MatrixOperator(copied(2, 30)),
    "five copies": lambda: MatrixOperator(copied(5, 14)),
    "symmetric copies": lambda: MatrixOperator(torch.block_diag(*[turned(torch.diag(draw(20)))] * 3)),
    "rotations": lambda: MatrixOperator(rotations(0.3, 1.2, 2.5)),
    "rotations, three times": lambda: MatrixOperator(rotations(0.9, 2.0, copies=3)),
    "diagonal": lambda: Diagonal(torch.tensor([3.0] * 5 + [2] * 4 + [-2.5] * 3 + [0.1] * 50, dtype=torch.float64)),
    "identity": lambda: Identity(MatrixOperator(torch.zeros(50, 50, dtype=torch.float64))),
    "zero": lambda: MatrixOperator(torch.zeros(50, 50, dtype=torch.float64)),
    "rank one": lambda: MatrixOperator(draw(60, 1) @ draw(1, 60, seed=4)),
    "rank two": lambda: MatrixOperator(turned(torch.diag(torch.tensor([2.0, 2] + [0] * 58, dtype=torch.float64)))),
    "non-normal": lambda: MatrixOperator(skewed([2.0] * 3 + [1.5] * 3 + list(np.linspace(-1, 1, 60)))),
    "nearly equal": lambda: MatrixOperator(skewed([2, 2 - 1e-3, 2 - 1e-3, 1.9, 1.9, 1.8, *np.linspace(-1, 1, 60)])),
}


def assert_leading(found, op, k, which, atol):
    """Their keys are the first k of the dense matrix, and each is an eigenvalue, as often as it comes."""
    every = np.linalg.eigvals(op.to_dense().double().numpy())
    key = KEYS[which]
    count = len(found.values)
    got = found.values.numpy()
    assert_allclose(np.sort(key(got))[:k], np.sort(key(every))[:k], atol=atol)
    rest = list(every)
    for value in got:
        best = int(np.argmin(abs(np.array(rest) - value)))
        assert abs(rest.pop(best) - value) <= atol
    assert count in (k, k + 1)


@pytest.mark.parametrize("which", KEYS)
@pytest.mark.parametrize("name", OPERATORS)
def test_every_copy_is_found(name, which):
    op = OPERATORS[name]()
    found = eigenvalues(op, 8, which, tol=1e-9, max_products=4000)
    assert bool(found.residuals.isfinite().all())
    if found.converged:
        assert_leading(found, op, 8, which, 1e-6)
    else:  # every eigenvalue of the order comes first for circles and ties; then nothing is claimed
        assert which == "LI" or name in ("moving", "identity")


@pytest.mark.parametrize("method", ["krylov_schur", "arpack", "arnoldi", "dense"])
@pytest.mark.parametrize("name", OPERATORS)
def test_by_every_method(name, method):
    op = OPERATORS[name]()
    found = eigenvalues(op, 6, "LR", tol=1e-8, method=method, max_products=4000)
    assert bool(found.residuals.isfinite().all())
    if found.converged:
        assert_leading(found, op, 6, "LR", 1e-5)
    else:
        assert method == "arnoldi" or name == "moving"


@pytest.mark.parametrize("name", ["cross, 12 x 12", "two copies", "rotations", "diagonal", "non-normal", "rank two"])
def test_in_single_precision(name):
    op = MatrixOperator(OPERATORS[name]().to_dense().float())
    found = eigenvalues(op, 7, tol=1e-5, vectors="both")
    assert bool(found.residuals.isfinite().all())
    assert found.converged
    assert_leading(found, op, 7, "LM", 2e-4)


@pytest.mark.parametrize("sigma", [2.6, 1.0, 3.1])
def test_copies_nearest_to_a_shift(sigma):
    op = Diagonal(torch.tensor([3.0] * 3 + [2] * 2 + [-2.5] * 3 + [0.1] * 50, dtype=torch.float64))
    found = eigenvalues(op, 4, sigma=sigma, tol=1e-8)
    every = np.array([3.0] * 3 + [2] * 2 + [-2.5] * 3 + [0.1] * 50)
    wanted = np.sort(abs(every - sigma))[:4]
    assert found.converged
    assert_allclose(np.sort(abs(found.values.numpy() - sigma)), wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["cross, 12 x 12", "two copies", "rotations", "diagonal", "non-normal"])
def test_vectors_of_copies_are_independent_and_conditions_are_those_of_the_matrix(name):
    op = OPERATORS[name]()
    found = eigenvalues(op, 6, tol=1e-9, vectors="both", max_products=8000)
    assert found.converged
    vectors = found.vectors.flatten(1)
    assert float(torch.linalg.svdvals(vectors)[-1]) > 1e-3
    away = vectors @ op.to_dense().T.to(vectors.dtype) - found.values[:, None] * vectors
    assert float(away.abs().max()) < 1e-7
    assert bool((found.condition[:5] >= 1 - 1e-9).all())
    if name in ("cross, 12 x 12", "rotations", "diagonal"):
        assert_allclose(found.condition[:5], 1, atol=1e-6)


@pytest.mark.parametrize(("size", "copies"), [(2, 1), (3, 1), (2, 2), (4, 1)])
def test_defective_eigenvalues_are_found_as_often_as_they_come(size, copies):
    op = MatrixOperator(jordan(size, 3.0, copies))
    found = eigenvalues(op, size * copies + 2, "LR", tol=1e-8)
    assert found.converged
    assert_allclose(found.values[: size * copies].abs(), 3, atol=5e-3)
    assert_allclose(found.values[size * copies :].real, [1, 0.949], atol=1e-2)


def test_without_products_for_the_search_nothing_is_called_converged():
    op = OPERATORS["cross, 12 x 12"]()
    whole = eigenvalues(op, 8, "LR", tol=1e-6)
    alone = eigenvalues(op, 8, "LR", tol=1e-6, copies=False)
    cut = eigenvalues(op, 8, "LR", tol=1e-6, max_products=alone.products + 20)
    assert whole.converged
    assert not cut.converged
    assert Status.UNCHECKED in cut.status
    assert whole.products > alone.products


@pytest.mark.parametrize("method", ["krylov_schur", "arpack", "arnoldi", "dense"])
@pytest.mark.parametrize("value", [0.0, -3.0, 2.0])
def test_one_unit(method, value):
    found = eigenvalues(MatrixOperator(torch.tensor([[value]], dtype=torch.float64)), 1, method=method)
    assert_allclose(found.values, [value])
    assert found.converged
    assert_allclose(found.residuals, [0], atol=1e-15)


def test_the_search_costs_less_than_the_values_themselves_where_nothing_is_missed():
    op = MatrixOperator(draw(400, 400) / 20)
    alone, whole = (eigenvalues(op, 8, tol=1e-6, copies=copies) for copies in (False, True))
    assert whole.converged
    assert torch.equal(alone.values, whole.values)
    assert whole.products < 2.5 * alone.products


@pytest.mark.parametrize("name", OPERATORS)
def test_every_copy_of_a_singular_value_is_found(name):
    op = OPERATORS[name]()
    wanted = torch.linalg.svdvals(op.to_dense())
    found = partial_svd(op, 8, tol=1e-8, max_products=6000)
    assert bool(found.residuals.isfinite().all())
    assert found.converged
    assert_allclose(found.singular_values, wanted[:8], atol=1e-6 * float(wanted[0]) + 1e-14)
    for vectors in (found.left, found.right):
        flat = vectors.flatten(1)
        assert_allclose(flat @ flat.T, torch.eye(8), atol=1e-8)


@pytest.mark.parametrize("shape", [(40, 9), (9, 40), (1, 30), (30, 1)])
def test_singular_values_of_operators_that_are_not_square(shape):
    matrix = draw(*shape)
    few = min(shape)
    if few > 2:
        left, _, right = torch.linalg.svd(matrix, full_matrices=False)
        matrix = left @ torch.diag(torch.tensor([3.0] * 3 + [2] * 3 + [1] * 3, dtype=torch.float64)) @ right
    found = partial_svd(MatrixOperator(matrix), min(5, few), tol=1e-9)
    assert found.converged
    assert_allclose(found.singular_values, torch.linalg.svdvals(matrix)[: min(5, few)], rtol=1e-9)

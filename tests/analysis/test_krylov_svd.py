"""Singular values by products against those of the matrix."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet.analysis.krylov import partial_svd
from cordsnet.analysis.operators import ConvOperator, Diagonal, MatrixOperator
from cordsnet.analysis.status import Status


def draw(*shape, seed=3, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def with_singular_values(values, rows, columns):
    u, v = (torch.linalg.qr(draw(size, len(values), seed=size))[0] for size in (rows, columns))
    return MatrixOperator(u @ torch.diag(torch.as_tensor(values, dtype=torch.float64)) @ v.T)


OPERATORS = {
    "square": lambda: MatrixOperator(draw(120, 120)),
    "tall": lambda: MatrixOperator(draw(300, 40)),
    "wide": lambda: MatrixOperator(draw(40, 300)),
    "very_wide": lambda: MatrixOperator(draw(6, 500)),
    "clustered": lambda: with_singular_values([3, 3 - 1e-6, 2, 2 - 1e-6, *np.linspace(0, 1.5, 60)], 90, 110),
    "rank_deficient": lambda: with_singular_values([5, 4, 3], 60, 50),
    "convolution": lambda: ConvOperator(draw(5, 4, 3, 3), (9, 10), stride=2),
    "periodic": lambda: ConvOperator(draw(4, 4, 3, 3), (3, 3), "periodic"),
    "non_normal": lambda: MatrixOperator(torch.triu(draw(80, 80), 3)),
}


def assert_right(op, found, k):
    left, right = found.left.flatten(1), found.right.flatten(1)
    atol = 1e-5 if op.dtype == torch.float32 else 1e-10
    assert_allclose(left @ left.T, torch.eye(k), atol=atol)
    assert_allclose(right @ right.T, torch.eye(k), atol=atol)
    forward = (op.mv(found.right).flatten(1) - found.singular_values[:, None].to(left) * left).norm(dim=1)
    back = (op.rmv(found.left).flatten(1) - found.singular_values[:, None].to(left) * right).norm(dim=1)
    scale = float(found.singular_values[0]) or 1.0
    assert_allclose(found.residuals, torch.hypot(forward, back) / scale, atol=atol / 10, rtol=1e-3)
    assert (found.singular_values.diff() <= 0).all()


@pytest.mark.parametrize("name", OPERATORS)
def test_singular_values_are_those_of_the_matrix(name):
    op = OPERATORS[name]()
    found = partial_svd(op, 6, tol=1e-11)
    assert found.converged
    assert_allclose(found.singular_values, np.linalg.svd(op.to_dense(), compute_uv=False)[:6], atol=1e-8)
    assert_right(op, found, 6)
    assert found.left.shape == (6, *op.codomain)
    assert found.right.shape == (6, *op.domain)


@pytest.mark.parametrize(("rows", "columns"), [(12, 12), (12, 20), (20, 12), (1, 5), (5, 1)])
def test_all_singular_values(rows, columns):
    op, k = MatrixOperator(draw(rows, columns)), min(rows, columns)
    found = partial_svd(op, k, tol=1e-11)
    assert found.converged
    assert_allclose(found.singular_values, np.linalg.svd(op.matrix, compute_uv=False), atol=1e-10)
    assert_right(op, found, k)


def test_multiple_and_zero_values_are_found_when_the_space_is_exhausted():
    for op, wanted in (
        (Diagonal(torch.zeros(3, 4, dtype=torch.float64)), [0, 0, 0]),
        (Diagonal(torch.tensor([2.0, -2, 2, 1, 0, 0], dtype=torch.float64)), [2, 2, 2]),
        (with_singular_values([4], 30, 20), [4, 0, 0]),
    ):
        found = partial_svd(op, 3, tol=1e-10)
        assert found.converged
        assert_allclose(found.singular_values, wanted, atol=1e-12)
        assert_right(op, found, 3)


def test_in_single_precision():
    op = ConvOperator(draw(5, 4, 3, 3, dtype=torch.float32), (9, 10))
    found = partial_svd(op, 5)
    assert found.converged
    assert found.left.dtype == torch.float32
    assert_allclose(found.singular_values, np.linalg.svd(op.to_dense(), compute_uv=False)[:5], rtol=1e-5)
    assert_right(op, found, 5)


def test_out_of_products_the_status_is_stalled():
    op = MatrixOperator(draw(400, 400))
    for limit in (1, 40, 100):
        found = partial_svd(op, 6, tol=1e-10, max_products=limit)
        assert Status.STALLED in found.status
        assert found.products <= max(limit, 16)
        assert_right(op, found, len(found.status))


def test_a_seed_makes_a_run_repeatable():
    op = OPERATORS["square"]()
    one, same, other = (partial_svd(op, 3, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.left, same.left)
    assert not torch.equal(one.left, other.left)


def test_products_that_are_not_finite_have_a_status():
    values = torch.ones(30, dtype=torch.float64)
    values[2] = torch.inf
    found = partial_svd(Diagonal(values), 3)
    assert found.status == (Status.NOT_FINITE,) * 3
    assert found.singular_values.isnan().all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 0}, "k must be from 1 to 40"),
        ({"k": 41}, "k must be from 1 to 40"),
        ({"k": 5, "basis": 6}, "basis must be at least k"),
        ({"k": 5, "tol": -1.0}, "tol must be"),
        ({"k": 5, "max_products": 0}, "max_products must be"),
    ],
)
def test_bad_arguments_are_named_in_the_error(arguments, words):
    with pytest.raises(ValueError, match=words):
        partial_svd(OPERATORS["wide"](), **arguments)

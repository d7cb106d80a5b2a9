"""GMRES against dense solves, and what it says of systems that it cannot solve."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet.analysis.krylov import Inverse, gmres
from cordsnet.analysis.operators import ConvOperator, Diagonal, Identity, MatrixOperator
from cordsnet.analysis.status import Status
from cordsnet.errors import NotConvergedError


def draw(*shape, seed=3, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def network(dtype=torch.float64):
    kernel = draw(5, 5, 3, 3, dtype=dtype)
    op = ConvOperator(0.6 * kernel / (5 * 9) ** 0.5, (7, 8))
    return Identity(op) - op


@pytest.mark.parametrize("basis", [60, 12])
def test_solutions_are_those_of_the_matrix(basis):
    op, b = network(), draw(5, 7, 8)
    found = gmres(op, b, tol=1e-11, basis=basis)
    wanted = np.linalg.solve(op.to_dense().numpy(), b.flatten().numpy())
    assert_allclose(found.value.flatten(), wanted, atol=1e-9 * abs(wanted).max())
    assert found.value.shape == b.shape
    assert found.converged
    assert_allclose(found.residual, (b - op.mv(found.value)).norm() / b.norm(), rtol=1e-6)


def test_a_batch_is_solved_like_each_of_its_systems():
    op, b = network(), draw(3, 5, 7, 8)
    b[1] = 0
    start = draw(3, 5, 7, 8, seed=9)
    found = gmres(op, b, tol=1e-10, start=start)
    wanted = np.linalg.solve(op.to_dense().numpy(), b.flatten(1).numpy().T).T
    assert_allclose(found.value.flatten(1), wanted, atol=1e-8)
    assert found.converged
    from_zero = gmres(op, b, tol=1e-10)
    assert_allclose(from_zero.value[1], 0)
    assert_allclose(from_zero.value.flatten(1), wanted, atol=1e-8)


def test_in_single_precision():
    op, b = network(torch.float32), draw(5, 7, 8, dtype=torch.float32)
    found = gmres(op, b, tol=1e-5)
    assert found.converged
    assert found.value.dtype == torch.float32


def test_a_good_start_needs_no_more_than_its_residual():
    op, b = network(), draw(5, 7, 8)
    found = gmres(op, b, tol=1e-9)
    again = gmres(op, b, tol=1e-9, start=found.value)
    assert (again.products, again.converged) == (1, True)


def test_an_exhausted_space_holds_the_solution():
    op, b = Diagonal(torch.tensor([2.0, 3.0, 4.0], dtype=torch.float64)), torch.tensor([2.0, 0, 4], dtype=torch.float64)
    found = gmres(op, b, tol=1e-14)
    assert_allclose(found.value, [1, 0, 1], atol=1e-14)
    assert found.converged
    assert found.products <= 3


def test_a_singular_system_is_solved_if_consistent_else_exhausted():
    op = Diagonal(torch.tensor([1.0, 2.0, 3.0, 0.0], dtype=torch.float64))
    both = torch.tensor([[1.0, 2, 3, 0], [1, 2, 3, 1]], dtype=torch.float64)
    found = gmres(op, both, tol=1e-10)
    assert found.status == (Status.CONVERGED, Status.EXHAUSTED)
    assert_allclose(found.value[0], [1, 1, 1, 0], atol=1e-12)
    assert_allclose(found.residual[1], 1 / 15**0.5, rtol=1e-6)


def test_a_system_that_does_not_converge_is_stalled_with_its_exact_residual():
    shift = MatrixOperator(torch.eye(80, dtype=torch.float64).roll(1, 0))  # restarted GMRES makes no progress at all
    b = torch.eye(80, dtype=torch.float64)[0]
    found = gmres(shift, b, basis=10, max_products=50)
    assert found.status == (Status.STALLED,)
    assert_allclose(found.residual, 1.0)
    assert found.products <= 50
    some = gmres(network(), draw(5, 7, 8), tol=1e-12, max_products=9)
    assert some.status == (Status.STALLED,)
    assert some.products <= 9
    assert_allclose(some.residual, (draw(5, 7, 8) - network().mv(some.value)).norm() / draw(5, 7, 8).norm(), rtol=1e-6)


def test_products_that_are_not_finite_are_found_and_leave_other_systems_alone():
    values = torch.ones(6, dtype=torch.float64)
    values[2] = torch.nan
    b = draw(6)
    assert gmres(Diagonal(values), b).status == (Status.NOT_FINITE,)
    huge = Diagonal(torch.tensor([1e200, 1.0, 2.0], dtype=torch.float64))
    b = torch.tensor([[1e200, 1, 1], [0, 1, 1]], dtype=torch.float64)
    found = gmres(huge, b)
    assert found.status == (Status.NOT_FINITE, Status.CONVERGED)
    assert_allclose(found.value[1], [0, 1, 0.5], atol=1e-6)


def test_the_inverse_is_an_operator_in_both_directions():
    op = network()
    inverse = Inverse(op, tol=1e-12)
    dense = np.linalg.inv(op.to_dense().numpy())
    x = draw(2, 5, 7, 8)
    assert_allclose(inverse.mv(x).flatten(1), x.flatten(1).numpy() @ dense.T, atol=1e-9)
    assert_allclose(inverse.rmv(x).flatten(1), x.flatten(1).numpy() @ dense, atol=1e-9)


def test_an_unsolved_inverse_raises_with_the_reason():
    op = Inverse(network(), tol=1e-12, max_products=5)
    with pytest.raises(NotConvergedError, match=r"not 1e-12, in 5 products: stalled.*raise max_products") as caught:
        op.mv(draw(5, 7, 8))
    assert 1e-12 < caught.value.residual < 1
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda op, b: gmres(op, b[:4]), "b must have shape"),
        (lambda op, b: gmres(op, b.float()), "b must be torch.float64"),
        (lambda op, b: gmres(op, b, start=b[None]), "start must be shaped like b"),
        (lambda op, b: gmres(op, b, tol=0.0), "tol must be a finite number above 0"),
        (lambda op, b: gmres(op, b, basis=0), "basis must be at least 1"),
        (lambda op, b: gmres(op, b, max_products=0), "max_products must be at least 1"),
        (lambda op, b: gmres(MatrixOperator(draw(3, 4)), b), "op must be square"),
        (lambda op, b: Inverse(MatrixOperator(draw(3, 4))), "op must be square"),
    ],
)
def test_bad_arguments_are_named_in_the_error(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call(network(), draw(5, 7, 8))

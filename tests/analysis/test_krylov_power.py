"""Power iteration and plain Arnoldi steps."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet.analysis.krylov import arnoldi, eigenvalues, power_iteration
from cordsnet.analysis.operators import Diagonal, MatrixOperator
from cordsnet.analysis.status import Status


def draw(*shape, seed=3):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_real_leading_eigenvalue_is_found_from_every_start():
    matrix = draw(60, 60) / 60**0.5 + 3 * torch.ones(60, 60) / 60
    found = power_iteration(MatrixOperator(-matrix), trials=5, steps=150, tol=1e-9)
    wanted = np.linalg.eigvals(-matrix)
    leading = wanted[np.argmax(abs(wanted))].real
    assert_allclose(found.values, leading, rtol=1e-8)
    assert_allclose(found.moduli, abs(leading), rtol=1e-8)
    assert found.status == (Status.CONVERGED,) * 5
    assert found.products == 151 * 5


def test_of_a_complex_pair_the_modulus_is_found_and_the_residual_says_that_there_is_no_more():
    c, s = np.cos(0.7), np.sin(0.7)
    op = MatrixOperator(torch.block_diag(2 * torch.tensor([[c, -s], [s, c]]), torch.eye(8, dtype=torch.float64)))
    found = power_iteration(op, trials=3, steps=120)
    assert_allclose(found.moduli, 2, rtol=1e-6)
    assert set(found.status) == {Status.STALLED}
    assert (found.residuals > 0.1).all()


def test_starts_are_those_of_the_seed_and_zero_is_zero():
    op = MatrixOperator(draw(30, 30))
    assert torch.equal(power_iteration(op, steps=5, seed=4).values, power_iteration(op, steps=5, seed=4).values)
    assert not torch.equal(power_iteration(op, steps=5, seed=4).values, power_iteration(op, steps=5, seed=5).values)
    none = power_iteration(Diagonal(torch.zeros(3, 4, dtype=torch.float64)), trials=2, steps=4)
    assert_allclose(none.values, 0)
    assert_allclose(none.moduli, 0)
    assert none.status == (Status.CONVERGED,) * 2


def test_what_is_not_finite_is_said_to_be_so():
    assert power_iteration(Diagonal(torch.tensor([1.0, torch.nan])), trials=2).status == (Status.NOT_FINITE,) * 2


def test_arnoldi_is_one_cycle():
    op = MatrixOperator(draw(200, 200) / 200**0.5)
    found, same = arnoldi(op, 80, seed=2, k=4), eigenvalues(op, 4, method="arnoldi", basis=80, seed=2)
    assert torch.equal(found.values, same.values)
    assert found.products <= 80 + 5
    more = arnoldi(op, 180, seed=2, k=4)
    assert float(more.residuals[0]) < float(found.residuals[0])


@pytest.mark.parametrize(
    ("arguments", "words"), [({"trials": 0}, "trials must be"), ({"steps": 1}, "steps must be"), ({"tol": 0.0}, "tol")]
)
def test_what_does_not_fit_is_refused_by_name(arguments, words):
    with pytest.raises(ValueError, match=words):
        power_iteration(MatrixOperator(draw(4, 4)), **arguments)

"""Growth and pseudospectra of operators with blocks, of zero, of wrong shapes, and of numbers without end."""

import math

import numpy as np
import pytest
import torch
from nonnormal_examples import jordan, operator
from numpy.testing import assert_allclose
from scipy.linalg import block_diag, expm

from cordsnet.analysis import Diagonal, Identity, LinearOperator, MatrixOperator, eigenvalues, gmres, partial_svd
from cordsnet.analysis.nonnormal.kreiss import kreiss_bound
from cordsnet.analysis.nonnormal.nonnormality import departure_from_normality, numerical_abscissa, spectral_norm
from cordsnet.analysis.nonnormal.pseudospectra import pseudospectrum
from cordsnet.analysis.nonnormal.resolvent import smallest_singular_value
from cordsnet.analysis.nonnormal.transients import transient_amplification
from cordsnet.analysis.status import Status

ZERO = MatrixOperator(torch.zeros(30, 30, dtype=torch.float64))


def feedforward(strength, decay, size=8):
    return -decay * np.eye(size) + np.diag(np.full(size - 1, strength), 1)


BLOCKS = {
    "one takes over": block_diag(feedforward(3.0, 2.0), feedforward(1.0, 0.3)),
    "copies": block_diag(jordan(6), jordan(6), jordan(6)),
    "uncoupled fast and slow": block_diag(feedforward(5.0, 4.0, 4), feedforward(1.2, 0.5, 10), -0.1 * np.eye(3)),
    "diagonal": np.diag(np.linspace(-2, -0.1, 20)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_growth_is_that_of_the_best_block_at_each_time(name):
    matrix, times = BLOCKS[name], [0.0, 0.3, 1.0, 2.0, 4.0, 8.0, 12.0]
    found = transient_amplification(operator(matrix), times)
    wanted = [np.linalg.norm(expm(time * matrix), 2) for time in times]
    assert set(found.status) == {Status.CONVERGED}
    assert_allclose(found.amplification, wanted, rtol=1e-3)


@pytest.mark.parametrize("op", [ZERO, 0.0 * Identity(ZERO), Diagonal(torch.zeros(2, 3, 5, dtype=torch.float64))])
def test_zero(op):
    assert spectral_norm(op) == 0
    assert numerical_abscissa(op).value == 0
    assert numerical_abscissa(op).status is Status.CONVERGED
    grown = transient_amplification(op, [0.0, 1.0, 5.0])
    assert_allclose(grown.amplification, 1, rtol=1e-12)
    assert kreiss_bound(op).value == 1
    assert departure_from_normality(op).henrici_high == 0
    assert_allclose(pseudospectrum(op, [0.5, 1 + 1j]).sigma, [0.5, math.sqrt(2)], rtol=1e-12)
    assert smallest_singular_value(op, 2.0).value == pytest.approx(2.0)
    assert_allclose(partial_svd(op, 3).singular_values, 0)


@pytest.mark.parametrize("copies", [1, 3])
def test_pseudospectra_of_copies_are_those_of_one(copies):
    op = operator(np.kron(np.eye(copies), jordan(12)))
    points = [0.2 + 0.1j, 0.5, -0.2 + 0.7j]
    wanted = [np.linalg.svd(z * np.eye(12) - jordan(12), compute_uv=False)[-1] for z in points]
    assert_allclose(pseudospectrum(op, points).sigma, wanted, rtol=1e-6)
    assert smallest_singular_value(op, points[1]).value == pytest.approx(wanted[1], rel=1e-2)


class Wrong(LinearOperator):
    def __init__(self, answer, square=True):
        super().__init__((6,), (6,) if square else (5,), torch.float64, torch.device("cpu"))
        self.answer = answer

    def apply(self, batch):
        return self.answer(batch)

    apply_transpose = apply


WRONG = {
    "a vector less": Wrong(lambda x: x[1:]),
    "a unit less": Wrong(lambda x: x[:, 1:]),
    "one number": Wrong(lambda x: x.sum()),
    "single precision": Wrong(lambda x: x.float()),
    "an array": Wrong(lambda x: x.numpy()),
}
NAN = MatrixOperator(torch.full((8, 8), torch.nan, dtype=torch.float64))
SOLVERS = {
    "eigenvalues": lambda op: eigenvalues(op, 1),
    "dense": lambda op: eigenvalues(op, 1, method="dense"),
    "arpack": lambda op: eigenvalues(op, 1, method="arpack"),
    "partial_svd": lambda op: partial_svd(op, 1),
    "gmres": lambda op: gmres(op, torch.ones(op.domain, dtype=torch.float64)),
    "abscissa": numerical_abscissa,
    "amplification": lambda op: transient_amplification(op, [0.0, 1.0]),
    "pseudospectrum": lambda op: pseudospectrum(op, [1.0]),
    "resolvent": lambda op: smallest_singular_value(op, 1.0),
    "kreiss": kreiss_bound,
    "departure": departure_from_normality,
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", WRONG)
def test_an_operator_that_returns_something_else_is_refused(name, solver):
    with pytest.raises(ValueError, match="the operator must return"):
        SOLVERS[solver](WRONG[name])


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("given", [np.eye(3), None])
def test_what_is_no_operator_is_refused(solver, given):
    if solver == "gmres":
        with pytest.raises(TypeError, match="LinearOperator"):
            gmres(given, torch.ones(3))
        return
    with pytest.raises(TypeError, match="must be a LinearOperator"):
        SOLVERS[solver](given)


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_operator_of_nan_is_said_or_refused(solver):
    if solver == "amplification":
        with pytest.raises(ValueError, match="not finite"):
            SOLVERS[solver](NAN)
        return
    found = SOLVERS[solver](NAN)
    status = getattr(found, "status", Status.NOT_FINITE)
    status = status if isinstance(status, tuple) else (status,)
    assert set(status) <= {Status.NOT_FINITE, Status.STALLED}
    if solver == "departure":
        assert math.isnan(found.frobenius)


FLOW = MatrixOperator(-torch.eye(20, dtype=torch.float64) + torch.diag(torch.ones(19, dtype=torch.float64), 1))


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: transient_amplification(FLOW, [0.0, 1e12]), "times_ms = 1e.12 ms is too long"),
        (lambda: transient_amplification(FLOW, [0.0, math.inf]), "times_ms must be increasing, finite"),
        (
            lambda: transient_amplification(FLOW, [0.0, math.nan]),
            "times_ms must be a finite number at each place, got nan",
        ),
        (lambda: transient_amplification(FLOW, torch.arange(20_000)), "at most 10,000 times"),
        (lambda: transient_amplification(FLOW, [0.0, 1.0], tol=0.0), "tol must be"),
        (lambda: transient_amplification(FLOW, [0.0, 1.0], tol=-1.0), "tol must be"),
        (lambda: transient_amplification(FLOW, [0.0, 1.0], tol=5.0), "tol must be below 1"),
        (lambda: transient_amplification(FLOW, [0.0, 1.0], max_products=10**9), "max_products must be at most"),
        (lambda: transient_amplification(FLOW, [0.0, 1.0], refine=10**9), "refine must be at most"),
        (lambda: transient_amplification(FLOW, [0.0, 1.0], refine=-1), "refine must be at least 0"),
        (lambda: eigenvalues(FLOW, 0), "k must be from 1"),
        (lambda: eigenvalues(FLOW, -1), "k must be from 1"),
        (lambda: eigenvalues(FLOW, 10**6), "k must be from 1"),
        (lambda: eigenvalues(FLOW, 2.5), "k must be a whole number, got 2.5"),
        (lambda: eigenvalues(FLOW, 2, block=10**9), "block must be at most 19"),
        (lambda: eigenvalues(FLOW, 2, degree=10**9), "degree must be at most 100"),
        (lambda: eigenvalues(FLOW, 2, max_products=10**12), "max_products must be at most"),
        (lambda: eigenvalues(FLOW, 2, max_products=math.inf), "max_products must be a whole number"),
        (lambda: eigenvalues(FLOW, 2, tol=math.inf), "tol must be a finite"),
        (lambda: eigenvalues(Diagonal(torch.ones(3000, 1000)), 2, basis=10**5), "GiB"),
        (lambda: partial_svd(FLOW, 10**6), "k must be from 1"),
        (lambda: partial_svd(FLOW, 2, max_products=10**12), "max_products must be at most"),
        (lambda: partial_svd(Diagonal(torch.ones(3000, 1000)), 10**5), "GiB"),
        (lambda: gmres(FLOW, torch.ones(20, dtype=torch.float64), max_products=10**12), "max_products must be at most"),
        (lambda: gmres(Diagonal(torch.ones(3000, 1000)), torch.ones(3000, 1000), basis=10**5), "GiB"),
        (lambda: pseudospectrum(Diagonal(torch.ones(3000, 1000)), [1.0], steps=10**5), "GiB"),
        (lambda: pseudospectrum(FLOW, torch.ones(1100, 1000)), "at most 1,000,000 points"),
        (lambda: pseudospectrum(FLOW, [math.nan]), "z must be a finite number at each place, got nan"),
        (lambda: smallest_singular_value(FLOW, complex("inf")), "z must be a finite"),
        (lambda: kreiss_bound(FLOW, grid=10**9), "grid must be at most"),
        (lambda: kreiss_bound(FLOW, tries=10**9), "tries must be at most"),
        (lambda: numerical_abscissa(FLOW, max_products=10**12), "max_products must be at most"),
        (lambda: numerical_abscissa(FLOW, tol=0.0), "tol must be"),
        (lambda: departure_from_normality(FLOW, samples=10**12), "samples must be at most"),
    ],
)
def test_what_would_run_for_ever_or_out_of_memory_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()

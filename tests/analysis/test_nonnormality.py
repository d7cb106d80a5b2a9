"""Abscissa, departure from normality and transients against dense matrices."""

import math

import numpy as np
import pytest
import torch
from nonnormal_examples import EXAMPLES, jordan, normal, operator
from numpy.testing import assert_allclose
from scipy.linalg import expm

from cordsnet.analysis.nonnormal.lanczos import largest_eigenvalue
from cordsnet.analysis.nonnormal.nonnormality import departure_from_normality, numerical_abscissa, spectral_norm
from cordsnet.analysis.nonnormal.propagator import Propagator
from cordsnet.analysis.nonnormal.transients import transient_amplification
from cordsnet.analysis.operators import ConvOperator, MatrixOperator
from cordsnet.analysis.status import Status


def conv(dtype=torch.float64):
    kernel = torch.randn(3, 3, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 6
    return (0.1 * ConvOperator(kernel.to(dtype), (5, 6))).shift(0.1)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_abscissa_is_the_largest_eigenvalue_of_the_symmetric_part(name):
    matrix = EXAMPLES[name]
    found, wanted = numerical_abscissa(operator(matrix)), np.linalg.eigvalsh((matrix + matrix.T) / 2)
    assert found.status is Status.CONVERGED
    assert abs(found.value - wanted[-1]) <= found.residual + 1e-12
    assert found.value <= wanted[-1] + 1e-12
    assert found.residual <= 1e-6 * np.abs(wanted).max() * 1.01
    growth = float(found.vector @ operator(matrix).mv(found.vector))
    assert_allclose(growth, wanted[-1], atol=1e-9)
    if name == "normal":
        assert_allclose(found.value, np.linalg.eigvals(matrix).real.max(), atol=1e-9)


def test_the_abscissa_bounds_the_growth_of_every_state():
    matrix = EXAMPLES["random and rank one"]
    top = numerical_abscissa(operator(matrix)).value
    for t in (0.01, 0.1, 1.0, 3.0):
        assert np.linalg.norm(expm(matrix * t), 2) <= math.exp(top * t) * (1 + 1e-9)
    assert_allclose((np.linalg.norm(expm(matrix * 1e-6), 2) - 1) / 1e-6, top, rtol=1e-4)


def test_an_iteration_that_stops_early_is_stalled():
    found = numerical_abscissa(operator(EXAMPLES["random and rank one"]), max_products=8)
    assert found.status is Status.STALLED
    assert found.residual > 1e-3
    assert found.products <= 8
    broken = MatrixOperator(torch.full((4, 4), math.nan, dtype=torch.float64))
    assert numerical_abscissa(broken).status is Status.NOT_FINITE


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_state_shaped_operators_of_both_precisions(dtype):
    op = conv(dtype)
    dense = op.to_dense().double().numpy()
    found = numerical_abscissa(op, tol=1e-5)
    assert found.vector.shape == op.domain
    assert_allclose(found.value, np.linalg.eigvalsh((dense + dense.T) / 2)[-1], rtol=1e-4)
    assert_allclose(spectral_norm(op, tol=1e-5), np.linalg.norm(dense, 2), rtol=1e-4)
    curve = transient_amplification(op, [5.0, 20.0])
    assert curve.initial.shape == curve.final.shape == op.domain
    assert curve.initial.dtype == dtype
    wanted = [np.linalg.norm(expm(dense * t), 2) for t in (5, 20)]
    assert_allclose(curve.amplification, wanted, rtol=1e-4)


@pytest.mark.parametrize("count", [3, 6, 40])
def test_lanczos_restarts_and_ends_when_the_space_is_exhausted(count):
    values = torch.linspace(-2, 1, 60, dtype=torch.float64)
    found = largest_eigenvalue(MatrixOperator(torch.diag(values)), basis=count, max_products=400, tol=1e-8)
    assert found.status is Status.CONVERGED
    assert_allclose(found.value, 1, atol=1e-9)
    assert largest_eigenvalue(MatrixOperator(torch.eye(5))).value == pytest.approx(1)
    zero = largest_eigenvalue(MatrixOperator(torch.zeros(5, 5)))
    assert (zero.value, zero.status) == (0, Status.CONVERGED)


@pytest.mark.parametrize("time", [0.0, 0.3, 4.0, 25.0])
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_propagator_is_the_matrix_exponential(name, time):
    matrix = EXAMPLES[name]
    shift = float(np.trace(matrix) / len(matrix))
    for about in (0.0, shift):
        norm = np.linalg.norm(matrix - about * np.eye(len(matrix)), 2)
        exact = expm(matrix * time)
        found = Propagator(operator(matrix), time, norm, about)
        assert_allclose(found.to_dense(), exact, atol=1e-8 * max(1.0, np.abs(exact).max()))
        assert_allclose(found.T.to_dense(), found.to_dense().T, atol=1e-11 * max(1.0, np.abs(exact).max()))


def test_the_propagator_counts_its_products():
    counted = Propagator(operator(jordan()), 10.0, norm=1.5)
    assert (counted.steps, counted.products) == (5, 100)


@pytest.mark.parametrize("name", EXAMPLES)
def test_amplification_is_the_norm_of_the_exponential(name):
    matrix = EXAMPLES[name]
    times = np.linspace(0, 5 if name == "random and rank one" else 12, 13)
    found = transient_amplification(operator(matrix), torch.tensor(times), shift=float(matrix[0, 0]))
    wanted = np.array([np.linalg.norm(expm(matrix * t), 2) for t in times])
    assert set(found.status) == {Status.CONVERGED}
    assert_allclose(found.amplification, wanted, rtol=1e-5)
    assert bool((found.amplification <= torch.tensor(wanted) * (1 + 1e-8)).all())
    fine = np.linspace(0, times[-1], 241)
    curve = [np.linalg.norm(expm(matrix * t), 2) for t in fine]
    assert_allclose(found.peak, max(curve), rtol=1e-3)
    assert_allclose(found.peak_ms, fine[np.argmax(curve)], atol=0.2)
    assert_allclose(found.initial.norm(), 1)
    assert_allclose(found.final, expm(matrix * found.peak_ms) @ found.initial.numpy(), atol=1e-7 * found.peak)
    assert_allclose(found.final.norm(), found.peak, rtol=1e-6)
    assert found.ends_at_peak == (name == "jordan")


def test_a_normal_flow_never_amplifies():
    found = transient_amplification(operator(normal()), [0.0, 1.0, 2.0, 5.0])
    slowest = np.linalg.eigvals(normal()).real.max()
    assert_allclose(found.amplification, np.exp(slowest * found.time_ms.numpy()), rtol=1e-6)
    assert (found.peak, found.peak_ms) == (pytest.approx(1), 0)


def test_an_unstable_flow_ends_at_its_peak():
    assert transient_amplification(operator(np.diag([0.1, -1.0])), [0.0, 1.0, 2.0]).ends_at_peak


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_departure_is_that_of_the_matrix_within_its_errors(name):
    matrix = EXAMPLES[name]
    found = departure_from_normality(operator(matrix), samples=256)
    mean = np.trace(matrix) / len(matrix)
    size = np.linalg.norm(matrix - mean * np.eye(len(matrix)))
    commutator = np.linalg.norm(matrix @ matrix.T - matrix.T @ matrix) / size**2
    assert abs(found.frobenius - size) < 4 * found.frobenius_error + 1e-9
    assert abs(found.commutator - commutator) < 4 * found.commutator_error + 1e-9
    values = np.linalg.eigvals(matrix) if name != "jordan" else mean  # which come out of no eigensolver
    henrici = math.sqrt(max(size**2 - (np.abs(values - mean) ** 2).sum(), 0)) / size
    assert found.henrici_low - 4 * found.henrici_low_error <= henrici + 1e-9
    assert found.henrici_high + 4 * found.henrici_high_error >= henrici - 1e-9
    if name == "normal":
        assert found.commutator < 1e-12
    else:
        assert found.henrici_low > 0.005
        assert found.commutator_error < 0.3 * found.commutator


def test_standard_errors_are_those_of_many_seeds():
    op = operator(EXAMPLES["random and rank one"])
    many = [departure_from_normality(op, samples=16, seed=seed) for seed in range(60)]
    spread = np.std([one.commutator for one in many])
    assert_allclose(np.mean([one.commutator_error for one in many]), spread, rtol=0.5)


def test_the_departure_depends_little_on_the_batch_and_is_zero_for_a_zero_operator():
    op = conv()
    assert departure_from_normality(op, samples=5, batch=5) == departure_from_normality(op, samples=5, batch=5)
    one, shifted = departure_from_normality(op), departure_from_normality((5.0 * op).shift(-3.0))
    assert_allclose(
        [one.commutator, one.henrici_high, 5 * one.frobenius],
        [shifted.commutator, shifted.henrici_high, shifted.frobenius],
        rtol=1e-9,
    )
    nothing = departure_from_normality(MatrixOperator(torch.zeros(3, 3)))
    assert (nothing.frobenius, nothing.commutator, nothing.henrici_high) == (0, 0, 0)


TALL = MatrixOperator(torch.zeros(3, 2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: numerical_abscissa(TALL), "square"),
        (lambda: departure_from_normality(TALL), "square"),
        (lambda: departure_from_normality(operator(normal()), samples=1), "samples"),
        (lambda: transient_amplification(TALL, [1.0]), "square"),
        (lambda: transient_amplification(operator(normal()), [2.0, 1.0]), "increasing"),
        (lambda: transient_amplification(operator(normal()), []), "increasing"),
        (lambda: Propagator(operator(normal()), -1.0, 1.0), "time must be"),
        (lambda: Propagator(operator(normal()), 1.0, math.nan), "norm must be"),
        (lambda: largest_eigenvalue(operator(normal()), tol=0.0), "tol"),
        (lambda: largest_eigenvalue(operator(normal()), basis=2), "basis"),
    ],
)
def test_bad_arguments_are_named_in_the_error(call, words):
    with pytest.raises(ValueError, match=words):
        call()

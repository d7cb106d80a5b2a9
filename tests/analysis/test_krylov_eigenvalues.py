"""Eigenvalues by products against those of the matrix."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import linalg

from cordsnet.analysis.krylov import eigenvalues
from cordsnet.analysis.krylov.basis import Basis
from cordsnet.analysis.krylov.decomposition import KrylovDecomposition
from cordsnet.analysis.operators import ConvOperator, Diagonal, MatrixOperator
from cordsnet.analysis.status import Status

KEYS = {
    "LM": lambda z: -abs(z),
    "LR": lambda z: -z.real,
    "SR": lambda z: z.real,
    "LI": lambda z: -abs(z.imag),
}


def draw(*shape, seed=3, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def with_spectrum(values, seed=1, spread=0.3):
    """A matrix with these eigenvalues (a list of numbers and conjugate pairs), by a similarity near to the identity."""
    blocks = [
        np.array([[z.real, z.imag], [-z.imag, z.real]]) if np.iscomplex(z) else np.array([[z.real]]) for z in values
    ]
    size = sum(len(block) for block in blocks)
    diagonal, at = np.zeros((size, size)), 0
    for block in blocks:
        diagonal[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    turn = np.eye(size) + spread * np.random.default_rng(seed).standard_normal((size, size)) / size**0.5
    return torch.from_numpy(turn @ diagonal @ np.linalg.inv(turn))


def disc(size=300, seed=3):
    return draw(size, size, seed=seed) / size**0.5


def convolution(dtype=torch.float64, seed=4):
    return ConvOperator(draw(6, 6, 3, 3, seed=seed, dtype=dtype) / 54**0.5, (7, 9))


def triangular(size=150):
    upper = torch.triu(draw(size, size), 1) * 3 / size**0.5
    return upper + torch.diag(torch.linspace(0.1, 2, size, dtype=torch.float64).square())


OPERATORS = {
    "random": lambda: MatrixOperator(disc()),
    "symmetric": lambda: MatrixOperator((disc() + disc().T) / 2),
    "non_normal": lambda: MatrixOperator(triangular()),
    "pairs": lambda: MatrixOperator(
        with_spectrum([0.2 + 1.5j, -1 + 1j, 0.9 + 0.9j, -1.2 + 0.3j, 1.1 + 0.1j, *np.linspace(-0.8, 0.8, 90)])
    ),
    "clustered": lambda: MatrixOperator(
        with_spectrum([2, 2 + 1e-6, 1.9, -1.8, 1.7, 1.7 - 1e-6, *np.linspace(-1, 1, 200)])
    ),
    "convolution": convolution,
    "periodic": lambda: ConvOperator(draw(4, 4, 3, 3), (5, 7), "periodic"),
}


def wanted_of(op, k, key, count):
    """The first eigenvalues of the dense matrix."""
    values = np.linalg.eigvals(op.to_dense().double().numpy())
    return values[np.argsort(key(values), kind="stable")][:count]


def assert_same(found, wanted, atol):
    """Equal as sets: each value has its own partner."""
    rest = list(wanted)
    for value in np.asarray(found):
        best = int(np.argmin(abs(np.array(rest) - value)))
        assert abs(rest.pop(best) - value) <= atol


def assert_residuals_are_true(op, found):
    v = found.vectors
    size = v.flatten(1).norm(dim=1)
    assert_allclose(size, 1, atol=1e-5 if op.dtype == torch.float32 else 1e-12)
    values = found.values.to(v.dtype)
    away = (op.mv(v) - values.view(-1, *[1] * len(op.domain)) * v).flatten(1).norm(dim=1) / values.abs()
    assert_allclose(found.residuals, away, atol=1e-6 if op.dtype == torch.float32 else 1e-14, rtol=1e-3)


# real spectra have no imaginary part to order by; small eigenvalues of the triangular matrix are too ill-conditioned
CASES = [
    (name, which)
    for name in OPERATORS
    for which in KEYS
    if not (which == "LI" and name in ("symmetric", "clustered"))
    if not (name == "non_normal" and which in ("SR", "LI"))
]


@pytest.mark.parametrize(("name", "which"), CASES)
def test_eigenvalues_are_those_of_the_matrix(name, which):
    op = OPERATORS[name]()
    block = 4 if name == "periodic" else 2 if name == "clustered" else 1
    found = eigenvalues(op, 6, which, tol=1e-11, block=block, basis=40, vectors="right")
    assert found.converged
    assert len(found.values) in (6, 7)
    wanted = wanted_of(op, 6, KEYS[which], len(found.values))
    assert_same(found.values, wanted, 1e-8)
    assert (np.diff(KEYS[which](found.values.numpy())) > -1e-9).all()
    assert found.vectors.shape == (len(found.values), *op.domain)
    assert_residuals_are_true(op, found)
    assert (found.residuals <= 1e-11).all()


@pytest.mark.parametrize("method", ["krylov_schur", "arnoldi", "arpack", "dense"])
def test_all_methods_agree(method):
    op = convolution()
    found = eigenvalues(op, 5, tol=1e-10, method=method, vectors="both", basis=120 if method == "arnoldi" else None)
    assert_same(found.values, wanted_of(op, 5, KEYS["LM"], len(found.values)), 1e-8)
    assert found.converged
    assert_residuals_are_true(op, found)
    assert found.products > 0


@pytest.mark.parametrize("degree", [2, 5, 8])
@pytest.mark.parametrize("name", ["random", "convolution", "pairs", "symmetric"])
def test_the_power_filter_finds_the_same_eigenvalues(name, degree):
    op = OPERATORS[name]()
    found = eigenvalues(op, 6, tol=1e-10, degree=degree, vectors="right")
    assert found.converged
    assert_same(found.values, wanted_of(op, 6, KEYS["LM"], len(found.values)), 1e-8)
    assert_residuals_are_true(op, found)


def test_eigenvalues_mapped_onto_one_by_the_power_filter_are_separated():
    ring = [2, -2, 2j, *np.linspace(-1.5, 1.5, 80)]  # all four have the same fourth power
    op = MatrixOperator(with_spectrum(ring))
    found = eigenvalues(op, 4, tol=1e-10, degree=4, block=3, vectors="right")
    assert found.converged
    assert_same(found.values, [2, -2, 2j, -2j], 1e-8)


@pytest.mark.parametrize("sigma", [0.3, 1.4 + 0.2j, 0.2 + 0.9j, 1.4 - 0.2j])
def test_eigenvalues_nearest_to_a_shift(sigma):
    op = MatrixOperator(with_spectrum([0.31, 0.2 + 1j, 0.3 + 0.8j, 1.3 + 0.2j, 0.7, *np.linspace(-1, -0.3, 50)]))
    found = eigenvalues(op, 3, sigma=sigma, tol=1e-9, vectors="right")
    assert found.converged
    near = lambda z: abs(z.real + 1j * abs(z.imag) - complex(sigma.real, abs(sigma.imag)))  # noqa: E731
    assert_same(found.values, wanted_of(op, 3, near, len(found.values)), 1e-8)
    assert (np.diff(near(found.values.numpy())) > -1e-9).all()


def test_large_operators_use_the_power_filter_by_default():
    values = torch.linspace(-1, 1, 12_000, dtype=torch.float64)
    values[:4] = torch.tensor([1.5, -1.4, 1.3, -1.2])
    op = Diagonal(values[torch.randperm(12_000)].view(10, 30, 40))
    found = eigenvalues(op, 4, tol=1e-9, vectors="right")
    assert found.converged
    assert_allclose(found.values, [1.5, -1.4, 1.3, -1.2], atol=1e-9)
    assert_residuals_are_true(op, found)
    none = eigenvalues(0.0 * op, 2)
    assert_allclose(none.values, 0)
    assert none.converged


def test_multiple_eigenvalues_are_all_found_by_a_block():
    op = MatrixOperator(with_spectrum([3, 3, 3, 2.5, 2.5, 2, *np.linspace(-1, 1, 100)]))
    found = eigenvalues(op, 6, tol=1e-10, block=3, vectors="both")
    assert_same(found.values, [3, 3, 3, 2.5, 2.5, 2], 1e-8)
    assert found.converged
    overlap = found.left_vectors.conj() @ found.vectors.T
    off = overlap - torch.diag(overlap.diagonal())
    assert off.abs().max() < 1e-7


@pytest.mark.parametrize(
    ("op", "wanted"),
    [
        (Diagonal(torch.zeros(3, 5, 6, dtype=torch.float64)), [0, 0, 0]),
        (Diagonal(2 * torch.ones(3, 5, 6, dtype=torch.float64)), [2, 2, 2]),
        (Diagonal(torch.tensor([5.0, 5, 4] + [0] * 87, dtype=torch.float64)), [5, 5, 4]),
    ],
)
def test_an_exhausted_space_continues_with_random_vectors(op, wanted):
    found = eigenvalues(op, 3, vectors="both")
    assert_allclose(found.values, wanted, atol=1e-12)
    assert found.converged
    assert_allclose(found.condition, 1, atol=1e-2)  # either run has its own basis of a many-dimensional eigenspace


def test_a_start_in_an_invariant_subspace_still_finds_all():
    op = MatrixOperator(torch.block_diag(disc(4, 1), 2 * disc(16, 2)))
    basis = Basis(13, op, op.domain, torch.Generator().manual_seed(1))
    basis.rows[0] = torch.cat([draw(4), torch.zeros(16)])
    basis.orthogonalise(0)
    space = KrylovDecomposition(lambda v: op.mv(v), basis, 12, 1)
    assert all(space.expand() for _ in range(12))
    v = basis.rows
    assert_allclose(v @ v.T, torch.eye(13), atol=1e-13)
    assert_allclose(op.mv(v[:12]), space.matrix.T @ v[:12].numpy() + space.coupling.T @ v[12:].numpy(), atol=1e-12)
    assert abs(space.matrix[4:, :4]).max() < 1e-12
    assert_same(np.linalg.eigvals(space.matrix[:4, :4]), np.linalg.eigvals(disc(4, 1)), 1e-10)


def test_defective_eigenvalues_have_small_residuals_and_a_large_condition():
    size = 60
    jordan = torch.zeros(size, size, dtype=torch.float64)
    jordan[:4, :4] = 3 * torch.eye(4) + torch.diag(torch.ones(3), 1)
    jordan[4:, 4:] = torch.diag(torch.linspace(-1, 1, size - 4, dtype=torch.float64))
    turn = torch.linalg.qr(draw(size, size))[0]
    found = eigenvalues(MatrixOperator(turn @ jordan @ turn.T), 4, tol=1e-9, vectors="both")
    assert found.converged
    assert (found.condition > 1e6).all()
    assert_allclose(found.values.abs(), 3, atol=1e-2)


def test_a_nilpotent_operator_has_residuals_of_rounding():
    op = MatrixOperator(torch.diag(torch.ones(79, dtype=torch.float64), 1))
    found = eigenvalues(op, 3, max_products=3000, vectors="right")
    v, values = found.vectors, found.values
    assert (values.abs() < 1).all()
    assert_allclose((op.mv(v) - values[:, None] * v).norm(dim=1), found.residuals * values.abs(), atol=1e-15)


def test_powers_of_a_nilpotent_operator_stay_finite():
    op = MatrixOperator(torch.diag(torch.ones(79, dtype=torch.float32), 1))
    found = eigenvalues(op, 2, degree=8, max_products=800)
    assert Status.NOT_FINITE not in found.status
    assert (found.values.abs() < 1).all()


@pytest.mark.parametrize("k", [1, 28, 29, 30])
def test_almost_all_and_all_of_a_spectrum(k):
    op = MatrixOperator(disc(30))
    found = eigenvalues(op, k, tol=1e-9)
    assert len(found.values) in (k, k + 1)
    assert_same(found.values, wanted_of(op, k, KEYS["LM"], len(found.values)), 1e-8)
    assert found.converged


def test_operators_of_one_and_two_units():
    assert_allclose(eigenvalues(MatrixOperator(torch.tensor([[-3.0]])), 1).values, [-3])
    rotation = eigenvalues(MatrixOperator(torch.tensor([[0.0, 1], [-1, 0]])), 1, vectors="both")
    assert_allclose(rotation.values, [1j, -1j])


def test_in_single_precision():
    op = convolution(torch.float32)
    found = eigenvalues(op, 6, tol=2e-6, vectors="right")
    assert found.vectors.dtype == torch.complex64
    assert_same(found.values, wanted_of(op, 6, KEYS["LM"], len(found.values)), 1e-5)
    assert_residuals_are_true(op, found)
    assert found.converged


def test_a_seed_makes_a_run_repeatable():
    op = convolution()
    one, same, other = (eigenvalues(op, 4, tol=1e-9, seed=seed, vectors="right") for seed in (5, 5, 6))
    assert torch.equal(one.vectors, same.vectors)
    assert torch.equal(one.values, same.values)
    assert not torch.equal(one.vectors, other.vectors)
    assert_allclose(one.values, other.values, atol=1e-8)


@pytest.mark.parametrize("method", ["krylov_schur", "arnoldi", "arpack"])
@pytest.mark.parametrize("limit", [1, 30, 60])
def test_out_of_products_the_status_is_stalled_and_residuals_are_exact(method, limit):
    op = MatrixOperator(disc(500))
    found = eigenvalues(op, 6, tol=1e-10, max_products=limit, method=method, vectors="right", basis=20)
    assert not found.converged or not len(found.values)
    assert set(found.status) <= {Status.STALLED, Status.CONVERGED}
    for residual, status in zip(found.residuals, found.status, strict=True):
        assert (status is Status.CONVERGED) == (residual <= 1e-10)
    if method == "krylov_schur":
        assert found.products <= limit + 8
    if len(found.values):
        assert_residuals_are_true(op, found)


@pytest.mark.parametrize("method", ["krylov_schur", "arnoldi", "arpack", "dense"])
def test_products_that_are_not_finite_have_a_status(method):
    values = torch.ones(3, 6, 6, dtype=torch.float64)
    values[1, 2, 3] = torch.nan
    found = eigenvalues(Diagonal(values), 4, method=method, vectors="both")
    assert found.status == (Status.NOT_FINITE,) * 4
    assert found.values.isnan().all()
    assert found.residuals.isnan().all()


@pytest.mark.parametrize("name", ["random", "non_normal", "convolution", "pairs", "symmetric"])
def test_left_vectors_and_conditions_are_those_of_the_matrix(name):
    op = OPERATORS[name]()
    found = eigenvalues(op, 5, tol=1e-11, vectors="both", basis=40)
    dense = op.to_dense().numpy()
    left = found.left_vectors.flatten(1).numpy()
    assert_allclose(left.conj() @ dense, found.values.numpy()[:, None] * left.conj(), atol=1e-8)
    values, lefts, rights = linalg.eig(dense, left=True)
    wanted = 1 / abs((lefts.conj() * rights).sum(0))
    nearest = [int(np.argmin(abs(values - value))) for value in found.values.numpy()]
    assert_allclose(found.condition, wanted[nearest], rtol=1e-4)
    if name == "symmetric":
        assert_allclose(found.condition, 1, rtol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 0}, "k must be from 1 to the 378 units"),
        ({"k": 379}, "k must be from 1 to the 378 units"),
        ({"which": "LN"}, "unknown order of eigenvalues 'LN'; did you mean"),
        ({"method": "arpak"}, "did you mean 'arpack'"),
        ({"vectors": "left"}, "vectors must be"),
        ({"tol": 0.0}, "tol must be"),
        ({"basis": 5}, "basis must be at least k"),
        ({"block": 0}, "block must be at least 1"),
        ({"degree": 0}, "degree must be at least 1"),
        ({"max_products": 0}, "max_products must be at least 1"),
        ({"sigma": float("nan")}, "sigma must be a finite number, got nan"),
        ({"sigma": 1.0, "method": "arpack"}, "takes no sigma"),
    ],
)
def test_bad_arguments_are_named_in_the_error(arguments, words):
    with pytest.raises(ValueError, match=words):
        eigenvalues(convolution(), **arguments)


def test_other_operators_are_refused():
    with pytest.raises(ValueError, match="op must be square"):
        eigenvalues(MatrixOperator(draw(3, 4)))
    with pytest.raises(ValueError, match="too many for products"):
        eigenvalues(Diagonal(torch.ones(3000)), 2998)
    with pytest.raises(ValueError, match=r"k = 90000 of 200000 eigenvalues is too many.*134\.1 GiB"):
        eigenvalues(Diagonal(torch.ones(200_000)), 90_000)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_jordan_block_has_an_infinite_condition(dtype):
    found = eigenvalues(MatrixOperator(torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=dtype)), 2, "LR", vectors="both")
    assert bool((found.condition > 1e6).all())


def test_arnoldi_takes_one_cycle_and_more_steps_lower_the_residual():
    matrix = torch.randn(200, 200, generator=torch.Generator().manual_seed(3), dtype=torch.float64) / 200**0.5
    few, more = (eigenvalues(MatrixOperator(matrix), 4, method="arnoldi", basis=steps, seed=2) for steps in (80, 180))
    assert few.products <= 80 + 5
    assert float(more.residuals[0]) < float(few.residuals[0])

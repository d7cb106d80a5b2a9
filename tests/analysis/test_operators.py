"""Linear operators against their matrices, and the identities that hold for all of them."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from operator_examples import example_operators

from cordsnet.analysis.operators import ConvOperator, Diagonal, Identity, MatrixOperator
from oracles import dense_convolution

NAMES = list(example_operators())


def draw(shape, dtype=torch.float64, seed=5):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_the_transpose_is_the_adjoint(name, dtype):
    op = example_operators(dtype)[name]
    x, y = draw((4, *op.domain), dtype), draw((4, *op.codomain), dtype)
    forward, back = (op.mv(x) * y).sum().double(), (x * op.rmv(y)).sum().double()
    scale = op.mv(x).norm() * y.norm()
    assert abs(forward - back) / scale < 10 * torch.finfo(dtype).eps


@pytest.mark.parametrize("name", NAMES)
def test_products_are_those_of_the_matrix(name):
    op = example_operators()[name]
    dense = op.to_dense()
    assert tuple(dense.shape) == op.shape
    x, y = draw((3, *op.domain)), draw((3, *op.codomain))
    assert_allclose(op.mv(x).flatten(1), x.flatten(1) @ dense.T, atol=1e-12)
    assert_allclose(op.rmv(y).flatten(1), y.flatten(1) @ dense, atol=1e-12)
    assert_allclose(op.T.to_dense(), dense.T, atol=1e-12)
    assert_allclose(op.mv(x[0]), op.mv(x)[0], atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_the_scipy_operator_has_the_same_products(name):
    op = example_operators()[name]
    scipy_op, x, y = op.to_scipy(), draw(op.domain), draw(op.codomain)
    assert scipy_op.shape == op.shape
    assert_allclose(scipy_op @ x.flatten().numpy(), op.mv(x).flatten(), atol=1e-13)
    assert_allclose(scipy_op.rmatvec(y.flatten().numpy()), op.rmv(y).flatten(), atol=1e-13)


def test_the_algebra_is_that_of_matrices():
    a, b = draw((5, 5), seed=1), draw((5, 5), seed=2)
    one, other = MatrixOperator(a), MatrixOperator(b)
    assert_allclose((one @ other).to_dense(), a @ b)
    assert_allclose((2 * one - other).to_dense(), 2 * a - b)
    assert_allclose((one.T @ other.T).to_dense(), a.T @ b.T)
    assert_allclose(one.shift(3.0).to_dense(), a - 3 * torch.eye(5, dtype=a.dtype))
    assert one.T.T is one
    assert_allclose(Diagonal(a[0]).to_dense(), torch.diag(a[0]))
    assert_allclose(Identity(one).to_dense(), torch.eye(5))


def test_a_zero_padded_convolution_is_the_matrix_of_the_definition():
    kernel = draw((2, 3, 3, 3))
    assert_allclose(ConvOperator(kernel, (4, 5)).to_dense(), dense_convolution(kernel.numpy(), 4, 5), atol=1e-14)


def test_a_periodic_convolution_commutes_with_shifts():
    op, x = ConvOperator(draw((3, 3, 3, 3)), (5, 6), "periodic"), draw((3, 5, 6))
    assert_allclose(op.mv(x.roll((2, 3), (1, 2))), op.mv(x).roll((2, 3), (1, 2)), atol=1e-13)
    inside = ConvOperator(op.kernel, (5, 6)).mv(x)[:, 1:-1, 1:-1]
    assert_allclose(op.mv(x)[:, 1:-1, 1:-1], inside, atol=1e-13)


def test_complex_vectors_are_multiplied_as_two_real_ones():
    op = example_operators()["zero"]
    x = torch.complex(draw(op.domain), draw(op.domain, seed=6))
    wanted = (op.to_dense().to(x.dtype) @ x.flatten()).view(op.codomain)
    assert_allclose(op.mv(x), wanted, atol=1e-12)


def test_random_vectors_are_those_of_the_seed():
    op = example_operators(torch.float32)["zero"]
    one, again = (op.random(torch.Generator().manual_seed(3), count=2) for _ in range(2))
    assert torch.equal(one, again)
    assert one.dtype == torch.float32
    assert one.shape == (2, *op.domain)
    assert abs(float(one.std()) - 1) < 0.2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda op: op.mv(torch.zeros(3, 5, 5, dtype=torch.float64)), "vector must have shape"),
        (lambda op: op.mv(torch.zeros(3, 5, 6)), "vector must be torch.float64"),
        (lambda op: op @ MatrixOperator(torch.zeros(4, 4, dtype=torch.float64)), "second operator of a product"),
        (lambda op: op + MatrixOperator(torch.zeros(4, 4, dtype=torch.float64)), "equal shapes"),
        (lambda op: op + example_operators(torch.float32)["zero"], "share precision"),
        (lambda op: example_operators()["tall"].shift(1.0), "operator must be square"),
        (lambda op: ConvOperator(torch.zeros(2, 2, 2, 2), (4, 4)), "k odd"),
        (lambda op: ConvOperator(torch.zeros(2, 2, 3, 3), (4, 4), "same"), "padding must be"),
        (lambda op: ConvOperator(torch.zeros(2, 2, 3, 3), (4,)), "size must be"),
        (lambda op: ConvOperator(torch.zeros(2, 2, 3, 3), (5, 4), "periodic", 2), "multiple of the stride"),
        (lambda op: ConvOperator(torch.zeros(2, 2, 3, 3), (5, 4), stride=0), "stride must be"),
        (lambda op: ConvOperator(torch.zeros(64, 64, 3, 3), (56, 56)).to_dense(), "to_dense would form"),
        (lambda op: MatrixOperator(torch.zeros(2, 2, 2)), "matrix must be real"),
    ],
)
def test_bad_arguments_are_named_in_the_error(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call(example_operators()["zero"])


def test_the_matrix_is_of_the_operators_precision():
    for dtype in (torch.float32, torch.float64):
        assert example_operators(dtype)["product"].to_dense().dtype == dtype
    assert (
        np.asarray(example_operators(torch.float32)["zero"].to_scipy() @ np.zeros(90, np.float32)).dtype == np.float32
    )

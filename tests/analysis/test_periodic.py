"""Spectra of periodic convolutions against the eigenvalues and singular values of their matrices."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment

from cordsnet.analysis.convolutions.periodic import periodic_singular_values, periodic_spectrum
from cordsnet.analysis.convolutions.symbols import in_threads
from cordsnet.analysis.operators import ConvOperator

SIZES = [(4, 4), (5, 5), (3, 6), (7, 2), (1, 5), (2, 2), (1, 1)]


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def largest_gap(one, other):
    """Between two sets of complex numbers, paired as well as they can be."""
    apart = np.abs(np.asarray(one).reshape(-1, 1) - np.asarray(other).reshape(1, -1))
    return apart[linear_sum_assignment(apart)].max()


@pytest.mark.parametrize("side", [1, 3, 5])
@pytest.mark.parametrize("size", SIZES)
def test_eigenvalues_are_those_of_the_matrix(side, size):
    if min(size) < side // 2:
        pytest.skip("the operator itself does not wrap round twice")
    kernel = draw(3, 3, side, side)
    spectrum = periodic_spectrum(kernel, size)
    dense = ConvOperator(kernel, size, "periodic").to_dense()
    assert spectrum.values.shape == (*size, 3)
    assert largest_gap(spectrum.values, np.linalg.eigvals(dense.numpy())) < 1e-10
    assert spectrum.radius == pytest.approx(np.abs(np.linalg.eigvals(dense.numpy())).max(), abs=1e-10)
    assert spectrum.abscissa == pytest.approx(np.linalg.eigvals(dense.numpy()).real.max(), abs=1e-10)


@pytest.mark.parametrize("channels", [(3, 3), (2, 4), (4, 2), (1, 1)])
@pytest.mark.parametrize("size", SIZES)
def test_singular_values_are_those_of_the_matrix(channels, size):
    kernel = draw(*channels, 3, 3)
    found = periodic_singular_values(kernel, size)
    dense = ConvOperator(kernel, size, "periodic").to_dense()
    assert found.shape == (*size, min(channels))
    assert_allclose(np.sort(found.flatten())[::-1], np.linalg.svd(dense.numpy(), compute_uv=False), atol=1e-10)


@pytest.mark.parametrize("size", [(4, 5), (5, 4), (6, 3)])
def test_modes_are_eigenvectors(size):
    kernel = draw(3, 3, 3, 3)
    op, spectrum = ConvOperator(kernel, size, "periodic"), periodic_spectrum(kernel, size)
    for index in np.ndindex(*size, 3):
        mode = spectrum.mode(index)
        assert_allclose(op.mv(mode), spectrum.values[index] * mode, atol=1e-12)
        assert float(mode.abs().square().sum()) == pytest.approx(1)


def test_modes_of_equal_eigenvalues_differ():
    kernel = torch.eye(3, dtype=torch.float64)[:, :, None, None]
    modes = [periodic_spectrum(kernel, (2, 2)).mode((1, 1, rank)).flatten() for rank in range(3)]
    gram = torch.stack(modes).conj() @ torch.stack(modes).T
    assert_allclose(gram.abs(), np.eye(3), atol=1e-12)


def test_the_leading_ones_come_first():
    spectrum = periodic_spectrum(draw(3, 3, 3, 3), (5, 6))
    leading = [abs(complex(spectrum.values[index])) for index in spectrum.leading(7)]  # rounded otherwise than torch's
    assert leading == pytest.approx(sorted(spectrum.values.abs().flatten().tolist(), reverse=True)[:7], rel=1e-14)


def test_single_precision_is_close_and_stays_single():
    kernel = draw(4, 4, 3, 3)
    spectrum = periodic_spectrum(kernel.float(), (6, 6))
    assert spectrum.values.dtype == torch.complex64
    assert largest_gap(spectrum.values, periodic_spectrum(kernel, (6, 6)).values) < 1e-3
    assert_allclose(
        periodic_singular_values(kernel.float(), (6, 6)), periodic_singular_values(kernel, (6, 6)), atol=1e-5
    )


def test_threads_change_nothing():
    kernel, threads = draw(4, 4, 3, 3), torch.get_num_threads()
    alone = periodic_spectrum(kernel, (7, 6)).values, periodic_singular_values(kernel, (7, 6))
    try:
        torch.set_num_threads(2)
        together = periodic_spectrum(kernel, (7, 6)).values, periodic_singular_values(kernel, (7, 6))
        assert torch.get_num_threads() == 2
        with pytest.raises(RuntimeError):
            in_threads(torch.linalg.eigvals, torch.zeros(4, 2, 3))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone[0], together[0])
    assert torch.equal(alone[1], together[1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: periodic_spectrum(draw(2, 3, 3, 3), (4, 4)), "as many outputs as inputs, got 2 and 3"),
        (lambda: periodic_spectrum(draw(2, 2, 2, 2), (4, 4)), "k odd"),
        (lambda: periodic_singular_values(draw(2, 2, 3), (4, 4)), "k odd"),
        (lambda: periodic_spectrum(draw(2, 2, 3, 3), (4,)), "size must be"),
        (lambda: periodic_spectrum(draw(2, 2, 3, 3), (4, 0)), "size must be"),
        (lambda: periodic_spectrum(draw(2, 2, 3, 3) / 0, (4, 4)), "NaN or infinite"),
        (lambda: periodic_spectrum(draw(2, 2, 3, 3).to(torch.complex64), (4, 4)), "float32 or float64"),
        (lambda: periodic_spectrum(draw(2, 2, 3, 3), (4, 4)).mode((4, 0, 0)), "index must be"),
        (lambda: periodic_spectrum(draw(2, 2, 3, 3), (4, 4)).mode((0, 0)), "index must be"),
    ],
)
def test_bad_arguments_are_named_in_the_error(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call()

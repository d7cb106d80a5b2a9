"""phi and its derivative."""

import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet.dynamics import Activation
from cordsnet.dynamics.activation import SHAPES

BY_HAND = {
    "relu": (Activation("relu"), [0.0, 0.0, 2.0]),
    "identity": (Activation("identity"), [-3.0, -0.5, 2.0]),
    "prelu": (Activation("prelu", 0.3), [-0.9, -0.15, 2.0]),
    "tanh": (Activation("tanh"), [-0.9950547536867305, -0.46211715726000975, 0.9640275800758169]),
    "softplus": (Activation("softplus"), [0.04858735157374206, 0.4740769841801067, 2.1269280110429727]),
}


def test_every_activation_is_covered_here():
    assert set(BY_HAND) == set(SHAPES)


@pytest.mark.parametrize("name", BY_HAND)
def test_values_are_those_of_the_formula(name):
    phi, wanted = BY_HAND[name]
    assert_allclose(phi(torch.tensor([-3.0, -0.5, 2.0], dtype=torch.float64)), wanted, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", BY_HAND)
def test_the_derivative_written_in_the_output_is_the_derivative(name, dtype):
    phi = BY_HAND[name][0]
    drive = torch.linspace(-4, 4, 200, dtype=dtype, requires_grad=True)
    target = phi(drive)
    (wanted,) = torch.autograd.grad(target.sum(), drive)
    found = phi.derivative_at_output(target.detach())
    assert found.dtype == dtype
    precision = 1e-5 if dtype == torch.float32 else 1e-12
    assert_allclose(found, wanted, rtol=precision, atol=precision)


@pytest.mark.parametrize(("name", "slope", "at_zero"), [("relu", 0.0, 0.0), ("prelu", 0.3, 0.3)])
def test_rectifiers_take_the_lower_slope_at_zero(name, slope, at_zero):
    assert_allclose(Activation(name, slope).derivative_at_output(torch.zeros(1)), at_zero)


def test_prelu_ends_at_relu_and_starts_at_the_identity():
    drive = torch.linspace(-2, 2, 41)
    assert torch.equal(Activation("prelu", 0.0)(drive), Activation("relu")(drive))
    assert torch.equal(Activation("prelu", 1.0)(drive), drive)


@pytest.mark.parametrize("name", sorted(set(BY_HAND) - {"prelu"}))
def test_a_slope_is_refused_where_it_has_no_meaning(name):
    with pytest.raises(ValueError, match=f"slope = 0.5 has no meaning for activation '{name}'; use 'prelu'"):
        Activation(name, 0.5)


def test_an_unknown_activation_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown activation 'rellu'; did you mean 'relu'"):
        Activation("rellu")

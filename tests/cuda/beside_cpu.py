"""What the tests on a GPU share: copies of networks there, and comparison with the processor."""

import copy

import pytest
import torch
from numpy.testing import assert_allclose

from oracles import randomised

DEVICE = "cuda"
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
NOUGHT = 1e-12
"""What is smaller is rounding, as the gradient of the direction of a kernel of one element is."""


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def moved(model):
    return copy.deepcopy(model).to(DEVICE)


def calm(spec, gain=0.15):
    """A random network whose loops are so weak that one fixed point attracts everything."""
    model = randomised(spec)
    with torch.no_grad():
        for kernel in (*model.wiring.recurrent.values(), *model.wiring.links.values()):
            kernel.parametrizations.weight.original0.mul_(gain)
    return model


def alike(there, here, tol=1e-9):
    """Whether numbers, wherever they are, are those of the processor, relative to the largest."""
    there, here = (torch.as_tensor(value).cpu().to(torch.complex128) for value in (there, here))
    assert there.shape == here.shape
    assert float((there - here).abs().max()) <= tol * max(float(here.abs().max()), 1e-30)


def assert_near(found, wanted, rtol=1e-9, name=""):
    """Whether a tensor on the GPU is that of the processor, relative to the largest number; says which."""
    assert found.device.type == DEVICE
    wanted = wanted.detach().cpu()
    assert float(wanted.abs().max()) > 0, name
    atol = rtol * float(wanted.abs().max()) + NOUGHT
    assert_allclose(found.detach().cpu(), wanted, rtol=rtol, atol=atol, err_msg=name)

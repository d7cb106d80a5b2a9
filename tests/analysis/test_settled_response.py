"""The derivative of settled activity by the image, against differences of settled activity and a dense formula."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet import steady_state
from cordsnet.analysis.networks.jacobians import jacobian
from cordsnet.analysis.networks.settled import settled_response
from cordsnet.dynamics import Solver
from oracles import CASCADE, DELAYS, FEEDBACK, random_images, randomised

TIGHT = Solver(tol=1e-13, max_iterations=1000)


def settling(spec):
    """A network with weak recurrence, so that it settles."""
    model = randomised(spec)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("original0") and ("recurrent" in name or "links" in name):
                parameter.mul_(0.15)
    return model, random_images(spec, 1)


@pytest.mark.parametrize("to", ["logits", "top"])
@pytest.mark.parametrize("spec", [CASCADE, FEEDBACK], ids=lambda spec: spec.name)
def test_the_response_equals_finite_differences(spec, to):
    model, image = settling(spec)
    to = model.areas[-1] if to == "top" else to
    op = settled_response(model, image, to, tol=1e-12, state=steady_state(model, image, solver=TIGHT).rates)
    change = torch.randn(image.shape, dtype=image.dtype, generator=torch.Generator().manual_seed(3))

    def settled(step):
        with torch.no_grad():
            found = steady_state(model, image + step * change, solver=TIGHT)
        return found.logits[0] if to == "logits" else found.rates[to][0]

    step = 1e-6
    wanted = (settled(step) - settled(-step)) / (2 * step)
    assert_allclose(op.mv(change[0]), wanted, rtol=2e-6, atol=1e-8)
    assert float(wanted.abs().max()) > 1e-3


@pytest.mark.parametrize("to", ["logits", "high"])
def test_the_transpose_is_the_adjoint(to):
    model, image = settling(FEEDBACK)
    op = settled_response(model, image, to, tol=1e-12)
    assert_allclose(op.T.to_dense(), op.to_dense().T, atol=1e-9)


def test_the_readout_reads_emitted_rates():
    """Silent units do not reach the class scores, whatever their neighbours do to them."""
    model, image = settling(CASCADE)
    rates = steady_state(model, image, tol=1e-12).rates
    op = settled_response(model, image, "logits", state=rates, tol=1e-12)
    network = jacobian(model, rates, image)
    inverse = np.linalg.inv(np.eye(network.shape[0]) - network.to_dense().numpy())
    select = op.outer.outer if hasattr(op.outer, "outer") else op.outer
    assert_allclose(inverse @ (np.eye(len(inverse)) - network.to_dense().numpy()), np.eye(len(inverse)), atol=1e-10)
    silent = network.joined({area: (value[0] <= 0).to(value.dtype) for area, value in rates.items()})
    assert float(silent.sum()) > 0
    assert_allclose(select.mv(silent), 0, atol=1e-14)


@pytest.mark.parametrize(
    ("spec", "to", "words"),
    [(CASCADE, "area9", "to must be 'logits' or one of"), (DELAYS, "low", "has a delay")],
    ids=["unknown", "delays"],
)
def test_bad_arguments_are_named_in_the_error(spec, to, words):
    model, image = settling(spec)
    with pytest.raises(ValueError, match=words):
        settled_response(model, image, to)

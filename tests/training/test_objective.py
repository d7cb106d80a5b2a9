"""The objective and its gradients against the public code, in float64."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import cordsnet
from cordsnet.dynamics import ENGINES
from cordsnet.dynamics.engines.chain import lead_of
from cordsnet.models import published_names
from cordsnet.training.objective import objective
from golden_rules import fill_random, sample

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "r2_training.npz")


@pytest.mark.parametrize("engine", [name for name in ENGINES.names() if name != "auto"])  # which is area_major here
def test_loss_and_every_gradient_match_the_public_code(engine):
    model = cordsnet.create_model("cordsnet_r2", num_classes=10, in_channels=1)
    fill_random(model, GOLDEN["key_order"])
    assert lead_of(model.system()) is not None  # so that "auto" takes area_major
    images = torch.from_numpy(np.random.RandomState(1).standard_normal((1, 1, 224, 224)))
    label = torch.nn.functional.one_hot(torch.tensor([3]), 10).double()
    losses = objective(model, images, label, engine=engine)
    losses.total.backward()
    assert_allclose(losses.cross_entropy.detach(), GOLDEN["loss"], rtol=1e-9)
    assert_allclose(losses.accuracy, GOLDEN["accs"])
    assert_allclose(losses.spontaneous.item(), GOLDEN["spontaneous"], rtol=1e-6)
    assert_allclose(losses.total.item(), GOLDEN["total"], rtol=1e-9)
    names = published_names(model.spec)
    for name, parameter in model.named_parameters():
        key = f"grad/{names[name]}"
        assert_allclose(parameter.grad.norm(), GOLDEN[f"{key}/norm"], rtol=1e-9, err_msg=key)
        wanted = GOLDEN[f"{key}/sample"]
        assert_allclose(sample(parameter.grad, 11, 32), wanted, rtol=1e-8, atol=1e-9 * abs(wanted).max(), err_msg=key)


BAD_BATCHES = {
    "class too high": (torch.zeros(2, 1, 16, 16), torch.tensor([0, 12]), "labels must be from 0 to 9, got 0 to 12"),
    "too few labels": (torch.zeros(2, 1, 16, 16), torch.tensor([0]), "labels must be as many as images, got 1 for 2"),
    "soft labels of other classes": (torch.zeros(1, 1, 16, 16), torch.ones(1, 3), "must have 10 columns"),
    "colour": (torch.zeros(1, 3, 16, 16), torch.tensor([0]), "images must have 1 channel"),
    "NaN": (torch.full((1, 1, 16, 16), torch.nan), torch.tensor([0]), "images holds NaN"),
    "empty": (torch.zeros(0, 1, 16, 16), torch.zeros(0, dtype=torch.long), "images is an empty batch"),
}


@pytest.mark.parametrize("case", BAD_BATCHES)
@pytest.mark.usefixtures("as_users_run_it")
def test_a_batch_that_will_not_do_is_refused_by_name(case):
    images, labels, message = BAD_BATCHES[case]
    model = cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=10)
    with pytest.raises(ValueError, match=message):
        objective(model, images, labels)

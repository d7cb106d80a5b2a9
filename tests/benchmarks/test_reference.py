"""The reference implementation of the benchmarks gives the results of the published code and of the package."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import cordsnet
from cordsnet.benchmarks.reference import ReferenceLoop
from cordsnet.benchmarks.workloads import WORKLOADS, step_flops
from cordsnet.training.objective import objective
from golden_rules import fill_random

GOLDEN = Path(__file__).parents[1] / "golden"


def test_it_gives_the_golden_scores():
    golden = np.load(GOLDEN / "r2_inference.npz")
    model = fill_random(cordsnet.create_model("cordsnet_r2", num_classes=10, in_channels=1), golden["key_order"])
    images = torch.from_numpy(np.random.RandomState(1).standard_normal((2, 1, 224, 224)))
    with torch.no_grad():
        assert_allclose(ReferenceLoop(model).infer(images), golden["logits"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("depth", [2, 4, 6])
@pytest.mark.parametrize("recompute", [False, True])
def test_it_gives_the_objective_and_its_gradients(depth, recompute):
    model = cordsnet.create_model(f"cordsnet_r{depth}_small", num_classes=3, in_channels=1, image_size=16, width=2)
    model = model.double()
    images, labels = torch.randn(2, 1, 16, 16, dtype=torch.float64), torch.tensor([0, 2])
    losses, gradients = [], []
    for loss in (
        objective(model, images, labels).total,
        ReferenceLoop(model).loss(images, labels, recompute=recompute),
    ):
        model.zero_grad()
        loss.backward()
        losses.append(loss.item())
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    for ours, theirs in zip(*gradients, strict=True):
        assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12 * float(theirs.abs().max() + 1))


def test_flops_are_those_of_the_convolutions():
    """R2 at 224 px has three 3 x 3 kernels of 64 x 64 channels at 56 x 56; the drive from the stem is constant."""
    model = cordsnet.create_model("cordsnet_r2")
    assert step_flops(model) == 3 * 2 * 64 * 64 * 9 * 56 * 56
    assert WORKLOADS["r2_b4_inference"].flops() == 100 * 4 * step_flops(model)
    assert WORKLOADS["r2_b2_training"].flops() == 600 * 2 * step_flops(model)

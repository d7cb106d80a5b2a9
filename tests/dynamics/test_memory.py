"""Budgets of memory."""

import re

import pytest
import torch

from cordsnet import blank, show, simulate
from cordsnet.dynamics.engines.memory import WEIGHT_COPIES, block_length, parse_bytes
from oracles import CASCADE, random_images, randomised

pytestmark = pytest.mark.usefixtures("as_users_run_it")


@pytest.mark.parametrize(
    ("text", "count"),
    [("2GB", 2 * 10**9), ("256 MB", 256 * 10**6), ("1.5GiB", 3 * 2**29), ("10kb", 10**4), (77, 77), ("5B", 5)],
)
def test_budgets_are_read_as_written(text, count):
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "lots", "2 TB", "-1GB", 0, -5, "0MB", "GB"])
def test_other_texts_are_refused_by_name(text):
    with pytest.raises(ValueError, match=f"memory .*{re.escape(repr(text))}"):
        parse_bytes(text)


@pytest.mark.parametrize("budget", [200, 400, 1000, 10_000])
def test_the_block_is_the_longest_that_fits(budget):
    steps, state, per_step, weights = 100, 7, 17.0, 11

    def need(length):
        return WEIGHT_COPIES * weights - (-steps // length) * state + length * per_step

    length = block_length(steps, state, per_step, weights, budget=budget + 200)
    assert need(length) <= budget + 200
    assert length == steps or need(length + 1) > budget + 200


def test_a_budget_that_nothing_fits_is_refused_with_what_would():
    with pytest.raises(ValueError, match=r"memory = 50 bytes is too small .* needs \d+; lower the batch"):
        block_length(100, 7, 17.0, 11, budget=50)


def test_a_budget_changes_no_gradient():
    model, images = randomised(CASCADE), random_images(CASCADE)
    gradients = []
    for memory in (None, "1MB", 70_000):
        model.zero_grad()
        simulate(model, show(images, 60) + blank(40), grad=True, memory=memory).logits.square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    for parts in zip(*gradients, strict=True):
        for part in parts[1:]:
            torch.testing.assert_close(part, parts[0], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("engine", ["time_major", "area_major"])
def test_engines_that_keep_to_no_budget_say_so(engine):
    with pytest.raises(ValueError, match=f"engine '{engine}' keeps to no budget"):
        simulate(randomised(CASCADE), blank(20), engine=engine, memory="1GB", grad=True)

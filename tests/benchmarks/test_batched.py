"""Seeds as one batched model: the same loss as the engine, so that the comparison of times means something."""

import pytest

from cordsnet.benchmarks import batched


def test_all_ways_of_training_several_seeds_give_one_loss(monkeypatch):
    monkeypatch.setattr(batched, "BATCH", 4)
    losses = {name: call() for name, call in batched.sides(2).items()}
    assert len(losses) == 4
    assert all(loss == pytest.approx(losses["engine, one by one"], rel=1e-5) for loss in losses.values())

"""Delayed match to category: categories on both sides of the boundary, and balanced answers."""

import pytest
import torch

from cordsnet.tasks import create_task


@pytest.mark.parametrize("boundary", [45.0, 135.0, -20.0, 359.0, 765.0])
def test_categories_agree_on_both_sides_of_the_boundary(boundary):
    task = create_task("match_to_category", boundary_deg=boundary)
    turned = boundary + torch.tensor([1e-3, 90, 179.999, 180.001, 270, 359.999], dtype=torch.float64)
    assert task.category(turned).tolist() == [0, 0, 0, 1, 1, 1]
    found = task.plan(2000, seed=1).conditions
    for name in ("sample", "test"):
        assert torch.equal(task.category(found[f"{name}_deg"].double()), found[f"{name}_category"])
        assert len(found[f"{name}_deg"].unique()) == 12
        for side in (0, 1):
            assert len(found[f"{name}_deg"][found[f"{name}_category"] == side].unique()) == 6
    assert torch.equal((found["sample_category"] == found["test_category"]).long(), found["match"])


def test_no_direction_lies_on_the_boundary():
    found = create_task("match_to_category").plan(500).conditions
    assert set(found["sample_from_boundary_deg"].tolist()) == {15.0, 45.0, 75.0}
    for boundary in (30.0, 210.0, 0.0, -60.0):
        with pytest.raises(ValueError, match="boundary_deg must lie between two directions"):
            create_task("match_to_category", boundary_deg=boundary)
    with pytest.raises(ValueError, match="directions must be even"):
        create_task("match_to_category", directions=11)


def test_neither_stimulus_alone_tells_the_answer():
    trials = create_task("match_to_category", timing={"delay": 20}).plan(6000, seed=3)
    match = trials.conditions["match"].double()
    for name in ("sample_deg", "test_deg"):
        for value in trials.conditions[name].unique():
            of = match[trials.conditions[name] == value]
            assert abs(of.mean() - 0.5) < 4 * 0.5 / len(of) ** 0.5


def test_the_timing_of_the_paper_can_be_had():
    task = create_task("match_to_category", frame_ms=10, timing={"sample": 650, "test": 650})
    edges = task.sample(1).edges_ms("sample")[0]
    assert edges[1] - edges[0] == 650


def test_dots_move_in_the_direction_at_the_speed():
    task = create_task(
        "match_to_category", rendering="image", image_size=64, dots=1, speed_deg_s=2.5
    )  # 0.01 fields in 20 ms
    plan = task.plan(4, seed=2)
    places = task._places(plan, "sample", plan.index)
    moved = torch.remainder(places[:, 1:] - places[:, :-1] + 0.5, 1) - 0.5
    angle = torch.deg2rad(plan.conditions["sample_deg"].double())
    assert torch.allclose(moved[..., 0, 0], 0.01 * angle.cos()[:, None].expand_as(moved[..., 0, 0]))
    assert torch.allclose(moved[..., 0, 1], 0.01 * angle.sin()[:, None].expand_as(moved[..., 0, 1]))

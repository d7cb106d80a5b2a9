"""Sequence on a ring: where the target is, and which errors are too large."""

import math

import pytest
import torch

from cordsnet.tasks import create_task, ring


def turned(trials, angle):
    """A perfect output whose ring is `angle` radians ahead, and waits for the go cue."""
    activity = trials.targets["ring"].clone()
    where = ring.decoded(activity[..., 1:].double())
    activity[..., 1:] = ring.bump(where + angle).float()
    return {"ring": activity}


def test_the_target_moves_at_the_speed_in_the_direction():
    task = create_task("sequence", speed_deg_s=90)
    trials = task.sample(30, seed=1)
    go = trials.periods["go"][:, 0]
    trial = torch.arange(30)
    sign = 1 - 2 * trials.conditions["direction"]
    for after in (0, 25, 74):
        where = ring.decoded(trials.targets["ring"][go + after, trial, 1:].double() - ring.LOW)
        expected = trials.conditions["start"] + sign * math.radians(90) * (after + 0.5) * 0.02
        assert ring.distance(where, expected).max() < 0.01
    assert ring.distance(trials.answer, expected).max() < 1e-9


def test_a_mean_error_below_36_degrees_is_right():
    task = create_task("sequence")
    trials = task.sample(40, seed=2)
    for degrees, right in ((30, True), (-30, True), (42, False), (-42, False), (180, False)):
        assert (task.answers(trials, turned(trials, math.radians(degrees))).correct == right).all()


def test_one_who_turns_the_other_way_or_stays_is_wrong():
    task = create_task("sequence")
    trials = task.sample(40, seed=3)
    other = create_task("sequence").plan(40, seed=3)
    reverse = dict(other.conditions, direction=1 - other.conditions["direction"])
    going = other.during("go")[..., None]
    for where in (task._angle(reverse, other.since("go")), other.conditions["start"].expand(other.frames, -1)):
        made = torch.cat([(~going).double(), torch.where(going, ring.bump(where), 0.0)], -1)
        assert not task.answers(trials, {"ring": made}).correct.any()


def test_both_directions_are_as_likely_from_any_angle():
    found = create_task("sequence", angles=4).plan(4000, seed=4).conditions
    assert len(found["start"].unique()) == 4
    for start in found["start"].unique():
        of = found["direction"][found["start"] == start].double()
        assert abs(of.mean() - 0.5) < 4 * 0.5 / len(of) ** 0.5


def test_cues_tell_the_direction_in_both_renderings():
    vector, image = (create_task("sequence", rendering=r, angles=4, noise=0.0).sample(40) for r in ("vector", "image"))
    frame = vector.periods["cue"][0, 0]
    assert torch.equal(vector.inputs["vector"][frame, :, 33:].argmax(-1), vector.conditions["direction"])
    up = (image.conditions["start"] / (math.pi / 2)).round() == 0  # starts at the right: anticlockwise is up
    halves = image.inputs["image"][frame, up, 0]
    above = halves[:, :16].sum((1, 2)) > halves[:, 16:].sum((1, 2))
    assert torch.equal(above, image.conditions["direction"][up] == 0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"speed_deg_s": 9000.0}, "less than 180 degrees in a frame"), ({"grace_ms": 1500.0}, "leave a frame of 'go'")],
)
def test_speeds_and_grace_times_that_cannot_be_are_refused(settings, said, as_users_run_it):
    with pytest.raises(ValueError, match=said):
        create_task("sequence", **settings)

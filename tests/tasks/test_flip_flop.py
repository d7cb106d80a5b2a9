"""Flip-flop: pulses at the right rate, what is held, and how many errors are too many."""

import math

import pytest
import torch

from cordsnet.tasks import create_task


def test_the_target_is_the_sign_of_the_last_pulse():
    task = create_task("flip_flop", noise=0.0, pulse_ms=20.0, rate_hz=4.0)
    trials = task.sample(20, seed=1)
    held = torch.zeros(20, 3)
    for shown, wanted in zip(trials.inputs["vector"], trials.targets["bits"], strict=True):
        held = torch.where(shown != 0, shown, held)
        assert torch.equal(held, wanted)
    assert torch.equal(trials.answer, held.long())
    assert torch.equal(trials.conditions["first"].float(), trials.inputs["vector"][0])
    assert torch.equal(trials.conditions["pulses"], (trials.inputs["vector"][1:] != 0).sum((0, 2)))
    assert torch.equal(trials.conditions["flips"], trials.targets["bits"].diff(dim=0).ne(0).sum((0, 2)))


def test_pulses_are_a_poisson_process_with_signs_that_balance():
    task = create_task("flip_flop", bits=1, rate_hz=2.0, timing={"hold": 10_000})
    pulses = task._pulses(task.plan(400).draws, 500)[1:, :, 0]
    chance, count = 1 - math.exp(-2.0 * 0.02), pulses.numel()
    assert abs((pulses != 0).double().mean() - chance) < 4 * (chance / count) ** 0.5
    signs = pulses[pulses != 0]
    assert abs((signs > 0).double().mean() - 0.5) < 4 * 0.5 / len(signs) ** 0.5
    in_trial = (pulses != 0).double().sum(0)
    assert abs(in_trial.var() / (499 * chance * (1 - chance)) - 1) < 0.3


def test_a_pulse_lasts_as_long_as_it_says_unless_another_begins():
    task = create_task("flip_flop", noise=0.0, rate_hz=1e-6, pulse_ms=60.0)
    shown = task.sample(5).inputs["vector"]
    assert (shown[:3].abs() == 1).all()
    assert (shown[3:] == 0).all()


def test_errors_within_the_grace_time_do_not_count():
    task = create_task("flip_flop", grace_ms=200.0)
    trials = task.sample(50, seed=2)
    late = torch.cat([torch.zeros(9, 50, 3), trials.targets["bits"][:-9]])  # 180 ms
    assert task.answers(trials, {"bits": 0.1 * late}).correct.all()
    much_too_late = torch.cat([torch.zeros(40, 50, 3), trials.targets["bits"][:-40]])
    assert not task.answers(trials, {"bits": much_too_late}).correct.any()


def test_five_per_cent_of_the_frames_may_be_wrong():
    task = create_task("flip_flop", rate_hz=1e-6, grace_ms=0.0, timing={"hold": 2000})
    trials = task.sample(4)
    for wrong, right in ((5, True), (6, False)):
        made = trials.targets["bits"].clone()
        made[20 : 20 + wrong, :, 1] *= -1
        assert (task.answers(trials, {"bits": made}).correct == right).all()


def test_movies_show_white_and_black_squares_at_the_places_of_the_bits():
    settings = {"rate_hz": 3.0, "noise": 0.0}
    vector = create_task("flip_flop", **settings).sample(6).inputs["vector"]
    movie = create_task("flip_flop", rendering="image", **settings).sample(6).inputs["image"][:, :, 0]
    for k in range(3):
        angle = math.pi / 2 - 2 * math.pi * k / 3
        column, row = int(16 + 16 * 0.6 * math.cos(angle)), int(16 - 16 * 0.6 * math.sin(angle))
        assert torch.equal(movie[..., row, column], 0.5 + 0.5 * vector[..., k])
    assert (movie[..., 0, 0] == 0.5).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bits": 0}, "bits must be"),
        ({"rate_hz": 0.0}, "rate_hz must be"),
        ({"pulse_ms": 10.0}, "pulse_ms must be a frame of 20 ms at least"),
        ({"grace_ms": 3000.0}, "grace_ms must leave a frame of 'hold'"),
    ],
)
def test_pulses_that_cannot_be_are_refused(settings, said, as_users_run_it):
    with pytest.raises(ValueError, match=said):
        create_task("flip_flop", **settings)

"""What is shown when: clocks, sums, noise, and refusals."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet import Clock, Protocol, blank, movie, show, simulate, with_noise
from oracles import CASCADE, random_images, randomised

DT = 2.0
MOVIE_MS = 1000 / 75


def frames_per_step(protocol, dt=DT):
    """The frame on screen at every step, None for a blank field."""
    return [hold.inputs.get("image") for hold in protocol.schedule(Clock(dt)) for _ in range(hold.steps)]


def coloured(batch=1):
    """Ten frames [T, B, C, H, W], each of one grey level: its own number."""
    return torch.arange(10.0).reshape(10, 1, 1, 1, 1).expand(10, batch, 1, 2, 2).contiguous()


def levels(protocol, dt=DT):
    return [None if frame is None else frame.flatten()[0].item() for frame in frames_per_step(protocol, dt)]


def test_addition_joins_in_order():
    a, b = (torch.full((1, 1, 2, 2), value) for value in (1.0, 2.0))
    protocol = blank(4) + show(a, 6) + show(b, 2) + blank(2)
    assert levels(protocol) == [None, None, 1.0, 1.0, 1.0, 2.0, None]
    assert levels(protocol, dt=1.0) == [None] * 4 + [1.0] * 6 + [2.0] * 2 + [None] * 2
    assert levels((blank(4) + show(a, 6)) + (show(b, 2) + blank(2))) == levels(protocol)


def test_addition_leaves_its_parts_alone():
    first = blank(4)
    joined = first + blank(6)
    assert first.ms == 4
    assert joined.ms == 10


@pytest.mark.parametrize("other", [1, "blank", None])
def test_only_protocols_can_be_added(other):
    with pytest.raises(TypeError):
        blank(10) + other


def test_total_duration_and_steps():
    protocol = blank(100) + show(torch.zeros(3, 1, 2, 2), 200.0) + movie(coloured(3), 20)
    assert protocol.ms == 500.0
    assert [protocol.total_steps(Clock(dt)) for dt in (0.5, 1.0, 2.0, 20.0)] == [1000, 500, 250, 25]
    assert sum(hold.steps for hold in protocol.schedule(Clock(2.0))) == 250
    assert protocol.batch == 3


def test_parts_of_no_duration_are_skipped():
    protocol = blank(0) + show(torch.ones(1, 1, 2, 2), 4) + blank(0)
    assert [hold.steps for hold in protocol.schedule(Clock(DT))] == [2]


def test_blank_fields_fit_any_number_of_trials():
    protocol = blank(10) + blank(4)
    assert protocol.batch is None
    assert levels(protocol) == [None] * 7


def test_a_protocol_of_blank_fields_alone_can_be_simulated():
    model = randomised(CASCADE)
    traj = simulate(model, blank(20), record="all", initial_state="zero")
    assert traj.rates["area2"].shape == (10, 1, 3, 5, 5)
    three = simulate(model, blank(20), record="all", initial_state=model.initial_state(3))
    assert_allclose(three.rates["area2"], traj.rates["area2"].expand(10, 3, 3, 5, 5), rtol=1e-12)


def test_segments_with_different_numbers_of_trials_are_refused():
    two, three = (torch.zeros(n, 1, 2, 2) for n in (2, 3))
    with pytest.raises(ValueError, match=r"different numbers of trials, \[2, 3\]"):
        show(two, 10) + blank(10) + show(three, 10)
    with pytest.raises(ValueError, match=r"different numbers of trials, \[2, 3\]"):
        movie(coloured(3), 20) + show(two, 10)


def test_a_movie_at_75_hz_shows_at_every_step_the_frame_that_is_on_screen():
    shown = levels(movie(coloured(), MOVIE_MS, ms=132))
    wanted = [min(int(step * DT * 75 / 1000), 9) for step in range(66)]
    assert shown == wanted
    assert [shown.count(frame) for frame in range(4)] == [7, 7, 6, 7]


@pytest.mark.parametrize("dt", [0.5, 1.0, 2.0, 4.0])
def test_the_frame_clock_does_not_drift_from_dt(dt):
    shown = levels(movie(coloured(), MOVIE_MS, ms=132), dt)
    first = [shown.index(frame) * dt for frame in range(10)]
    assert all(0 <= start - frame * MOVIE_MS < dt + 1e-6 for frame, start in enumerate(first))


@pytest.mark.parametrize(("dt", "steps"), [(0.1, 3), (0.1, 6), (0.3, 1), (0.7, 3), (2.0, 5)])
def test_a_frame_clock_of_whole_steps_is_not_upset_by_rounding(dt, steps):
    shown = levels(movie(coloured(), round(steps * dt, 6)), dt)
    assert shown == [frame for frame in range(10) for _ in range(steps)]


def test_the_last_frame_stays_until_the_movie_ends():
    assert levels(movie(coloured(), 2.0, ms=28)) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9]


def test_a_movie_lasts_as_long_as_its_frames():
    assert movie(coloured(), 20).ms == 200
    assert levels(movie(coloured(), 20)) == [frame for frame in range(10) for _ in range(10)]
    assert movie(coloured()[:3], MOVIE_MS).total_steps(Clock(DT)) == 20


def test_a_frame_shown_as_a_movie_is_an_image_shown():
    model = randomised(CASCADE)
    images = random_images(CASCADE)
    still = simulate(model, show(images, 40), record="all")
    moving = simulate(model, movie(torch.stack([images] * 3), MOVIE_MS), record="all")
    assert_allclose(moving.rates["area2"], still.rates["area2"], rtol=1e-12, atol=1e-14)


def noise_of(protocol, images, dt=DT):
    return torch.stack(frames_per_step(protocol, dt)) - images


@pytest.mark.parametrize("sigma", [0.1, 2.0])
def test_noise_is_redrawn_at_every_step_with_the_standard_deviation_asked_for(sigma):
    images = random_images(CASCADE, batch=20)
    noise = noise_of(with_noise(show(images, 80), sigma), images)
    assert noise.shape == (40, 20, 1, 5, 5)
    assert abs(noise.std() / sigma - 1) < 0.02
    assert abs(noise.mean() / sigma) < 0.02
    assert_allclose(noise.flatten(1).std(1) / sigma, np.ones(40), atol=0.15)
    correlation = torch.corrcoef(noise.flatten(1))
    assert (correlation - torch.eye(40)).abs().max() < 0.25
    assert abs(torch.corrcoef(noise[:, :2, 0, 2, 2].T)[0, 1]) < 0.5


def test_noise_is_the_same_for_the_same_seed_and_another_for_another():
    images = random_images(CASCADE)
    protocol = with_noise(show(images, 20), 1.0, seed=3)
    first = noise_of(protocol, images)
    assert torch.equal(first, noise_of(protocol, images))
    assert torch.equal(first, noise_of(with_noise(show(images, 20), 1.0, seed=3), images))
    assert not torch.equal(first, noise_of(with_noise(show(images, 20), 1.0, seed=4), images))


def test_noise_leaves_the_global_generator_as_it_was():
    before = torch.get_rng_state()
    frames_per_step(with_noise(show(torch.zeros(1, 1, 2, 2), 20), 1.0))
    assert torch.equal(before, torch.get_rng_state())


def test_no_seed_repeats_draws_of_another_in_other_segments():
    images = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    protocol = show(images, 4) + show(images, 4) + show(images, 4)
    draws = [noise_of(with_noise(protocol, 1.0, seed=seed), images) for seed in range(3)]
    assert len(torch.cat(draws).flatten(1).unique(dim=0)) == 18


@pytest.mark.parametrize(("every_ms", "dt", "changes"), [(8, 2.0, [4, 8, 12]), (10, 2.0, [5, 10]), (10, 1.0, [10, 20])])
def test_noise_is_redrawn_every_so_many_ms(every_ms, dt, changes):
    images = random_images(CASCADE)
    noise = noise_of(with_noise(show(images, 30), 1.0, every_ms=every_ms), images, dt)
    assert changed_at(noise) == [change for change in changes if change < len(noise)]


def changed_at(noise):
    return [step for step in range(1, len(noise)) if not torch.equal(noise[step], noise[step - 1])]


def test_noise_on_a_movie_keeps_its_own_clock():
    frames = torch.zeros(4, 1, 1, 2, 2, dtype=torch.float64)
    noise = noise_of(with_noise(movie(frames, MOVIE_MS, ms=60), 1.0, every_ms=20), frames[0])
    assert changed_at(noise) == [10, 20]


def test_noise_leaves_blank_fields_blank_and_durations_as_they_were():
    protocol = blank(4) + show(torch.zeros(2, 1, 2, 2), 6) + blank(2)
    noisy = with_noise(protocol, 1.0)
    assert isinstance(noisy, Protocol)
    assert [frame is None for frame in frames_per_step(noisy)] == [True, True, False, False, False, True]
    assert (noisy.ms, noisy.batch, noisy.total_steps(Clock(DT))) == (12, 2, 6)


def test_noise_of_no_size_changes_nothing():
    images = random_images(CASCADE)
    assert not noise_of(with_noise(show(images, 20), 0.0), images).any()


@pytest.mark.parametrize("number", [np.int64(20), np.float32(20), np.float64(20), 20, 20.0])
@pytest.mark.usefixtures("as_users_run_it")
def test_durations_may_be_numbers_of_any_kind(number):
    assert (blank(number) + show(torch.zeros(1, 1, 2, 2), number)).total_steps(Clock(number / 10)) == 20


REFUSED = {
    "negative blank": (lambda: blank(-2), "duration of blank", "-2"),
    "negative show": (lambda: show(torch.zeros(1, 1, 2, 2), -1.0), "duration of show", "-1.0"),
    "endless": (lambda: blank(float("inf")), "duration of blank", "inf"),
    "not a number": (lambda: blank(float("nan")), "duration of blank", "nan"),
    "in words": (lambda: blank("long"), "duration of blank", "long"),
    "negative movie": (lambda: movie(coloured(), 10, ms=-10), "duration of movie", "-10"),
    "frame clock": (lambda: movie(coloured(), 0), "frame_ms", "0"),
    "no frames": (lambda: movie(coloured()[:0], 10), "frames", "0"),
    "four axes": (lambda: movie(coloured()[0], 10), "frames", "[1, 1, 2, 2]"),
    "three axes": (lambda: show(torch.zeros(1, 2, 2), 10), "images", "[1, 2, 2]"),
    "sigma": (lambda: with_noise(blank(10), -1.0), "sigma", "-1.0"),
    "sigma nan": (lambda: with_noise(blank(10), float("nan")), "sigma", "nan"),
    "multiple of show": (lambda: show(torch.zeros(1, 1, 2, 2), 5).total_steps(Clock(2.0)), "duration of show", "5 ms"),
    "multiple of blank": (lambda: (blank(4) + blank(3)).total_steps(Clock(2.0)), "duration of blank", "3 ms"),
    "multiple of movie": (
        lambda: movie(coloured()[:1], MOVIE_MS).total_steps(Clock(2.0)),
        "duration of movie",
        "13.3333 ms",
    ),
    "multiple under noise": (
        lambda: with_noise(show(torch.zeros(1, 1, 2, 2), 5), 1.0).total_steps(Clock(2.0)),
        "duration of show",
        "5 ms",
    ),
    "noise clock": (
        lambda: list(with_noise(show(torch.zeros(1, 1, 2, 2), 6), 1.0, every_ms=3).schedule(Clock(2.0))),
        "every_ms",
        "3 ms",
    ),
    "noise clock of zero": (
        lambda: list(with_noise(show(torch.zeros(1, 1, 2, 2), 6), 1.0, every_ms=0).schedule(Clock(2.0))),
        "every_ms",
        "0",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.usefixtures("as_users_run_it")
def test_what_cannot_be_shown_is_refused_by_name_with_what_came(case):
    call, culprit, came = REFUSED[case]
    with pytest.raises(ValueError, match=culprit) as caught:
        call()
    assert came in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("as_users_run_it")
def test_a_negative_seed_is_refused_by_name():
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        with_noise(show(torch.zeros(1, 1, 2, 2), 4), 1.0, seed=-1)


@pytest.mark.usefixtures("as_users_run_it")
def test_a_long_duration_off_by_half_a_step_is_refused():
    with pytest.raises(ValueError, match="1e\\+06 ms is not a whole number of steps"):
        blank(1_000_001).total_steps(Clock(2.0))


@pytest.mark.usefixtures("as_users_run_it")
def test_a_movie_whose_frames_would_be_skipped_is_refused_by_name():
    fast = movie(torch.zeros(10, 1, 1, 2, 2), 1.0)
    with pytest.raises(ValueError, match="frame_ms = 1 ms is too short for dt = 2 ms: 5 of 10 frames"):
        list(fast.schedule(Clock(2.0)))
    assert len(list(fast.schedule(Clock(1.0)))) == 10

"""Random dots move as they are said to, are drawn where they are, and tell of nothing else."""

import dataclasses
import math

import pytest
import torch
from scipy.stats import binom, chi2

from cordsnet.tasks import create_task
from cordsnet.tasks.dots import ALGORITHMS, LIFETIME, SETS, draw_dots, moving_dots
from cordsnet.tasks.trials import Plan

CHANCE = 1e-6
"""Chance with which a test of counts fails by itself."""

RATE = 75.0
"""Frames per second of the monitor."""


def plan(batch=64, seed=1):
    task = create_task(
        "random_dots", frame_ms=1000 / RATE, timing={"fixation": 0, "stimulus": 800, "decision": 40}, grace_ms=0
    )
    return task.plan(batch, seed)


def tracks(trials, coherence, angle, algorithm, count=8, way=5 / RATE / 5):
    """Places of dots from one turn of their own to the next [B, turns, N, 2], in degrees of a field of 5."""
    share, heading = (torch.full((trials.batch,), value, dtype=torch.float64) for value in (coherence, angle))
    places = moving_dots(trials, share, heading, count, way, algorithm)
    assert places.shape == (trials.batch, trials.frames, count, 2)
    assert 0 <= places.min() <= places.max() <= 1
    sets = SETS if algorithm == "movshon" else 1
    places = places[:, : trials.frames // sets * sets].unflatten(1, (-1, sets))
    return 5 * places.flatten(2, 3), sets


def displacements(places):
    """Ways of dots [B, turns - 1, N, 2] by the shortest route round the field, in degrees."""
    return torch.remainder(places.diff(dim=1) + 2.5, 5) - 2.5


def fits_uniform(angles, bins=12):
    """True unless a chi-square test tells the angles from uniform ones."""
    counts = torch.histc(torch.remainder(angles, 2 * math.pi), bins, 0, 2 * math.pi)
    expected = counts.sum() / bins
    assert expected > 20
    return float(((counts - expected) ** 2 / expected).sum()) < chi2.ppf(1 - CHANCE, bins - 1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_without_coherence_all_directions_are_as_likely(algorithm):
    places, _ = tracks(plan(), 0.0, 0.3, algorithm)
    moved = displacements(places)
    if algorithm == "limited_lifetime":
        moved = moved[:, ::LIFETIME]  # one step of a life, since the others go the same way
    # replotted dots fall anywhere in a square, whose corners are far away: only the circle inside has no direction
    near = moved[moved.norm(dim=-1) < 2.5]
    angles = torch.atan2(near[:, 1], near[:, 0])
    assert fits_uniform(angles)
    assert not fits_uniform(torch.where(torch.arange(len(angles)) % 4 == 0, 0.3, angles))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("degrees", [0.0, 77.0, 180.0])
def test_with_full_coherence_every_dot_moves_at_the_speed_in_the_direction(algorithm, degrees):
    places, sets = tracks(plan(16), 1.0, math.radians(degrees), algorithm)
    moved = displacements(places)
    velocity = moved * (RATE / sets)  # degrees per second
    wanted = 5 * torch.tensor([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))], dtype=torch.float64)
    off = (velocity - wanted).norm(dim=-1) > 1e-9
    if algorithm == "limited_lifetime":
        replotted = off.double().mean(1)
        assert (replotted - 1 / LIFETIME).abs().max() < 1 / off.shape[1]
    else:
        assert not off.any()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("coherence", [0.064, 0.256, 0.512])
def test_as_many_dots_move_together_as_the_coherence_says(algorithm, coherence):
    places, sets = tracks(plan(), coherence, 0.3, algorithm)
    moved = displacements(places)
    wanted = torch.tensor([math.cos(0.3), math.sin(0.3)], dtype=torch.float64) * (5 * sets / RATE)
    together = (moved - wanted).norm(dim=-1) < 1e-9
    if algorithm == "limited_lifetime":
        # whether a dot goes along is drawn once in a life: a life that begins in turn t moves it into turns t+1 to t+3
        starts = (displacements(places).diff(dim=1).norm(dim=-1) > 1e-9).double().mean()
        assert starts > 0.4
        together = together[:, :: 2 * LIFETIME]
        coherence *= 1 - 1 / LIFETIME
    low, high = binom.ppf([CHANCE / 2, 1 - CHANCE / 2], together.numel(), coherence)
    assert low <= int(together.sum()) <= high


def test_a_signal_dot_of_movshon_shifts_by_the_way_of_three_frames():
    task = create_task("random_dots", frame_ms=1000 / RATE, timing={"fixation": 80, "decision": 80})
    way = task.speed_deg_s * task.frame_ms / 1000 / task.field_deg
    assert 3 * way * 64 == pytest.approx(2.56)
    places, _ = tracks(plan(4), 1.0, 0.0, "movshon", way=way)
    assert displacements(places)[..., 0].mul(64 / 5).sub(2.56).abs().max() < 1e-9
    assert task.dots == round(16.7 * 25 / RATE)


@pytest.mark.parametrize("size", [16, 32, 65])
def test_the_centre_of_a_drawn_dot_is_its_place_and_its_brightness_is_one(size):
    angle = torch.arange(200).double() * 2.4
    radius = torch.linspace(0, 0.5 - 1.0 / size, 200, dtype=torch.float64)
    places = torch.stack([0.5 + radius * angle.cos(), 0.5 + radius * angle.sin()], -1)[None, :, None]
    movie = draw_dots(torch.zeros(200, 1, size, size), places, torch.ones(200, 1, dtype=torch.bool))[:, 0].double()
    assert (movie.sum((1, 2)) - 1).abs().max() < 1e-6
    middle = (torch.arange(size).double() + 0.5) / size
    right, up = (movie.sum(1) * middle).sum(1), (movie.sum(2) * middle.flip(0)).sum(1)
    assert (torch.stack([right, up], -1) - places[0, :, 0]).abs().max() * size < 1e-5


def test_dots_at_the_border_keep_their_brightness_and_dots_outside_the_aperture_are_not_seen():
    places = torch.tensor([[0.0, 0.5], [1.0, 0.5], [0.5, 0.0], [0.5, 1.0], [0.1, 0.1], [0.99, 0.6]]).double()
    movie = draw_dots(torch.zeros(6, 1, 8, 8), places[None, :, None], torch.ones(6, 1, dtype=torch.bool))[:, 0]
    assert movie.sum((1, 2)).tolist() == pytest.approx([1, 1, 1, 1, 0, 0])


def test_dots_are_as_dense_as_said_in_the_aperture():
    places, _ = tracks(plan(200), 0.3, 0.0, "random_walk")
    first = places[:, 0] - 2.5
    inside = int((first.norm(dim=-1) <= 2.5).sum())
    low, high = binom.ppf([CHANCE / 2, 1 - CHANCE / 2], first[..., 0].numel(), math.pi / 4)
    assert low <= inside <= high


def test_every_answer_is_as_likely_at_every_coherence():
    trials = create_task("random_dots", directions=(0.0, 90.0, 180.0)).plan(6000, seed=3).conditions
    for coherence in trials["coherence"].unique():
        answers = trials["direction_deg"][trials["coherence"] == coherence]
        for answer in (0, 90, 180):
            low, high = binom.ppf([CHANCE / 2, 1 - CHANCE / 2], len(answers), 1 / 3)
            assert low <= int((answers == answer).sum()) <= high


def test_the_condition_is_the_direction_in_degrees_and_the_answer_its_number():
    trials = create_task("random_dots", directions=(-90.0, 45.0, 200)).sample(200, seed=1)
    degrees = torch.tensor([-90.0, 45.0, 200.0], dtype=torch.float64)
    assert set(trials.answer.tolist()) == {0, 1, 2}
    assert torch.equal(trials.conditions["direction_deg"], degrees[trials.answer])


@pytest.mark.parametrize("rendering", ["vector", "image"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_without_coherence_the_answer_is_not_in_the_stimulus(rendering, algorithm):
    task = create_task("random_dots", rendering=rendering, algorithm=algorithm, coherences=(0.0,), image_size=16)
    one = task.plan(12, seed=2)
    other = dataclasses.replace(
        one, conditions=one.conditions | {"direction_deg": 180 - one.conditions["direction_deg"]}
    )
    assert isinstance(other, Plan)
    assert torch.equal(task.render(one).inputs[rendering], task.render(other).inputs[rendering])
    assert not torch.equal(task.render(one).answer, task.render(other).answer)


def test_with_coherence_the_direction_changes_the_stimulus():
    task = create_task("random_dots", rendering="image", coherences=(0.5,), image_size=16)
    one = task.plan(12, seed=2)
    other = dataclasses.replace(
        one, conditions=one.conditions | {"direction_deg": 180 - one.conditions["direction_deg"]}
    )
    assert not torch.equal(task.render(one).inputs["image"], task.render(other).inputs["image"])

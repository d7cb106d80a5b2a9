"""Decision times of courses whose times are known, and of trials that never decide."""

import math

import pytest
import torch

from cordsnet.analysis import evidence_over_time, settling_times, threshold_times, uncertainty_times
from cordsnet.errors import ArgumentError

TIMES = torch.tensor([0.0, 10.0, 20.0, 40.0])


def courses(*rows):
    return torch.tensor(rows).T


def same(found, expected):
    return torch.allclose(found, torch.tensor(expected, dtype=torch.float64), equal_nan=True)


def test_a_threshold_counts_from_the_last_crossing_on():
    evidence = courses(
        [0.0, 1.0, 2.0, 3.0],  # crosses 1.5 half way from 10 to 20 ms
        [2.0, 2.0, 2.0, 2.0],  # is there from the start
        [2.0, 0.0, 1.0, 2.0],  # leaves, and returns half way from 20 to 40 ms
        [0.0, 2.0, 2.0, 1.0],  # ends below
        [0.0, 0.0, 0.0, 1.5],  # touches it at the end
    )
    found = threshold_times(evidence, TIMES, 1.5)
    assert same(found.ms, [15.0, 0.0, 30.0, math.nan, 40.0])
    assert found.undecided == 1
    assert found.censored()[3] == math.inf


def test_a_decision_must_stay_before_it_counts():
    evidence = courses([0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 1.0, 2.0])
    found = threshold_times(evidence, TIMES, 1.5, stay_ms=15.0)
    assert same(found.ms, [15.0, math.nan])
    assert found.until_ms == 25.0


def test_thresholds_of_each_trial():
    evidence = courses([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0])
    assert same(threshold_times(evidence, TIMES, torch.tensor([0.5, 4.0])).ms, [5.0, math.nan])


def test_evidence_is_that_for_the_last_answer():
    scores = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 2.0, 1.0]]])  # [T = 2, B = 1, K = 3]
    assert same(evidence_over_time(scores)[:, 0], [-1.0, 1.0])
    assert same(evidence_over_time(scores, of="score")[:, 0], [0.0, 2.0])
    expected = [1 / (2 + math.e), math.exp(2) / (1 + math.e + math.exp(2))]
    assert same(evidence_over_time(scores, of="probability")[:, 0], expected)
    with pytest.raises(ValueError, match="evidence 'margins'"):
        evidence_over_time(scores, of="margins")


def test_uncertainty_is_the_whole_time_or_none_of_it():
    open_, closed = torch.zeros(4, 1, 5), torch.zeros(4, 1, 5)
    closed[..., 2] = 1e4
    found = uncertainty_times(torch.cat([open_, closed], 1), TIMES)
    assert same(found.ms, [40.0, 0.0])
    assert found.undecided == 0
    half = torch.zeros(3, 1, 2)
    half[1:, 0, 0] = 1e4  # entropy 1, 0, 0 at 0, 10, 20 ms
    assert same(uncertainty_times(half, TIMES[:3]).ms, [5.0])
    assert same(uncertainty_times(half + 7.0, TIMES[:3]).ms, [5.0])  # a constant added to all scores says nothing


def test_a_leak_settles_at_its_time_constant_times_the_logarithm():
    times = torch.arange(0.0, 300.5, 0.5, dtype=torch.float64)
    for tau in (10.0, 20.0):
        course = (1 - (-times / tau).exp())[:, None, None] * torch.tensor([1.0, -3.0])
        found = settling_times(course, times, share=0.1)
        assert found.ms.item() == pytest.approx(tau * math.log(10), rel=1e-3)


def test_what_never_settles_is_undecided_and_not_the_last_time():
    times = torch.arange(0.0, 201.0, dtype=torch.float64)
    drift = times / 200
    swing = (times / 8).sin()
    slow = 1 - (-times / 1000).exp()
    still = torch.ones_like(times)
    found = settling_times(torch.stack([drift, swing, slow, still], 1)[..., None], times)
    assert same(found.ms, [math.nan, math.nan, math.nan, 0.0])
    assert found.undecided == 3


def test_settling_counts_all_axes_of_a_state():
    states = torch.zeros(4, 1, 2, 2)
    states[0, 0, 0, 0], states[1, 0, 1, 1] = 10.0, 5.0  # distances 10, 5, 0, 0
    assert same(settling_times(states, TIMES, share=0.25, stay_ms=5.0).ms, [15.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: threshold_times(torch.zeros(4, 2, 1), TIMES, 1.0), r"evidence must have the shape \[T, B\]"),
        (lambda: threshold_times(torch.zeros(4, 2), TIMES[:3], 1.0), "times_ms must be 4 times"),
        (lambda: threshold_times(torch.zeros(4, 2), TIMES.flip(0), 1.0), "times_ms must be finite and increase"),
        (lambda: threshold_times(torch.full((4, 2), torch.nan), TIMES, 1.0), "evidence must be finite"),
        (lambda: threshold_times(torch.zeros(4, 2), TIMES, torch.zeros(3)), "threshold must be .* each of 2 trials"),
        (lambda: threshold_times(torch.zeros(4, 2), TIMES, 1.0, stay_ms=40.0), "stay_ms must be .* below the 40 ms"),
        (lambda: uncertainty_times(torch.zeros(4, 2, 1), TIMES), "scores must have .* two classes or more"),
        (lambda: settling_times(torch.zeros(4, 2, 3), TIMES, share=1.0), "share must be above 0 and below 1"),
        (lambda: settling_times(torch.zeros(1, 2, 3), TIMES[:1]), "two or more"),
        (lambda: evidence_over_time(torch.full((4, 2, 3), torch.inf)), "scores must be finite"),
    ],
)
def test_bad_courses_are_refused_by_name(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()

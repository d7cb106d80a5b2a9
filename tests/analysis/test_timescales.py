"""Decay, frequency and error bars of eigenvalues against closed forms and against matrices that are perturbed."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet.analysis.modes.timescales import time_constants


@dataclass(frozen=True)
class Answer:
    values: torch.Tensor
    residuals: torch.Tensor
    condition: torch.Tensor | None


def test_modes_of_an_area_with_one_tau():
    found = time_constants([0.0, 0.9, 0.5 + 0.2j, 1.5, 1.0], tau_ms=10.0)
    assert_allclose(found.growth_per_ms, [-0.1, -0.01, -0.05, 0.05, 0], atol=1e-15)
    assert_allclose(found.decay_ms, [10, 100, 20, -20, math.inf])
    assert_allclose(found.frequency_hz, [0, 0, 0.02 / (2 * math.pi) * 1000, 0, 0])
    assert_allclose(found.quality, [0, 0, 0.02 / (2 * math.pi) * 20, 0, 0])
    assert found.growing.tolist() == [False, False, False, True, False]
    assert found.error_holds == "not known"
    assert bool(found.error_per_ms.isnan().all())
    assert bool(found.shortest_ms.isnan().all())
    assert not bool(found.undecided.any())


def test_modes_of_the_flow_are_those_of_the_target():
    target = torch.tensor([0.3 + 0.7j, -2.0, 1.2])
    one, other = time_constants(target, tau_ms=20.0), time_constants((target - 1) / 20.0)
    for name in ("growth_per_ms", "decay_ms", "frequency_hz", "quality"):
        assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6)


def test_a_harmonic_oscillator():
    matrix = np.array([[0.0, 1.0], [-((2 * math.pi * 0.04) ** 2), -0.1]])  # 40 Hz, damped with 1/0.05 ms
    found = time_constants(np.linalg.eigvals(matrix).tolist())
    assert_allclose(found.decay_ms, 20)
    damped = math.sqrt((2 * math.pi * 0.04) ** 2 - 0.05**2) / (2 * math.pi) * 1000
    assert_allclose(found.frequency_hz, damped)
    assert_allclose(found.quality, damped / 1000 * 20)


def test_errors_are_condition_times_residual():
    answer = Answer(torch.tensor([0.9, 0.5]), torch.tensor([0.01, 0.001]), torch.tensor([2.0, 4.0]))
    found = time_constants(answer, tau_ms=10.0)
    assert_allclose(found.error_per_ms, [0.0018, 0.0002], rtol=1e-6)
    assert_allclose(found.shortest_ms, [1 / 0.0118, 1 / 0.0502], rtol=1e-6)
    assert_allclose(found.longest_ms, [1 / 0.0082, 1 / 0.0498], rtol=1e-6)
    assert_allclose(found.frequency_error_hz, found.error_per_ms / (2 * math.pi) * 1000)
    assert found.error_holds == "to first order"
    plain = time_constants(Answer(answer.values, answer.residuals, None), tau_ms=10.0)
    assert_allclose(plain.error_per_ms, [0.0009, 0.00005], rtol=1e-6)
    assert plain.error_holds == "for normal operators"


def test_an_unknown_sign_is_undecided():
    found = time_constants([0.999, 1.001, 0.9], 10.0, residuals=torch.full((3,), 0.01))
    assert found.undecided.tolist() == [True, True, False]
    assert found.longest_ms.isinf().tolist() == [True, True, False]
    unknown = time_constants([0.999, 0.9], 10.0, residuals=torch.zeros(2), condition=torch.tensor([math.nan, math.inf]))
    assert bool(unknown.error_per_ms.isnan().all())


def test_the_bound_covers_eigenvalues_of_perturbed_matrices():
    draw = np.random.default_rng(0)
    for _ in range(20):
        matrix = draw.normal(size=(12, 12)) + np.diag(5 * np.ones(11), 1)
        values, right = np.linalg.eig(matrix)
        left = np.linalg.inv(right)
        condition = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=0)
        size = 1e-9
        change = draw.normal(size=matrix.shape)
        moved = np.linalg.eigvals(matrix + size * change / np.linalg.norm(change, 2))
        distance = np.abs(values[:, None] - moved[None]).min(1)
        found = time_constants(
            values.tolist(), residuals=torch.tensor(size / np.abs(values)), condition=torch.tensor(condition)
        )
        assert bool((torch.tensor(distance) <= 1.01 * found.error_per_ms + 1e-13).all())


def test_rows_hold_plain_numbers():
    rows = time_constants([0.5 + 1j, 1.5], 10.0, residuals=torch.tensor([0.0, 0.0])).rows()
    assert rows[0]["imaginary"] == 1.0
    assert rows[1]["growing"] is True
    assert {type(value) for value in rows[0].values()} == {float, bool, str}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: time_constants([[1.0], 2.0]), "eigenvalues must be numbers"),
        (lambda: time_constants(torch.zeros(2, 2)), "one axis"),
        (lambda: time_constants([math.nan]), "not finite"),
        (lambda: time_constants([1.0], 0.0), "tau_ms"),
        (lambda: time_constants([1.0], residuals=torch.zeros(2)), r"residuals must be \[1\]"),
        (lambda: time_constants([1.0], residuals=torch.tensor([-1.0])), "residuals must be at least 0"),
        (lambda: time_constants([1.0], condition=torch.tensor([1.0])), "used with residuals only"),
        (lambda: time_constants([1.0], residuals=torch.zeros(1), condition=torch.tensor([0.5])), "condition must be"),
    ],
)
def test_bad_arguments_are_named_in_the_error(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call()

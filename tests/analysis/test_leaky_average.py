"""The closed form of leaky averaging agrees with simulation."""

import pytest
import torch

from cordsnet.analysis.leaky_average import leaky_noise_share
from cordsnet.errors import ArgumentError

TAU = 10.0


def simulated_share(dt: float, steps: int, hold: int) -> float:
    """Variance with a new draw every `hold` steps over that with one draw, both from rest."""
    frames = torch.randn(-(-steps // hold), 100_000, generator=torch.Generator().manual_seed(0))
    redrawn, held = torch.zeros(2, 100_000)
    for step in range(steps):
        redrawn = redrawn + dt / TAU * (frames[step // hold] - redrawn)
        held = held + dt / TAU * (frames[0] - held)
    return float(redrawn.var() / held.var())


@pytest.mark.parametrize(
    ("dt", "steps", "hold"),
    [
        (2.0, 1, 1), (2.0, 5, 1), (2.0, 100, 1), (5.0, 3, 1), (10.0, 4, 1), (15.0, 50, 1),
        (2.0, 5, 5), (2.0, 4, 5), (2.0, 11, 5), (2.0, 13, 5), (2.0, 50, 10), (10.0, 7, 3), (15.0, 8, 3),
    ],
)  # fmt: skip
def test_share_agrees_with_a_simulated_integrator(dt, steps, hold):
    assert leaky_noise_share(dt, TAU, steps, hold) == pytest.approx(simulated_share(dt, steps, hold), rel=0.03)


def test_limits():
    assert leaky_noise_share(2.0, TAU) == pytest.approx(1 / 9)
    assert leaky_noise_share(2.0, TAU, 1000) == pytest.approx(1 / 9)
    assert leaky_noise_share(2.0, TAU, 1) == 1  # one draw is not averaged
    assert leaky_noise_share(2.0, TAU, 7, hold=7) == 1
    assert leaky_noise_share(10.0, TAU, 5) == 1  # a step of tau keeps nothing
    assert leaky_noise_share(2.0, TAU, hold=5) == pytest.approx((1 - 0.8**5) / (1 + 0.8**5))
    assert leaky_noise_share(2.0, TAU, 1000, hold=5) == pytest.approx(leaky_noise_share(2.0, TAU, hold=5))


@pytest.mark.parametrize(
    "wrong", [{"dt": 0.0}, {"dt": 20.0}, {"tau": 0.0}, {"tau": float("inf")}, {"steps": 0}, {"hold": 0}]
)
def test_values_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=rf"{name} must .* got"):
        leaky_noise_share(**{"dt": 2.0, "tau": TAU, "steps": 10, "hold": 1} | wrong)


def test_other_things_than_numbers_are_refused():
    with pytest.raises(ArgumentError, match="tau must be a number"):
        leaky_noise_share(2.0, "10")

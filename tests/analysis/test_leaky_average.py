"""The closed form of leaky averaging agrees with simulation."""

import pytest
import torch

from cordsnet.analysis.leaky_average import leaky_noise_share


@pytest.mark.parametrize(("dt", "steps"), [(2.0, 1), (2.0, 5), (2.0, 100), (5.0, 3), (10.0, 4), (15.0, 50)])
def test_share_agrees_with_simulation(dt: float, steps: int) -> None:
    noise = torch.randn(steps, 100_000, generator=torch.Generator().manual_seed(0))
    rate = torch.zeros(100_000)
    for frame in noise:
        rate = rate + dt / 10.0 * (frame - rate)
    assert leaky_noise_share(dt, 10.0, steps) == pytest.approx(float(rate.var()), rel=0.03)


def test_limit_at_the_published_step() -> None:
    assert leaky_noise_share(2.0, 10.0) == pytest.approx(1 / 9)
    assert leaky_noise_share(2.0, 10.0, 0) == 0


@pytest.mark.parametrize(("dt", "tau", "steps"), [(0.0, 10.0, 1), (20.0, 10.0, 1), (2.0, 0.0, 1), (2.0, 10.0, -1)])
def test_values_out_of_range_are_refused(dt: float, tau: float, steps: int) -> None:
    with pytest.raises(ValueError, match="came"):
        leaky_noise_share(dt, tau, steps)

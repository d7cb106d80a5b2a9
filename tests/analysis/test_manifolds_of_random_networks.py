"""Nothing is claimed of untrained random networks, neither where they contract nor where they are chaotic.

`benchmarks/manifolds.py` does this for twenty networks.
"""

import pytest
from flow_examples import draw, random_tanh

from cordsnet.analysis import find_manifold


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("gain", "kinds"), [(0.7, {"single point"}), (3.0, {"none", "undecided"})])
def test_no_attractor_is_claimed(gain, kinds, seed):
    flow = random_tanh(60, gain, seed, tau_ms=10.0, stepper="euler")
    found = find_manifold(flow, draw(16, 60, seed=100 + seed), slow_ms=100.0, dt=2.0, settle_ms=300.0, tested=1)
    assert not found.claims
    assert found.kind in kinds

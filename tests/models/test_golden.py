"""CordsNet against the public code, in float64."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import cordsnet
from cordsnet.dynamics import ENGINES
from cordsnet.dynamics.engines.chain import lead_of
from golden_rules import fill_random, fill_sines, sample

GOLDEN = Path(__file__).parents[1] / "golden"
ENGINE_NAMES = [name for name in ENGINES.names() if name != "auto"]  # which is area_major here


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_r2_states_and_logits_match_the_public_code(engine):
    golden = np.load(GOLDEN / "r2_inference.npz")
    model = cordsnet.create_model("cordsnet_r2", num_classes=10, in_channels=1)
    fill_random(model, golden["key_order"])
    assert lead_of(model.system()) is not None  # so that "auto" takes area_major
    images = torch.from_numpy(np.random.RandomState(1).standard_normal((2, 1, 224, 224)))
    steps = sorted({int(key.split("/")[0][1:]) for key in golden.files if key.startswith("t")})
    record = cordsnet.Record(areas="all", times_ms=[2.0 * step for step in steps])
    protocol = cordsnet.blank(200) + cordsnet.show(images, 200)
    traj = cordsnet.simulate(model, protocol, record=record, initial_state="zero", engine=engine)
    for row, step in enumerate(steps):
        for k, area in enumerate(model.areas):
            rates = traj.rates[area][row]
            at = f"t{step}/area{k}"
            assert_allclose(rates.mean((1, 2, 3)), golden[f"{at}/mean"], rtol=1e-9)
            assert_allclose(rates.flatten(1).norm(dim=1), golden[f"{at}/norm"], rtol=1e-9)
            sampled = np.stack([sample(trial, 7 + k, 64) for trial in rates])
            assert_allclose(sampled, golden[f"{at}/sample"], rtol=1e-9, atol=1e-12)
    assert_allclose(traj.logits[-1], golden["logits"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("depth", [2, 4, 6, 8])
def test_ten_steps_from_rest_match_the_public_code(depth):
    name = f"cordsnet_r{depth}"
    golden = json.loads((GOLDEN / "peers.json").read_text())[f"{name}_cifar10_alpha0.2_10steps"]
    model = fill_sines(cordsnet.create_model(name, num_classes=10))
    images = torch.sin(0.01 * torch.arange(3 * 224 * 224, dtype=torch.float64)).reshape(1, 3, 224, 224)
    record = cordsnet.Record(areas="all", reduce="mean")
    traj = cordsnet.simulate(model, cordsnet.show(images, 20), record=record, initial_state="zero")
    means = torch.stack([traj.rates[area][:, 0] for area in model.areas], 1)
    assert_allclose(means, golden["area_mean_t"], rtol=1e-9)
    assert_allclose(traj.logits[-1, 0], golden["logits"], rtol=1e-9, atol=1e-12)

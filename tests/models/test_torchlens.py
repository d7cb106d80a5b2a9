"""Trajectories against what TorchLens records of every pass of every area (`benchmarks/torchlens_record.py`)."""

import json
from pathlib import Path

import pytest
import torch

import cordsnet
from cordsnet.models import MODELS

RECORD = json.loads((Path(__file__).parents[1] / "golden" / "torchlens.json").read_text())["models"]
STEPS, TRIALS = 4, 2

pytestmark = pytest.mark.usefixtures("as_users_run_it")


@pytest.mark.parametrize("name", RECORD)
def test_a_trajectory_is_what_torchlens_recorded(name):
    model = cordsnet.create_model(name, **MODELS[name].tiny).double().eval()
    count = TRIALS * torch.Size(model.input_shape).numel()
    images = torch.sin(0.37 * torch.arange(count, dtype=torch.float64)).view(TRIALS, *model.input_shape)
    found = cordsnet.simulate(model, cordsnet.show(images, STEPS * model.dt_ms), record="all")
    assert set(RECORD[name]) == set(model.areas)
    for area, means in RECORD[name].items():
        wanted = torch.tensor(means, dtype=torch.float64)
        size = max(float(wanted.abs().max()), 1e-3)
        assert float((found.rates[area].flatten(2).mean(2) - wanted).abs().max()) <= 1e-6 * size


def test_nearly_every_kind_was_recorded():
    kinds = {MODELS[name].kind for name in MODELS}
    assert kinds - {MODELS[name].kind for name in RECORD} == {
        "blt_sync",  # areas that the image has not reached are constants, which TorchLens does not see
        "crbp_hgru",  # no class scores
        "deq_conv",  # thousands of operations of a solver in a step
        "mdeq",
        "multi_area",  # no class scores
        "streams",  # two of a kind that was recorded
        "task_rnn",  # reads a cue too
        "vector_rnn",  # no images
    }

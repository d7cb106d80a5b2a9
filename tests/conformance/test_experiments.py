"""Every experiment that takes models runs on every kind of model, or refuses it in one sentence."""

import dataclasses

import pytest
import torch

import cordsnet
from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.table import EFFECTS, QUESTIONS
from cordsnet.models import KINDS, MODELS

pytestmark = pytest.mark.usefixtures("as_users_run_it")

NAMES = {MODELS[name].kind: name for name in sorted(MODELS, key=lambda name: name.endswith("_small"))}
"""Kind -> one of its rows, a small one where there is one."""

SHORT = {
    "mixtures": {"sweep_ms": (200.0, 400.0), "hold_ms": 200.0, "dominance_ms": 200.0, "frames": 4},
    "portrait": {"trials": 2, "starts": 1, "followed_tau": 10},
    "time_course": {"hold_ms": 400.0, "blank_ms": 200.0, "second_ms": 200.0, "examples": 2},
}
"""Options by which an experiment is shortened; times suit clocks with long steps."""


def setting(name):
    model = cordsnet.create_model(name, **MODELS[name].tiny)
    shape = model.input_shape if "image" in model.inputs else (1, 8, 8)
    images = torch.randn(24, *shape, generator=torch.Generator().manual_seed(0))
    return Setting({"net": model}, Split(images, torch.arange(24) % 3))


GIVEN = [name for name in EXPERIMENTS if not (EXPERIMENTS[name].trains or EXPERIMENTS[name].stored)]
FEW = ("cordsnet", "convlstm", "cornet_s", "cnn")
"""A rate equation, a sweep of gates, inner steps of 100 ms, and no dynamics: long experiments run on these kinds."""

LONG = {*EFFECTS, *QUESTIONS, "portrait"} - {"latency"}
PAIRS = [(name, kind) for name in GIVEN for kind in NAMES if name not in LONG or kind in FEW]


@pytest.mark.parametrize(("experiment", "kind"), PAIRS)
def test_an_experiment_runs_or_refuses(experiment, kind):
    row = EXPERIMENTS[experiment]
    options = dataclasses.replace(row.presets["smoke"].options, **SHORT.get(experiment, {}))
    try:
        result = row(setting(NAMES[kind]), options)
    except (ValueError, TypeError) as error:
        text = str(error)
        assert 20 < len(text) < 400
        assert "\n" not in text
        return
    assert result.tables
    assert {claim.verdict for claim in result.claims} <= {"holds", "fails", "undecided at this scale"}


def test_every_kind_has_a_row():
    assert set(KINDS) - {"cnn_folded"} == set(NAMES)

"""A bound that is kept in training: at every update, to the end, and to the same bits after an interruption."""

import dataclasses
import json
import signal

import pytest
import torch
from tiny import TRIAL

from cordsnet.analysis.networks.certificates import certify_monostable
from cordsnet.cli import main
from cordsnet.dynamics import Solver
from cordsnet.errors import InterruptionError
from cordsnet.models import load_model
from cordsnet.training import (
    Contraction,
    ModelChoice,
    Objective,
    Optimisation,
    RandomInit,
    Recipe,
    TrainDynamics,
    TrainSettled,
    fit,
)
from cordsnet.training.fit import fingerprint
from cordsnet.training.stages.train import TrainedModule
from oracles import CASCADE, FEEDBACK, PER_UNIT_TAU, randomised

CRITERIA = ("norm", "perron", "hermitian")
AREAS = ("area1", "area2")


def recipe(contraction, stage="dynamics", updates=6):
    optimisation = Optimisation(lr=0.1, updates=updates, batch=16, schedule="constant")
    kept = {"start": "random", "optimisation": optimisation, "contraction": contraction}
    if stage == "dynamics":
        last = TrainDynamics(objective=Objective(0.0, trial=TRIAL), **kept)
    else:
        last = TrainSettled(solver=Solver(tol=1e-3, max_iterations=60), expansion_weight=0.0, **kept)
    return Recipe("kept", (RandomInit(gain=3.0), last), ModelChoice(image_size=8, width=4))


def bounds(model, criterion):
    return [area.bound for area in certify_monostable(model, criteria=(criterion,), tighten=False).areas]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_kernels_above_the_bound_are_scaled_onto_it(criterion):
    model = randomised(CASCADE)
    with torch.no_grad():
        model.wiring.recurrent["area1"].parametrizations.weight.original0.mul_(0.1)
        model.wiring.recurrent["area2"].parametrizations.weight.original0.mul_(10)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    low, high = bounds(model, criterion)
    kept = Contraction(0.8, criterion)
    kept.apply(model)
    assert bounds(model, criterion) == [low, pytest.approx(0.8, rel=1e-4)]
    assert bounds(model, criterion)[1] <= 0.8 < high
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"wiring.recurrent.area2.parametrizations.weight.original0"}
    once = {name: value.clone() for name, value in model.state_dict().items()}
    kept.apply(model)
    assert all(torch.equal(value, once[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("criterion", "stage"), [("norm", "dynamics"), ("hermitian", "dynamics"), ("perron", "settled")]
)
def test_it_is_kept_at_every_update_and_certified_at_the_end(criterion, stage, tmp_path, monkeypatch):
    seen = []
    apply = Contraction.apply

    def watched(self, model):
        apply(self, model)
        seen.append(max(bounds(model, criterion)))

    monkeypatch.setattr(Contraction, "apply", watched)
    report = fit(recipe(Contraction(0.7, criterion), stage), tmp_path, progress=False)[
        "dynamics" if stage == "dynamics" else "settled"
    ]
    assert len(seen) == 7
    assert max(seen) <= 0.7
    assert max(seen) == pytest.approx(0.7, rel=1e-4)
    assert report.metrics["certified"] == 1
    model = load_model(report.folder)
    assert [report.metrics[f"contraction_bound/{area}"] for area in AREAS] == bounds(model, criterion)
    assert certify_monostable(model).certified


def test_without_it_the_same_network_is_not_certified(tmp_path):
    report = fit(recipe(None), tmp_path, progress=False)["dynamics"]
    assert not certify_monostable(report.model()).certified
    assert "certified" not in report.metrics


def test_an_interrupted_run_ends_with_the_same_bits(tmp_path, monkeypatch):
    whole = fit(recipe(Contraction(0.7)), tmp_path / "whole", progress=False)["dynamics"].model()
    step = TrainedModule.training_step

    def interrupted(self, batch, index):
        if index == 3:
            signal.raise_signal(signal.SIGTERM)
        return step(self, batch, index)

    monkeypatch.setattr(TrainedModule, "training_step", interrupted)
    with pytest.raises(InterruptionError):
        fit(recipe(Contraction(0.7)), tmp_path / "cut", progress=False)
    monkeypatch.setattr(TrainedModule, "training_step", step)
    resumed = fit(recipe(Contraction(0.7)), tmp_path / "cut", progress=False)["dynamics"].model()
    theirs = resumed.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in whole.state_dict().items())


def test_it_is_part_of_the_settings_and_absent_ones_change_nothing():
    plain, kept, other = (recipe(c) for c in (None, Contraction(0.7), Contraction(0.8)))
    marks = {fingerprint(one, one.stages[-1]) for one in (plain, kept, other)}
    assert len(marks) == 3
    assert "contraction" not in plain.stages[-1].to_dict()
    written = json.loads(json.dumps(kept.stages[-1].to_dict()))
    assert written["contraction"] == {"bound": 0.7, "criterion": "norm"}


@pytest.mark.usefixtures("as_users_run_it")
def test_it_can_be_asked_for_on_the_command_line(tmp_path, capsys):
    words = ["--only", "settled", "--settled.start", ""]
    words += ["--settled.optimisation.updates", "2", "--settled.contraction.bound", "0.5"]
    words += ["--settled.contraction.criterion", "perron", "--output", str(tmp_path)]
    assert main(["train", "digits_settled", *words]) == 0, capsys.readouterr().err
    metrics = json.loads((tmp_path / "settled" / "result.json").read_text())["metrics"]
    assert metrics["contraction_bound/area2"] <= 0.5


@pytest.mark.usefixtures("as_users_run_it")
def test_what_cannot_be_kept_is_refused_before_training():
    with pytest.raises(ValueError, match="bound must lie between 0 and 1, got 1"):
        Contraction(1)
    with pytest.raises(ValueError, match="criterion must be"):
        Contraction(0.5, "gain")
    with pytest.raises(ValueError, match="feedback"):
        Contraction().start(randomised(FEEDBACK))
    with pytest.raises(ValueError, match="'hermitian' alone"):
        Contraction(0.9, "hermitian").start(randomised(PER_UNIT_TAU))
    dataclasses.replace(Contraction(), criterion="perron").start(randomised(PER_UNIT_TAU))

"""Two processes that divide each batch train like one process."""

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cordsnet.models import load_model
from cordsnet.training.launch import is_main_process, trainer_devices

HERE = Path(__file__).parent
PROGRAM = """
import sys, dataclasses, torch
torch.set_num_threads(1)
from cordsnet.training import ModelChoice, Optimisation, Recipe, TrainDynamics, Objective, fit
from tiny import TRIAL
how = Optimisation(lr=1e-2, updates=8, batch=16, accumulate=int(sys.argv[2]))
stages = tuple(
    TrainDynamics(name, start, objective=Objective(trial=TRIAL), optimisation=how)
    for name, start in (("first", ""), ("second", "first"))
)
fit(Recipe("shared", stages, ModelChoice(image_size=12, width=4)), sys.argv[1], progress=False)
"""

UNTIL = """
import sys, dataclasses, torch
torch.set_num_threads(1)
from cordsnet.tasks import create_task, task_recipe
from cordsnet.training import Criterion, fit
timing = {"fixation": 40.0, "stimulus": 100.0, "decision": 100.0}
task = create_task("random_dots", timing=timing, coherences=(1.0,))
recipe = task_recipe(task, test_trials=20, units=8)
how = dataclasses.replace(recipe.stages[0].optimisation, lr=1e-2, updates=60, batch=16, accumulate=int(sys.argv[2]))
until = Criterion("choice/accuracy", at_least=0.8, over=4)
stage = dataclasses.replace(recipe.stages[0], optimisation=how, until=until)
fit(dataclasses.replace(recipe, stages=(stage,)), sys.argv[1], progress=False)
"""


def run(folder, processes, accumulate=1, program=PROGRAM):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = [str(HERE), str(HERE.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    env |= {"CUDA_VISIBLE_DEVICES": ""}  # two processes cannot share one GPU
    started = []
    for rank in range(processes):
        if processes > 1:
            env |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
            env |= {"LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
            env |= {"GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "none"}
        command = [sys.executable, "-W", "ignore", "-c", program, str(folder), str(accumulate)]
        started.append(subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True))
    for process in started:
        errors = process.communicate(timeout=120)[1]
        assert process.returncode == 0, errors


def losses(folder):
    (log,) = folder.glob("logs_*/metrics.csv")
    with log.open() as rows:
        return torch.tensor([float(row["loss"]) for row in csv.DictReader(rows) if row["loss"]])


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    run(folder, 1)
    return folder


@pytest.mark.timeout(180)
def test_two_processes_give_the_loss_curve_and_weights_of_one(alone, tmp_path):
    run(tmp_path, 2)
    for stage in ("first", "second"):
        torch.testing.assert_close(losses(tmp_path / stage), losses(alone / stage), rtol=1e-4, atol=1e-6)
        found, wanted = load_model(tmp_path / stage).state_dict(), load_model(alone / stage).state_dict()
        for name, value in wanted.items():
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.timeout(180)
def test_two_parts_of_a_batch_give_the_weights_of_the_whole(alone, tmp_path):
    run(tmp_path, 1, accumulate=2)
    found, wanted = (load_model(folder / "second").state_dict() for folder in (tmp_path, alone))
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.timeout(180)
def test_two_processes_end_at_a_criterion_together_and_where_one_does(tmp_path):
    found = []
    for processes in (1, 2):
        run(tmp_path / str(processes), processes, program=UNTIL)
        result = json.loads((tmp_path / str(processes) / "train" / "result.json").read_text())
        found.append([result["metrics"][name] for name in ("updates", "criterion_reached")])
        assert len(losses(tmp_path / str(processes) / "train")) == found[-1][0]
    assert found[0] == found[1] == [found[0][0], 1.0]
    assert 4 < found[0][0] < 60


def test_the_trainer_uses_the_processes_of_the_launcher(monkeypatch):
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "RANK", "SLURM_NTASKS", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    one, accelerator = trainer_devices(), {"accelerator": "cuda" if torch.cuda.is_available() else "cpu"}
    assert one == accelerator | {"devices": 1}
    assert is_main_process()
    monkeypatch.setenv("SLURM_NTASKS", "8")
    assert trainer_devices() == one  # inside an allocation, but not started by srun
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv("SLURM_NNODES", "2")
    assert trainer_devices() == accelerator | {"strategy": "ddp", "devices": 4, "num_nodes": 2}
    assert not is_main_process()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert trainer_devices() == accelerator | {"strategy": "ddp", "devices": 2, "num_nodes": 1}
    assert is_main_process()

"""Ctrl-C, which every process of a terminal gets, stops a run that decodes images in workers with one sentence."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from picture_files import image_folder

HERE = Path(__file__).parent
PROGRAM = """
import dataclasses, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, also where the tests run in the background
import torch
torch.set_num_threads(1)
from cordsnet import cli
from cordsnet.data import encoded, split
from cordsnet.training import RECIPES, ModelChoice, Optimisation, Recipe, TrainCNN, loop

where, data, output = sys.argv[1:]
split.MAX_BYTES_IN_MEMORY, encoded.MIN_IMAGES_FOR_WORKERS = (0 if where == "training" else 2**30), 1
stage = TrainCNN(optimisation=Optimisation(updates=10**6, batch=4))
RECIPES.add("endless", lambda: Recipe("endless", (stage,), ModelChoice(image_size=12, width=2), data=data))
read, check = encoded.Decoder.read, loop.TrainingModule.check_loss


def decoded(self, records):
    if where == "loading":
        print("here", flush=True)
        time.sleep(0.5)
    return read(self, records)


def checked(self, loss):
    if self.global_step == 3:
        print("here", flush=True)
    return check(self, loss)


encoded.Decoder.read, loop.TrainingModule.check_loss = decoded, checked
sys.exit(cli.main(["train", "endless", "--quiet", "--output", output]))
"""


@pytest.fixture
def start(tmp_path):
    """Starts a run in a session of its own, and waits until it is under way."""
    image_folder(tmp_path / "pets", train=600, test=600)
    started = []

    def begin(where):
        env = os.environ | {"OMP_NUM_THREADS": "1", "CORDSNET_WORKERS": "2", "HF_HOME": str(tmp_path / "cache")}
        env["PYTHONPATH"] = os.pathsep.join([str(HERE), *sys.path])
        words = [sys.executable, "-W", "ignore", "-c", PROGRAM, where, str(tmp_path / "pets"), str(tmp_path / "run")]
        process = subprocess.Popen(
            words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        assert process.stdout.readline() == "here\n", process.stderr.read()
        return process

    yield begin
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def is_empty(group, seconds):
    """True if a group of processes has no member within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.timeout(200)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_of_a_run_saves_and_leaves_none(number, start, tmp_path):
    process = start("training")
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number, said
    name = signal.Signals(number).name
    found = re.fullmatch(
        rf"cordsnet: stopped by signal {name} at update (\d+), which is saved; the same command goes on from there\n",
        said,
    )
    assert found, said
    saved = [path.name for path in (tmp_path / "run" / "cnn" / "checkpoints").iterdir()]
    assert [name[:16] for name in saved] == [f"update_{int(found[1]):09d}"]
    assert is_empty(process.pid, 10)


@pytest.mark.timeout(200)
def test_ctrl_c_while_images_are_loaded_leaves_no_process_and_no_traceback(start):
    process = start("loading")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said == "cordsnet: stopped; finished stages are kept\n"
    assert is_empty(process.pid, 10)


@pytest.mark.timeout(200)
def test_workers_end_by_themselves_when_the_run_is_killed(start):
    process = start("training")
    process.kill()
    process.wait(timeout=60)
    assert is_empty(process.pid, 60)

"""Which processes a launcher has started; allocations, leftovers and lost peers."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cordsnet.cli import main
from cordsnet.errors import RunError
from cordsnet.training.launch import LAUNCHER, Processes, find_processes
from cordsnet.training.meeting import joined

HERE = Path(__file__).parent
ALLOCATION = {
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_NNODES": "1",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_JOB_ID": "7",
    "SLURM_NODELIST": "localhost",
    "SLURM_JOB_NAME": "batch",
}
TORCHRUN = {
    "WORLD_SIZE": "2",
    "RANK": "1",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
}
# environment -> a word of the note that says why the process runs alone; "" where there is nothing to say
ALONE = {
    "nothing": ({}, ""),
    "batch script": (ALLOCATION, "srun"),
    "batch script with its step": (ALLOCATION | {"SLURM_STEP_ID": "4294967291"}, "srun"),
    "salloc": ({"SLURM_NTASKS": "4", "SLURM_JOB_ID": "7"}, "srun"),
    "interactive step": (ALLOCATION | {"SLURM_STEP_ID": "4294967290", "SLURM_STEP_NUM_TASKS": "1"}, "srun"),
    "srun of one task": (ALLOCATION | {"SLURM_NTASKS": "1", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "1"}, ""),
    "no task number": ({"SLURM_NTASKS": "2"}, "srun"),
    "rank left behind": ({"RANK": "3"}, ""),
    "local rank left behind": ({"LOCAL_RANK": "1"}, ""),
    "ranks left behind": ({"RANK": "1", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "x"}, ""),
    "world of one": ({"WORLD_SIZE": "1", "RANK": "0"}, ""),
    "world of one and bad port": ({"WORLD_SIZE": "1", "MASTER_PORT": "port"}, ""),
    "mpirun of one": ({"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"}, ""),
    "PMI of one": ({"PMI_SIZE": "1", "PMI_RANK": "0"}, ""),
}
# environment -> words that the sentence must hold
REFUSED = {
    "world alone": ({"WORLD_SIZE": "2"}, ("WORLD_SIZE = 2", "RANK", "torchrun")),
    "world and rank": ({"WORLD_SIZE": "2", "RANK": "0"}, ("LOCAL_WORLD_SIZE", "torchrun")),
    "world in words": ({"WORLD_SIZE": "two"}, ("WORLD_SIZE", "'two'")),
    "world negative": ({"WORLD_SIZE": "-2"}, ("WORLD_SIZE", "'-2'")),
    "world of none": ({"WORLD_SIZE": "0"}, ("WORLD_SIZE", "at least one process")),
    **{
        f"{name} {value!r}": (TORCHRUN | {name: value}, (name, "whole number", repr(value)))
        for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT")
        for value in ("", "-1", "1.5", "two", "2 2", "nan", "9" * 11, "\N{ARABIC-INDIC DIGIT THREE}")
    },
    **{
        f"{name} {value!r}": (ALLOCATION | {"SLURM_STEP_ID": "0", name: value}, (name, "whole number", repr(value)))
        for name in (
            "SLURM_NTASKS",
            "SLURM_PROCID",
            "SLURM_LOCALID",
            "SLURM_NNODES",
            "SLURM_STEP_NUM_TASKS",
            "SLURM_STEP_NUM_NODES",
            "MASTER_PORT",
        )
        for value in ("", "-1", "1.5", "two", "2(x3)", "9" * 11)
    },
    "tasks of none": (ALLOCATION | {"SLURM_NTASKS": "0", "SLURM_STEP_ID": "0"}, ("0 of 0",)),
    "no machines": (ALLOCATION | {"SLURM_NNODES": "0", "SLURM_STEP_ID": "0"}, ("2 tasks on 0 machines",)),
    "world huge": ({"WORLD_SIZE": "9" * 400}, ("WORLD_SIZE", "whole number")),
    "rank beyond": (TORCHRUN | {"RANK": "2"}, ("2 of 2",)),
    "local rank beyond": (TORCHRUN | {"LOCAL_RANK": "5"}, ("5 of 2",)),
    "local world of none": (TORCHRUN | {"LOCAL_WORLD_SIZE": "0"}, ("of 0",)),
    "local world beyond": (TORCHRUN | {"LOCAL_WORLD_SIZE": "3"}, ("of 3",)),
    "port in words": (TORCHRUN | {"MASTER_PORT": "http"}, ("MASTER_PORT", "'http'")),
    "port beyond": (TORCHRUN | {"MASTER_PORT": "70000"}, ("MASTER_PORT", "65535")),
    "port zero": (TORCHRUN | {"MASTER_PORT": "0"}, ("MASTER_PORT", "0")),
    "mpirun": ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"}, ("MPI", "OMPI_COMM_WORLD_SIZE", "torchrun")),
    "PMI": ({"PMI_SIZE": "4", "PMI_RANK": "1"}, ("MPI", "PMI_SIZE")),
    "MVAPICH": ({"MV2_COMM_WORLD_SIZE": "4"}, ("MPI", "MV2_COMM_WORLD_SIZE")),
    "uneven machines": (
        ALLOCATION | {"SLURM_NTASKS": "3", "SLURM_STEP_ID": "0", "SLURM_NNODES": "2"},
        ("3 tasks on 2 machines",),
    ),
    "tasks in words": (ALLOCATION | {"SLURM_NTASKS": "x", "SLURM_STEP_ID": "0"}, ("SLURM_NTASKS", "'x'")),
}


@pytest.mark.parametrize("case", ALONE)
def test_a_process_that_no_launcher_started_runs_alone(case):
    env, word = ALONE[case]
    found = find_processes(env)
    assert (found.count, found.rank) == (1, 0)
    assert word in found.note
    assert bool(word) == bool(found.note)


@pytest.mark.parametrize("case", REFUSED)
def test_variables_that_contradict_one_another_are_refused(case):
    env, words = REFUSED[case]
    with pytest.raises(RunError) as caught:
        find_processes(env)
    said = str(caught.value)
    assert all(word in said for word in words), said
    assert "\n" not in said


def test_torchrun_and_srun_are_recognised():
    assert find_processes(TORCHRUN) == Processes(2, 1, 2, 1, "127.0.0.1", 29500, "torchrun")
    step = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "3"}
    step |= {"SLURM_LOCALID": "1", "SLURM_STEP_NODELIST": "gpu[07-08],other", "SLURM_JOB_ID": "123456"}
    found = find_processes(ALLOCATION | step)
    assert found == Processes(4, 3, 2, 1, "gpu07", 18456, "srun")
    assert found.machines == 2
    assert find_processes(ALLOCATION | step | {"PMI_SIZE": "4"}) == found
    assert find_processes(ALLOCATION | TORCHRUN).launcher == "torchrun"


@pytest.mark.parametrize(
    "env", [TORCHRUN, ALLOCATION | {"SLURM_STEP_ID": "0", "SLURM_NODELIST": ""}], ids=["torchrun", "srun"]
)
def test_processes_without_an_address_are_told_to_set_it(env):
    found = find_processes(env | {"MASTER_ADDR": ""})
    assert found.address is None
    with pytest.raises(RunError, match="2 processes need a place to meet; set MASTER_ADDR"), joined(found):
        pass


# options of a sweep, and of training, that are none or do not fit -> words that the sentence must hold
OPTIONS = [
    *(("sweep", name, value, name) for name in ("workers", "cpus") for value in ("0", "-1", "x", "nan", "1e9", "true")),
    *(("sweep", name, value, name) for name in ("gpus", "retries") for value in ("-1", "x", "nan", "inf")),
    *(("sweep", "retries", value, "retries") for value in ("1.5", "5000")),
    *(("sweep", "address", value, "address is empty") for value in ("", " ")),
    *(
        ("train", name, value, f"--{name}")
        for name, value in (
            ("devices", "2"),
            ("nodes", "2"),
            ("num_nodes", "0"),
            ("gpus", "1"),
            ("accelerator", "tpu"),
            ("strategy", "fsdp"),
            ("port", "70000"),
            ("cnn.devices", "2"),
            ("trainer.devices", "2"),
        )
    ),
    ("train", "cnn.optimisation.precision", "int8", "precision"),
    ("train", "cnn.optimisation.accumulate", "0", "accumulate"),
]


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(("command", "name", "value", "word"), OPTIONS, ids=lambda value: repr(value))
def test_bad_options_for_processes_are_refused_in_one_sentence(command, name, value, word, tmp_path, capsys):
    words = [command, "digits", f"--{name}", value, "--output", str(tmp_path / "run"), "--quiet"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("cordsnet: error: ")
    assert said.count("\n") == 1
    assert word in said
    assert not (tmp_path / "run").exists()


PROGRAM = """
import sys, torch
torch.set_num_threads(1)
from cordsnet import cli
from cordsnet.training import RECIPES
from tiny import tiny_recipe
RECIPES.add("tiny", lambda: tiny_recipe(int(sys.argv[2])))
sys.exit(cli.main(["train", "tiny", "--quiet", "--only", "cnn", "--output", sys.argv[1]]))
"""


def start(folder, updates=2, **env):
    clean = {name: value for name, value in os.environ.items() if not LAUNCHER.fullmatch(name)}
    env = clean | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]), **env}
    env["CUDA_VISIBLE_DEVICES"] = ""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(updates)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def torchrun(rank, port, **env):
    return TORCHRUN | {"RANK": str(rank), "LOCAL_RANK": str(rank), "MASTER_PORT": str(port)} | env


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "env",
    [ALLOCATION, {"RANK": "3"}, {"LOCAL_RANK": "1", "RANK": "1", "MASTER_PORT": "x"}],
    ids=["slurm", "rank", "local"],
)
def test_one_process_trains_alone_whatever_is_left_in_its_environment(env, tmp_path):
    process = start(tmp_path, **env)
    said = process.communicate(timeout=90)[1]
    assert process.returncode == 0, said
    assert ("srun" in said) == (env is ALLOCATION)
    assert (tmp_path / "cnn" / "logs_1" / "metrics.csv").is_file()


@pytest.mark.timeout(120)
def test_a_process_that_waits_for_its_peer_obeys_sigterm(tmp_path, port):
    process = start(tmp_path, **torchrun(0, port))
    until = time.monotonic() + 60
    while not listens(port) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.timeout(120)
def test_a_peer_that_never_comes_is_told_within_a_minute(tmp_path, port):
    began = time.monotonic()
    process = start(tmp_path, **torchrun(1, port))
    said = process.communicate(timeout=90)[1]
    assert process.returncode == 2
    assert f"process 1 of 2 did not find the others at 127.0.0.1:{port}" in said
    assert "Traceback" not in said
    assert time.monotonic() - began < 75  # of which some are for importing torch


@pytest.mark.timeout(180)
@pytest.mark.parametrize("lost", [0, 1])
def test_a_peer_that_is_killed_ends_the_run_in_one_sentence(lost, tmp_path, port):
    processes = [start(tmp_path, 100_000, **torchrun(rank, port)) for rank in (0, 1)]
    until = time.monotonic() + 90
    while not list((tmp_path / "cnn").glob("logs_1/metrics.csv")) and time.monotonic() < until:
        time.sleep(0.1)
    processes[lost].kill()
    began = time.monotonic()
    said = processes[1 - lost].communicate(timeout=60)[1]
    processes[lost].communicate()
    assert time.monotonic() - began < 60
    assert processes[1 - lost].returncode == 2, said
    assert "another process of this run was lost" in said
    assert "Traceback" not in said


def test_an_address_that_is_none_is_refused(tmp_path, port):
    process = start(tmp_path, **torchrun(1, port, MASTER_ADDR="no host.invalid"))
    said = process.communicate(timeout=90)[1]
    assert process.returncode == 2
    assert "MASTER_ADDR = 'no host.invalid' is no address" in said

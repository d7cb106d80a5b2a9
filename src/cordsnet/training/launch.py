"""Processes of a distributed run: how many a launcher has started, and which of them this one is."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from cordsnet.errors import RunError

STEPS_OF_SLURM = 0xFFFFFFF0
"""From here on numbers of steps of Slurm stand for the batch script and for interactive shells, not for `srun`."""

MPI = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
"""Variables in which MPI launchers say how many processes they have started."""

LAUNCHER = re.compile(
    r"(RANK|WORLD_SIZE|LOCAL_RANK|LOCAL_WORLD_SIZE|GROUP_RANK|NODE_RANK|MASTER_ADDR|MASTER_PORT|ROLE_\w+|TORCHELASTIC_\w+"
    r"|SLURM_(PROCID|LOCALID|NODEID|NTASKS|NPROCS|STEP_\w+|STEPID)|OMPI_\w+|PMI_\w+|PMIX_\w+|MV2_COMM_\w+)"
)
"""Variables of launchers, which may have started a program that starts workers of its own."""


@dataclass(frozen=True)
class Processes:
    """The processes of a run.

    Attributes
    ----------
    count, rank : number of processes, and number of this one, from 0.
    per_machine, local_rank : number of processes on this machine, and number of this one among them.
    address, port : address at which the process of rank 0 waits for the others; None asks for none in particular.
    launcher : program that started them, "torchrun" or "srun"; "" for a process that runs alone.
    note : reason why a process runs alone in spite of a launcher's settings; "" when there is nothing to say.
    """

    count: int = 1
    rank: int = 0
    per_machine: int = 1
    local_rank: int = 0
    address: str | None = None
    port: int | None = None
    launcher: str = ""
    note: str = ""

    @property
    def machines(self) -> int:
        """Number of machines."""
        return self.count // self.per_machine


def find_processes(env: Mapping[str, str] | None = None) -> Processes:
    """Find out from the environment which processes a launcher has started.

    `torchrun` is known by WORLD_SIZE, RANK and LOCAL_WORLD_SIZE together, `srun` by SLURM_STEP_ID. A process inside
    an allocation of Slurm that `srun` did not start runs alone, and what a launcher has left behind does not count.

    Raises
    ------
    RunError : variables contradict one another or are no numbers, or MPI has started several processes.
    """
    env = os.environ if env is None else env
    if "WORLD_SIZE" in env and _number(env, "WORLD_SIZE") == 0:
        raise RunError("WORLD_SIZE is 0, and a run has at least one process; unset it to train in one process")
    if "WORLD_SIZE" in env and _number(env, "WORLD_SIZE") > 1:
        return _of_torchrun(env)
    if _started_by_srun(env):
        return _of_srun(env)
    for name in MPI:
        if name in env and _number(env, name) > 1 and "WORLD_SIZE" not in env:
            raise RunError(
                f"MPI has started {env[name]} processes ({name}), which would all train the same; start them with "
                f"torchrun or srun, or unset {name} to train in one process"
            )
    tasks = env.get("SLURM_NTASKS", "1")
    if tasks != "1":
        return Processes(
            note=f"SLURM_NTASKS is {tasks}, but this process was not started by srun, so it trains alone; "
            "put srun before the command to train in all of them"
        )
    return Processes()


def trainer_devices() -> dict[str, Any]:
    """Arguments of Lightning's trainer for the processes that torchrun or Slurm started, or for one process alone."""
    processes, accelerator = find_processes(), "cuda" if torch.cuda.is_available() else "cpu"
    if processes.count == 1:
        return {"accelerator": accelerator, "devices": 1}
    return {
        "accelerator": accelerator,
        "strategy": "ddp",
        "devices": processes.per_machine,
        "num_nodes": processes.machines,
    }


def is_single_process() -> bool:
    """True if the run has a single process."""
    return find_processes().count == 1


def is_main_process() -> bool:
    """True if this is the process that writes files (rank 0)."""
    return find_processes().rank == 0


def _of_torchrun(env: Mapping[str, str]) -> Processes:
    count = _number(env, "WORLD_SIZE")
    if missing := [name for name in ("RANK", "LOCAL_WORLD_SIZE") if name not in env]:
        raise RunError(
            f"WORLD_SIZE = {count} but {' and '.join(missing)} is not set; start the processes with torchrun, or unset "
            "WORLD_SIZE to train in one process"
        )
    rank, here = _number(env, "RANK"), _number(env, "LOCAL_WORLD_SIZE")
    local = _number(env, "LOCAL_RANK") if "LOCAL_RANK" in env else rank % max(here, 1)
    return _checked(Processes(count, rank, here, local, env.get("MASTER_ADDR") or None, _port(env), "torchrun"))


def _of_srun(env: Mapping[str, str]) -> Processes:
    count = _number(env, "SLURM_STEP_NUM_TASKS" if "SLURM_STEP_NUM_TASKS" in env else "SLURM_NTASKS")
    if count == 1:
        return Processes()
    nodes = "SLURM_STEP_NUM_NODES" if "SLURM_STEP_NUM_NODES" in env else "SLURM_NNODES"
    machines = _number(env, nodes) if nodes in env else 1
    rank = _number(env, "SLURM_PROCID")
    if machines < 1 or count % machines:
        raise RunError(f"Slurm has started {count} tasks on {machines} machines; start as many on each")
    here = count // machines
    local = _number(env, "SLURM_LOCALID") if "SLURM_LOCALID" in env else rank % here
    listed = env.get("SLURM_STEP_NODELIST", env.get("SLURM_NODELIST", "127.0.0.1"))
    job = re.sub(r"\D", "", env.get("SLURM_JOB_ID", "")) or "0"
    port = _port(env) or 15000 + int(job[-4:])  # the same for all processes of a job
    address = env.get("MASTER_ADDR") or _first_host(listed) or None
    return _checked(Processes(count, rank, here, local, address, port, "srun"))


def _started_by_srun(env: Mapping[str, str]) -> bool:
    """True if `srun` has started this process. A batch script is task 0 of the allocation and no step of its own."""
    if "SLURM_PROCID" not in env or "SLURM_NTASKS" not in env:
        return False
    step = env.get("SLURM_STEP_ID", env.get("SLURM_STEPID"))
    if step is None:
        return _number(env, "SLURM_PROCID") > 0
    return step.isdigit() and int(step) < STEPS_OF_SLURM


def _first_host(nodes: str) -> str:
    """First host of a list as Slurm writes it: "node[05-07,09],other" is "node05"."""
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", nodes).split(",")[0].strip()


def _checked(processes: Processes) -> Processes:
    """Raise RunError for numbers that cannot be."""
    count, rank, here, local = processes.count, processes.rank, processes.per_machine, processes.local_rank
    if not (0 <= rank < count and 0 <= local < here <= count) or count % here:
        raise RunError(
            f"{processes.launcher} has set numbers that do not fit: process {rank} of {count}, {local} of {here} on "
            "this machine; start the processes again, or unset WORLD_SIZE and RANK to train in one process"
        )
    return processes


def _port(env: Mapping[str, str]) -> int | None:
    if "MASTER_PORT" not in env:
        return None
    port = _number(env, "MASTER_PORT")
    if not 0 < port < 2**16:
        raise RunError(f"MASTER_PORT must be from 1 to {2**16 - 1}, got {port}")
    return port


def _number(env: Mapping[str, str], name: str) -> int:
    if not re.fullmatch(r"\d{1,9}", env[name].strip(), re.ASCII):
        raise RunError(
            f"environment variable {name} must be a whole number, got {env[name][:100]!r}; correct or unset it"
        )
    return int(env[name])

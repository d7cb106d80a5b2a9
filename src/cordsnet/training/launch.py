"""Processes of a distributed run: how many a launcher has started, and which of them this one is."""

import os
import time
from collections.abc import Callable
from typing import Any

import torch


def trainer_devices() -> dict[str, Any]:
    """Arguments of Lightning's trainer for the processes that torchrun or Slurm started, or for one process alone."""
    (processes, per_machine), accelerator = _processes(), "cuda" if torch.cuda.is_available() else "cpu"
    if processes == 1:
        return {"accelerator": accelerator, "devices": 1}
    return {
        "accelerator": accelerator,
        "strategy": "ddp",
        "devices": per_machine,
        "num_nodes": processes // per_machine,
    }


def is_single_process() -> bool:
    """True if the run has a single process."""
    return _processes()[0] == 1


def is_main_process() -> bool:
    """True if this is the process that writes files (rank 0)."""
    return int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0


def wait_until(done: Callable[[], bool]) -> None:
    """Wait until `done` returns True. The main process brings that about, in the folder that all processes share."""
    while not done():
        time.sleep(0.1)


def _processes() -> tuple[int, int]:
    """Number of processes in total, and on this machine."""
    env = os.environ
    if "WORLD_SIZE" in env and "LOCAL_WORLD_SIZE" in env:
        return int(env["WORLD_SIZE"]), int(env["LOCAL_WORLD_SIZE"])
    if "SLURM_NTASKS" in env and "SLURM_PROCID" in env:
        return int(env["SLURM_NTASKS"]), int(env["SLURM_NTASKS"]) // int(env.get("SLURM_NNODES", "1"))
    return 1, 1

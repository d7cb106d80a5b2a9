"""How many processes a launcher has started, and which of them this one is."""

import os
import time
from collections.abc import Callable
from typing import Any

import torch


def launched() -> dict[str, Any]:
    """Arguments for the trainer: as torchrun or Slurm started this process, else one process on one device."""
    (processes, local), accelerator = _processes(), "cuda" if torch.cuda.is_available() else "cpu"
    if processes == 1:
        return {"accelerator": accelerator, "devices": 1}
    return {"accelerator": accelerator, "strategy": "ddp", "devices": local, "num_nodes": processes // local}


def is_alone() -> bool:
    """Whether there is one process alone."""
    return _processes()[0] == 1


def is_first() -> bool:
    """Whether this process is the one that writes files."""
    return int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0


def wait_until(done: Callable[[], bool]) -> None:
    """Return once something is so that the first process brings about, in the folder that all processes share."""
    while not done():
        time.sleep(0.1)


def _processes() -> tuple[int, int]:
    """Processes in all, and on this machine."""
    env = os.environ
    if "WORLD_SIZE" in env and "LOCAL_WORLD_SIZE" in env:
        return int(env["WORLD_SIZE"]), int(env["LOCAL_WORLD_SIZE"])
    if "SLURM_NTASKS" in env and "SLURM_PROCID" in env:
        return int(env["SLURM_NTASKS"]), int(env["SLURM_NTASKS"]) // int(env.get("SLURM_NNODES", "1"))
    return 1, 1

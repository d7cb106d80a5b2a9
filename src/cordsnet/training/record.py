"""The record of a run: with what, on what, from what and when it was made."""

import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from cordsnet._files import write_whole
from cordsnet._version import __version__
from cordsnet.data import VisionData
from cordsnet.errors import RunError

RECORD = "record.json"
PACKAGES = ("torch", "numpy", "lightning", "kornia", "datasets")
ENVIRONMENT = re.compile(r"(OMP_NUM_THREADS|MKL_NUM_THREADS|WORLD_SIZE|CUDA_VISIBLE_DEVICES|CORDSNET_\w+|SLURM_\w+)")
SECRET = re.compile(r"JWT|TOKEN|KEY|SECRET|PASS|CREDENTIAL")
"""Variables of these names are kept out of the record, whatever they begin with."""


def add_attempt(folder: Path, recipe: str, seed: int, data: dict[str, Any]) -> None:
    """Append to `folder/record.json` what this process is and what it was given; the file is there whole or not at all.

    Raises RunError when the record that is there cannot be read.
    """
    attempts = read_attempts(folder)
    attempts.append({"recipe": recipe, "seed": seed, "data": data} | describe_process())
    write_whole(folder / RECORD, json.dumps({"attempts": attempts}, indent=1).encode())


def read_attempts(folder: Path) -> list[dict[str, Any]]:
    """What every attempt at a run wrote down, first to last; none where nothing is recorded.

    Raises RunError when the record is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        return []
    try:
        return [dict(attempt) for attempt in json.loads(path.read_text())["attempts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error!r}); move it away, and a new record is begun") from error


def describe_data(data: VisionData) -> dict[str, Any]:
    """Which images, which classes, and how pixels in 0-1 were normalised."""
    return {
        "name": data.name,
        "source": data.source,
        "fingerprint": data.fingerprint,
        "train_images": len(data.train),
        "test_images": len(data.test),
        "classes": list(data.classes),
        "mean": list(data.mean),
        "std": list(data.std),
    }


def describe_process() -> dict[str, Any]:
    """Versions, commit, command, time, machine and the part of the environment that matters."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "versions": versions(),
        "commit": commit(),
        "machine": machine(),
        "torch_threads": torch.get_num_threads(),
        "environment": environment(),
    }


def versions() -> dict[str, str | None]:
    """Of this package, Python, CUDA and what it leans on; None for what is not installed."""
    found: dict[str, str | None] = {"cordsnet": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found | {"cuda": torch.version.cuda}


def machine() -> dict[str, Any]:
    """Processor, cores, memory in bytes (None where the system does not tell), GPU and system."""
    pages = "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {})
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if pages else None,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.system(),
    }


def processor() -> str:
    """Its name as the system tells it, else its architecture."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def environment() -> dict[str, str]:
    """Variables that bear on a run. Nothing else of the environment is kept, and nothing that looks like a secret."""
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if ENVIRONMENT.fullmatch(name) and not SECRET.search(name.upper())
    }


def commit() -> dict[str, Any] | None:
    """Commit of the checkout that the package runs from, and whether its files differ from it; None outside one."""
    own = _git("ls-files", "--error-unmatch", Path(__file__).name)  # else some repository around an installed package
    head = _git("rev-parse", "HEAD")
    if own is None or head is None:
        return None
    return {"hash": head, "dirty": bool(_git("status", "--porcelain", "--", str(Path(__file__).parents[1])))}


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True)  # noqa: S603, S607
    except OSError:  # no git on this machine
        return None
    return done.stdout.strip() if done.returncode == 0 else None

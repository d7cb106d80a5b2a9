"""The run record, `record.json`: software, machine, data, settings and time of every attempt at a run."""

import json
import os
import platform
import re
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from cordsnet._files import read_json, write_whole
from cordsnet._version import __version__
from cordsnet.data import Unreadable, VisionData
from cordsnet.errors import RunError
from cordsnet.training.result import is_sealed, sealed

RECORD = "record.json"
NAMED = 10
"""Number of classes that are named in a note."""

PACKAGES = ("torch", "numpy", "lightning", "kornia", "datasets")
ENVIRONMENT = re.compile(r"(OMP_NUM_THREADS|MKL_NUM_THREADS|WORLD_SIZE|CUDA_VISIBLE_DEVICES|CORDSNET_\w+|SLURM_\w+)")
"""Names of environment variables that are recorded."""

SECRET = re.compile(r"JWT|TOKEN|KEY|SECRET|PASS|CREDENTIAL")
"""Environment variables whose name contains one of these words are never recorded."""


def add_attempt(folder: Path, recipe: str, seed: int, data: dict[str, Any], notes: Sequence[str] = ()) -> None:
    """Append this process, its settings and a description of its data to `folder/record.json`, atomically.

    A record that is damaged is moved aside, and one that was changed since it was written is kept; either is told in
    a warning and in the notes of this attempt.

    Parameters
    ----------
    folder : folder of the run.
    recipe, seed : what is run.
    data : description of the data.
    notes : sentences on what was chosen or assumed.
    """
    path, said = folder / RECORD, list(notes)
    try:
        earlier, problem = read_attempts(folder), ""
        if not is_unchanged(folder):
            problem = f"{path} was changed since it was written; its earlier attempts may not be true"
    except RunError as error:
        aside = path.with_name(f"record_damaged_{len(list(folder.glob('record_damaged_*'))) + 1}.json")
        os.replace(path, aside)
        earlier, problem = [], f"{error}; it is kept as {aside.name}, and a new record begins"
    if problem:
        warnings.warn(problem, stacklevel=2)
        said.append(problem)
    attempt = {"recipe": recipe, "seed": seed, "data": data} | describe_process()
    content = sealed({"attempts": [*earlier, attempt | ({"notes": said} if said else {})]})
    write_whole(path, json.dumps(content, indent=1).encode())


def read_attempts(folder: Path) -> list[dict[str, Any]]:
    """Read all attempts at a run, first to last; empty when there is no record.

    Raises RunError when the record is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        return []
    content = read_json(path)
    attempts = content.get("attempts") if isinstance(content, dict) else None
    if not isinstance(attempts, list) or not all(isinstance(attempt, dict) for attempt in attempts):
        raise RunError(f"{path} is damaged (no list of attempts); move it away to start a new record")
    return attempts


def is_unchanged(folder: Path) -> bool:
    """False if the record was changed since it was written."""
    path = folder / RECORD
    return not path.is_file() or is_sealed(read_json(path))


def data_notes(folder: str | Path) -> list[str]:
    """Return what the last attempt at a run assumed about its data, and which images it left out; with their number."""
    attempts = read_attempts(Path(folder))
    data = attempts[-1]["data"] if attempts else {}
    notes = []
    if {"train_images", "test_images", "classes"} <= set(data) and data.get("notes"):
        names = [str(name) for name in data["classes"]]
        listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        images = f"{data['train_images']:,} images for training and {data['test_images']:,} for testing"
        notes.append(f"{images}, {len(names)} classes: {listed}")
    left_out = [f"{one['file']} cannot be read ({one['reason']})" for one in data.get("unreadable", [])]
    return [*notes, *data.get("notes", []), *left_out]


def network_note(folder: str | Path) -> str:
    """The network that a run trains, with the sizes that followed from its data, as its `recipe.json` has them."""
    recipe = json.loads((Path(folder) / "recipe.json").read_text())
    model = recipe["model"]
    sizes = {name: model.get(name) for name in ("in_channels", "image_size", "num_classes")} | model.get("options", {})
    said = [f"{name.replace('_', ' ')} {value}" for name, value in sizes.items() if value is not None]
    return f"the network is {model['name']}; {', '.join(said)}" if said else f"the network is {model['name']}"


def describe_data(data: VisionData, unreadable: Sequence[Unreadable] = ()) -> dict[str, Any]:
    """Describe a data set: name, source, fingerprint, identity, sizes, classes, normalisation, and what was assumed.

    `unreadable` are images that were noticed after the data set was loaded.
    """
    left_out = {one.file: one for one in (*data.unreadable, *unreadable)}
    return {
        "name": data.name,
        "source": data.source,
        "fingerprint": data.fingerprint,
        "identity": data.identity,
        "train_images": len(data.train),
        "test_images": len(data.test),
        "classes": list(data.classes),
        "mean": list(data.mean),
        "std": list(data.std),
        "notes": list(data.notes),
        "unreadable": [asdict(one) for one in left_out.values()],
        "image_size": list(data.train.shape[1:]),
    }


def add_unreadable(folder: Path, data: dict[str, Any]) -> None:
    """Replace the description of the data of the last attempt, after images were found to be unreadable.

    Raises RunError when the record is damaged.
    """
    attempts = read_attempts(folder)
    if attempts and data.get("unreadable", []) != attempts[-1]["data"].get("unreadable", []):
        attempts[-1]["data"] = data
        write_whole(folder / RECORD, json.dumps(sealed({"attempts": attempts}), indent=1).encode())


def add_spent(folder: Path, stage: str, spent: dict[str, Any]) -> None:
    """Write down in the last attempt what a stage with a budget came to.

    Raises RunError when the record is damaged.
    """
    attempts = read_attempts(folder)
    if attempts:
        attempts[-1].setdefault("budgets", {})[stage] = spent
        write_whole(folder / RECORD, json.dumps(sealed({"attempts": attempts}), indent=1).encode())


def describe_process() -> dict[str, Any]:
    """Describe this process: time, command, versions, commit, machine, threads and relevant environment variables."""
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
    """Versions of this package, Python, CUDA and the main dependencies; None for packages that are not installed."""
    found: dict[str, str | None] = {"cordsnet": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found | {"cuda": torch.version.cuda}


def machine() -> dict[str, Any]:
    """Describe the machine: processor, cores, memory in bytes (None if unknown), GPU and operating system."""
    pages = "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {})
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if pages else None,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.system(),
    }


def processor() -> str:
    """Name of the processor, or its architecture when the system does not give a name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def environment() -> dict[str, str]:
    """Environment variables that can affect a run, without any whose name suggests a secret."""
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if ENVIRONMENT.fullmatch(name) and not SECRET.search(name.upper())
    }


def commit() -> dict[str, Any] | None:
    """Commit of the checkout that the package runs from, and whether files were changed; None without a checkout."""
    # None when this file is not tracked: an installed package may lie inside an unrelated repository
    own = _git("ls-files", "--error-unmatch", Path(__file__).name)
    head = _git("rev-parse", "HEAD")
    if own is None or head is None:
        return None
    return {"hash": head, "dirty": bool(_git("status", "--porcelain", "--", str(Path(__file__).parents[1])))}


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True)  # noqa: S603, S607
    except OSError:  # git is not installed
        return None
    return done.stdout.strip() if done.returncode == 0 else None

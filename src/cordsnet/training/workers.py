"""Calls spread over processes by Ray: on this machine's cores, or on a cluster."""

import importlib
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from cordsnet._checks import check_positive
from cordsnet.errors import InterruptionError, RunError
from cordsnet.training.safekeeping import SIGNALS

STORE = 128 * 2**20
"""Bytes of shared memory for arguments and results, which are small."""

LOOPBACK = "127.0.0.1"

LOOK_SECONDS = 1.0
"""How often to look whether a signal has come: Ray waits through signals."""

LAUNCHERS = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS")
"""What a launcher that started the cluster leaves in the environment; a worker trains alone all the same."""


@dataclass(frozen=True)
class Workers:
    """Where calls are made.

    Attributes
    ----------
    count : how many at once on this machine; a cluster takes as many as it has room for.
    cpus, gpus : what each takes; fractions let several share one.
    address : of a Ray cluster, such as "auto"; None is this machine.
    retries : how often a call is made again after its process was killed or asked to stop.
    """

    count: int = 1
    cpus: float = 1.0
    gpus: float = 0.0
    address: str | None = None
    retries: int = 2

    def __post_init__(self) -> None:
        check_positive(self.count, "workers")
        check_positive(self.cpus, "cpus")
        if not self.gpus >= 0 or self.retries < 0:
            raise ValueError(f"gpus and retries must be at least 0, got {self.gpus:g} and {self.retries}")

    @property
    def is_here(self) -> bool:
        """Whether this process is all that is needed."""
        return self.count == 1 and self.address is None


@dataclass(frozen=True)
class Lost:
    """In place of the result of a call whose process was lost more often than it may be made again."""

    reason: str


def room_here(cpus: float) -> int:
    """How many workers this machine has cores for, at least one."""
    check_positive(cpus, "cpus")
    return max(1, int((os.cpu_count() or 1) // cpus))


def call_on_workers(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], workers: Workers
) -> Iterator[tuple[int, Any]]:
    """Call a top-level function with each of several arguments; yield position and result as they come in.

    A call whose process was lost too often ends as a `Lost`; an error of its own ends all calls and is raised.

    Raises RunError without Ray, or where Ray does not find what a worker takes; InterruptionError when a signal asks
    this process to stop.
    """
    with _ray(workers) as ray, _listening() as asked:
        remote = ray.remote(
            num_cpus=workers.cpus,
            num_gpus=workers.gpus,
            max_retries=workers.retries,
            retry_exceptions=[InterruptionError],
            runtime_env={"env_vars": {"PYTHONPATH": _search_path()}},
        )(_alone)
        waiting = {remote.remote(function, call, workers): k for k, call in enumerate(calls)}
        try:
            while waiting:
                for done in ray.wait(list(waiting), num_returns=1, timeout=LOOK_SECONDS)[0]:
                    yield waiting.pop(done), _result(ray, done)
                for number in asked:
                    name = signal.Signals(number).name
                    raise InterruptionError(f"stopped by signal {name}; checkpoints are kept", number)
        finally:
            for left in waiting:
                ray.cancel(left)


def _result(ray: Any, done: Any) -> Any:
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InterruptionError):
            return Lost(str(error.cause))
        raise error.cause from error
    except ray.exceptions.RayError as error:
        return Lost(type(error).__name__)


def _alone(function: Callable[..., Any], call: tuple[Any, ...], workers: Workers) -> Any:
    """The call, with the share of the machine that its worker takes."""
    for name in LAUNCHERS:
        os.environ.pop(name, None)
    if not workers.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(max(1, int(workers.cpus)))
    return function(*call)


@contextmanager
def _ray(workers: Workers) -> Iterator[Any]:
    """Ray: that of this process if it has one, else started, quietly, and stopped at the end."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is to be sent anywhere
    if workers.address is None:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # listen at 127.0.0.1 alone; read on import
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise RunError("several workers, or a cluster, need Ray: pip install 'cordsnet[sweep]'") from error
    ours = not ray.is_initialized()
    if ours:
        where = {"address": workers.address} if workers.address else _on_this_machine(workers)
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
    try:
        if ours and workers.address is None and ray.util.get_node_ip_address() != LOOPBACK:
            raise RunError("Ray was imported before and would be open to the network; sweep first, or call ray.init")
        found = ray.cluster_resources()
        for kind, needed in {"CPU": workers.cpus, "GPU": workers.gpus}.items():
            if needed > found.get(kind, 0.0):
                raise RunError(
                    f"a worker takes {needed:g} {kind}, but Ray finds {found.get(kind, 0.0):g}; ask for less"
                )
        yield ray
    finally:
        if ours:
            ray.shutdown()


@contextmanager
def _listening() -> Iterator[list[int]]:
    """Signals that have asked to stop meanwhile; Ray on its own would abort the process."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # where signals cannot be listened to
        yield asked
        return

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _search_path() -> str:
    """Where this process finds modules besides those that are installed, so that workers find them as well."""
    installed = (sys.prefix, sys.base_prefix)
    return os.pathsep.join(path for path in map(os.path.abspath, sys.path) if not path.startswith(installed))


def _on_this_machine(workers: Workers) -> dict[str, Any]:
    """Arguments that start Ray so that nobody outside can reach it."""
    return {
        "address": "local",
        "_node_ip_address": LOOPBACK,
        "include_dashboard": False,
        "num_cpus": math.ceil(workers.count * workers.cpus),
        "object_store_memory": STORE,
    }

"""Function calls in parallel processes of Ray, on the cores of this machine or on a cluster."""

import importlib
import logging
import math
import os
import re
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from cordsnet._checks import check_count, check_positive, is_number, is_whole
from cordsnet._processes import check_temporary_folder
from cordsnet.errors import InterruptionError, RunError
from cordsnet.training.checkpoints import SIGNALS
from cordsnet.training.launch import LAUNCHER

OBJECT_STORE_BYTES = 128 * 2**20
"""Shared memory of Ray for arguments and results, which are small."""

LOOPBACK = "127.0.0.1"

SIGNAL_POLL_SECONDS = 1.0
"""Interval between checks for signals, which do not interrupt `ray.wait`."""

MOST_WORKERS, MOST_RETRIES = 10_000, 1000
"""Largest numbers of workers on a machine, and of attempts at a call."""

OLDEST_RAY = (2, 52, 1)
"""First version of Ray with authentication that cannot be passed by."""

RAY_SOCKET = "ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"
"""Path of a socket of Ray below the folder of temporary files, as an example of its length."""


@dataclass(frozen=True)
class Workers:
    """Processes that calls run in, and the resources of each.

    Attributes
    ----------
    count : number of workers on this machine; a cluster runs as many as fit.
    cpus, gpus : CPU cores and GPUs of each worker; fractions let several workers share one.
    address : address of a Ray cluster, such as "auto"; None is this machine.
    retries : number of times that a call is repeated after its worker was killed or asked to stop.
    """

    count: int = 1
    cpus: float = 1.0
    gpus: float = 0.0
    address: str | None = None
    retries: int = 2

    def __post_init__(self) -> None:
        check_count(self.count, "workers", most=MOST_WORKERS)
        check_positive(self.cpus, "cpus")
        if not (is_number(self.gpus) and 0 <= self.gpus < math.inf):
            raise ValueError(f"gpus must be a finite number of 0 or more, got {self.gpus!r}")
        if not (is_whole(self.retries) and 0 <= self.retries <= MOST_RETRIES):
            raise ValueError(f"retries must be a whole number from 0 to {MOST_RETRIES:,}, got {self.retries!r}")
        if self.address is not None and not self.address.strip():
            raise ValueError('address is empty; give that of a Ray cluster, such as "auto", or leave it out')
        if self.is_this_process and self.cpus > (os.cpu_count() or 1):
            raise ValueError(
                f"a worker needs {self.cpus:g} CPU, but this machine has {os.cpu_count() or 1}; ask for less (cpus)"
            )

    @property
    def is_this_process(self) -> bool:
        """True if calls run in this process, without Ray."""
        return self.count == 1 and self.address is None


@dataclass(frozen=True)
class LostCall:
    """Stands for the result of a call whose worker was lost more often than `Workers.retries`.

    Attributes
    ----------
    reason : reason why the worker was lost the last time.
    """

    reason: str


def max_workers(cpus: float) -> int:
    """Number of workers of `cpus` cores each that this machine has cores for, at least 1."""
    check_positive(cpus, "cpus")
    return max(1, int((os.cpu_count() or 1) // cpus))


def call_on_workers(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], workers: Workers
) -> Iterator[tuple[int, Any]]:
    """Call a function with several sets of arguments in parallel.

    Parameters
    ----------
    function : a top-level function, so that it can be pickled.
    calls : arguments of each call.
    workers : processes to use.

    Yields
    ------
    Position in `calls` and result of each call, in the order in which they finish. The result is a `LostCall` when the
    worker was lost too often. An error raised by a call ends all calls and is raised here.

    Raises
    ------
    RunError : Ray is not installed, or does not have the resources that a worker needs.
    InterruptionError : a signal asks this process to stop.
    """
    with _ray(workers) as ray, _received_signals() as received:
        remote = ray.remote(
            num_cpus=workers.cpus,
            num_gpus=workers.gpus,
            max_retries=workers.retries,
            retry_exceptions=[InterruptionError],
            runtime_env={"env_vars": {"PYTHONPATH": _search_path()}},
        )(_call)
        waiting = {remote.remote(function, call, workers): k for k, call in enumerate(calls)}
        try:
            while waiting:
                for done in ray.wait(list(waiting), num_returns=1, timeout=SIGNAL_POLL_SECONDS)[0]:
                    yield waiting.pop(done), _result(ray, done)
                for number in received:
                    name = signal.Signals(number).name
                    raise InterruptionError(f"stopped by signal {name}; checkpoints are kept", number)
        finally:
            for unfinished in waiting:
                ray.cancel(unfinished)


def _result(ray: Any, done: Any) -> Any:
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InterruptionError):
            return LostCall(str(error.cause))
        raise error.cause from error
    except ray.exceptions.RayError as error:
        return LostCall(type(error).__name__)


def _call(function: Callable[..., Any], call: tuple[Any, ...], workers: Workers) -> Any:
    """Make one call in a worker, with no more threads and GPUs than the worker has."""
    for name in filter(
        LAUNCHER.fullmatch, list(os.environ)
    ):  # a launcher may have started the cluster; a worker is alone
        del os.environ[name]
    if not workers.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(max(1, int(workers.cpus)))
    return function(*call)


@contextmanager
def _ray(workers: Workers) -> Iterator[Any]:
    """Provide Ray. If this process has not initialised it, start it without log output and shut it down at the end."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # send no usage statistics
    if workers.address is None:
        check_temporary_folder(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp", RAY_SOCKET)  # noqa: S108
        os.environ.setdefault(
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0"
        )  # listen on 127.0.0.1 only; Ray reads this on import
        if not any(name.startswith("RAY_AUTH_") for name in os.environ):  # Ray reads these on import too
            os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise RunError("running several workers or a cluster needs Ray: pip install 'cordsnet[sweep]'") from error
    _check_version(ray.__version__)
    started_here = not ray.is_initialized()
    if started_here:
        options = {"address": workers.address} if workers.address else _local_options(workers)
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    try:
        if started_here and workers.address is None and ray.util.get_node_ip_address() != LOOPBACK:
            raise RunError(
                "Ray was imported before and would be open to the network; start the sweep before importing Ray, "
                "or call ray.init"
            )
        available = ray.cluster_resources()
        for kind, needed in {"CPU": workers.cpus, "GPU": workers.gpus}.items():
            if needed > available.get(kind, 0.0):
                raise RunError(
                    f"a worker needs {needed:g} {kind}, but Ray finds {available.get(kind, 0.0):g}; ask for less"
                )
        yield ray
    finally:
        if started_here:
            ray.shutdown()


@contextmanager
def _received_signals() -> Iterator[list[int]]:
    """Collect the signals that ask to stop, which would otherwise make Ray abort the process."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # Python handles signals in the main thread only
        yield received
        return

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _search_path() -> str:
    """Folders in which this process finds modules that are not installed, so that workers find them too."""
    installed = (sys.prefix, sys.base_prefix)
    return os.pathsep.join(path for path in map(os.path.abspath, sys.path) if not path.startswith(installed))


def _check_version(version: str) -> None:
    """Raise RunError for a version of Ray that lets everybody on the network in."""
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if found < OLDEST_RAY:
        oldest = ".".join(map(str, OLDEST_RAY))
        raise RunError(f"Ray {version} has no authentication that holds; pip install 'ray>={oldest}'")


def _local_options(workers: Workers) -> dict[str, Any]:
    """Arguments of `ray.init` for this machine alone, not reachable from the network."""
    return {
        "address": "local",
        "_node_ip_address": LOOPBACK,
        "include_dashboard": False,
        "dashboard_host": LOOPBACK,
        "num_cpus": math.ceil(workers.count * workers.cpus),
        "object_store_memory": OBJECT_STORE_BYTES,
    }

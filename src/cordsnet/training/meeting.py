"""Processes of a distributed run that meet, wait for one another, and notice when one is lost."""

import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import distributed
from torch.distributed.rendezvous import rendezvous

from cordsnet.errors import RunError
from cordsnet.training.launch import Processes

JOIN_SECONDS = 30.0
"""Longest time in which all processes of a run must have found one another."""

PEER_SECONDS = 30 * 60.0
"""Longest time that a process waits for the gradients of another one that is still connected."""

LOOK_SECONDS = 1.0
"""Interval at which a waiting process checks that the main process is still there."""

_store: Any = None
"""Store in which the processes of the run have met; None while there is one process alone."""


@contextmanager
def joined(processes: Processes) -> Iterator[None]:
    """Connect the processes of a run within the context. One process alone has nothing to do.

    Raises
    ------
    RunError : the others do not come within `JOIN_SECONDS`, or the place where they meet cannot be used.
    """
    global _store
    if processes.note:
        warnings.warn(processes.note, stacklevel=4)
    if processes.count == 1 or distributed.is_initialized():
        yield
        return
    _store = _meet(processes)
    try:
        yield
        _part()
    finally:
        _store = None
        distributed.destroy_process_group()


def wait_until(done: Callable[[], bool]) -> None:
    """Wait until `done` returns True. The main process brings that about, in the folder that all processes share.

    Raises RunError when the main process is lost.
    """
    looked = time.monotonic()
    while not done():
        time.sleep(0.1)
        if _store is not None and time.monotonic() - looked > LOOK_SECONDS:
            try:
                _store.check(["met"])  # the store lives in the main process, and the connection ends with it
            except RuntimeError as error:
                if done():
                    return
                raise RunError(lost_peer(error)) from error
            looked = time.monotonic()


def is_lost_peer(error: BaseException) -> bool:
    """True if an error says that another process of the run is gone or does not answer."""
    said = str(error).lower()
    return isinstance(error, torch.distributed.DistError) or any(
        word in said for word in ("by peer", "gloo", "nccl", "broken pipe", "socket", "connection")
    )


def lost_peer(error: BaseException) -> str:
    """One sentence that says that another process of the run was lost, and what to do."""
    return (
        f"another process of this run was lost ({_reason(error)}); start all of them again, and the run goes on from "
        "its last checkpoint"
    )


def _meet(processes: Processes) -> Any:
    """Wait for all processes before signals are handled, so that SIGTERM ends one that waits."""
    host, port = processes.address, processes.port
    if host is None or port is None:
        raise RunError(
            f"{processes.count} processes need a place to meet; set MASTER_ADDR and MASTER_PORT, or use torchrun"
        )
    try:
        socket.getaddrinfo(host, port)
    except (OSError, UnicodeError) as error:
        raise RunError(f"MASTER_ADDR = {host!r} is no address ({_reason(error)}); set it to rank 0's host") from error
    until = time.monotonic() + JOIN_SECONDS
    where = f"[{host}]" if ":" in host else host
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(processes.local_rank)
    try:
        if processes.rank:
            _wait_for_main(host, port, until)
        left = timedelta(seconds=max(5.0, until - time.monotonic()))
        meeting = rendezvous(f"tcp://{where}:{port}", processes.rank, processes.count, timeout=left)
        store, rank, count = next(meeting)
        store.set("met", "1")
        distributed.init_process_group(
            backend, store=store, rank=rank, world_size=count, timeout=timedelta(seconds=PEER_SECONDS)
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise RunError(
            f"process {processes.rank} of {processes.count} did not find the others at {host}:{port} within "
            f"{JOIN_SECONDS:g} s ({_reason(error)}); start all of them at once, and check MASTER_ADDR and MASTER_PORT"
        ) from error
    return store


def _wait_for_main(host: str, port: int, until: float) -> None:
    """Wait until the main process listens; torch would wait twice as long as it is told, and write of every attempt."""
    while True:
        try:
            socket.create_connection((host, port), timeout=5.0).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def _part() -> None:
    """Wait for the others at the end, since the main process holds the store that they look at."""
    try:
        distributed.barrier()
    except RuntimeError as error:
        warnings.warn(f"another process ended early ({_reason(error)}); the results are complete", stacklevel=4)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

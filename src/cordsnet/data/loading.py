"""Loaders of batches, with processes that decode images meanwhile."""

import os
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cordsnet._processes import check_main_guard, check_temporary_folder
from cordsnet.data.unreadable import Unreadable

WORKERS_VARIABLE = "CORDSNET_WORKERS"
"""Environment variable with the number of processes that decode images. When it is unset there is one per core, at
most 8. The number does not change any result, so it is not a setting of a recipe."""

HELD = {signal.SIGINT, signal.SIGTERM, *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else [])}
"""Signals that reach all processes of a run and are meant for the one that trains."""

Batch: TypeAlias = tuple[Tensor, Tensor, tuple[Unreadable, ...]]
"""8-bit pixels [B, C, H, W], labels [B], and the images that could not be read."""


class BatchReader(Dataset[Any]):
    """Adapts a function that reads a whole batch to the interface that a `DataLoader` expects."""

    def __init__(self, read: Callable[[list[Any]], Any]) -> None:
        self.read = read

    def __getitems__(self, items: list[Any]) -> Any:
        """Read one batch."""
        return self.read(items)


class QuietLoader(DataLoader[Any]):
    """A loader whose workers start with signals held back, so that none is met before they know how to treat it."""

    def __iter__(self) -> Any:
        """Start the workers."""
        if not (self.num_workers and hasattr(signal, "pthread_sigmask")):
            return super().__iter__()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
        try:
            return super().__iter__()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def batch_loader(read: Callable[[list[Any]], Any], order: Iterable[list[Any]], processes: int) -> DataLoader[Any]:
    """Make a loader that applies `read` to every item of `order`, and keeps their order.

    Parameters
    ----------
    read : turns one item of `order` (rows, or records) into a batch.
    order : the items, one per batch.
    processes : number of worker processes; 0 reads in this process.

    Raises
    ------
    RunError : worker processes could not be started, or could not hand over what they read.
    """
    if processes:
        check_main_guard("a script that decodes images in worker processes")
        check_temporary_folder()
    return QuietLoader(
        BatchReader(read),
        batch_sampler=order,
        collate_fn=_identity,
        num_workers=processes,
        worker_init_fn=_ignore_signals,
        pin_memory=torch.cuda.is_available(),
    )


def decoding_processes() -> int:
    """Number of processes that decode images. Raises ValueError when `CORDSNET_WORKERS` is not a number."""
    value = os.environ.get(WORKERS_VARIABLE)
    if value is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(cores, 8)
    if not value.isdigit():
        raise ValueError(f"{WORKERS_VARIABLE} must be a whole number of processes, 0 or more, got {value!r}")
    return int(value)


def _identity(batch: Any) -> Any:
    return batch


def _ignore_signals(worker: int) -> None:
    """Make a worker ignore signals that do not come from the training process.

    A scheduler sends its signals to all processes of a job, and Ctrl-C sends SIGINT to all processes of a terminal.
    Only the training process acts on them: it saves, then ends its workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD - {signal.SIGTERM})  # held back while the worker started
        threading.Thread(target=_exit_on_parent_signal, daemon=True).start()


def _exit_on_parent_signal() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)

"""Checkpoints that survive crashes: written atomically, verified by a hash in their name, and kept in pairs."""

import hashlib
import os
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from cordsnet.errors import InterruptionError

KEPT_CHECKPOINTS = 2
"""Number of checkpoints that are kept. If the last one is damaged, the one before it is used."""

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))
"""Signals that ask a run to stop: SIGTERM of a scheduler, and SIGUSR1, which Slurm can send before the time limit."""


def newest_checkpoint(folder: Path) -> tuple[Path, int] | None:
    """Find the newest checkpoint whose content matches the hash in its name.

    Returns its path and the number of updates made before it, or None when there is no intact checkpoint. A damaged
    checkpoint is skipped with a warning.
    """
    for path in sorted(folder.glob("update_*.ckpt"), reverse=True):
        _, update, digest = path.stem.split("_")
        if _digest(path) == digest:
            return path, int(update)
        warnings.warn(
            f"{path} is damaged and is skipped; training continues from the checkpoint before it", stacklevel=2
        )
    return None


class CheckpointWriter(Callback):
    """Lightning callback that saves checkpoints and stops training, after saving, when a signal asks for it.

    Parameters
    ----------
    folder : folder of the checkpoints; a file there with the name of a checkpoint is always complete.
    minutes : longest time between two checkpoints.
    updates : largest number of updates between two checkpoints; None sets no limit.
    """

    def __init__(self, folder: Path, minutes: float, updates: int | None = None) -> None:
        self.folder, self.minutes, self.updates = folder, minutes, updates
        self.signal_number: int | None = None
        self._saved_at, self._saved_update, self._last_update = time.monotonic(), 0, 0

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Count updates from here, and replace the signal handlers that Lightning has installed by now."""
        self._saved_update = self._last_update = trainer.global_step
        self._install_handlers()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Save when a checkpoint is due. When a signal has come, save and raise InterruptionError."""
        update = trainer.global_step
        if update == self._last_update:  # gradients of further parts are still to be accumulated
            return
        self._last_update = update
        due = time.monotonic() - self._saved_at >= 60 * self.minutes
        due |= self.updates is not None and update - self._saved_update >= self.updates
        any_of = partial(trainer.strategy.reduce_boolean_decision, all=False)
        stop = any_of(self.signal_number is not None)
        if any_of(due) or stop:
            self.save(trainer)
        if stop:
            # None here if the signal reached another process only
            self.signal_number = self.signal_number or signal.SIGTERM
            if trainer.is_global_zero:
                _requeue(self.signal_number)
            name = signal.Signals(self.signal_number).name
            raise InterruptionError(f"stopped by signal {name} at update {update}, which is saved", self.signal_number)

    def save(self, trainer: lightning.Trainer) -> None:
        """Write a checkpoint. If that fails, for example on a full disk, warn and keep the one before it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / ".part"
        try:
            trainer.save_checkpoint(part)
            if trainer.is_global_zero:
                self._publish(part, trainer.global_step)
        except OSError as error:
            part.unlink(missing_ok=True)
            warnings.warn(
                f"no checkpoint could be written to {self.folder} ({error.strerror or error}); training continues "
                "and keeps the checkpoint before; free some space",
                stacklevel=2,
            )
        self._saved_at, self._saved_update = time.monotonic(), trainer.global_step

    def _publish(self, part: Path, update: int) -> None:
        """Move a complete file to its final name, and remove older checkpoints."""
        with open(part, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(part, self.folder / f"update_{update:09d}_{_digest(part)}.ckpt")
        for old in sorted(self.folder.glob("update_*.ckpt"))[:-KEPT_CHECKPOINTS]:
            old.unlink()

    @contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Handle signals within the context, and restore the previous handlers after it."""
        before = self._install_handlers()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _install_handlers(self) -> dict[int, Any]:
        """Install the handlers and return the previous ones; do nothing outside the main thread, as Python demands."""
        if threading.current_thread() is not threading.main_thread():
            return {}

        def note(number: int, frame: FrameType | None) -> None:
            self.signal_number = number

        return {number: signal.signal(number, note) for number in SIGNALS}


def _requeue(number: int) -> None:
    """Requeue the job if Slurm sent SIGUSR1, which announces the end of its time limit."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is not None and signal.Signals(number).name == "SIGUSR1":
        subprocess.run(["scontrol", "requeue", job], check=True)  # noqa: S603, S607


def _digest(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]

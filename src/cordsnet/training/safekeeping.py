"""Checkpoints that survive crashes: written whole, named after their content, the one before kept beside the last."""

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

KEPT = 2
"""Checkpoints that are kept: should the last one be damaged, the one before is used."""

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))
"""Asked politely to stop: by a scheduler, or by Slurm some time before it takes the machine away."""


def newest_checkpoint(folder: Path) -> tuple[Path, int] | None:
    """The newest checkpoint whose content is what its name says, and the number of updates behind it.

    A torn one is passed over with a warning; None when there is none that is whole.
    """
    for path in sorted(folder.glob("update_*.ckpt"), reverse=True):
        _, update, mark = path.stem.split("_")
        if _digest(path) == mark:
            return path, int(update)
        warnings.warn(f"{path} is damaged and is passed over; training goes on from the one before", stacklevel=2)
    return None


class Safekeeping(Callback):
    """Saves every `minutes` and when asked to stop; `folder` never holds a checkpoint that is not whole."""

    def __init__(self, folder: Path, minutes: float, updates: int | None = None) -> None:
        self.folder, self.minutes, self.updates = folder, minutes, updates
        self.asked: int | None = None
        self._saved_at, self._saved_update, self._seen = time.monotonic(), 0, 0

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Count from here; and listen instead of Lightning, which has begun to by now."""
        self._saved_update = self._seen = trainer.global_step
        self._listen()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Save when it is time; stop, saved, when that was asked."""
        update = trainer.global_step
        if update == self._seen:  # in the middle of an update
            return
        self._seen = update
        due = time.monotonic() - self._saved_at >= 60 * self.minutes
        due |= self.updates is not None and update - self._saved_update >= self.updates
        any_of = partial(trainer.strategy.reduce_boolean_decision, all=False)
        stop = any_of(self.asked is not None)
        if any_of(due) or stop:
            self.save(trainer)
        if stop:
            self.asked = self.asked or signal.SIGTERM  # another process was asked
            if trainer.is_global_zero:
                _requeue(self.asked)
            name = signal.Signals(self.asked).name
            raise InterruptionError(f"stopped by signal {name} at update {update}, which is saved", self.asked)

    def save(self, trainer: lightning.Trainer) -> None:
        """Write a checkpoint; where the disk is full, warn and keep the one before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / ".part"
        try:
            trainer.save_checkpoint(part)
            if trainer.is_global_zero:
                self._name(part, trainer.global_step)
        except OSError as error:
            part.unlink(missing_ok=True)
            warnings.warn(
                f"no checkpoint could be written to {self.folder} ({error.strerror or error}); training goes on, "
                "and the checkpoint before is kept; free some space",
                stacklevel=2,
            )
        self._saved_at, self._saved_update = time.monotonic(), trainer.global_step

    def _name(self, part: Path, update: int) -> None:
        """Give a written file its name, and remove what is older than the one before."""
        with open(part, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(part, self.folder / f"update_{update:09d}_{_digest(part)}.ckpt")
        for old in sorted(self.folder.glob("update_*.ckpt"))[:-KEPT]:
            old.unlink()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to signals meanwhile; what listened before is put back."""

        before = self._listen()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _listen(self) -> dict[int, Any]:
        """Handlers that were there before; none outside the main thread, where signals cannot be listened to."""
        if threading.current_thread() is not threading.main_thread():
            return {}

        def note(number: int, frame: FrameType | None) -> None:
            self.asked = number

        return {number: signal.signal(number, note) for number in SIGNALS}


def _requeue(number: int) -> None:
    """Put the job back into Slurm's queue when Slurm warned of the end of its time."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is not None and signal.Signals(number).name == "SIGUSR1":
        subprocess.run(["scontrol", "requeue", job], check=True)  # noqa: S603, S607


def _digest(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]

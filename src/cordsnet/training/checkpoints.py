"""Checkpoints that survive crashes: written atomically, verified by a hash in their name, and kept in pairs."""

import contextlib
import io
import os
import re
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
import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback

from cordsnet._files import digest, free_space
from cordsnet.errors import InterruptionError
from cordsnet.training.loggers import log_now

KEPT_CHECKPOINTS = 2
"""Number of checkpoints that are kept. If the last one is damaged, the one before it is used."""

SAVE_MINUTES = 10.0
"""Longest time between checkpoints; there are at least five in a stage."""

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGINT") if hasattr(signal, name))
"""Signals that ask a run to stop: SIGTERM of a scheduler, SIGUSR1, which Slurm can send before the time limit, and
SIGINT, which Ctrl-C sends."""

NAME = re.compile(r"update_(\d{9,})_(?:([0-9a-f]{16})_)?([0-9a-f]{16})\.ckpt")
"""Names of checkpoints: the number of updates, the mark of the settings, and the digest of the content."""


def newest_checkpoint(folder: Path, mark: str = "") -> tuple[Path, int] | None:
    """Find the newest checkpoint whose content matches the hash in its name.

    Parameters
    ----------
    folder : folder of the checkpoints.
    mark : fingerprint of the settings; checkpoints of other settings do not count. "" accepts any.

    Returns its path and the number of updates made before it, or None when there is no intact checkpoint. A damaged
    checkpoint is skipped with a warning.
    """
    damaged: list[Path] = []
    found = None
    for path, update, short in reversed(_checkpoints(folder, mark)):
        if digest(path)[:16] == short:
            found = path, update
            break
        damaged.append(path)
    left = "the checkpoint before it" if found else "the start of the stage, since no other is intact"
    for path in damaged:
        warnings.warn(f"{path} is damaged and is skipped; training continues from {left}", stacklevel=2)
    return found


def publish_checkpoint(part: Path, update: int, mark: str = "") -> None:
    """Move a complete file to its final name beside it, and remove all but the last `KEPT_CHECKPOINTS`."""
    with open(part, "rb") as stream:
        os.fsync(stream.fileno())
    marked = f"{mark[:16]}_" if mark else ""
    os.replace(part, part.with_name(f"update_{update:09d}_{marked}{digest(part)[:16]}.ckpt"))
    for old, _, _ in _checkpoints(part.parent, mark)[:-KEPT_CHECKPOINTS]:
        old.unlink()


def warn_unsaved(part: Path, error: OSError) -> None:
    """Remove what was written of a checkpoint, and warn that there is no other than those before it."""
    left = free_space(part)  # before anything is removed
    with contextlib.suppress(OSError):
        part.unlink(missing_ok=True)
    warnings.warn(
        f"no checkpoint could be written to {part.parent} ({error.strerror or error}, {left}); training continues and "
        "keeps the checkpoint before; free some space",
        stacklevel=3,
    )


class WholeFile(TorchCheckpointIO):
    """Writes checkpoints in the folder where they are to be, and nowhere else before.

    Attributes
    ----------
    error : why the last one could not be written; None if it could. It is kept and not raised, since the other
        processes of the run wait for this one.
    """

    error: OSError | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint."""
        self.error = None
        try:
            write_tensors(Path(path), checkpoint)
        except OSError as error:
            self.error = error


def write_tensors(path: Path, content: Any) -> None:
    """Write tensors and plain data as `torch.save` does. Raises OSError, with the path, when there is no room."""
    buffer = io.BytesIO()  # torch would raise errors of other kinds for a file that cannot be written
    torch.save(content, buffer)
    try:
        path.write_bytes(buffer.getbuffer())
    except OSError as error:
        error.filename = str(path)
        raise


def discard_checkpoints(folder: Path, mark: str) -> None:
    """Remove the checkpoints of settings other than those of `mark`."""
    for path in folder.glob("*.ckpt"):
        name = NAME.fullmatch(path.name)
        if name is None or name[2] != mark[:16]:
            path.unlink()


def _checkpoints(folder: Path, mark: str) -> list[tuple[Path, int, str]]:
    """Path, update and digest of the checkpoints with a mark, oldest first."""
    names = ((path, NAME.fullmatch(path.name)) for path in folder.glob("*.ckpt"))
    found = [(path, int(name[1]), name[3]) for path, name in names if name and name[2] in (mark[:16] or name[2], None)]
    return sorted(found, key=lambda one: one[1])


class CheckpointWriter(Callback):
    """Lightning callback that saves checkpoints and stops training, after saving, when a signal asks for it.

    Parameters
    ----------
    folder : folder of the checkpoints; a file there with the name of a checkpoint is always complete.
    minutes : longest time between two checkpoints.
    updates : largest number of updates between two checkpoints; None sets no limit.
    mark : fingerprint of the settings, which becomes part of the names.
    """

    def __init__(self, folder: Path, minutes: float, updates: int | None = None, mark: str = "") -> None:
        self.folder, self.minutes, self.updates, self.mark = folder, minutes, updates, mark
        self.file = WholeFile()
        self.signal_number: int | None = None
        self.saved_update: int | None = None
        self._tried_at, self._tried_update, self._last_update = time.monotonic(), 0, 0

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Count updates from here, and replace the signal handlers that Lightning has installed by now."""
        self._tried_update = self._last_update = trainer.global_step
        if trainer.global_step:  # resumed from a checkpoint
            self.saved_update = trainer.global_step
        self._install_handlers()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Save when a checkpoint is due. When a signal has come, save and raise InterruptionError."""
        update = trainer.global_step
        if update == self._last_update:  # gradients of further parts are still to be accumulated
            return
        self._last_update = update
        due = time.monotonic() - self._tried_at >= 60 * self.minutes
        due |= self.updates is not None and update - self._tried_update >= self.updates
        any_of = partial(trainer.strategy.reduce_boolean_decision, all=False)
        stop = any_of(self.signal_number is not None)
        if any_of(due) or stop:
            self.save(trainer)
        if stop:
            # None here if the signal reached another process only
            self.signal_number = self.signal_number or signal.SIGTERM
            if trainer.is_global_zero:
                _requeue(self.signal_number)
            raise interruption(self.signal_number, "update", update, self.saved_update)

    def save(self, trainer: lightning.Trainer) -> None:
        """Write a checkpoint. If that fails, for example on a full disk, warn and keep the one before it.

        Logs are written first, so that they hold every update that is not made again.
        """
        log_now(trainer)
        part = self.folder / ".part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            trainer.save_checkpoint(part)
            if self.file.error is not None:
                raise self.file.error
            if trainer.is_global_zero:
                publish_checkpoint(part, trainer.global_step, self.mark)
        except OSError as error:
            warn_unsaved(part, error)
        else:
            self.saved_update = trainer.global_step
        self._tried_at, self._tried_update = time.monotonic(), trainer.global_step

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
            if number == signal.SIGINT == self.signal_number:  # pressed again: whoever presses will not wait
                raise KeyboardInterrupt
            self.signal_number = number

        return {number: signal.signal(number, note) for number in SIGNALS}


def interruption(number: int, unit: str, reached: int, saved: int | None) -> InterruptionError:
    """The error that ends a stage that was asked to stop.

    Parameters
    ----------
    number : number of the signal.
    unit : unit that is counted, "update" or "step".
    reached, saved : how many of them were made, and after how many the last checkpoint was written; None for none.
    """
    kept = "no checkpoint could be written" if saved is None else f"the last checkpoint is that of {unit} {saved}"
    kept = "which is saved" if saved == reached else kept
    return InterruptionError(f"stopped by signal {signal.Signals(number).name} at {unit} {reached}, {kept}", number)


def _requeue(number: int) -> None:
    """Requeue the job if Slurm sent SIGUSR1, which announces the end of its time limit."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None or signal.Signals(number).name != "SIGUSR1":
        return
    try:
        subprocess.run(["scontrol", "requeue", job], check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError) as error:
        warnings.warn(f"job {job} could not be requeued ({error}); submit it again, and it goes on", stacklevel=2)

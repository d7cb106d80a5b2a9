"""Checkpoints of stages that take steps of their own, beside those of gradient descent."""

import math
import pickle
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch

from cordsnet.errors import CheckpointError
from cordsnet.training.checkpoints import (
    CheckpointWriter,
    interruption,
    newest_checkpoint,
    publish_checkpoint,
    warn_unsaved,
    write_tensors,
)
from cordsnet.training.launch import is_main_process


class StepKeeper:
    """Saves the state of a stage between its steps, and stops it, after saving, when a signal asks for it.

    Parameters
    ----------
    folder : folder of the checkpoints.
    steps : number of steps of the stage; at least five checkpoints are written in it.
    minutes : longest time between two checkpoints.
    mark : fingerprint of the settings.
    """

    def __init__(self, folder: Path, steps: int, minutes: float, mark: str = "") -> None:
        self.folder, self.every, self.minutes, self.mark = folder, math.ceil(steps / 5), minutes, mark
        self._signals = CheckpointWriter(folder, minutes)
        self._saved_step: int | None = None
        self._tried_step, self._tried_at = 0, time.monotonic()

    def handling_signals(self) -> AbstractContextManager[None]:
        """Note signals within the context; the step that is under way is finished."""
        return self._signals.handling_signals()

    def newest(self) -> tuple[dict[str, Any] | None, int]:
        """The newest intact state and the number of steps before it; (None, 0) when there is none.

        Raises CheckpointError when the file is intact but holds something else.
        """
        found = newest_checkpoint(self.folder, self.mark)
        if found is None:
            return None, 0
        path, step = found
        self._saved_step = self._tried_step = step
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise CheckpointError(f"{path} cannot be used ({error!r}); delete it to start the stage again") from error
        if not isinstance(state, dict):
            raise CheckpointError(f"{path} cannot be used (a {type(state).__name__}); delete it to start again")
        return state, step

    def after(self, step: int, state: Callable[[], dict[str, Any]]) -> None:
        """Save when it is due. When a signal has come, save and raise InterruptionError."""
        number = self._signals.signal_number
        late = time.monotonic() - self._tried_at >= 60 * self.minutes
        if number is not None or late or step - self._tried_step >= self.every:
            self._save(step, state())
        if number is not None:
            raise interruption(number, "step", step, self._saved_step)

    def _save(self, step: int, state: dict[str, Any]) -> None:
        if is_main_process():
            part = self.folder / ".part"
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                write_tensors(part, state)
                publish_checkpoint(part, step, self.mark)
            except OSError as error:
                warn_unsaved(part, error)
            else:
                self._saved_step = step
        self._tried_step, self._tried_at = step, time.monotonic()

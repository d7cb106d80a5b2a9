"""Logs of training as CSV and for TensorBoard, whose files are named when they cannot be written."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

FLUSH_UPDATES = 20
"""Updates after which logs are written to disk; they are before every checkpoint, too."""


def make_loggers(folder: Path, attempt: int) -> list[Logger]:
    """The logs of an attempt at a stage, in `folder/logs_ATTEMPT` and `folder/tensorboard_ATTEMPT`."""
    return [
        Curves(folder, name="", version=f"logs_{attempt}", flush_logs_every_n_steps=FLUSH_UPDATES),
        Board(folder, name="", version=f"tensorboard_{attempt}"),
    ]


def log_now(trainer: lightning.Trainer) -> None:
    """Log the values of the update that was just made, which Lightning does after its callbacks, and write the logs.

    Raises OSError, with the name of the file, when they cannot be written.
    """
    values = {name: float(value) for name, value in trainer.callback_metrics.items()}
    for logger in trainer.loggers:
        if isinstance(logger, _Named):
            logger.log_ahead({**values, "epoch": trainer.current_epoch}, trainer.global_step - 1)
        logger.save()


class _Named(Logger):
    """A log whose errors hold the name of its file, and that takes the values of an update before Lightning gives them.

    Attributes
    ----------
    place : the file, or the folder.
    ahead : update whose values it has taken already.
    """

    ahead: int | None = None

    @property
    def place(self) -> Path:
        """The file, or the folder."""
        return Path(self.log_dir or "")

    def log_ahead(self, metrics: dict[str, Any], step: int) -> None:
        """Log the values of an update, which are then not logged again."""
        self.log_metrics(metrics, step)
        self.ahead = step

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Keep values, and write them from time to time."""
        if step is None or step != self.ahead:
            with _naming(self.place):
                super().log_metrics(metrics, step)  # type: ignore[safe-super]

    def save(self) -> None:
        """Write what is kept."""
        with _naming(self.place):
            super().save()

    def finalize(self, status: str) -> None:
        """Write what is kept, and close the file."""
        with _naming(self.place):
            super().finalize(status)


class Curves(_Named, CSVLogger):
    """The values of every update in `metrics.csv`."""

    @property
    def place(self) -> Path:
        """The file."""
        return Path(self.log_dir) / "metrics.csv"


class Board(_Named, TensorBoardLogger):
    """The same values for TensorBoard."""


@contextmanager
def quiet_writers() -> Iterator[None]:
    """Keep threads that write for TensorBoard from printing an OSError; the next call of the log raises it again."""
    before = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if not isinstance(arguments.exc_value, OSError) or "AsyncWriter" not in type(arguments.thread).__name__:
            before(arguments)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise

"""Logs of training as CSV and for TensorBoard, whose files are named when they cannot be written."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

FLUSH_UPDATES = 20
"""Updates after which logs are written to disk; they are before every checkpoint, too."""


def make_loggers(folder: Path, attempt: int) -> list[Logger]:
    """The logs of an attempt at a stage, in `folder/logs_ATTEMPT` and `folder/tensorboard_ATTEMPT`."""
    return [
        Curves(folder, name="", version=f"logs_{attempt}", flush_logs_every_n_steps=FLUSH_UPDATES),
        Board(folder, name="", version=f"tensorboard_{attempt}"),
    ]


class Curves(CSVLogger):
    """The values of every update in `metrics.csv`."""

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        """Keep values, and write them from time to time. Raises OSError with the name of the file."""
        with _naming(Path(self.log_dir) / "metrics.csv"):
            super().log_metrics(*args, **kwargs)

    def save(self) -> None:
        """Write what is kept. Raises OSError with the name of the file."""
        with _naming(Path(self.log_dir) / "metrics.csv"):
            super().save()


class Board(TensorBoardLogger):
    """The same values for TensorBoard."""

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        """Write values. Raises OSError with the name of the folder."""
        with _naming(Path(self.log_dir)):
            super().log_metrics(*args, **kwargs)

    def save(self) -> None:
        """Write what is kept. Raises OSError with the name of the folder."""
        with _naming(Path(self.log_dir)):
            super().save()

    def finalize(self, status: str) -> None:
        """Write what is kept, and close the file. Raises OSError with the name of the folder."""
        with _naming(Path(self.log_dir)):
            super().finalize(status)


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

"""Messages of a command while it works: bars or sentences of progress, and warnings as sentences."""

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from cordsnet._progress import listening

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 1.0
"""Seconds for which reading goes on before a bar is drawn or a sentence is said of it."""

WORTH_SAYING = 2.0
"""Seconds that remain, from which a sentence is said."""

DEBUG = "CORDSNET_DEBUG"
"""Environment variable: when set, errors and warnings show where in the code they arose."""


class Told:
    """Draws a bar of progress on a terminal, and says a sentence elsewhere; one piece of work at a time.

    Parameters
    ----------
    draws : draw a bar.
    says : say a sentence, on standard error, where no bar is drawn.
    clock : seconds that go by.
    """

    def __init__(self, draws: bool, says: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.draws, self.says, self.clock = draws, says and not draws, clock
        self.bar: Progress | None = None
        self.task: Any = None
        self.what, self.began, self.said = "", 0.0, False

    def reading(self, what: str, done: int, total: int, unit: str = "images") -> None:
        """Hear how far reading is; nothing is shown of what takes less than `PATIENCE`."""
        self._tell(what, done, total, PATIENCE, unit)

    def measuring(self, what: str, done: int, total: int) -> None:
        """Hear that a part of an experiment begins."""
        self._tell(what, done, total, 0.0, "")

    def stop(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _tell(self, what: str, done: int, total: int, patience: float, unit: str) -> None:
        now = self.clock()
        if what != self.what and not (self.bar and not patience):
            self.stop()
            self.what, self.began, self.said = what, now, False
        seconds = now - self.began
        if seconds >= patience and self.draws and (self.bar or done < total):
            speed = f"{done / seconds:.1f} {unit}/s" if seconds and done and unit else ""
            self._draw(what, done, total, speed)
        elif self.says and patience and seconds >= patience and done and not self.said:
            rest = seconds / done * (total - done)
            if rest >= WORTH_SAYING:
                self.said = True
                left = f"{done:,} of {total:,} {unit}, about {duration(rest)} more"
                print(f"{what}: {left}", file=sys.stderr, flush=True)
        if done >= total and patience:
            self.stop()

    def _draw(self, what: str, done: int, total: int, speed: str) -> None:
        if self.bar is None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            words, fields = TextColumn("{task.description}"), TextColumn("{task.fields[speed]}")
            self.bar = Progress(words, BarColumn(), MofNCompleteColumn(), fields, TimeRemainingColumn())
            self.task = self.bar.add_task(what, total=total, speed=speed)
            self.bar.start()
        self.bar.update(self.task, description=what, completed=done, total=total, speed=speed)


@contextmanager
def telling(options: Any) -> Iterator[Told]:
    """Show progress of reading as the options ask for it; gives what shows that of an experiment, too."""
    told = Told(draws_progress(options), says_progress(options))
    try:
        with listening(told.reading):
            yield told
    finally:
        told.stop()


def draws_progress(options: Any) -> bool:
    """True if bars should be drawn: a terminal, and neither --quiet nor --json."""
    return says_progress(options) and sys.stdout.isatty()


def says_progress(options: Any) -> bool:
    """True if progress should be told, as bars or in sentences: neither --quiet nor --json."""
    return not options.quiet and not options.json


def duration(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


@contextmanager
def told_warnings() -> Iterator[None]:
    """Print each warning once, as a sentence on standard error, without the place in the code."""
    seen: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Print a warning that was not printed before."""
        sentence = " ".join(str(message).split())
        if sentence not in seen:
            seen.add(sentence)
            print(f"warning: {sentence}", file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        if not os.environ.get(DEBUG):
            warnings.showwarning = show
        yield

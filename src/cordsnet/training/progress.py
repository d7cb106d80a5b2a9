"""The progress bar of a stage of training, and an estimate of what a long one takes."""

import resource
import sys
import time
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

MEASURED = 5
"""Updates from which time is estimated, after a first one that also sets things up."""

LONG = 60.0
"""An estimate is printed for what takes longer than this, s."""


class StageBar(Callback):
    """One bar for a stage: its name, updates, speed, remaining time and loss.

    Where there is no terminal to draw on, a line on standard error says that the stage begins, and how long it takes.

    Parameters
    ----------
    stage : name of the stage.
    updates : number of updates of the stage.
    seconds : how long a stage with a budget of seconds lasts; its number of updates is not known.
    early : True for a stage that may end before, at a criterion.
    """

    def __init__(self, stage: str, updates: int, seconds: float | None = None, early: bool = False) -> None:
        self.stage, self.updates, self.seconds, self.most = stage, updates, seconds, "at most " if early else ""
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
        )
        self.draws = self.bar.console.is_terminal
        self.task = self.bar.add_task(
            f"{stage}, first update", total=updates if seconds is None else None, speed="", loss=""
        )
        self.first: tuple[int, float] | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Show the bar, from the update at which a resumed stage goes on."""
        if trainer.is_global_zero and not self.draws:
            left = f"{self.most}{self.updates - trainer.global_step:,} updates"
            told = left if self.seconds is None else f"updates for {self.seconds:g} s"
            print(f"{self.stage}: {told}", file=sys.stderr, flush=True)
        elif trainer.is_global_zero:
            self.bar.start()
            self.bar.update(self.task, completed=trainer.global_step)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the bar on; after some updates, say how long the rest takes if that is long."""
        now, done = time.perf_counter(), trainer.global_step
        if self.first is None:
            self.first = (done, now)
        made, seconds = done - self.first[0], now - self.first[1]
        speed = f"{made / seconds:.1f} updates/s" if made and seconds else ""
        loss = trainer.callback_metrics.get("loss")
        shown = "" if loss is None else f"loss {float(loss):.3g}"
        self.bar.update(self.task, description=self.stage, completed=done, speed=speed, loss=shown)
        said = (
            estimate(self.stage, self.updates - done, seconds / made)
            if made == MEASURED and self.seconds is None
            else ""
        )
        if said and trainer.is_global_zero and not self.draws:
            print(said, file=sys.stderr, flush=True)
        elif said and self.bar.live.is_started:
            self.bar.console.print(said)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Leave the bar as it is."""
        if self.draws:  # else it would print an empty line
            self.bar.stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Leave the bar as it is, so that the sentence about the error stands below it."""
        if self.draws:  # else it would print an empty line
            self.bar.stop()


def estimate(stage: str, updates: int, seconds: float) -> str:
    """A sentence on the time and memory that the rest of a stage takes; "" where it is at most a minute.

    Parameters
    ----------
    stage : name of the stage.
    updates : number of updates that remain.
    seconds : duration of one update, s.
    """
    remaining = updates * seconds
    if remaining <= LONG:
        return ""
    minutes = remaining / 60
    whole = max(1, round(minutes))
    duration = f"{whole} minute{'' if whole == 1 else 's'}" if minutes < 120 else f"{minutes / 60:.1f} hours"
    return f"{stage}: about {duration} for {updates:,} more updates; {memory_gb():.1f} GB of memory so far"


def memory_gb() -> float:
    """Most memory that this process has held, or has held on its GPU where it uses one, GB."""
    on_gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    if on_gpu:
        return on_gpu / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9

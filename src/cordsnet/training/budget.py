"""Budgets of training: images, floating-point operations or seconds, and what a stage came to in all three."""

import math
import time
from dataclasses import dataclass
from typing import Any

from lightning.pytorch.callbacks import Callback

from cordsnet._arguments import check_init
from cordsnet._checks import check_positive
from cordsnet.errors import RunError
from cordsnet.training.optimisation import MOST_UPDATES, Optimisation

UNITS = ("images", "flops", "seconds")

NOT_REPEATABLE = (
    "the stage had a budget of seconds: how many updates it made depends on the machine and on what else it did, so "
    "another run, or one that was interrupted, ends with other weights"
)


@check_init
@dataclass(frozen=True)
class Budget:
    """Amount that a stage may spend, in place of a number of updates; exactly one of the three.

    Attributes
    ----------
    images : training images, each counted as often as it is used. Updates are images / batch, rounded, at least one.
    flops : floating-point operations of forward and backward passes, a multiplication and an addition counted as two.
        Those of one update are measured on one batch, as `torch.utils.flop_counter` counts them: products of matrices
        and convolutions. Updates are flops / those of one update, rounded down, at least one.
    seconds : wall time of the updates, with the loading of their images. The stage ends with the first update after
        the limit, and learning rates follow the proportion of time that was used. Such a run is not repeatable.
    """

    images: int | None = None
    flops: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [name for name in UNITS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a budget is exactly one of {', '.join(UNITS)}, got {' and '.join(given) or 'none of them'}"
            )
        check_positive(getattr(self, given[0]), given[0])

    @property
    def unit(self) -> str:
        """Unit in which the budget was given."""
        return next(name for name in UNITS if getattr(self, name) is not None)

    def updates(self, batch: int, flops: float) -> int:
        """Number of updates of `batch` images and of `flops` operations each; the most there are, for seconds.

        Raises RunError for more updates than a stage can make.
        """
        if self.seconds is not None:
            return MOST_UPDATES
        if self.images is not None:
            count = max(1, round(self.images / batch))
        else:
            assert self.flops is not None
            if flops <= 0:
                raise RunError("a budget of flops needs a model with products of matrices; give images or seconds")
            count = max(1, math.floor(self.flops / flops))
        if count > MOST_UPDATES:
            raise RunError(f"the budget comes to {count:,} updates, more than {MOST_UPDATES:,}; lower it")
        return count

    def spent(self, optimisation: Optimisation, updates: int, flops: float, seconds: float) -> dict[str, Any]:
        """Plain data: what was asked for, and what it came to in all units.

        Parameters
        ----------
        optimisation : of the stage.
        updates : number of updates that were made.
        flops : operations of one update.
        seconds : wall time of the updates.
        """
        return {
            "asked": {self.unit: getattr(self, self.unit)},
            "updates": updates,
            "images": updates * optimisation.batch,
            "flops": updates * flops,
            "seconds": seconds,
            "flops_per_update": flops,
        }


class Stopwatch(Callback):
    """Measures the wall time of a stage's updates, over all attempts at it, and ends the stage at a limit.

    Parameters
    ----------
    limit : seconds; None only measures.
    """

    def __init__(self, limit: float | None = None) -> None:
        self.limit, self.before, self.started = limit, 0.0, None
        self._at_update = 0.0

    started: float | None

    @property
    def seconds(self) -> float:
        """Wall time up to the end of the last update, s."""
        return self._at_update

    @property
    def share(self) -> float:
        """Proportion of the limit that is used, 0-1."""
        return 0.0 if self.limit is None else min(1.0, self.seconds / self.limit)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Start the clock."""
        self.started, self._at_update = time.perf_counter(), self.before

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Read the clock; after the limit, this update was the last."""
        assert self.started is not None
        self._at_update = self.before + time.perf_counter() - self.started
        over = self.limit is not None and self._at_update >= self.limit
        if self.limit is not None and trainer.strategy.reduce_boolean_decision(over, all=False):
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"seconds": self._at_update}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the time that was used before."""
        self.before = self._at_update = float(state_dict["seconds"])

"""A model's clock: the one place where durations in ms become steps."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from cordsnet._checks import check_positive, check_type, is_number

ClockKind: TypeAlias = Literal["continuous", "steps", "static"]

DIGITS = 9
"""Decimals of times in ms: 3 x 0.1 ms is 0.3 ms, and not 0.30000000000000004."""


@dataclass(frozen=True)
class Clock:
    """Time step of a model, and whether it may be changed.

    Attributes
    ----------
    dt_ms : duration of one step, ms.
    kind : "continuous": a differential equation; `dt_ms` is the integration step and may be changed. "steps": a step
        is a step; `dt_ms` is a convention that relates it to ms, and the user may set it. "static": the model
        answers at once, so that any step will do.

    A duration that is not a whole number of steps is refused by a continuous or static clock, whose step can be
    changed. A clock of steps rounds it to whole steps and says so.
    """

    dt_ms: float
    kind: ClockKind = "continuous"

    def __post_init__(self) -> None:
        check_positive(self.dt_ms, "dt")
        check_type(self.kind, str, "kind of a clock", "a text")
        # a number of NumPy in single precision means the decimal that it shows: 0.1, and not 0.10000000149
        given: object = self.dt_ms
        object.__setattr__(self, "dt_ms", float(str(given)) if isinstance(given, np.floating) else float(self.dt_ms))
        if self.kind not in ("continuous", "steps", "static"):
            raise ValueError(f"kind of a clock must be 'continuous', 'steps' or 'static', got {self.kind!r}")

    def time_ms(self, step: int) -> float:
        """Time at the end of a step, ms from the start."""
        return round(step * self.dt_ms, DIGITS)

    def steps(self, ms: float, name: str, notes: list[str] | None = None) -> int:
        """Number of steps in a duration of `ms`.

        Parameters
        ----------
        ms : duration, 0 ms or more.
        name : what the duration is of, for messages.
        notes : receives a sentence when the duration is rounded; None warns instead.

        Raises
        ------
        TypeError, ValueError : not a duration; or not a whole number of steps of a clock whose step can be changed;
            or less than half a step, so that nothing would be left of it.
        """
        return self.cut([(name, ms)], notes)[0]

    def cut(
        self, durations: Sequence[tuple[str, float]], notes: list[str] | None = None, start_ms: float = 0.0
    ) -> list[int]:
        """Number of steps of each of several (name, ms) durations that follow one another from `start_ms` on.

        A clock of steps rounds the times at which they begin and end, not the durations, so that errors do not add up.
        Parameters and errors are those of `steps`.
        """
        counts, elapsed, before = [], start_ms, round(start_ms / self.dt_ms)
        for name, ms in durations:
            check_duration(ms, name)
            elapsed += ms
            if not math.isfinite(elapsed / self.dt_ms):
                raise ValueError(f"{name} = {ms:g} ms has more steps of {self.dt_ms:g} ms than can be counted")
            end = round(elapsed / self.dt_ms)
            count = end - before
            if self.kind != "steps":
                count = self._whole(ms, name)
                end = before + count
            elif ms > 0 and count == 0:
                raise ValueError(
                    f"{name} = {ms:g} ms is too short for a step of {self.dt_ms:g} ms, so that it would be left out; "
                    "make it longer, or set the model's ms per step"
                )
            elif abs(count * self.dt_ms - ms) > 1e-6 * self.dt_ms:
                _say(f"{name}: {ms:g} ms is {count} steps of {self.dt_ms:g} ms, {count * self.dt_ms:g} ms", notes)
            counts.append(count)
            before = end
        return counts

    def _whole(self, ms: float, name: str) -> int:
        count = round(ms / self.dt_ms)
        if abs(count * self.dt_ms - ms) > 1e-6 * self.dt_ms + 1e-12 * ms:
            raise ValueError(
                f"{name} = {ms:g} ms is not a whole number of steps of dt = {self.dt_ms:g} ms; "
                f"use {max(1, count) * self.dt_ms:g} ms or a dt that divides it"
            )
        return count


def check_duration(ms: float, name: str) -> None:
    """Raise TypeError or ValueError unless `ms` is a finite number of ms, 0 or more."""
    if not is_number(ms):
        raise TypeError(f"{name} must be a number of ms, got {ms!r}")
    if not math.isfinite(ms) or ms < 0:
        raise ValueError(f"{name} must be a duration of 0 ms or more, got {ms:g} ms")


def _say(note: str, notes: list[str] | None) -> None:
    if notes is None:
        warnings.warn(f"{note}: durations are rounded to the model's steps", stacklevel=4)
    elif note not in notes:
        notes.append(note)

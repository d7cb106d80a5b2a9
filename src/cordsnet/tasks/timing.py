"""Durations of the periods of a trial: a number, a list to choose from, or a distribution."""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

from cordsnet._checks import is_number
from cordsnet.tasks.draws import Draws

Timing: TypeAlias = float | tuple[Any, ...]
"""A duration in ms: a number; a tuple of numbers, each as likely as the others; ("uniform", min, max); or
("exponential", mean, min, max), whose values beyond min and max are cut to them, as in neurogym."""

_FORMS = "a number of ms, a list of numbers, ['uniform', min, max] or ['exponential', mean, min, max]"
_SIZES = {"uniform": 3, "exponential": 4}
_WHOLE = 1e-6
"""Part of a frame by which a duration may miss a whole number of frames: 2,000 ms are 150 frames of 13.3333333 ms."""


def as_timing(value: Any, period: str) -> Timing:
    """A timing as it is written in JSON or on the command line, checked. Raises ValueError, naming the period."""
    said = ValueError(f"timing of {period!r} must be {_FORMS}, got {value!r}")
    if is_number(value):
        found: Any = float(value)
        numbers = [found]
    elif isinstance(value, list | tuple) and value and isinstance(value[0], str):
        if value[0] not in _SIZES:
            raise said
        if len(value) != _SIZES[value[0]] or not all(map(is_number, value[1:])):
            raise said
        found = (str(value[0]), *map(float, value[1:]))
        numbers = list(found[1:])
        if numbers[-2] > numbers[-1] or (len(numbers) == 3 and not numbers[0] > 0):
            raise said
    elif isinstance(value, list | tuple) and value and all(map(is_number, value)):
        found = tuple(map(float, value))
        numbers = list(found)
    else:
        raise said
    if not all(0 <= number < math.inf for number in numbers):
        raise said
    checked: Timing = found
    return checked


def longest(timing: Timing) -> float:
    """Longest duration that a timing can give, ms."""
    if isinstance(timing, tuple):
        return float(timing[-1]) if isinstance(timing[0], str) else max(map(float, timing))
    return timing


def check_grace(timings: Mapping[str, Timing], period: str, grace_ms: float, frame_ms: float) -> None:
    """Raise ValueError unless a period can be longer than the grace time at its start, by half a frame at least."""
    if (most := longest(timings[period])) < grace_ms + frame_ms / 2:
        raise ValueError(f"grace_ms must leave a frame of {period!r}, got {grace_ms:g} ms of {most:g} ms; lower it")


def check_frames(timings: Mapping[str, Timing], frame_ms: float) -> None:
    """Raise ValueError, naming the period, unless fixed durations are whole numbers of frames."""
    for period, timing in timings.items():
        if isinstance(timing, tuple) and isinstance(timing[0], str):
            continue
        for ms in timing if isinstance(timing, tuple) else (timing,):
            if abs(ms / frame_ms - round(ms / frame_ms)) > _WHOLE * max(1.0, ms / frame_ms):
                near = max(1, round(ms / frame_ms)) * frame_ms
                raise ValueError(
                    f"timing of {period!r} must be a whole number of frames of {frame_ms:g} ms, got {ms:g} ms; "
                    f"take {near:g} ms, or another frame_ms"
                )


def draw_frames(timing: Timing, frame_ms: float, draws: Draws, period: str) -> Tensor:
    """Duration of a period in every trial, in frames [B]; values of a distribution are rounded to whole frames."""
    if not isinstance(timing, tuple):
        ms = torch.full((len(draws.seeds),), timing, dtype=torch.float64, device=draws.seeds.device)
    elif timing[0] == "uniform":
        _, low, high = timing
        ms = low + (high - low) * draws.uniform(f"duration of {period}")
    elif timing[0] == "exponential":
        mean, low, high = timing[1:]
        ms = (-mean * draws.uniform(f"duration of {period}").log()).clamp(low, high)
    else:
        ms = draws.choice(f"duration of {period}", tuple(map(float, timing)))
    return (ms / frame_ms).round().long()

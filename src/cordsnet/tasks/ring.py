"""Angles on a ring of units: how they are rendered, wanted and read (Yang et al., Nature Neuroscience 2019)."""

import math
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.tasks.choice import check_frames_of
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.task import Answers
from cordsnet.tasks.trials import Plan, Trials

UNITS: Final = 32
"""Units of a ring; unit k prefers the angle 2 pi k / 32."""

RING: Final = "ring"
"""Name of the output [F, B, 33]: unit 0 fixates, the others are the ring."""

OUTPUT: Final = (RING, "unit", 1 + UNITS)
"""Output of a task that is answered on a ring, as in `Task.outputs`."""

CHANNELS: Final = tuple(f"{360 * k / UNITS:g} degrees" for k in range(UNITS))
"""Names of the channels in which a vector shows a ring."""

TOLERANCE: Final = math.pi / 5
"""Largest error of an angle that counts as right, as in Yang et al.: 36 degrees."""

WIDTH, HEIGHT = math.pi / 8, 0.8
HIGH, LOW = 0.85, 0.05
"""Target of the fixation unit before the go cue, and of all units at rest."""


def drawn_angle(draws: Draws, angles: int) -> Tensor:
    """Angle of each trial [B], radians: one of `angles`, evenly spaced from the right, or any angle for 0."""
    share = draws.integers("angle", angles).double() / angles if angles else draws.uniform("angle")
    return share * 2 * math.pi


def bump(angles: Tensor) -> Tensor:
    """Activity of the ring [..., 32] for angles [...] in radians: 0.8 exp(-(d / (pi / 8))^2 / 2)."""
    preferred = torch.arange(UNITS, device=angles.device, dtype=angles.dtype) * (2 * math.pi / UNITS)
    return HEIGHT * torch.exp(-0.5 * (distance(angles[..., None], preferred) / WIDTH).square())


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Distance of angles on the circle, from 0 to pi."""
    return (torch.remainder(one - other + math.pi, 2 * math.pi) - math.pi).abs()


def decoded(activity: Tensor) -> Tensor:
    """Angle of the population vector of a ring [..., 32], from 0 to 2 pi."""
    preferred = torch.arange(UNITS, device=activity.device, dtype=activity.dtype) * (2 * math.pi / UNITS)
    east, north = (activity * preferred.cos()).sum(-1), (activity * preferred.sin()).sum(-1)
    return torch.remainder(torch.atan2(north, east), 2 * math.pi)


def wanted(plan: Plan, angles: Tensor, going: Tensor, counted: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Targets and masks: fixate until the frames `going` [F, B], then a bump at `angles` [B] or [F, B]."""
    shown = functional.pad((bump(angles) + LOW).float(), (1, 0), value=LOW)
    fixate = torch.full((1 + UNITS,), LOW, device=angles.device)
    fixate[0] = HIGH
    return {RING: torch.where(going[..., None], shown, fixate)}, {RING: counted}


def answers(trials: Trials, outputs: Mapping[str, Tensor], start: Tensor, last: Tensor) -> Answers:
    """Read the angle of a ring in the frame `last` [B], and compare it with `Trials.answer` in radians.

    An answer is right within 36 degrees, if the fixation unit is below 0.5 then. It is early if that unit is below 0.5
    in the frame before `start` [B].
    """
    values = outputs[RING]
    check_frames_of(values, trials, RING)
    trial = torch.arange(len(trials), device=values.device)
    final = values[last, trial]
    response = decoded(final[:, 1:])
    correct = (distance(response, trials.answer.to(response)) < TOLERANCE) & (final[:, 0] < 0.5)
    return Answers(correct, response, values[(start - 1).clamp_min(0), trial, 0] < 0.5)

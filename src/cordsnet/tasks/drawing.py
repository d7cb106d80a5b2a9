"""Shapes on a dark field, in grey values from 0 to 1. Places run from -1 to 1 over the field, x to the right, y up."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from cordsnet.tasks.memory import movie_memory
from cordsnet.tasks.trials import Plan

FIXATION_RADIUS = 0.08
"""Radius of the fixation point."""

_PART = 2**17
"""Pixels that are drawn together, which fit the cache of a processor."""


def grid(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """x and y [S, S] of the pixels."""
    places = (torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) * (2 / size) - 1
    return places.expand(size, size), -places[:, None].expand(size, size)


def disc(x: Tensor, y: Tensor, radius: float, size: int) -> Tensor:
    """Discs [..., S, S] at the places x, y [...]; an edge one pixel wide lets them move by parts of a pixel."""
    across, up = grid(size, x)
    away = torch.hypot(across - x[..., None, None], up - y[..., None, None])
    return ((radius - away) * size / 2 + 0.5).clamp(0, 1)


def bar(angle: Tensor, length: float | Tensor, width: float, size: int) -> Tensor:
    """Bars [..., S, S] through the middle, at angles [...] in radians; half-length, one or [...], and half-width."""
    across, up = grid(size, angle)
    cos, sin = angle.cos()[..., None, None], angle.sin()[..., None, None]
    along, aside = across * cos + up * sin, up * cos - across * sin
    length = length[..., None, None] if isinstance(length, Tensor) else length
    inside = torch.minimum(length - along.abs(), width - aside.abs())
    return (inside * size / 2 + 0.5).clamp(0, 1)


def square(x: Tensor, y: Tensor, half: float, size: int) -> Tensor:
    """Squares [..., S, S] of half a side at the places x, y [...], with edges one pixel wide as of `disc`."""
    across, up = grid(size, x)
    away = torch.maximum((across - x[..., None, None]).abs(), (up - y[..., None, None]).abs())
    return ((half - away) * size / 2 + 0.5).clamp(0, 1)


def grating(cycles: Tensor, phase: Tensor, radius: float, size: int) -> Tensor:
    """Round vertical gratings [..., S, S], of cycles [...] per width of the field and phases [...] in radians."""
    across, _ = grid(size, cycles)
    wave = torch.sin(torch.pi * cycles[..., None, None] * across + phase[..., None, None])
    zero = torch.zeros_like(cycles)
    return (0.5 + 0.5 * wave) * disc(zero, zero, radius, size)


def blank(plan: Plan, size: int, grey: float = 0.0) -> Tensor:
    """Movies [F, B, S, S] of one grey value."""
    shape, device = (plan.frames, plan.batch, size, size), plan.draws.seeds.device
    if device.type == "cpu":
        return movie_memory(math.prod(shape)).view(shape).fill_(grey)
    return torch.full(shape, grey, device=device, dtype=torch.float32)


def stamp(movie: Tensor, shape: Tensor, shown: Tensor) -> Tensor:
    """Draw a shape [S, S], or one per trial [B, S, S], over movies [F, B, S, S] in the frames `shown` [F, B].

    The brighter one is seen. The movies are changed in place, and only where the shape is.
    """
    covered = shape.flatten(0, -3).any(0) if shape.ndim > 2 else shape > 0
    rows, columns = covered.any(1).nonzero()[:, 0], covered.any(0).nonzero()[:, 0]
    if not len(rows):
        return movie
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    part, drawn = movie[..., box[0], box[1]], shape[..., box[0], box[1]].to(movie)
    together = max(1, _PART // part[0].numel())
    for first, last, every in _runs(shown, together):
        now = part[first:last]
        seen = drawn if every else drawn * shown[first:last, :, None, None].to(movie)
        torch.maximum(now, seen, out=now)
    return movie


def _runs(shown: Tensor, together: int) -> Iterator[tuple[int, int, bool]]:
    """First frame, the frame after the last, and whether all trials show it in each, of frames drawn together.

    Frames that no trial shows are left out.
    """
    kinds = (shown.any(1).long() + shown.all(1)).tolist()
    first = 0
    for last in range(1, len(kinds) + 1):
        if last == len(kinds) or kinds[last] != kinds[first] or last - first == together:
            if kinds[first]:
                yield first, last, kinds[first] == 2
            first = last


def add(movie: Tensor, shape: Tensor, contrast: Tensor) -> Tensor:
    """Add a shape [S, S] to movies [F, B, S, S], times the contrast of each frame [F, B], cut to grey values 0 to 1.

    The movies are changed in place, and only where the shape is.
    """
    covered = shape > 0
    rows, columns = covered.any(1).nonzero()[:, 0], covered.any(0).nonzero()[:, 0]
    if len(rows):
        box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        part, drawn = movie[..., box[0], box[1]], shape[box].to(movie)
        for frames, trials in (one.T for one in torch.split(contrast.nonzero(), max(1, _PART // drawn.numel()))):
            added = part[frames, trials] + contrast[frames, trials][:, None, None].to(movie) * drawn
            part[frames, trials] = added.clamp_(0, 1)
    return movie


def fixation(movie: Tensor, shown: Tensor) -> Tensor:
    """Draw the fixation point over movies, in place, in the frames `shown` [F, B]; it goes off as the go cue."""
    zero = torch.zeros((), dtype=torch.float64, device=movie.device)
    return stamp(movie, disc(zero, zero, FIXATION_RADIUS, movie.shape[-1]), shown)

"""Movies of digits: one that drifts over an empty field, and one that only its motion tells from its background.

Fields have no borders: what leaves on one side comes in on the other. Every frame alone then looks alike for all
directions, and a movie has the same frames as the movie of the opposite direction, in reverse order.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

DIRECTIONS = ("right", "down", "left", "up")
"""In order; the opposite of a direction is two places further."""

STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Rows and columns by which each direction moves."""

FRAMES = 6
SHIFT_PX = 2
"""Motion from frame to frame."""

INK = 0.5
"""Value above which a pixel belongs to the shape of a digit."""


@dataclass(frozen=True)
class Clips:
    """Movies with what there is to be read from them.

    Attributes
    ----------
    frames : [F, B, 1, H, W], values from 0 to 1.
    classes : digits [B].
    directions : numbers of `DIRECTIONS` [B], in which digits drift or the dots of their shape move.
    """

    frames: Tensor
    classes: Tensor
    directions: Tensor


def drifting(digits: Tensor, classes: Tensor, size: int, generator: torch.Generator | None = None) -> Clips:
    """Digits [B, 1, h, w] that drift over a field of `size` px, from a place and in a direction of their own.

    Places and directions are drawn on the CPU, from torch's generator where none is given.
    """
    batch, _, height, width = digits.shape
    field = digits.new_zeros(batch, 1, size, size)
    field[:, :, :height, :width] = digits
    directions = torch.randint(len(STEPS), (batch,), generator=generator)
    place = torch.randint(size, (batch, 2), generator=generator)
    frames = torch.stack([rolled(field, place + moved(directions, k)) for k in range(FRAMES)])
    return Clips(frames, classes, directions.to(classes.device))


def moving_dots(digits: Tensor, classes: Tensor, generator: torch.Generator | None = None) -> Clips:
    """Random dots that move to the right within the shape of a digit [B, 1, h, w], and to the left around it.

    A dot is as large as a pixel of the still digit and is shown `SHIFT_PX` px wide; half of all are bright. Those of a
    frame are independent of one another and of the shape, so that a frame alone tells nothing of the digit (as in the
    movies of Dunnhofer & Kar 2026, in which objects show by motion alone).
    """
    shape = digits > INK
    within, around = ((torch.rand(digits.shape, generator=generator) < 0.5).to(digits) for _ in range(2))
    frames = torch.stack([torch.where(shape, within.roll(k, -1), around.roll(-k, -1)) for k in range(FRAMES)])
    large = frames.repeat_interleave(SHIFT_PX, -2).repeat_interleave(SHIFT_PX, -1)
    return Clips(large, classes, torch.zeros_like(classes))


def shuffled(clips: Clips, generator: torch.Generator | None = None) -> Clips:
    """The same movies with the frames of each in an order of its own, all orders alike."""
    frames = clips.frames
    order = torch.rand(frames.shape[:2], generator=generator).argsort(0).to(frames.device)
    at = order.view(*order.shape, *[1] * (frames.ndim - 2)).expand_as(frames)
    return Clips(frames.gather(0, at), clips.classes, clips.directions)


def one_frame(clips: Clips, generator: torch.Generator | None = None) -> Tensor:
    """One frame of each movie [B, 1, H, W], drawn at random."""
    count, batch = clips.frames.shape[:2]
    chosen = torch.randint(count, (batch,), generator=generator).to(clips.frames.device)
    return clips.frames[chosen, torch.arange(batch, device=clips.frames.device)]


def moved(directions: Tensor, frames: int) -> Tensor:
    """Rows and columns [B, 2] by which something has moved after a number of frames, px."""
    return frames * SHIFT_PX * torch.tensor(STEPS)[directions.cpu()]


def rolled(fields: Tensor, by: Tensor) -> Tensor:
    """Fields [B, C, H, W] moved down and to the right by whole px [B, 2]; what leaves comes in on the other side."""
    height, width = fields.shape[-2:]
    by = by.to(fields.device)
    rows = (torch.arange(height, device=fields.device) - by[:, :1]) % height
    columns = (torch.arange(width, device=fields.device) - by[:, 1:]) % width
    trials = torch.arange(len(fields), device=fields.device)
    found: Tensor = fields.movedim(1, -1)[trials[:, None, None], rows[:, :, None], columns[:, None, :]]
    return found.movedim(-1, 1)


def opposite(directions: Tensor) -> Tensor:
    """Numbers of the opposite directions."""
    return (directions + len(STEPS) // 2) % len(STEPS)

"""Copies of what is shown, so that a protocol stays as it is when the caller's tensors change."""

from collections.abc import Iterable

import torch
from torch import Tensor

from cordsnet.dynamics.limits import check_room

MAX_FRAMES = 1_000_000
"""Frames that are taken from a generator, so that one without end does not run for ever."""


def own(values: Tensor) -> Tensor:
    """A copy that nobody else changes; gradients pass to `values`. Raises ValueError where memory is short."""
    check_room(values.nbytes, "a copy of what is shown", "show fewer images", values.device)
    if torch.is_inference_mode_enabled():  # outside it, so that what is shown can take part in training later
        with torch.inference_mode(False), torch.no_grad():
            return values.clone()
    with torch.enable_grad():  # gradients are wanted or not by simulate(grad=...), also where they are off here
        return values.clone()


def stacked(frames: Iterable[Tensor]) -> Tensor:
    """Frames [B, C, H, W] that come one by one as one tensor [T, B, C, H, W], each copied as it comes.

    Raises TypeError or ValueError, naming the frame, for anything but tensors of one shape and dtype, and when they are
    more than memory or `MAX_FRAMES`.
    """
    kept: list[Tensor] = []
    for k, frame in enumerate(frames):
        if not isinstance(frame, Tensor):
            raise TypeError(f"frame {k} must be a torch tensor [B, C, H, W], got {type(frame).__name__}")
        if frame.ndim != 4:
            raise ValueError(f"frame {k} must have the axes [B, C, H, W], got shape {list(frame.shape)}")
        if kept and (frame.shape != kept[0].shape or frame.dtype != kept[0].dtype):
            raise ValueError(
                f"frame {k} is {frame.dtype} {list(frame.shape)} where frame 0 is {kept[0].dtype} "
                f"{list(kept[0].shape)}; give frames of one kind"
            )
        if k >= MAX_FRAMES:
            raise ValueError(f"frames are more than {MAX_FRAMES:,}; give a generator that ends")
        if k % 100 == 0:  # twice: the frames, and the tensor that holds them all
            check_room(2 * 100 * frame.nbytes + k * frame.nbytes, f"a movie of more than {k} frames", "show fewer")
        kept.append(own(frame))
    if not kept:
        raise ValueError("frames is empty; give at least one frame")
    with torch.enable_grad():
        return torch.stack(kept)

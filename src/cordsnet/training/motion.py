"""Movies made from images: every image shifts and grows or shrinks smoothly."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_count

MOST_FRAMES = 10_000
"""Largest number of frames of a movie."""


@check_init
@dataclass(frozen=True)
class Motion:
    """A smooth motion of every image, in a direction and with a zoom of its own.

    The middle of the movie is the image as it is; speed is constant, and so is the factor by which it grows from frame
    to frame. What comes in at the border repeats the border.

    Attributes
    ----------
    frames : number of frames, at least 2.
    shift : largest shift over the movie along each axis, as a proportion of the image.
    zoom : largest change of size over the movie, as a proportion; 0.2 ends between 1 / 1.2 and 1.2 of the first size.
    """

    frames: int = 6
    shift: float = 0.3
    zoom: float = 0.3

    def __post_init__(self) -> None:
        check_count(self.frames, "frames", 2, most=MOST_FRAMES)
        for name in ("shift", "zoom"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a finite number of 0 or more, got {value!r}")

    @check_arguments
    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Movies [F, B, C, H, W] of images [B, C, H, W]; directions are drawn from torch's generator, on the CPU."""
        if images.ndim != 4:
            raise ValueError(f"images must have the axes [B, C, H, W], got shape {list(images.shape)}")
        draw = (2 * torch.rand(3, len(images)) - 1).to(images)
        time = torch.linspace(-0.5, 0.5, self.frames).to(images)[:, None]
        scale = torch.exp(-math.log1p(self.zoom) * draw[2] * time)
        corner = torch.zeros_like(scale)
        across, down = (-2 * self.shift * draw[k] * time for k in range(2))  # the image is 2 wide in these coordinates
        rows = [torch.stack([scale, corner, across], -1), torch.stack([corner, scale, down], -1)]
        maps = torch.stack(rows, -2).flatten(0, 1)
        still = images.expand(self.frames, *images.shape).flatten(0, 1)
        grid = functional.affine_grid(maps, list(still.shape), align_corners=False)
        moved = functional.grid_sample(still, grid, padding_mode="border", align_corners=False)
        return moved.reshape(self.frames, *images.shape)

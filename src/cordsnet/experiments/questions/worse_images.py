"""Images made worse: occluded, blurred, or with noise; each image alike in a batch of any size."""

from math import sqrt

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.data import Split
from cordsnet.dynamics.noise import mix, normal, trial_seeds

TOGETHER = 64
"""Images that are read together where pixels are measured."""

BLUR_REACH = 4.0
"""Reach of the kernel of a blur, in standard deviations."""


@check_arguments
def image_seeds(split: Split, seed: int = 0) -> Tensor:
    """One seed for each image [B] of a split, which depends on its row in the whole split and not on the others."""
    rows = torch.arange(len(split)) if split.rows is None else split.rows.cpu()
    return mix(rows.long() + trial_seeds(seed, 1)).to(split.device)


@check_arguments
def pixel_deviation(split: Split) -> float:
    """Standard deviation over all pixels, channels and images of a split."""
    total, squares, count = 0.0, 0.0, 0
    for images, _ in split.batches(TOGETHER):
        wide = images.double()
        total, squares, count = total + float(wide.sum()), squares + float(wide.square().sum()), count + wide.numel()
    mean = total / count
    return sqrt(max(squares / count - mean**2, 0.0))


@check_arguments
def blurred(images: Tensor, share: float) -> Tensor:
    """Convolve images [B, C, H, W] with a Gaussian whose standard deviation is that share of their height.

    The border is repeated outwards.
    """
    from kornia.filters import gaussian_blur2d

    sigma = share * images.shape[2]
    size = 2 * max(1, round(BLUR_REACH * sigma)) + 1
    found: Tensor = gaussian_blur2d(images, (size, size), (sigma, sigma), border_type="replicate")
    return found


@check_arguments
def occluded(images: Tensor, share: float, seeds: Tensor) -> Tensor:
    """Cover a rectangle of each image [B, C, H, W], of its shape and in a random place, with its mean colour.

    Parameters
    ----------
    images : [B, C, H, W].
    share : area that is covered, as near as whole pixels allow; `covered_share` says which that is.
    seeds : one for each image [B], from `image_seeds`; they determine the places.
    """
    height, width = images.shape[2:]
    high, wide = _sides(height, width, share)
    place = _uniform(seeds, 2)
    top = (place[:, 0] * (height - high + 1)).long()[:, None]
    left = (place[:, 1] * (width - wide + 1)).long()[:, None]
    row, column = (torch.arange(size, device=images.device)[None] for size in (height, width))
    rows, columns = (row >= top) & (row < top + high), (column >= left) & (column < left + wide)
    covered = (rows[:, :, None] & columns[:, None])[:, None]
    return torch.where(covered, images.mean((2, 3), keepdim=True), images)


@check_arguments
def covered_share(height: int, width: int, share: float) -> float:
    """Share of an image of that size that `occluded` covers where `share` is asked for."""
    high, wide = _sides(height, width, share)
    return high * wide / (height * width)


@check_arguments
def with_draw(images: Tensor, sigma: float, seeds: Tensor, frame: int) -> Tensor:
    """Images [B, C, H, W] with the Gaussian noise that each of them has in a frame.

    Parameters
    ----------
    images : [B, C, H, W].
    sigma : standard deviation, in units of the images.
    seeds : one for each image [B], from `image_seeds`.
    frame : number of the draw.
    """
    return images + sigma * normal(seeds, 0, frame, tuple(images.shape[1:]), images.dtype)


def _sides(height: int, width: int, share: float) -> tuple[int, int]:
    """Height and width of a rectangle of an image's shape, in whole pixels."""
    return max(1, round(height * sqrt(share))), max(1, round(width * sqrt(share)))


def _uniform(seeds: Tensor, count: int) -> Tensor:
    """Numbers from 0 up to 1 [B, count], in double precision."""
    bits = mix(mix(seeds)[:, None] + torch.arange(count, device=seeds.device))
    return ((bits >> 11) & ((1 << 53) - 1)).double() / 2**53

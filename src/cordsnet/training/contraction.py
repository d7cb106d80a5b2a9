"""A bound on the norm of recurrent kernels, under which a rectified cascade settles from everywhere."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cordsnet.dynamics import convolution_norm
from cordsnet.models import CordsNet
from cordsnet.models.wiring import gain_of, weight_of


def padded_norm(weight: Tensor, size: Sequence[int]) -> Tensor:
    """An upper bound on the largest singular value of a zero-padded convolution of maps of (H, W) `size`.

    Zero padding is a periodic border that lies in a frame of zeros, so the norm on maps that are larger by the
    kernel's radius bounds it; the norm on maps of the same size does not.
    """
    radius = weight.shape[-1] // 2
    return convolution_norm(weight, [n + radius for n in size])


@torch.no_grad()
def limit(weight: Tensor, size: Sequence[int], bound: float) -> None:
    """Scale a recurrent kernel down, in place, if its norm on maps of (H, W) `size` is above `bound`."""
    weight.mul_((bound / padded_norm(weight, size)).clamp(max=1.0))


@torch.no_grad()
def limit_recurrence(model: CordsNet, bound: float) -> None:
    """Scale down every recurrent kernel whose norm (`padded_norm`) is above `bound`, in place.

    Below 1, an area whose phi has slopes of at most 1 is a contraction: under a steady input it has one fixed point,
    which it reaches from every state.
    """
    for area, kernel in model.wiring.recurrent.items():
        norm = padded_norm(weight_of(kernel), model.shapes[area][1:])
        gain_of(kernel).mul_((bound / norm).clamp(max=1.0))

"""Noise that depends on a trial's seed, the area and the step alone.

Numbers come from a counter (Salmon et al. 2011): each is a hash of where it belongs. So an engine that runs a block of
time twice draws the same noise twice, a trial has the same noise in a batch of any size, and CPU and GPU agree.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from cordsnet._checks import check_count

# Constants of SplitMix64 (Steele et al. 2014), as signed numbers, since torch has no unsigned multiplication.
_GOLDEN, _FIRST, _SECOND = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15
_HALF = 0xFFFFFFFF


def trial_seeds(seed: int, batch: int, device: torch.device | str = "cpu", first: int = 0) -> Tensor:
    """One seed per trial [B], of trials `first` to `first + batch`, from one seed.

    Raises ValueError for a seed or a first trial below 0, or beyond 63 bits.
    """
    number = torch.tensor(check_count(seed, "seed", 0, most=2**63 - 1), dtype=torch.int64, device=device)
    start = check_count(first, "first", 0, most=2**62)
    return mix(torch.arange(start, start + batch, dtype=torch.int64, device=device) + mix(number))


def normal(seeds: Tensor, stream: int, step: int, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Standard normal numbers [B, *shape] for one step of every trial.

    Parameters
    ----------
    seeds : [B], from `trial_seeds`.
    stream : number of the area, so that areas have noise of their own.
    step : number of the step.
    shape, dtype : of one trial's numbers.
    """
    key = mix(mix(seeds + stream) + step)[:, None]
    bits = mix(key + torch.arange(math.prod(shape), device=seeds.device))
    # Box and Muller (1958): 32 bits for the radius, 32 for the angle; the half keeps the logarithm finite.
    wide = torch.float64 if dtype == torch.float64 else torch.float32  # some devices have no double precision
    number, angle = (bits >> 32) & _HALF, ((bits & _HALF).to(wide) + 0.5) / 2**32
    values = torch.sqrt(-2 * _log_of_share(number, wide)) * torch.cos(2 * math.pi * angle)
    return values.to(dtype).view(len(seeds), *shape)


def _log_of_share(number: Tensor, dtype: torch.dtype) -> Tensor:
    """log((number + 1/2) / 2^32), to the precision of `dtype` also where the share is near 1."""
    if dtype == torch.float64:
        return torch.log((number.double() + 0.5) / 2**32)
    below, above = ((part.to(dtype) + 0.5) / 2**32 for part in (number, _HALF - number))
    return torch.where(number < 2**31, torch.log(below), torch.log1p(-above))


def mix(numbers: Tensor) -> Tensor:
    """SplitMix64 of int64 numbers: neighbours in, nothing in common out."""
    mixed = numbers + _GOLDEN
    mixed.bitwise_xor_(_shift(mixed, 30)).mul_(_FIRST)
    mixed.bitwise_xor_(_shift(mixed, 27)).mul_(_SECOND)
    return mixed.bitwise_xor_(_shift(mixed, 31))


def _shift(numbers: Tensor, bits: int) -> Tensor:
    """Shift right and fill with zeros, where torch fills with the sign."""
    return (numbers >> bits).bitwise_and_((1 << (64 - bits)) - 1)

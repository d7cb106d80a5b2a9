"""Random numbers of trials. Each depends on the seed of its trial and on a name alone.

So a trial is the same in a batch of any size, on any device and in any worker, and the numbers of one part of a trial
do not change when another part is drawn differently. The counters are those of `dynamics/noise.py`.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from cordsnet.dynamics import mix, trial_seeds

_BITS = 53
"""Bits of a number in double precision."""


@dataclass(frozen=True)
class Draws:
    """Random numbers of a batch of trials.

    Attributes
    ----------
    seeds : one seed per trial [B].
    """

    seeds: Tensor

    @classmethod
    def of(cls, seed: int, batch: int, first: int = 0, device: torch.device | str = "cpu") -> "Draws":
        """Those of trials `first` to `first + batch` of a seed."""
        return cls(trial_seeds(seed, first + batch, device)[first:])

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Numbers [B, *shape] between 0 and 1, both excluded, in double precision."""
        key = mix(self.seeds + _stream(name))[:, None]
        bits = mix(key + torch.arange(math.prod(shape), device=self.seeds.device))
        share = ((bits >> (64 - _BITS)) & ((1 << _BITS) - 1)).double()
        return ((share + 0.5) / (1 << _BITS)).view(len(self.seeds), *shape)

    def normal(self, name: str, *shape: int) -> Tensor:
        """Standard normal numbers [B, *shape], in double precision (Box & Muller 1958)."""
        radius = torch.sqrt(-2 * self.uniform(f"{name}, radius", *shape).log())
        return radius * torch.cos(2 * math.pi * self.uniform(f"{name}, angle", *shape))

    def integers(self, name: str, count: int, *shape: int) -> Tensor:
        """Whole numbers [B, *shape] from 0 to `count` - 1, each as likely as the others."""
        return (self.uniform(name, *shape) * count).long().clamp_max(count - 1)

    def choice(self, name: str, values: Sequence[float], *shape: int) -> Tensor:
        """Elements [B, *shape] of `values`, in double precision, each as likely as the others."""
        table = torch.tensor(values, dtype=torch.float64, device=self.seeds.device)
        return table[self.integers(name, len(values), *shape)]


@lru_cache(maxsize=1024)
def _stream(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) >> 1

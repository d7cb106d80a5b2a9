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

from cordsnet._checks import check_device
from cordsnet.dynamics import mix, trial_seeds

_BITS = 53
"""Bits of a number in double precision."""

_PART = 2**15
"""Numbers that are drawn together on a processor, 256 KiB."""


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
        check_device(device.type if isinstance(device, torch.device) else str(device).partition(":")[0])
        return cls(trial_seeds(seed, batch, device, first))

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Numbers [B, *shape] between 0 and 1, both excluded, in double precision."""
        count = math.prod(shape)
        return _joined([_shares(seeds, name, count) for seeds in self._parts(count)]).view(len(self.seeds), *shape)

    def columns(self, name: str, rows: int, columns: int, wanted: int) -> Tensor:
        """The first columns [wanted, B, rows] of the numbers that `uniform(name, rows, columns)` gives."""
        found = [
            torch.stack([_shares(seeds, name, rows, columns, k) for k in range(wanted)]) for seeds in self._parts(rows)
        ]
        return torch.cat(found, 1) if len(found) > 1 else found[0]

    def normal(self, name: str, *shape: int) -> Tensor:
        """Standard normal numbers [B, *shape], in double precision (Box & Muller 1958)."""
        count = math.prod(shape)
        found = []
        for seeds in self._parts(count):
            radius = _shares(seeds, f"{name}, radius", count).log_().mul_(-2).sqrt_()
            found.append(radius.mul_(_shares(seeds, f"{name}, angle", count).mul_(2 * math.pi).cos_()))
        return _joined(found).view(len(self.seeds), *shape)

    def integers(self, name: str, count: int, *shape: int) -> Tensor:
        """Whole numbers [B, *shape] from 0 to `count` - 1, each as likely as the others."""
        return (self.uniform(name, *shape) * count).long().clamp_max(count - 1)

    def choice(self, name: str, values: Sequence[float], *shape: int) -> Tensor:
        """Elements [B, *shape] of `values`, in double precision, each as likely as the others."""
        table = torch.tensor(values, dtype=torch.float64, device=self.seeds.device)
        return table[self.integers(name, len(values), *shape)]

    def _parts(self, count: int) -> Sequence[Tensor]:
        """The seeds in parts whose numbers, `count` per trial, fit the cache of a processor."""
        size = len(self.seeds) if self.seeds.device.type != "cpu" else max(1, _PART // max(count, 1))
        return torch.split(self.seeds, size) if len(self.seeds) > size else (self.seeds,)


def _shares(seeds: Tensor, name: str, count: int, every: int = 1, first: int = 0) -> Tensor:
    """Numbers [B, count] between 0 and 1: those from number `first` on, of which one in `every` is taken."""
    key = mix(seeds + _stream(name))[:, None]
    bits = mix(key + torch.arange(first, first + count * every, every, device=seeds.device))
    share = (bits >> (64 - _BITS)).bitwise_and_((1 << _BITS) - 1).double()
    return share.add_(0.5).mul_(2.0**-_BITS)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(parts)) if len(parts) > 1 else parts[0]


@lru_cache(maxsize=1024)
def _stream(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) >> 1

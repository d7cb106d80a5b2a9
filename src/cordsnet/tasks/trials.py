"""Trials of a task: what is shown, what is wanted, when it counts, and what is true of each trial."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from cordsnet.tasks.draws import Draws
from cordsnet.training import Batch


@dataclass(frozen=True)
class Plan:
    """A batch of trials before it is rendered: conditions and periods. It is the same for both renderings.

    Attributes
    ----------
    draws : random numbers of the trials.
    frame_ms : duration of a frame, ms.
    edges : period -> first frame and the frame after its last one [B, 2].
    conditions : name -> condition of each trial [B] or [B, ...].
    """

    draws: Draws
    frame_ms: float
    edges: Mapping[str, Tensor]
    conditions: Mapping[str, Tensor]

    @property
    def batch(self) -> int:
        """Number of trials."""
        return len(self.draws.seeds)

    @cached_property
    def lengths(self) -> Tensor:
        """Number of frames of each trial [B]."""
        return torch.stack([edges[:, 1] for edges in self.edges.values()]).max(0).values

    @cached_property
    def frames(self) -> int:
        """Number of frames of the longest trial of the batch, F."""
        return int(self.lengths.max())

    @cached_property
    def index(self) -> Tensor:
        """Numbers of the frames [F, 1]."""
        return torch.arange(self.frames, device=self.draws.seeds.device)[:, None]

    def during(self, *periods: str) -> Tensor:
        """True in the frames of any of the periods [F, B]."""
        inside = [(self.index >= self.edges[p][:, 0]) & (self.index < self.edges[p][:, 1]) for p in periods]
        return torch.stack(inside).any(0)

    def since(self, period: str) -> Tensor:
        """Time since a period began at the middle of every frame [F, B], ms; negative before it."""
        return (self.index - self.edges[period][:, 0] + 0.5) * self.frame_ms

    def counted(self, period: str, grace_ms: float, weight: float) -> Tensor:
        """Weights of errors [F, B]: 1 outside of a period; within it 0 for `grace_ms`, and then `weight`."""
        late = weight * (self.since(period) > grace_ms).double()
        return torch.where(self.during(period), late, torch.ones_like(late))

    @property
    def running(self) -> Tensor:
        """True until a trial ends [F, B]; False in what pads a short trial."""
        return self.index < self.lengths

    def noise(self, name: str, std: float, *shape: int) -> Tensor:
        """White noise [F, B, *shape]; its mean over 100 ms has the standard deviation `std`."""
        if std == 0:
            return torch.zeros(self.frames, self.batch, *shape, dtype=torch.float64, device=self.draws.seeds.device)
        # the numbers of a frame do not depend on how many frames there are, since frames are the slowest axis
        found = self.draws.normal(name, self.frames, *shape).transpose(0, 1)
        return found * (std * math.sqrt(100 / self.frame_ms))


@dataclass(frozen=True)
class Trials:
    """A batch of trials.

    Attributes
    ----------
    inputs : input -> [F, B, ...], one value per frame.
    targets : output -> options [F, B] or values [F, B, ...], one per frame.
    mask : output -> weights [F, B] with which its error counts; 0 where nothing is wanted, and after a trial's end.
    periods : period -> first frame and the frame after its last one [B, 2].
    conditions : name -> condition of each trial [B] or [B, ...].
    answer : the right answer [B] or [B, ...].
    lengths : number of frames of each trial [B]; later frames are padding.
    frame_ms : duration of a frame, ms.
    """

    inputs: Mapping[str, Tensor]
    targets: Mapping[str, Tensor]
    mask: Mapping[str, Tensor]
    periods: Mapping[str, Tensor]
    conditions: Mapping[str, Tensor]
    answer: Tensor
    lengths: Tensor
    frame_ms: float

    def __len__(self) -> int:
        """Number of trials."""
        return len(self.lengths)

    @property
    def frames(self) -> int:
        """Number of frames, F."""
        return len(next(iter(self.inputs.values())))

    @property
    def duration_ms(self) -> float:
        """Duration of the longest trial, ms."""
        return self.frames * self.frame_ms

    def edges_ms(self, period: str) -> Tensor:
        """Return the start and end of a period in each trial [B, 2], ms from the start of the trial."""
        return self.periods[period] * self.frame_ms

    def to(self, like: Tensor) -> "Trials":
        """The trials on the device of a tensor, with inputs and values in its precision."""

        def moved(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {k: v.to(like.device, like.dtype if v.is_floating_point() else v.dtype) for k, v in values.items()}

        parts: dict[str, Any] = {n: moved(getattr(self, n)) for n in ("inputs", "targets", "mask", "conditions")}
        edges = {name: value.to(like.device) for name, value in self.periods.items()}
        answer, lengths = self.answer.to(like.device), self.lengths.to(like.device)
        return replace(self, **parts, periods=edges, answer=answer, lengths=lengths)

    def batch(self) -> Batch:
        """Inputs, targets and masks, as a loss reads them."""
        return Batch(self.inputs, self.targets, self.mask, self.frame_ms)

"""Optimisation of parameters: optimiser, learning rate, schedule, batches and precision."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import nn
from torch.optim import Optimizer

from cordsnet._arguments import check_init
from cordsnet._checks import check_count, check_positive, is_number

MOST_UPDATES = 10**8
"""Largest number of updates of a stage: years of training."""

MOST_IMAGES = 10**7
"""Largest batch, and largest number of parts of one."""

START, END = 25.0, 1e4
"""The cycle of learning rates begins at the peak over the first number, and ends at that over the second."""


@check_init
@dataclass(frozen=True)
class Optimisation:
    """Settings of the optimisation of parameters.

    Attributes
    ----------
    optimiser : "sgd" (momentum 0.9) or "adamw".
    lr : learning rate, the peak where it is scheduled.
    schedule : "constant", or "one_cycle": up over the first `warm_up` of the updates, then down to zero.
    updates : number of parameter updates.
    batch : images per update, all processes together.
    accumulate : parts in which a batch is gone through, for networks of which a whole batch does not fit.
    clip : largest gradient norm; None leaves it alone.
    precision : of convolutions; half precisions run under autocast, "float16" with scaled losses (on a GPU).
    """

    optimiser: Literal["sgd", "adamw"] = "adamw"
    lr: float = 1e-3
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    warm_up: float = 0.2
    updates: int = 100
    batch: int = 64
    accumulate: int = 1
    clip: float | None = None
    weight_decay: float = 0.0
    precision: Literal["float32", "bfloat16", "float16"] = "float32"

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            known = get_args(kind) if get_origin(kind) is Literal else ()
            if known and getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {getattr(self, name)!r}")
        check_positive(self.lr, "lr")
        for name, most in (("updates", MOST_UPDATES), ("batch", MOST_IMAGES), ("accumulate", MOST_IMAGES)):
            check_count(getattr(self, name), name, most=most)
        if self.clip is not None:
            check_positive(self.clip, "clip")
        if not (is_number(self.warm_up) and 0 <= self.warm_up <= 1):
            raise ValueError(f"warm_up must be a share of the updates from 0 to 1, got {self.warm_up!r}")
        if not (is_number(self.weight_decay) and 0 <= self.weight_decay < math.inf):
            raise ValueError(f"weight_decay must be a finite number of 0 or more, got {self.weight_decay!r}")

    def build(self, parameters: list[nn.Parameter], share: Callable[[], float] | None = None) -> dict[str, Any]:
        """Optimiser and schedule in the form that Lightning takes.

        `share` gives the proportion of training that is done, 0-1; None counts updates.
        """
        if self.optimiser == "sgd":
            optimiser: Optimizer = torch.optim.SGD(
                parameters, lr=self.lr, momentum=0.9, nesterov=True, weight_decay=self.weight_decay
            )
        else:
            optimiser = torch.optim.AdamW(parameters, lr=self.lr, weight_decay=self.weight_decay)
        if self.schedule == "constant" or self.updates == 1:  # the cycle of a single update would be its end, near 0
            return {"optimizer": optimiser}
        if share is not None:
            following = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _: self.cycle(share()))
            return {"optimizer": optimiser, "lr_scheduler": {"scheduler": following, "interval": "step"}}
        # Torch divides by the length of the warm-up less one update, which may be zero.
        warm_up = self.warm_up * (1 + 1e-6) if abs(self.updates * self.warm_up - 1) < 1e-9 else self.warm_up
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.lr, total_steps=self.updates, pct_start=warm_up, cycle_momentum=False
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def cycle(self, share: float) -> float:
        """Learning rate of "one_cycle", over its peak, where a proportion `share` of training is done.

        It has the ends and the cosines of torch's `OneCycleLR`: from 1/25 to 1, then down to 1/250,000.
        """
        if share < self.warm_up:
            low, high, part = 1 / START, 1.0, share / self.warm_up
        else:
            low, high, part = 1.0, 1 / (START * END), (share - self.warm_up) / max(1 - self.warm_up, 1e-9)
        return high + (low - high) * (1 + math.cos(math.pi * min(1.0, part))) / 2

"""Rates of an area over a trial, as losses and probes read them; and layers on top of them."""

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from cordsnet.dynamics import Record, integrate
from cordsnet.models.interface import IMAGE
from cordsnet.registry import Registry
from cordsnet.training.comparison import frames_of, held
from cordsnet.training.loss import Bound


def chosen_area(model: Any, name: str | None) -> str:
    """An area by name; None is the top one. Raises ValueError, offering the nearest, for unknown names."""
    if name is None:
        return str(tuple(model.shapes)[-1])
    known: Registry[str] = Registry("area")
    for area in model.shapes:
        known.add(area, area)
    return known[name]


def rates_at_ends(bound: Bound, inputs: Mapping[str, Tensor], ms: float, area: str, reduce: str = "none") -> Tensor:
    """Rates of an area at the end of every frame [F, B, ...], reduced as in `Record`.

    The trial of `ms` starts as the model does, and its frames share it equally. A model without time sees each frame
    alone.
    """
    if bound.system is None:
        return torch.stack([_at_once(bound.model, frame, area, reduce) for frame in frames_of(bound, inputs)])
    holds = held(bound, inputs, ms)
    batch, clock = len(next(iter(holds[0].inputs.values()))), bound.system.clock
    ends = torch.tensor([hold.steps for hold in holds]).cumsum(0).tolist()
    record = Record((area,), times_ms=tuple(clock.time_ms(end) for end in ends), reduce=reduce, outputs=())
    return bound.run(holds, bound.begin(batch), record).rates[area]


def _at_once(model: Any, inputs: Mapping[str, Tensor], area: str, reduce: str) -> Tensor:
    """Rates [B, ...] of a model without time, which may be in training mode where it gives its rates by itself."""
    model.check_inputs(inputs)
    if callable(getattr(model, "rates", None)):
        rates: Tensor = model.rates(inputs[IMAGE])[area]
        return rates.mean((2, 3)) if reduce == "channels" and rates.ndim == 4 else rates
    system = model.system()
    record = Record((area,), reduce=reduce, outputs=())
    holds = held(Bound(model, system), inputs, system.clock.dt_ms)
    return integrate(system, holds, system.begin(len(inputs[IMAGE])), record, 1).rates[area][-1]


def projection(shape: tuple[int, ...], width: int, size: int) -> nn.Module:
    """Two layers from the pooled rates of an area of some shape to an embedding [B, size]."""
    return nn.Sequential(nn.Linear(shape[0], width), nn.ReLU(), nn.Linear(width, size))


def decoder(shape: tuple[int, ...], image: tuple[int, int, int], width: int) -> nn.Module:
    """Layers from the rates of an area, [C, H, W] or [N], to an image [C, H, W]."""
    channels, *size = image
    if len(shape) != 3:
        return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), prod(image)), nn.Unflatten(1, image))
    return nn.Sequential(
        nn.Conv2d(shape[0], width, 3, padding=1),
        nn.ReLU(),
        nn.Upsample(size=tuple(size), mode="bilinear", align_corners=False),
        nn.Conv2d(width, channels, 3, padding=1),
    )

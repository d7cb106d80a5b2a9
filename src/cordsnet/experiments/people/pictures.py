"""Grey pictures as a model reads them, and what is asked of a model that sees what people saw."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_arguments
from cordsnet.models import VisionModel

NO_MEAN, NO_STD = 0.5, 0.25
"""Mean and s.d. of pixels in 0-1 by which pictures are normalised for a model that does not say how it was trained."""

BRIEFEST_MS = 25.0
"""Shortest presentation to people."""


def reads_pictures(model: Any) -> str:
    """The model reads images alone, grey or in colour."""
    if tuple(model.inputs) != ("image",):
        return f"reads {', '.join(model.inputs)}, and people saw images alone"
    channels = model.input_shape[0]
    return "" if channels in (1, 3) else f"reads images with {channels} channels, and the pictures are grey"


def sees_briefly(model: Any) -> str:
    """A presentation of 25 ms is at least one step of the model."""
    step = float(model.dt_ms)
    if model.clock.kind != "steps" or round(BRIEFEST_MS / step):
        return ""
    return f"has steps of {step:g} ms, too long to show an image for {BRIEFEST_MS:g} ms; set its ms per step"


@check_arguments
def as_inputs(model: VisionModel, pictures: np.ndarray, notes: list[str] | None = None) -> Tensor:
    """Images [N, C, h, w] as the model reads them, of grey pictures [N, H, W] in 0-1.

    They are resized with antialiasing, repeated for each channel, and normalised as the images of training; what was
    done is appended to `notes`.
    """
    channels, *size = model.input_shape
    pixels = torch.as_tensor(np.asarray(pictures, dtype=np.float32))[:, None]
    if tuple(pixels.shape[2:]) != tuple(size):
        pixels = functional.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True)
    mean, std, said = _normalisation(model, channels)
    if notes is not None:
        resized = f"{pictures.shape[1]} x {pictures.shape[2]} px are resized to {size[0]} x {size[1]} px"
        notes.append(f"pictures of {resized}, {said}")
    like = model.like
    centre, scale = (torch.tensor(values).view(1, -1, 1, 1) for values in (mean, std))
    return ((pixels.expand(-1, channels, -1, -1) - centre) / scale).to(like.device, like.dtype).contiguous()


def _normalisation(model: VisionModel, channels: int) -> tuple[list[float], list[float], str]:
    """Mean and s.d. of each channel, and whose they are."""
    known = model.metadata.get("data")
    if isinstance(known, Mapping):
        mean, std = ([float(value) for value in known.get(name) or ()] for name in ("mean", "std"))
        if len(mean) == len(std) == channels:
            return mean, [value or 1.0 for value in std], f"normalised as {known.get('name', 'its training images')}"
    said = f"normalised with mean {NO_MEAN:g} and s.d. {NO_STD:g}, since the network does not say how it was trained"
    return [NO_MEAN] * channels, [NO_STD] * channels, said

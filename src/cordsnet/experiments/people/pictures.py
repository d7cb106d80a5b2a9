"""Grey pictures as a model reads them, and what is asked of a model that sees what people saw."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_arguments
from cordsnet.models import VisionModel
from cordsnet.models.preprocessing import Preprocessing

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
    preparation, said = Preprocessing.known_or_assumed(model.metadata, model.spec)
    if notes is not None:
        resized = f"{pictures.shape[1]} x {pictures.shape[2]} px are resized to {size[0]} x {size[1]} px"
        notes.append(f"pictures of {resized}, {said}")
    return preparation.normalised(pixels.expand(-1, channels, -1, -1)).to(model.like).contiguous()

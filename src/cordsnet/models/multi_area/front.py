"""The front end of a network of several areas: made from a row, with random or pretrained weights."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor

from cordsnet.models.interface import VisionModel
from cordsnet.models.multi_area.spec import MultiAreaSpec
from cordsnet.models.pretrained import load_pretrained
from cordsnet.models.saving import is_time
from cordsnet.models.table import KINDS, MODELS


def front_of(spec: MultiAreaSpec) -> VisionModel:
    """The front end of a spec, with random or pretrained weights."""
    front: VisionModel = KINDS[MODELS[spec.front].kind](spec.front_spec)
    if not spec.front_weights or front.like.is_meta:
        return front
    options = {
        name: value for name, value in dict(spec.front_options).items() if not is_time(name) and name != "num_classes"
    }
    given = {"image_size": spec.image_size, "in_channels": spec.in_channels, **options}
    return load_pretrained(spec.front, spec.front_weights, given)


def set_times(front: VisionModel, spec: Any) -> None:
    """Give a front end the time constants and the step of a spec."""
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if is_time(field.name) and getattr(front.spec, field.name) != value:
            setattr(front, field.name, value)


def frames(batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """Batches of images [B, C, H, W], and the frames of movies [T, B, C, H, W] one by one."""
    for images in batches:
        if isinstance(images, Tensor) and images.ndim == 5:
            yield from images
        else:
            yield images

"""From pixels to the images that a trained network reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.models.spec import ImageSpec


class UnknownPreprocessingError(AttributeError, ValueError):
    """A model does not know how its images were normalised. An AttributeError, so that `hasattr` answers False."""


@dataclass(frozen=True)
class Preprocessing:
    """Resize, take the middle, normalise; and what the classes are called.

    Attributes
    ----------
    size : (H, W) of the images that the network reads.
    mean, std : per channel, of pixel values in 0-1.
    classes : names of the classes, in the order of the scores.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, metadata: Mapping[str, Any], spec: Any) -> "Preprocessing":
        """Make the preprocessing that the metadata of a model describes.

        Raises UnknownPreprocessingError when it does not say, or does not fit the model.
        """
        name = getattr(spec, "name", type(spec).__name__)
        try:
            mean, std, classes = (tuple(metadata["data"][key]) for key in ("mean", "std", "classes"))
        except (KeyError, TypeError) as error:
            raise UnknownPreprocessingError(
                f"network {name!r} does not say how its images were normalised; it has random weights, or was "
                "saved without metadata['data'] (mean, std, classes)"
            ) from error
        if not isinstance(spec, ImageSpec):
            raise UnknownPreprocessingError(f"network {name!r} reads no images, so there is nothing to normalise")
        if not len(mean) == len(std) == spec.in_channels or len(classes) != spec.num_classes:
            raise UnknownPreprocessingError(
                f"metadata of {name!r} has {len(mean)} means, {len(std)} s.d. and {len(classes)} classes for "
                f"{spec.in_channels} channel(s) and {spec.num_classes} classes; save it again"
            )
        return cls(spec.image_size, mean, std, classes)

    def __call__(self, images: Tensor) -> Tensor:
        """Images [B, C, H, W] or one image [C, H, W], uint8 or floats in 0-1 -> normalised images [B, C, H, W].

        The shorter side is brought to the network's size, as far as need be, and the middle is taken.
        """
        if images.ndim not in (3, 4) or images.shape[-3] != len(self.mean):
            raise ValueError(
                f"images must be [B, {len(self.mean)}, H, W] or [{len(self.mean)}, H, W], got {list(images.shape)}"
            )
        if images.dtype == torch.uint8:
            pixels = images.float() / 255
        elif not images.is_floating_point():
            raise TypeError(f"images must be uint8 or floats in 0-1, got {images.dtype}")
        elif not bool(((images >= 0) & (images <= 1)).all()):
            raise ValueError("images must be in 0-1 when they are floats; divide by their largest possible value")
        else:
            pixels = images
        pixels = self._resized(pixels[None] if pixels.ndim == 3 else pixels)
        mean, std = (pixels.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (pixels - mean) / std

    def _resized(self, pixels: Tensor) -> Tensor:
        rows, columns = self.size
        if tuple(pixels.shape[2:]) == self.size:
            return pixels
        scale = max(rows / pixels.shape[2], columns / pixels.shape[3])
        size = (max(rows, round(pixels.shape[2] * scale)), max(columns, round(pixels.shape[3] * scale)))
        larger = functional.interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=True)
        top, left = (larger.shape[2] - rows) // 2, (larger.shape[3] - columns) // 2
        return larger[:, :, top : top + rows, left : left + columns]

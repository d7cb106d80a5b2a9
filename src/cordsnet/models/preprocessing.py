"""From pictures to the images that a trained network reads."""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_init
from cordsnet.errors import DataWarning
from cordsnet.models.spec import ImageSpec
from cordsnet.pictures import (
    GROUND,
    LOW_REACH,
    TOP_16_BIT,
    UnreadableError,
    check_array,
    from_array,
    glance,
    reach_of,
    read_picture,
    resized_shape,
    to_pixels,
    upright_8_bit,
)

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue, ITU-R 601-2, as Pillow has them."""

BLACK = -0.25
"""If black is normalised to less than this, images within 0-1 are taken for images that were not normalised."""

ASSUMED_MEAN, ASSUMED_STD = 0.5, 0.25
"""Mean and s.d. of pixels in 0-1 by which pictures are normalised for a model that does not say how it was trained."""

LONGEST_SIDE = 20_000
"""Longest side to which images of floats are resized, px."""


class UnknownPreprocessingError(AttributeError, ValueError):
    """A model does not know how its images were normalised. An AttributeError, so that `hasattr` answers False."""


@check_init
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
        if not isinstance(spec, ImageSpec):
            raise UnknownPreprocessingError(f"network {name!r} reads no images, so there is nothing to normalise")
        try:
            mean, std, classes = (tuple(metadata["data"][key]) for key in ("mean", "std", "classes"))
        except (KeyError, TypeError) as error:
            raise UnknownPreprocessingError(
                f"network {name!r} does not say how its images were normalised; it has random weights, or was "
                "saved without metadata['data'] (mean, std, classes)"
            ) from error
        if not len(mean) == len(std) == spec.in_channels or len(classes) != spec.num_classes:
            raise UnknownPreprocessingError(
                f"metadata of {name!r} has {len(mean)} means, {len(std)} s.d. and {len(classes)} classes for "
                f"{spec.in_channels} channel(s) and {spec.num_classes} classes; save it again"
            )
        return cls(spec.image_size, mean, std, classes)

    @classmethod
    def known_or_assumed(cls, metadata: Mapping[str, Any], spec: ImageSpec) -> tuple["Preprocessing", str]:
        """Make the preprocessing of a model, or an assumed one where it does not say, and a phrase on which it is."""
        try:
            return cls.of(metadata, spec), f"normalised as {metadata['data'].get('name') or 'its training images'}"
        except UnknownPreprocessingError:
            classes = tuple(map(str, range(spec.num_classes)))
            return cls.assumed((spec.in_channels, *spec.image_size), classes)

    @classmethod
    def assumed(cls, shape: tuple[int, int, int], classes: tuple[str, ...]) -> tuple["Preprocessing", str]:
        """Make an assumed preprocessing for images [C, H, W], and a phrase that says so."""
        channels, *size = shape
        means, deviations = (ASSUMED_MEAN,) * channels, (ASSUMED_STD,) * channels
        said = f"normalised with mean {ASSUMED_MEAN:g} and s.d. {ASSUMED_STD:g}, since the network does not say how"
        return cls((size[0], size[1]), means, deviations, classes), f"{said} it was trained"

    def __call__(self, images: Any) -> Tensor:
        """Turn pictures into normalised images [B, C, H, W], by the rules of `cordsnet.pictures`.

        Parameters
        ----------
        images : a picture, or a list of pictures, each of which is a Pillow image, the path of a file, an array
            [H, W] or [H, W, 1 to 4], or a tensor [C, H, W]; or a batch as an array [B, H, W, 1 to 4] or a tensor
            [B, C, H, W]. Arrays are 8 bit, 16 bit or floats in 0-1, tensors 8 bit or floats in 0-1.

        The shorter side is brought to the network's size, as far as need be, and the middle is taken. Whatever has
        whole numbers becomes the same 8-bit pixels as in a data set; floats are resized as floats.

        Raises TypeError for other kinds of numbers, and ValueError for other shapes, values out of range, and files
        that cannot be read.
        """
        if isinstance(images, Tensor):
            return self.normalised(self._from_tensor(images))
        if isinstance(images, np.ndarray) and images.ndim == 4:
            images = list(images)
        if isinstance(images, list | tuple):
            if not images:
                raise ValueError("images must hold at least one picture, got none")
            return torch.cat([self(one) for one in images])
        return self.normalised(self._from_picture(images))

    def normalised(self, pixels: Tensor) -> Tensor:
        """Values in 0-1 [B, C, H, W] with the mean of each channel at 0 and its s.d. at 1."""
        mean = pixels.new_tensor(self.mean)[:, None, None]
        std = pixels.new_tensor([value or 1.0 for value in self.std])[:, None, None]
        return (pixels - mean) / std

    def _from_tensor(self, images: Tensor) -> Tensor:
        """Values in 0-1 [B, C, H, W] at the network's size."""
        if images.ndim not in (3, 4) or images.shape[-3] != len(self.mean) or 0 in images.shape:
            raise ValueError(
                f"images must be [B, {len(self.mean)}, H, W] or [{len(self.mean)}, H, W], got {list(images.shape)}"
            )
        images = images[None] if images.ndim == 3 else images
        if images.dtype == torch.uint8:
            return self._fitted(images).float() / 255
        if not images.is_floating_point():
            raise TypeError(f"images must be uint8 or floats in 0-1, got {images.dtype}")
        if not bool(((images >= 0) & (images <= 1)).all()):
            raise ValueError("images must be in 0-1 when they are floats; divide by their largest possible value")
        return self._resized(images)

    def _from_picture(self, picture: Any) -> Tensor:
        """Values in 0-1 [1, C, H, W] at the network's size, of a file, a Pillow image or an array."""
        if isinstance(picture, np.ndarray) and picture.dtype.kind == "f":
            return self._from_tensor(self._opaque(picture))
        image = self._opened(picture)
        channels = len(self.mean)
        if channels not in (1, 3):
            raise ValueError(
                f"the network reads {channels} channels, and a picture has 1 or 3; give a tensor [B, {channels}, H, W]"
            )
        pixels = torch.tensor(to_pixels(image, self.size, channels)).permute(2, 0, 1)
        return pixels[None].float() / 255

    def _opened(self, picture: Any) -> Any:
        """The picture as an image of mode "L" or "RGB"."""
        if isinstance(picture, np.ndarray):
            image = from_array(picture)
            if picture.dtype.itemsize == 2:
                _warn_of_reach(float(picture.max()) / TOP_16_BIT, "the array")
            return image
        if isinstance(picture, str | os.PathLike):
            path = Path(os.path.expanduser(picture))
            try:
                seen = glance(path)
                _warn_of_pages(seen.pages, str(path))
                _warn_of_reach(seen.reach, str(path))
                return read_picture(path, self.size)
            except UnreadableError as error:
                raise UnreadableError(f"picture {str(path)!r} cannot be read: {error}") from error
        if hasattr(picture, "getexif"):  # an image of Pillow, which need not be installed
            _warn_of_reach(reach_of(picture), "the image")
            return upright_8_bit(picture)
        raise TypeError(
            f"images must be a Pillow image, a path, an array or a tensor, or a list of them, got "
            f"{type(picture).__name__}"
        )

    def _opaque(self, array: NDArray[Any]) -> Tensor:
        """Floats [H, W] or [H, W, 1 to 4] as [C, H, W] with the network's channels, transparent parts over mid-grey."""
        values = torch.from_numpy(check_array(array).astype(np.result_type(array.dtype, np.float32))).permute(2, 0, 1)
        if len(values) in (2, 4):
            values, alpha = values[:-1], values[-1:]
            values = values * alpha + (1 - alpha) * (GROUND / 255)
        wanted = len(self.mean)
        if len(values) == 3 and wanted == 1:
            return (values * values.new_tensor(LUMINANCE)[:, None, None]).sum(0, keepdim=True)
        return values.expand(3, -1, -1) if len(values) == 1 and wanted == 3 else values

    def _fitted(self, pixels: Tensor) -> Tensor:
        """8-bit pixels [B, C, H, W] at the network's size, resized channel by channel as images of Pillow."""
        if tuple(pixels.shape[2:]) == self.size:
            return pixels
        maps = pixels.flatten(0, 1).cpu().numpy()
        fitted = np.stack([to_pixels(from_array(one), self.size, 1)[..., 0] for one in maps])
        return torch.from_numpy(fitted).view(*pixels.shape[:2], *self.size).to(pixels.device)

    def _resized(self, pixels: Tensor) -> Tensor:
        rows, columns = self.size
        if tuple(pixels.shape[2:]) == self.size:
            return pixels
        height, width = resized_shape((pixels.shape[2], pixels.shape[3]), self.size)
        if max(height, width) > LONGEST_SIDE:
            raise ValueError(
                f"images of {pixels.shape[2]} x {pixels.shape[3]} px are too thin for {rows} x {columns} px; "
                "crop them first, or give 8-bit pixels"
            )
        larger = functional.interpolate(pixels, (height, width), mode="bilinear", align_corners=False, antialias=True)
        top, left = (height - rows) // 2, (width - columns) // 2
        return larger[:, :, top : top + rows, left : left + columns]


def warn_of_range(metadata: Mapping[str, Any], images: Tensor) -> bool:
    """Give a DataWarning, and return True, if images [B, C, H, W] are unlike images normalised as `metadata` says.

    Normalised images of a network lie between those of black and white. Images are unlike them if they leave that range
    by more than its width, or if they lie within 0-1 though black is normalised to less than -0.25. Images of one value
    are never unlike them, since grey fields are shown as baselines.
    """
    data = metadata.get("data")
    if not isinstance(data, Mapping) or not images.numel():
        return False
    mean, std = (tuple(data.get(name) or ()) for name in ("mean", "std"))
    if not mean or len(mean) != len(std):
        return False
    black = min(-m / (s or 1.0) for m, s in zip(mean, std, strict=True))
    white = max((1 - m) / (s or 1.0) for m, s in zip(mean, std, strict=True))
    low, high = (float(value) for value in images.detach().aminmax())
    outside = low < black - (white - black) or high > white + (white - black)
    raw = low >= 0 and high <= 1 and black < BLACK
    if low == high or not (outside or raw):
        return False
    warnings.warn(
        f"images from {low:.3g} to {high:.3g} were not normalised as those that the network was trained on, which lie "
        f"between {black:.3g} (black) and {white:.3g} (white); use model.preprocessing",
        DataWarning,
        stacklevel=4,
    )
    return True


def _warn_of_pages(pages: int, name: str) -> None:
    if pages > 1:
        warnings.warn(f"{name} has {pages} pages or frames; the first is read", DataWarning, stacklevel=5)


def _warn_of_reach(reach: float | None, name: str) -> None:
    if reach is not None and 0 < reach <= LOW_REACH:
        warnings.warn(
            f"values of {name} reach only {100 * reach:.2g} % of their range, so it is read as almost black; scale "
            "them if they were made with fewer bits",
            DataWarning,
            stacklevel=5,
        )

"""Features of images that any model should beat: their pixels, and the energy of Gabor filters."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive
from cordsnet.errors import DataError
from cordsnet.neural.readable import check_readable

Features = NDArray[np.float32]

BATCH = 64
MOST_ORIENTATIONS, MOST_BINS = 360, 1_000_000

LARGEST_PIXEL = 1e12
"""Largest size of a pixel; sums of squares of larger ones overflow in single precision."""


@check_arguments
def pixel_features(images: NDArray[Any], *, side_px: int | None = None) -> Features:
    """Pixels of each image as features [I, C x side x side].

    Parameters
    ----------
    images : images [I, C, H, W] or [I, H, W], real numbers.
    side_px : side to which images are reduced by averaging first, px; None keeps their size.

    Raises
    ------
    ValueError : images of another shape, or a side above theirs.
    """
    pixels = _read(images)
    if side_px is not None:
        check_count(side_px, "side_px", 1, min(pixels.shape[2:]), "pixel features are reduced, never enlarged")
        pixels = functional.adaptive_avg_pool2d(pixels, int(side_px))
    return pixels.flatten(1).numpy()


@check_arguments
def gabor_features(
    images: NDArray[Any],
    *,
    image_deg: float | None = None,
    wavelengths_deg: Sequence[float] = (0.5, 1.0, 2.0),
    wavelengths_px: Sequence[float] = (4.0, 8.0, 16.0),
    orientations: int = 8,
) -> Features:
    """Energy of Gabor filters in quadrature [I, features], as complex cells of V1 have it.

    Colours are averaged. A filter has a Gaussian envelope whose standard deviation is 0.4 wavelengths, and reaches over
    two of those deviations on each side; it stands at each half wavelength, where it fits within the image. Features
    are the roots of the summed squares of its sine and its cosine (Adelson & Bergen 1985, J. Opt. Soc. Am. A 2).

    Parameters
    ----------
    images : images [I, C, H, W] or [I, H, W].
    image_deg : height of an image in degrees of visual angle; None takes wavelengths in pixels.
    wavelengths_deg : wavelengths in degrees, used if `image_deg` is given.
    wavelengths_px : wavelengths in px, used otherwise.
    orientations : number of orientations, evenly spread over half a turn.

    Raises
    ------
    ValueError : a wavelength is below 2 px, which pixels cannot show, or too long for its filter to fit in the image.
    """
    pixels = _read(images).mean(1, keepdim=True)
    check_count(orientations, "orientations", 1, MOST_ORIENTATIONS)
    name, waves, scale = "wavelengths_px", list(wavelengths_px), 1.0
    if image_deg is not None:
        check_positive(image_deg, "image_deg")
        name, waves, scale = "wavelengths_deg", list(wavelengths_deg), pixels.shape[2] / image_deg
    if not waves:
        raise DataError(f"{name} must hold at least one wavelength, got none")
    found = []
    for wave in waves:
        if not wave * scale >= 2 or _side(wave * scale) > min(pixels.shape[2:]):
            size = f"{wave * scale:.3g} px in images of {pixels.shape[2]} x {pixels.shape[3]} px"
            raise DataError(f"{name} must be at least 2 px, and a filter must fit in an image, got {wave:g}, {size}")
        filters, stride = _bank(wave * scale, orientations), max(1, round(wave * scale / 2))
        parts = [functional.conv2d(batch, filters, stride=stride) for batch in torch.split(pixels, BATCH)]
        cosine, sine = torch.cat(parts).chunk(2, 1)
        found.append((cosine.square() + sine.square()).sqrt().flatten(1))
    return torch.cat(found, 1).numpy()


@check_arguments
def over_time(features: NDArray[Any], bins: int) -> NDArray[Any]:
    """Features [I, P] as activity [I, bins, P] that stays as it is, without a copy.

    Fit it with a mapping for each bin (`score(bins="each")`): a shared one could not follow any time course.
    Raises ValueError for features that are no finite numbers, and for more than a million bins.
    """
    if features.ndim != 2 or 0 in features.shape:
        raise DataError(f"features must have the axes [image, feature], got shape {features.shape}")
    check_readable(features, "features")
    count = check_count(bins, "bins", 1, MOST_BINS)
    return np.broadcast_to(features[:, None], (len(features), count, features.shape[1]))


def _read(images: NDArray[Any]) -> torch.Tensor:
    """Images as a tensor [I, C, H, W] in single precision."""
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise DataError(f"images must have the axes [image, channel, row, column], got shape {images.shape}")
    if images.dtype.kind not in "biuf":
        raise DataError(f"images must be real numbers, got an array of {images.dtype}")
    pixels = torch.from_numpy(np.array(images, np.float32))
    if not bool((pixels.abs() <= LARGEST_PIXEL).all()):  # NaN is neither
        raise DataError(f"images must be finite and up to {LARGEST_PIXEL:g} in size, got NaN, infinity or more")
    return pixels if pixels.ndim == 4 else pixels[:, None]


def _side(wavelength: float) -> float:
    """Side of a filter, px; infinite for a wavelength that no image holds."""
    return 2.0 * max(1, math.ceil(0.8 * wavelength)) + 1 if wavelength < MOST_BINS else math.inf


def _bank(wavelength: float, orientations: int) -> torch.Tensor:
    """Cosine filters, then sine filters [2 x orientations, 1, size, size], each of mean 0 and norm 1."""
    spread = 0.4 * wavelength
    half = max(1, math.ceil(2 * spread))
    place = torch.arange(-half, half + 1, dtype=torch.float32)
    angles = torch.arange(orientations, dtype=torch.float32)[:, None, None] * (math.pi / orientations)
    along = place * torch.cos(angles) + place[:, None] * torch.sin(angles)
    envelope = torch.exp(-(place**2 + place[:, None] ** 2) / (2 * spread**2))
    waves = 2 * math.pi * along / wavelength
    filters = torch.cat([torch.cos(waves), torch.sin(waves)]) * envelope
    filters = filters - filters.mean((1, 2), keepdim=True)
    return functional.normalize(filters.flatten(1)).view_as(filters)[:, None]

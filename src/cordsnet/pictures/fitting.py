"""Resize and crop to the size that a network reads."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image


def resized_shape(shape: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """(H, W) of a whole picture of `shape` when it just covers `size`, both (H, W) in px."""
    height, width = shape
    rows, columns = size
    if width * rows >= height * columns:
        return rows, max(columns, round(width * rows / height))
    return max(rows, round(height * columns / width)), columns


def fit_image(image: "Image.Image", size: tuple[int, int]) -> "Image.Image":
    """Bring an image of mode "L" or "RGB" to (H, W): its shorter side is resized, and the middle is taken.

    Only the part that is kept is resized, so memory does not depend on the proportions of the picture.
    """
    from PIL import Image

    rows, columns = size
    height, width = resized_shape((image.height, image.width), size)
    left, top = (width - columns) // 2, (height - rows) // 2
    if (width, height) == image.size:
        return image.crop((left, top, left + columns, top + rows))
    across, down = image.width / width, image.height / height
    right, bottom = min((left + columns) * across, image.width), min((top + rows) * down, image.height)
    return image.resize((columns, rows), Image.Resampling.BILINEAR, box=(left * across, top * down, right, bottom))


def to_pixels(image: "Image.Image", size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """Pixels [H, W, C] of an image of mode "L" or "RGB", with one channel (luminance) or three, at (H, W) = `size`."""
    found = fit_image(image.convert("L" if channels == 1 else "RGB"), size)
    return np.asarray(found).reshape(*size, channels)

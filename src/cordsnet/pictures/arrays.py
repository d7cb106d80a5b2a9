"""Arrays of pixels as images of Pillow."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.pictures.levels import TOP_16_BIT, Levels, to_8_bit, to_bytes

if TYPE_CHECKING:
    from PIL import Image

WANTED = (
    "an array must be [H, W], or [H, W, C] with 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGB and alpha) channels"
)


def from_array(array: NDArray[Any], name: str = "images") -> "Image.Image":
    """An array [H, W] or [H, W, 1 to 4] of 8 or 16 bits, or of booleans, as an image of mode "L" or "RGB".

    Raises TypeError for other numbers, whose range is not known, and DataError for other shapes.
    """
    from PIL import Image

    array = check_array(array, name)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype.kind == "u" and array.dtype.itemsize == 2:
        array = to_bytes(array, Levels(TOP_16_BIT))
    elif array.dtype != np.uint8:
        raise TypeError(f"{name} must be uint8, uint16 or floats in 0-1, got {array.dtype}; convert them")
    channels = array.shape[2]
    pixels = np.ascontiguousarray(array[..., 0] if channels == 1 else array)
    return to_8_bit(Image.fromarray(pixels))


def check_array(array: NDArray[Any], name: str = "images") -> NDArray[Any]:
    """The array with three axes [H, W, C]. Raises DataError for other shapes than `WANTED`."""
    deep = array[..., None] if array.ndim == 2 else array
    if deep.ndim != 3 or deep.shape[2] not in (1, 2, 3, 4) or 0 in deep.shape:
        raise DataError(f"{name}: {WANTED}, got {list(array.shape)}; tensors are [C, H, W] or [B, C, H, W]")
    return deep

"""From the modes of Pillow to 8 bits, grey or RGB, without transparency."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError

if TYPE_CHECKING:  # Pillow is optional
    from PIL import Image

GROUND = 128
"""Grey level that shows where a picture is transparent."""

TOP_16_BIT = 65_535
TOP_12_BIT = 4_095
TOP_SIGNED_16_BIT = 32_767

LOW_REACH = 1 / 16
"""Share of their range that pictures of more than 8 bits must exceed for their scale to be believed: values up to 4,095
in 16 bits come from cameras of 12 bits, and values up to 255 from 8 bits."""

GREY_MODES = ("1", "L", "LA", "La", "I", "F")
"""Pillow's modes of pictures without colour, besides those whose name begins with "I;"."""

ALPHA_MODES = ("LA", "La", "RGBA", "RGBa", "PA")

BITS_TAG, PHOTOMETRIC_TAG, SAMPLE_FORMAT_TAG = 258, 262, 339
"""Tags of TIFF files: bits per sample, whether zero is white, and the kind of number."""


class UnreadableError(DataError):
    """A picture cannot be read; the message says why."""


@dataclass(frozen=True)
class Levels:
    """Conversion of the values of a deep picture to grey levels.

    Attributes
    ----------
    top : value that becomes white.
    inverted : True if 0 is white.
    """

    top: float
    inverted: bool = False


def is_deep(mode: str) -> bool:
    """True if pictures of a mode have more than 8 bits."""
    return mode == "F" or mode.startswith("I")


def is_grey(image: "Image.Image") -> bool:
    """True if an image has no colour by its mode, or by the colours of its palette."""
    if image.mode == "P" and image.palette is not None:
        colours = np.frombuffer(bytes(image.palette.getdata()[1]), np.uint8)
        bands = len(image.palette.mode)
        if bands < 3 or len(colours) % bands:
            return False
        colours = colours.reshape(-1, bands)
        return bool((colours[:, :1] == colours[:, :3]).all())
    return image.mode in GREY_MODES or image.mode.startswith("I;")


def has_alpha(image: "Image.Image") -> bool:
    """True if some of an image may be transparent."""
    palette = image.mode == "P" and image.palette is not None and image.palette.mode == "RGBA"
    return image.mode in ALPHA_MODES or palette or "transparency" in image.info


def levels_of(image: "Image.Image") -> Levels:
    """The range of values of a deep picture, from its mode and, for TIFF files, its tags."""
    tags: Any = getattr(image, "tag_v2", {})
    bits, kind = _first(tags.get(BITS_TAG, 0)), _first(tags.get(SAMPLE_FORMAT_TAG, 1))
    inverted = _first(tags.get(PHOTOMETRIC_TAG, 1)) == 0
    if image.mode == "F":
        return Levels(1.0, inverted)
    if bits == 12:
        return Levels(TOP_12_BIT, inverted)
    return Levels(TOP_SIGNED_16_BIT if (bits, kind) == (16, 2) else TOP_16_BIT, inverted)


def to_8_bit(image: "Image.Image", levels: Levels | None = None) -> "Image.Image":
    """An image of any mode as "L" or "RGB", transparent parts over mid-grey.

    Parameters
    ----------
    image : as Pillow holds it.
    levels : range of the values of a deep picture; None follows from the image (`levels_of`).

    Raises UnreadableError for values out of range.
    """
    if is_deep(image.mode):
        return _shallow(image, levels or levels_of(image))
    if has_alpha(image):
        return _over_ground(image)
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if is_grey(image) else "RGB")


def to_bytes(values: NDArray[Any], levels: Levels, kind: str = "values") -> NDArray[np.uint8]:
    """Values of 0 to `levels.top` as grey levels 0-255.

    Whole numbers lose their lowest bits, as Pillow has it for colours of 16 bits; floats are rounded.
    Raises UnreadableError, with the range, for values outside.
    """
    if not np.isfinite(values).all():
        raise UnreadableError(f"{kind} are not all finite; clean or mask them first")
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    if low < 0 or high > levels.top:
        raise UnreadableError(f"{kind} must be 0 to {levels.top:g}, and these are {low:g} to {high:g}; scale them")
    if np.issubdtype(values.dtype, np.floating):
        found = np.rint(values * (255 / levels.top))
    else:
        found = values.astype(np.int64) * 256 // (int(levels.top) + 1)
    return (255 - found if levels.inverted else found).astype(np.uint8)


def _shallow(image: "Image.Image", levels: Levels) -> "Image.Image":
    from PIL import Image

    values = np.asarray(image)
    kinds = "floats" if image.mode == "F" else f"whole numbers of mode {image.mode}"
    pixels = to_bytes(values, levels, kinds)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        pixels[values == clear] = GROUND
    return Image.fromarray(pixels)


def _over_ground(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    mode = "LA" if is_grey(image) and image.mode != "P" else "RGBA"
    with_alpha = image.convert(mode)
    opaque = with_alpha.getchannel("L") if mode == "LA" else with_alpha.convert("RGB")
    ground = Image.new(opaque.mode, image.size, GROUND if mode == "LA" else (GROUND,) * 3)
    return Image.composite(opaque, ground, with_alpha.getchannel("A"))


def _first(value: Any) -> int:
    return int(value[0] if isinstance(value, tuple) else value)

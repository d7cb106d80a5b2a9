"""Pictures of any kind (files, bytes, Pillow images, arrays) as 8-bit pixels, by one set of rules.

Data sets and `model.preprocessing` both read pictures here, so a network sees the same pixels in training and later.

- Orientation: the orientation tag of a photograph is applied first. A damaged tag counts as none.
- Pages: of a file with several pages or frames, the first is read.
- Depth: 16-bit values are divided by 65,535, whatever part of that range they use. 12-bit TIFF files by 4,095. 32-bit
  integers must be 0 to 65,535, and floats 0 to 1; others are not read. Black and white become 0 and 255.
- Colour: CMYK, LAB, YCbCr and palettes become RGB. A network with one channel sees the luminance (ITU-R 601-2).
- Transparency: what is transparent shows mid-grey (128), whatever colour is hidden there.
- Size: the shorter side is brought to the size of the network (bilinear, with antialiasing), and the middle is taken.
"""

from cordsnet.pictures.arrays import check_array, from_array
from cordsnet.pictures.files import (
    OTHER_SUFFIXES,
    SUFFIXES,
    Glance,
    glance,
    looks_like_picture,
    reach_of,
    read_picture,
    upright_8_bit,
)
from cordsnet.pictures.fitting import fit_image, resized_shape, to_pixels
from cordsnet.pictures.levels import GROUND, LOW_REACH, TOP_16_BIT, UnreadableError, to_8_bit

__all__ = [
    "GROUND",
    "LOW_REACH",
    "OTHER_SUFFIXES",
    "SUFFIXES",
    "TOP_16_BIT",
    "Glance",
    "UnreadableError",
    "check_array",
    "fit_image",
    "from_array",
    "glance",
    "looks_like_picture",
    "reach_of",
    "read_picture",
    "resized_shape",
    "to_8_bit",
    "to_pixels",
    "upright_8_bit",
]

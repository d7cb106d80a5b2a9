"""Pictures of every depth, colour, orientation and kind become the right 8-bit pixels, or are refused with a reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from cordsnet.data.encoded import decode
from cordsnet.errors import DataError
from cordsnet.pictures import UnreadableError, from_array, glance, read_picture, to_pixels

RAMP = np.linspace(0, 1, 20 * 24).reshape(20, 24)
GREY = (RAMP * 255).astype(np.uint8)
COLOUR = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)


def encoded(image, kind="png", **save):
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **save)
    return stream.getvalue()


def read(content):
    return np.asarray(read_picture(content)).astype(int)


def two_bytes(values, mode="I;16"):
    order = ">u2" if mode == "I;16B" else "<u2"
    return Image.frombytes(mode, (24, 20), values.astype(order).tobytes())


DEEP = {
    "16-bit png": lambda: encoded(two_bytes(RAMP * 65535)),
    "16-bit tiff": lambda: encoded(two_bytes(RAMP * 65535), "tiff"),
    "16-bit tiff, compressed": lambda: encoded(two_bytes(RAMP * 65535), "tiff", compression="tiff_lzw"),
    "16-bit tiff, big-endian": lambda: encoded(two_bytes(RAMP * 65535, "I;16B"), "tiff"),
    "16-bit pgm": lambda: encoded(two_bytes(RAMP * 65535), "ppm"),
    "16-bit numbers in 32 bits": lambda: encoded((RAMP * 65535).astype(np.int32), "tiff"),
    "floats": lambda: encoded(RAMP.astype(np.float32), "tiff"),
    "8 bit": lambda: encoded(GREY),
    "bmp": lambda: encoded(GREY, "bmp"),
    "gif": lambda: encoded(GREY, "gif"),
    "palette": lambda: encoded(Image.fromarray(GREY).convert("P", palette=Image.Palette.ADAPTIVE)),
    "tga": lambda: encoded(GREY, "tga"),
    "jpeg 2000": lambda: encoded(GREY, "jpeg2000"),
    "white is zero": lambda: encoded(GREY, "tiff", tiffinfo={262: 0}),
    "white is zero, 16 bit": lambda: encoded(two_bytes(65535 - RAMP * 65535), "tiff", tiffinfo={262: 0}),
    "opaque": lambda: encoded(Image.merge("LA", (Image.fromarray(GREY), Image.new("L", (24, 20), 255)))),
}


@pytest.mark.parametrize("kind", DEEP)
def test_every_depth_is_scaled_by_its_range(kind):
    found = decode(DEEP[kind](), 20, 1)[..., 0].astype(int)
    wanted = decode(encoded(GREY), 20, 1)[..., 0].astype(int)
    assert np.abs(found - wanted).max() <= 1
    assert glance(DEEP[kind]()).grey


def tiff_of_12_bits():
    """An uncompressed TIFF file of 24 x 20 px with 12 bits per sample, two samples in three bytes."""
    values = np.rint(RAMP * 4095).astype(int).reshape(-1, 2)
    packed = b"".join(bytes((a >> 4, (a & 15) << 4 | b >> 8, b & 255)) for a, b in values)
    entries = [
        (256, 3, 24),
        (257, 3, 20),
        (258, 3, 12),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 3, 20),
    ]
    entries.append((279, 4, len(packed)))
    table = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, v) for tag, kind, v in entries
    )
    return b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + table + b"\0\0\0\0"


def test_12_bits_of_a_tiff_file_are_scaled_by_4095():
    assert np.abs(read(tiff_of_12_bits()) - RAMP * 255).max() <= 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((RAMP * (2**31 - 1)).astype(np.int32), "0 to 65535, and these are 0 to 2.14748e\\+09"),
        ((RAMP * 70000).astype(np.int32), "0 to 65535, and these are 0 to 70000"),
        ((RAMP - 0.5).astype(np.float32), "0 to 1, and these are -0.5 to 0.5"),
        ((RAMP * 255).astype(np.float32), "0 to 1, and these are 0 to 255"),
        ((RAMP * 255).astype(np.int32) - 10, "these are -10 to 245"),
        (np.where(RAMP > 0.5, np.nan, RAMP).astype(np.float32), "not all finite"),
        (np.where(RAMP > 0.5, np.inf, RAMP).astype(np.float32), "not all finite"),
    ],
)
def test_values_out_of_range_are_refused_with_the_range(values, said):
    content = encoded(values, "tiff")
    with pytest.raises(UnreadableError, match=said):
        read_picture(content)
    assert decode(content, 20, 1) is None


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "webp"])
@pytest.mark.parametrize("tag", range(10))
def test_the_orientation_is_applied_before_the_crop(kind, tag):
    tags = Image.Exif()
    tags[0x0112] = tag
    content = encoded(COLOUR, kind, exif=tags)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    assert np.array_equal(read(content), np.asarray(upright))
    assert glance(content).shape == upright.size[::-1]
    assert np.array_equal(decode(content, 8, 3), to_pixels(upright, (8, 8), 3))


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "LAB", "YCbCr", "RGBA", "RGBX", "P"])
def test_colours_of_every_space_become_rgb(mode):
    flat = Image.new("RGB", (24, 20), (200, 100, 40))
    kind = "jpeg" if mode == "YCbCr" else "png" if mode in ("RGBA", "P") else "tiff"
    content = encoded(flat.convert(mode), kind)
    assert np.abs(read(content)[2:-2, 2:-2].mean((0, 1)) - [200, 100, 40]).max() <= 12  # palettes are coarse
    assert not glance(content).grey


@pytest.mark.parametrize("bits", [np.zeros((20, 24), bool), np.ones((20, 24), bool), RAMP > 0.5])
def test_black_and_white_are_0_and_255(bits):
    assert np.array_equal(read(encoded(bits)), bits * 255)


def hidden(kind):
    """A picture whose left half is transparent, with a loud colour below."""
    clear = np.zeros((20, 24), np.uint8)
    clear[:, 12:] = 255
    alpha = Image.fromarray(clear)
    loud = Image.new("RGB", (24, 20), (255, 0, 255))
    if kind == "LA":
        return encoded(Image.merge("LA", (Image.new("L", (24, 20), 255), alpha)))
    if kind == "RGBA":
        return encoded(Image.merge("RGBA", (*loud.split(), alpha)))
    if kind == "webp":
        return encoded(Image.merge("RGBA", (*loud.split(), alpha)), "webp", lossless=True, exact=True)
    index = (clear > 0).astype(np.uint8)
    if kind.startswith("palette"):
        image = Image.fromarray(index).convert("P")
        image.putpalette([255, 0, 255, 255, 255, 255])
        return encoded(image, "gif" if "gif" in kind else "png", transparency=0 if "one" in kind else b"\0\xff")
    if kind == "grey with a clear level":
        return encoded(clear, transparency=0)
    if kind == "16-bit grey with a clear level":
        return encoded(two_bytes(clear.astype(int) * 257), transparency=0)
    return encoded(Image.composite(Image.new("RGB", (24, 20), (1, 2, 3)), loud, alpha), transparency=(255, 0, 255))


@pytest.mark.parametrize(
    "kind",
    ["LA", "RGBA", "webp", "palette", "palette, one", "palette, one, gif", "grey with a clear level", "colour with one",
     "16-bit grey with a clear level"],
)  # fmt: skip
def test_hidden_colours_never_show(kind):
    found = read(hidden(kind))
    assert (found[:, :12] == 128).all()
    assert not (found[:, 12:] == 128).any()


@pytest.mark.parametrize("kind", ["tiff", "gif", "png", "webp"])
def test_the_first_of_several_pages_is_read(kind):
    other = Image.fromarray(255 - GREY)
    options = {"lossless": True} if kind == "webp" else {}
    content = encoded(GREY, kind, save_all=True, append_images=[other, other], **options)
    assert glance(content).pages in (2, 3)  # equal neighbours may be kept as one
    assert np.abs(read(content).reshape(20, 24, -1)[..., 0] - GREY).max() <= 1


@pytest.mark.parametrize("shape", [(1, 60_000), (60_000, 1), (3, 9_001), (2_000, 7)])
@pytest.mark.parametrize("size", [1, 16, 224])
def test_thin_pictures_take_the_memory_of_their_crop(shape, size):
    image = Image.fromarray(np.tile(np.arange(shape[1], dtype=np.uint32) % 251, (shape[0], 1)).astype(np.uint8))
    found = to_pixels(image, (size, size), 1)
    assert found.shape == (size, size, 1)
    middle = np.asarray(image)[shape[0] // 2, shape[1] // 2]
    if size == 1 and shape[0] == 1:
        assert abs(int(found[0, 0, 0]) - int(middle)) <= 1


@pytest.mark.parametrize("seed", range(20))
def test_the_crop_is_that_of_the_whole_picture_resized(seed):
    draw = np.random.default_rng(seed)
    height, width, size = draw.integers(1, 120, 3).tolist()
    image = Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8))
    side = min(height, width)
    whole = (round(width * size / side), round(height * size / side))
    larger = image.resize(whole, Image.Resampling.BILINEAR) if whole != image.size else image
    left, top = (whole[0] - size) // 2, (whole[1] - size) // 2
    wanted = np.asarray(larger.crop((left, top, left + size, top + size))).astype(int)
    assert np.abs(to_pixels(image, (size, size), 3).astype(int) - wanted).max() <= 1


def bomb(width, height):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bomb(20_000, 20_000), "more than 178,956,970 pixels"),
        (bomb(2_000_000_000, 2_000_000_000), "more than 178,956,970 pixels"),
        (bomb(100, 100), "damaged"),
        (b"", "empty"),
        (b"hello, this is no picture" * 4, "no picture"),
        (encoded(COLOUR)[:60], "damaged"),
        (encoded(COLOUR, "jpeg")[:300], "damaged"),
        (b"/annex/objects/SHA256E-s100--abc.png\n", "datalad get"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n", "git lfs pull"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "format that is not read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "format that is not read"),
    ],
)
def test_what_cannot_be_read_says_why(content, said):
    with pytest.raises(UnreadableError, match=said):
        read_picture(content)
    assert decode(content, 8, 3) is None


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "gif", "bmp", "webp", "ppm", "tga", "pcx", "sgi", "jpeg2000"])
def test_damaged_files_of_every_format_are_read_or_refused_but_never_stop_a_run(kind):
    content, draw = encoded(COLOUR, kind), np.random.default_rng(1)
    for _ in range(60):
        broken = bytearray(content[: draw.integers(1, len(content) + 1)])
        for place in draw.integers(0, len(broken), draw.integers(0, 6)):
            broken[place] = draw.integers(256)
        found = decode(bytes(broken), 8, 3)
        assert found is None or found.shape == (8, 8, 3)


@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", "?"])
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_arrays_are_read_as_files_are(kind, channels):
    top = {"u1": 255, "?": 1}.get(kind, 65535)
    array = np.rint(np.random.default_rng(3).random((9, 7, channels) if channels else (9, 7)) * top).astype(kind)
    found = np.asarray(from_array(array))
    small = (array.astype(int) * 255 if kind == "?" else array.astype(int) // (257 if top > 255 else 1)).astype(
        np.uint8
    )
    wanted = np.asarray(read_picture(encoded(small[..., 0] if channels == 1 else small)))
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= 2


@pytest.mark.parametrize("shape", [(5,), (3, 8, 8), (8, 8, 5), (2, 8, 8, 3), (0, 8), (8, 8, 0)])
def test_other_shapes_of_arrays_are_refused(shape):
    with pytest.raises(DataError, match=r"an array must be \[H, W\], or \[H, W, C\]"):
        from_array(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.int8, np.uint32, np.complex64, object])
def test_numbers_of_unknown_range_are_refused(kind):
    with pytest.raises(TypeError, match="must be uint8, uint16 or floats in 0-1"):
        from_array(np.zeros((8, 8), kind))

"""A trained network reads the same numbers from a file, a Pillow image, an array and its data set."""

import io
import warnings

import numpy as np
import pytest
import torch
from picture_files import png
from PIL import Image

from cordsnet import blank, show, simulate
from cordsnet.data import load_data
from cordsnet.errors import DataError, DataWarning
from cordsnet.models import Preprocessing
from oracles import CASCADE, randomised

pytestmark = pytest.mark.usefixtures("as_users_run_it")
GREY = Preprocessing((8, 8), (0.4,), (0.2,), ("a", "b"))
COLOUR = Preprocessing((8, 8), (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), ("a", "b"))
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def normalised(prepare, pixels):
    """What a data set makes of 8-bit pixels [H, W, C] that have the network's size."""
    values = torch.tensor(pixels).permute(2, 0, 1).double() / 255
    mean, std = (torch.tensor(one, dtype=torch.float64)[:, None, None] for one in (prepare.mean, prepare.std))
    return ((values - mean) / std)[None]


@pytest.mark.parametrize("prepare", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 3)])
def test_every_way_to_give_a_picture_gives_the_same_numbers(prepare, shape, tmp_path):
    array = PIXELS[..., 0].reshape(20, 30, *shape[2:]) if shape != (20, 30, 3) else PIXELS
    image = Image.fromarray(array.squeeze())
    path = tmp_path / "one picture [1].png"
    image.save(path)
    wanted = prepare(image)
    assert wanted.shape == (1, len(prepare.mean), 8, 8)
    for other in (array, path, str(path), [path], (image,), [array, image], array.reshape(1, 20, 30, -1)):
        found = prepare(other)
        assert torch.equal(found, wanted.expand(len(found), -1, -1, -1))
    if len(prepare.mean) == (3 if shape == (20, 30, 3) else 1):
        tensor = torch.tensor(array.reshape(20, 30, -1)).permute(2, 0, 1)
        assert torch.equal(prepare(tensor), wanted)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("tag", [1, 6, 8])
def test_a_picture_is_read_as_in_training(kind, tag, tmp_path):
    tags = Image.Exif()
    tags[0x0112] = tag
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for k in range(2):
                shifted = np.roll(PIXELS, k + 2 * len(split) + 4 * (name == "cat"), 1)
                Image.fromarray(shifted).save(folder / f"{k}.{kind}", exif=tags)
    data = load_data(tmp_path, 12)
    prepare = Preprocessing((12, 12), data.mean, data.std, data.classes)
    paths = [tmp_path / "test" / name / f"{k}.{kind}" for name in ("cat", "dog") for k in range(2)]
    torch.testing.assert_close(prepare(paths), data.test.images, atol=2e-6, rtol=0)
    torch.testing.assert_close(prepare([Image.open(path) for path in paths]), data.test.images, atol=2e-6, rtol=0)


@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_arrays_of_floats_are_read_as_bytes_are(channels, kind):
    array = np.random.default_rng(1).integers(0, 256, (8, 8, channels) if channels else (8, 8)).astype(np.uint8)
    for prepare in (GREY, COLOUR):
        found, wanted = prepare((array / 255).astype(kind)), prepare(array)
        torch.testing.assert_close(found.float(), wanted, atol=0.02, rtol=0)


def test_16_bits_and_booleans():
    deep = PIXELS[..., 0].astype(np.uint16) * 257
    assert torch.equal(GREY(deep), GREY(PIXELS[..., 0]))
    assert torch.equal(GREY(deep.astype(">u2")), GREY(PIXELS[..., 0]))
    bits = PIXELS[..., 0] > 100
    assert torch.equal(GREY(bits), GREY(bits.astype(np.uint8) * 255))
    with pytest.warns(DataWarning, match="reach only 6.2 % of their range, so it is read as almost black"):
        GREY(deep // 16)


@pytest.mark.parametrize(
    ("picture", "error", "said"),
    [
        (np.zeros((3, 8, 8), np.uint8), DataError, r"an array must be \[H, W\]"),
        (np.zeros((8, 8), np.int64), TypeError, "must be uint8, uint16 or floats in 0-1, got int64"),
        (np.full((8, 8), 200.0), ValueError, "must be in 0-1 when they are floats"),
        (np.full((8, 8), np.nan), ValueError, "must be in 0-1 when they are floats"),
        ([], ValueError, "at least one picture"),
        (7, TypeError, "must be a Pillow image, a path, an array or a tensor"),
        (None, TypeError, "must be a Pillow image, a path, an array or a tensor"),
        ("absent.png", DataError, "'absent.png' cannot be read: there is no such file"),
        (Image.fromarray(np.full((8, 8), 5.0, np.float32)), DataError, "must be 0 to 1, and these are 5 to 5"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), ValueError, r"must be \[B, 3, H, W\]"),
        (torch.rand(3, 2, 50_000), ValueError, "too thin"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(picture, error, said):
    with pytest.raises(error, match=said):
        COLOUR(picture)


def test_damaged_files_and_several_pages_are_said(tmp_path):
    (tmp_path / "half.png").write_bytes(png(PIXELS)[:300])
    with pytest.raises(DataError, match=r"half.png' cannot be read: damaged"):
        COLOUR(tmp_path / "half.png")
    with pytest.raises(DataError, match="damaged"):
        COLOUR(Image.open(io.BytesIO(png(PIXELS)[:300])))
    first, second = Image.fromarray(PIXELS), Image.fromarray(255 - PIXELS)
    first.save(tmp_path / "two.tif", save_all=True, append_images=[second])
    with pytest.warns(DataWarning, match=r"two.tif has 2 pages or frames; the first is read"):
        assert torch.equal(COLOUR(tmp_path / "two.tif"), COLOUR(first))


def test_a_channel_that_never_changed_is_centred_alone():
    still = Preprocessing((8, 8), (0.4, 0.5, 0.0), (0.2, 0.3, 0.0), ("a", "b"))
    assert bool(torch.isfinite(still(PIXELS)).all())


def trained(mean, std):
    model = randomised(CASCADE)
    channels = model.input_shape[0]
    names = [str(k) for k in range(model.num_classes)]
    model.metadata = {"data": {"mean": [mean] * channels, "std": [std] * channels, "classes": names}}
    return model


def seen(model, images):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        simulate(model, blank(2) + show(images.to(model.like), 2))
        model(images.to(model.like))
    return [str(one.message) for one in found if one.category is DataWarning]


@pytest.mark.parametrize(("mean", "std"), [(0.5, 0.25), (0.3, 0.35), (0.13, 0.31)])
@pytest.mark.parametrize("kind", ["0-1", "0-255", "normalised", "grey field", "black", "faint"])
def test_images_normalised_otherwise_are_noticed_once(mean, std, kind):
    model = trained(mean, std)
    raw = torch.rand(3, *model.input_shape, generator=torch.Generator().manual_seed(0))
    images = {
        "0-1": raw,
        "0-255": 255 * raw,
        "normalised": (raw - mean) / std,
        "grey field": torch.zeros_like(raw),
        "black": torch.full_like(raw, -mean / std),
        "faint": 0.2 * (raw - 0.5),
    }[kind]
    said = seen(model, images)
    assert len(said) == (kind in ("0-1", "0-255"))
    assert all("were not normalised as those that the network was trained on" in one for one in said)
    assert seen(randomised(CASCADE), images) == []


def test_numbers_of_numpy_make_a_network():
    import cordsnet

    model = cordsnet.create_model(
        "cordsnet_r2_small", num_classes=np.int64(7), image_size=np.int64(16), width=np.int32(4)
    )
    assert model.input_shape[1:] == (16, 16)
    assert model.num_classes == 7

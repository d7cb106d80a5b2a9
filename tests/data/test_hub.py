"""Data sets of the hub, from parquet files that the tests make; and real ones where they are at hand."""

import io
import os

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from cordsnet.data import hub, load_data
from cordsnet.data.datasets import DATASETS
from cordsnet.data.hub import HERE, Preset, decode
from cordsnet.errors import DataError

PRESETS = ("mnist", "fashion_mnist", "cifar10", "cifar100")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv(HERE, str(tmp_path / "data"))


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def write(folder, preset, split, images, labels):
    folder = folder / "data" / preset.name
    folder.mkdir(parents=True, exist_ok=True)
    rows = {preset.image: [{"bytes": image, "path": None} for image in images], preset.label: labels}
    datasets.Dataset.from_dict(rows).to_parquet(folder / f"{split}-00000-of-00001.parquet")


def some_images(count, size=8, channels=3):
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, channels), dtype=np.uint8)
    return pixels, [png(image.squeeze()) for image in pixels]


SMALL = Preset("small", "nobody/small", "img", "label", "test", 3, "none")


def test_every_image_comes_decoded_and_normalised(tmp_path):
    pixels, encoded = some_images(20)
    labels = [k % 4 for k in range(20)]
    write(tmp_path, SMALL, "train", encoded[:15], labels[:15])
    write(tmp_path, SMALL, "test", encoded[15:], labels[15:])
    data = SMALL.load(8)
    assert data.classes == ("0", "1", "2", "3")
    assert data.train.labels.tolist() == labels[:15]
    assert data.test.labels.tolist() == labels[15:]
    wanted = torch.from_numpy(pixels[:15]).permute(0, 3, 1, 2) / 255
    mean, std = torch.tensor(data.mean)[:, None, None], torch.tensor(data.std)[:, None, None]
    torch.testing.assert_close(data.train.images * std + mean, wanted)
    torch.testing.assert_close(data.train.images.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.train.images.std((0, 2, 3)), torch.ones(3))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_read_files_with_the_columns_of_the_hub(name, tmp_path):
    preset = DATASETS[name].__self__
    _, encoded = some_images(6, channels=preset.channels)
    for split in ("train", preset.test):
        write(tmp_path, preset, split, encoded, [0, 1, 2, 0, 1, 2])
    data = load_data(name, 12)
    assert data.train.images.shape == (6, preset.channels, 12, 12)
    assert data.source.endswith(preset.hub)


def test_images_are_brought_to_size_by_their_shorter_side_and_their_middle(tmp_path):
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 200
    found = decode(png(wide), 10, 3)
    assert found.shape == (10, 10, 3)
    assert (found == 200).all()
    assert decode(png(wide), 20, 1).shape == (20, 20, 1)


def test_a_few_unreadable_images_are_left_out_and_counted(tmp_path, monkeypatch):
    _, encoded = some_images(20)
    damaged = [*encoded[:7], encoded[7][:40], b"no image", *encoded[9:]]
    write(tmp_path, SMALL, "train", damaged, list(range(20)))
    write(tmp_path, SMALL, "test", encoded, list(range(20)))
    with pytest.raises(DataError, match=r"2 of 20 images of .*'small' \(train\) cannot be read, more than 0.1 %"):
        SMALL.load(8)
    monkeypatch.setattr(hub, "UNREADABLE", 0.1)
    data = SMALL.load(8)
    assert data.train.unreadable == 2
    assert data.train.labels.tolist() == [k for k in range(20) if k not in (7, 8)]
    assert data.test.unreadable == 0


def test_what_is_not_here_and_not_to_be_had_says_where_to_put_it(monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"'cifar10' is not in .*cifar10 .*huggingface.co/datasets/uoft-cs/cifar10"):
        load_data("cifar10", 32)


REAL = os.environ.get("CORDSNET_TEST_DATA", "")


@pytest.mark.skipif(not REAL, reason="CORDSNET_TEST_DATA names no folder with real data sets")
@pytest.mark.parametrize(("name", "shape", "classes"), [("cifar10", (3, 32, 32), 10), ("mnist", (1, 28, 28), 10)])
def test_real_data_sets(name, shape, classes, monkeypatch):
    monkeypatch.setenv(HERE, REAL)
    data = load_data(name, shape[-1])
    assert data.train.images.shape[1:] == shape
    assert len(data.classes) == classes
    assert len(data.train) in (50_000, 60_000)
    assert len(data.test) == 10_000

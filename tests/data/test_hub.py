"""Data sets of the Hugging Face hub, read from small parquet files; and from real ones if they are on this machine."""

import dataclasses
import os

import datasets
import numpy as np
import pytest
import torch
from picture_files import parquet_file, pictures, png

from cordsnet.data import Tolerance, load_data
from cordsnet.data.datasets import DATASETS
from cordsnet.data.encoded import decode
from cordsnet.data.hub import DATA_FOLDER, HubData
from cordsnet.errors import DataError, DataWarning

NAMES = ("mnist", "fashion_mnist", "cifar10", "cifar100", "imagenet")


def write(folder, entry, split, images, labels):
    path = folder / "data" / entry.name / f"{split}-00000-of-00001.parquet"
    parquet_file(path, images, labels, entry.image, entry.label)


SMALL = HubData("small", "nobody/small", "img", "label", "test", 3, "none")


def test_every_image_is_decoded_and_normalised(tmp_path):
    pixels, images = pictures(20, 8)
    labels = [k % 4 for k in range(20)]
    write(tmp_path, SMALL, "train", images[:15], labels[:15])
    write(tmp_path, SMALL, "test", images[15:], labels[15:])
    data = SMALL.load(8)
    assert data.classes == ("0", "1", "2", "3")
    assert data.train.labels.tolist() == labels[:15]
    assert data.test.labels.tolist() == labels[15:]
    wanted = torch.from_numpy(pixels[:15]).permute(0, 3, 1, 2) / 255
    mean, std = torch.tensor(data.mean)[:, None, None], torch.tensor(data.std)[:, None, None]
    torch.testing.assert_close(data.train.images * std + mean, wanted)
    torch.testing.assert_close(data.train.images.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.train.images.std((0, 2, 3)), torch.ones(3))


@pytest.mark.parametrize("name", NAMES)
def test_data_sets_read_parquet_files_with_the_columns_of_the_hub(name, tmp_path):
    entry = DATASETS[name].__self__
    _, images = pictures(6, 8, entry.channels)
    for split in ("train", entry.test):
        write(tmp_path, entry, split, images, [0, 1, 2, 0, 1, 2])
    data = load_data(name, 12)
    assert data.train.images.shape == (6, entry.channels, 12, 12)
    assert data.source.endswith(entry.hub)


def test_images_are_resized_by_their_shorter_side_and_cropped_to_the_centre(tmp_path):
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 200
    found = decode(png(wide), 10, 3)
    assert found.shape == (10, 10, 3)
    assert (found == 200).all()
    assert decode(png(wide), 20, 1).shape == (20, 20, 1)


def test_16_bit_images_are_scaled_to_8_bit():
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    for channels in (1, 3):
        found = decode(png(levels * 256 + 7), 16, channels)
        assert (found == levels[:, :, None]).all()


def test_a_few_unreadable_images_are_left_out_and_counted(tmp_path):
    _, images = pictures(20, 8)
    damaged = [*images[:7], images[7][:40], b"no image", *images[9:]]
    write(tmp_path, SMALL, "train", damaged, list(range(20)))
    write(tmp_path, SMALL, "test", images, list(range(20)))
    with pytest.raises(DataError, match=r"2 of 20 images of .*'small' \(train\) cannot be read, more than 0.1 %"):
        SMALL.load(8)
    with pytest.warns(DataWarning, match=r"2 of 20 images .* left out: row 7 \(damaged.*, row 8 \(no picture"):
        data = dataclasses.replace(SMALL, tolerance=Tolerance(share=0.1)).load(8)
    assert [one.file for one in data.train.unreadable] == ["row 7", "row 8"]
    assert data.train.rows.tolist() == data.train.labels.tolist()
    assert data.train.labels.tolist() == [k for k in range(20) if k not in (7, 8)]
    assert data.test.unreadable == ()


@pytest.mark.parametrize(
    ("name", "split", "hub"),
    [
        ("cifar10", "test", "uoft-cs/cifar10"),
        ("imagenet", "validation", "ILSVRC/imagenet-1k"),
        ("imagenet_streamed", "validation", "ILSVRC/imagenet-1k"),
    ],
)
def test_a_data_set_that_is_not_available_says_where_to_put_its_files(name, split, hub, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    place = name.removesuffix("_streamed")
    message = (
        rf"'{name}' \({split}\) is not in .*{place} and .*huggingface.co/datasets/{hub} there \({split}-\*.parquet\)"
    )
    with pytest.raises(DataError, match=message):
        load_data(name, 32)


def test_imagenet_is_normalised_as_for_the_published_checkpoints(tmp_path):
    _, images = pictures(4, 8)
    for split in ("train", "validation"):
        write(tmp_path, DATASETS["imagenet"].__self__, split, images, [0, 1, 2, 3])
    data = load_data("imagenet", 8)
    assert (data.mean, data.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert data.train.images.shape == (4, 3, 8, 8)


REAL = os.environ.get("CORDSNET_TEST_DATA", "")


@pytest.mark.skipif(not REAL, reason="CORDSNET_TEST_DATA names no folder with real data sets")
@pytest.mark.parametrize(("name", "shape", "classes"), [("cifar10", (3, 32, 32), 10), ("mnist", (1, 28, 28), 10)])
def test_real_data_sets(name, shape, classes, monkeypatch):
    monkeypatch.setenv(DATA_FOLDER, REAL)
    data = load_data(name, shape[-1])
    assert data.train.images.shape[1:] == shape
    assert len(data.classes) == classes
    assert len(data.train) in (50_000, 60_000)
    assert len(data.test) == 10_000

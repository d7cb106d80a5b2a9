"""Training images that are streamed from shards."""

import dataclasses
from itertools import islice

import pytest
import torch
from picture_files import as_tensor, parquet_file, pictures

from cordsnet.data import BatchShare, Stream, StreamOrder, load_data
from cordsnet.data import hub as hub_module
from cordsnet.data.datasets import DATASETS

IMAGENET = DATASETS["imagenet"].__self__
COUNT = 24


@pytest.fixture
def stream(tmp_path):
    """Write 24 images in four shards, labelled with their index, and open them as a stream."""
    pixels, encoded = pictures(COUNT, 8)
    folder = tmp_path / "data" / "imagenet"
    for shard in range(4):
        part = slice(6 * shard, 6 * shard + 6)
        parquet_file(folder / f"train-{shard:05d}-of-00004.parquet", encoded[part], list(range(COUNT))[part])
    parquet_file(folder / "validation-00000-of-00001.parquet", encoded, list(range(COUNT)))
    data = load_data("imagenet_streamed", 8)
    assert isinstance(data.train, Stream)
    return data.train, as_tensor(pixels)


def labels(stream, batches=None, **how):
    order = StreamOrder(stream, 4, 12, how.pop("seed", 0), BatchShare(**how))
    return [[record["label"] for record in records] for records in islice(order, batches)]


def flat(batches):
    return [label for batch in batches for label in batch]


def test_every_epoch_has_each_image_once_in_another_order(stream):
    found = labels(stream[0])
    first, second = flat(found[:6]), flat(found[6:])
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert first != second
    assert first != list(range(COUNT))
    assert labels(stream[0]) == found
    assert labels(stream[0], seed=1) != found


def test_a_resumed_run_continues_where_it_was(stream):
    found = labels(stream[0])
    for first in (0, 1, 5, 6, 8):
        assert labels(stream[0], first=first) == found[first:]


def test_processes_share_the_images_of_an_epoch(stream):
    one, two = (labels(stream[0], 6, process=process, processes=2) for process in range(2))
    assert all(len(batch) == 2 for batch in one + two)
    assert sorted(flat(one + two)) == list(range(COUNT))


def test_the_parts_of_a_batch_make_up_the_batch(stream):
    whole, parts = labels(stream[0]), labels(stream[0], parts=2)
    assert [one + two for one, two in zip(parts[::2], parts[1::2], strict=True)] == whole


def test_the_number_of_workers_changes_nothing(stream, monkeypatch):
    found, pixels = stream
    for workers in ("0", "2"):
        monkeypatch.setenv("CORDSNET_WORKERS", workers)
        batches = list(found.loader(StreamOrder(found, 4, 6, 0)))
        order = labels(found, 6)
        for (images, classes, lost), wanted in zip(batches, order, strict=True):
            assert classes.tolist() == wanted
            assert torch.equal(images, pixels[wanted])
            assert lost == ()


def test_a_batch_that_cannot_be_divided_is_refused(stream):
    with pytest.raises(ValueError, match="batch = 5 cannot be divided evenly among 2 processes x 1 parts"):
        StreamOrder(stream[0], 5, 1, 0, BatchShare(processes=2))


def test_a_streamed_data_set_differs_only_in_how_it_is_read(stream):
    streamed, whole = load_data("imagenet_streamed", 8), load_data("imagenet", 8)
    assert len(streamed.train) == len(whole.train) == COUNT
    assert streamed.train.shape == whole.train.shape
    assert torch.equal(streamed.test.images, whole.test.images)
    assert (streamed.mean, streamed.std, streamed.classes) == (whole.mean, whole.std, whole.classes)
    assert load_data("imagenet_streamed", 8).fingerprint == streamed.fingerprint != whole.fingerprint
    assert dataclasses.replace(IMAGENET, name="imagenet" + hub_module.STREAMED_SUFFIX).folder == IMAGENET.folder

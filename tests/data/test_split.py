"""Splits give the same images whether they are in memory or decoded on access."""

import signal
import subprocess

import numpy as np
import pytest
import torch
from picture_files import as_tensor, image_folder, pictures

from cordsnet.data import Split, load_data
from cordsnet.data import encoded as encoded_module
from cordsnet.data import split as split_module
from cordsnet.data.loading import decoding_processes
from cordsnet.data.split import Normalisation
from cordsnet.errors import DataError, DataWarning


@pytest.fixture
def on_access(monkeypatch):
    monkeypatch.setattr(split_module, "MAX_BYTES_IN_MEMORY", 0)


def test_8_bit_pixels_are_normalised_like_floats():
    pixels = as_tensor(pictures(30)[0])
    floats = pixels.double() / 255
    wanted = (floats - floats.mean((0, 2, 3))[:, None, None]) / floats.std((0, 2, 3))[:, None, None]
    split = Split(pixels, torch.arange(30))
    shown = Split(pixels, split.labels, normalise=Normalisation.of_split(split))
    torch.testing.assert_close(shown.images.double(), wanted, atol=2e-6, rtol=0)
    assert shown.images.dtype == torch.float32
    model = torch.nn.Linear(1, 1).double()
    torch.testing.assert_close(shown.to(model).images, wanted, atol=1e-12, rtol=0)
    torch.testing.assert_close(torch.cat([images for images, _ in shown.batches(7)]), shown.images)


def test_digits_are_those_of_scikit_learn_normalised():
    from sklearn.datasets import load_digits

    data = load_data("digits", 8)
    both = torch.cat([data.train.images, data.test.images]) * data.std[0] + data.mean[0]
    levels = (both * 16).round().to(torch.uint8).flatten(1)
    assert float((both * 16 - levels.view_as(both)).abs().max()) < 1e-5
    wanted = torch.from_numpy(load_digits().images.astype(np.uint8)).flatten(1)
    assert sorted(map(bytes, levels.numpy())) == sorted(map(bytes, wanted.numpy()))
    torch.testing.assert_close(data.train.images.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.train.images.std(), torch.tensor(1.0))


def test_a_split_decoded_on_access_equals_one_in_memory(tmp_path, monkeypatch):
    image_folder(tmp_path / "set")
    held = load_data(str(tmp_path / "set"), 8)
    monkeypatch.setattr(split_module, "MAX_BYTES_IN_MEMORY", 0)
    monkeypatch.setattr(encoded_module, "MIN_IMAGES_FOR_WORKERS", 0)
    monkeypatch.setenv("CORDSNET_WORKERS", "2")
    read = load_data(str(tmp_path / "set"), 8)
    assert isinstance(held.test.pixels, torch.Tensor)
    assert not isinstance(read.test.pixels, torch.Tensor)
    assert (read.mean, read.std, read.classes) == (held.mean, held.std, held.classes)
    model = torch.nn.Linear(1, 1).double()
    for split, other in ((held.train, read.train), (held.test, read.test)):
        assert split.shape == other.shape == (3, 8, 8)
        assert torch.equal(split.labels, other.labels)
        assert torch.equal(split.images, other.images)
        assert torch.equal(split.take(5).to(model).images, other.to(model).take(5).images)
        for batch, their in zip(split.to(model).batches(3), other.to(model).batches(3), strict=True):
            assert torch.equal(batch[0], their[0])
            assert torch.equal(batch[1], their[1])


@pytest.mark.usefixtures("on_access")
def test_unreadable_images_are_replaced_in_training_and_left_out_in_evaluation(tmp_path):
    image_folder(tmp_path / "set", damaged=(2, 9))
    with pytest.warns(DataWarning, match="2 of 16 images"):
        split = load_data(str(tmp_path / "set"), 8, max_unreadable_share=0.2).train
    seen = torch.cat([labels for _, labels in split.batches(4)])
    assert len(seen) == 14
    ((pixels, labels, lost),) = split.loader([[1, 2, 8]])
    assert [one.file for one in lost] == ["train/cat/002.png"]
    assert labels.tolist() == [0, 1, 0]
    assert torch.equal(pixels[2], pixels[0])
    with pytest.raises(DataError, match=r"none of 1 images of data set 'set' \(train\) in a batch can be read"):
        list(split.loader([[2]]))


def test_too_many_unreadable_images_are_refused_when_loading_and_when_decoding(tmp_path, monkeypatch):
    image_folder(tmp_path / "set", damaged=(2, 9))
    message = r"of 16 images of data set 'set' \(train\) cannot be read, more than 0.1 %"
    with pytest.raises(DataError, match="2 " + message):
        load_data(str(tmp_path / "set"), 8)
    monkeypatch.setattr(split_module, "MAX_BYTES_IN_MEMORY", 0)
    with pytest.raises(DataError, match=message):
        load_data(str(tmp_path / "set"), 8)
    monkeypatch.setattr(split_module, "SAMPLE_SIZE", 1)  # so that loading reads none of them
    split = load_data(str(tmp_path / "set"), 8).train
    with pytest.raises(DataError, match="2 " + message):
        list(split.batches(4))


def test_a_deleted_file_counts_as_unreadable(tmp_path, monkeypatch):
    image_folder(tmp_path / "set")
    monkeypatch.setattr(split_module, "MAX_BYTES_IN_MEMORY", 0)
    data = load_data(str(tmp_path / "set"), 8)
    (tmp_path / "set" / "val" / "cat" / "001.png").unlink()
    with pytest.warns(DataWarning, match=r"1 of 8 images of data set 'set' \(test\) .*val/cat/001.png"):
        assert sum(len(labels) for _, labels in data.test.batches(8)) == 7
    (tmp_path / "set" / "val" / "cat" / "000.png").unlink()
    with pytest.raises(DataError, match=r"2 of 8 images of data set 'set' \(test\).*val/cat/000.png \(there is no"):
        list(data.test.batches(8))


@pytest.mark.parametrize("value", ["-1", "two", "1.5"])
def test_an_invalid_number_of_workers_is_refused(value, monkeypatch):
    monkeypatch.setenv("CORDSNET_WORKERS", value)
    with pytest.raises(ValueError, match=f"CORDSNET_WORKERS must be a whole number of processes.*'{value}'"):
        decoding_processes()


def test_the_fingerprint_of_images_in_memory_depends_on_pixels_and_labels(tmp_path):
    image_folder(tmp_path / "one")
    image_folder(tmp_path / "two")
    one, two = (load_data(str(tmp_path / name), 8) for name in ("one", "two"))
    assert one.fingerprint == two.fingerprint
    assert len(one.fingerprint) == 64
    assert load_data(str(tmp_path / "one"), 10).fingerprint != one.fingerprint
    (tmp_path / "two" / "val" / "cat" / "000.png").write_bytes(pictures(1, seed=7)[1][0])
    assert load_data(str(tmp_path / "two"), 8).fingerprint != one.fingerprint


@pytest.mark.usefixtures("on_access")
def test_the_fingerprint_of_images_on_access_depends_on_file_names_and_sizes_but_not_on_the_folder(tmp_path):
    image_folder(tmp_path / "one")
    image_folder(tmp_path / "two")
    one, two = (load_data(str(tmp_path / name), 8) for name in ("one", "two"))
    assert one.fingerprint == two.fingerprint
    longer = tmp_path / "two" / "train" / "cat" / "000.png"
    longer.write_bytes(longer.read_bytes() + b"0")
    assert load_data(str(tmp_path / "two"), 8).fingerprint != one.fingerprint


@pytest.mark.usefixtures("on_access")
@pytest.mark.skipif(not hasattr(signal, "sigwaitinfo"), reason="this system does not say who sent a signal")
def test_workers_end_on_a_signal_of_their_parent_but_not_of_a_scheduler(tmp_path, monkeypatch):
    image_folder(tmp_path / "set")
    monkeypatch.setenv("CORDSNET_WORKERS", "2")
    split = load_data(str(tmp_path / "set"), 8).train
    batches = iter(split.loader([[k] for k in range(12)]))
    next(batches), next(batches)  # one from each, so that both have begun
    for worker in batches._workers:
        for name in ("TERM", "USR1"):
            subprocess.run(["kill", f"-{name}", str(worker.pid)], check=True)
    assert len(list(batches)) == 10
    batches = iter(split.loader([[k] for k in range(12)]))
    next(batches)
    for worker in batches._workers:
        worker.terminate()
        worker.join(60)
        assert worker.exitcode == 0

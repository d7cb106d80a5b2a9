"""A data set is its content: corrected data are other data, another spelling of its path is not."""

import os
import shutil

import numpy as np
import pytest
import torch
from picture_files import image_folder, parquet_file, pictures

from cordsnet.data import DATASETS, Split, load_data
from cordsnet.data import content as content_module
from cordsnet.data import split as split_module
from cordsnet.data.draw import drawn_rows


def make(root, layout):
    if layout == "folders":
        image_folder(root)
    else:
        for seed, split in enumerate(("train", "test")):
            parquet_file(root / f"{split}.parquet", pictures(8, seed=seed)[1], [0, 1] * 4, names=["cat", "dog"])
    return root


def swap_labels(root):
    if (root / "train").is_dir():
        shutil.move(root / "train" / "cat", root / "x")
        shutil.move(root / "train" / "dog", root / "train" / "cat")
        shutil.move(root / "x", root / "train" / "dog")
    else:
        write_again(root, labels=[1, 0] * 4)


def write_again(root, seed=0, labels=(0, 1) * 4, names=("cat", "dog")):
    """Write a table anew, and give the file its old time stamp and, by padding, its old size."""
    path = root / "train.parquet"
    about = path.stat()
    parquet_file(path, pictures(8, seed=seed)[1], list(labels), names=list(names))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def change_a_picture(root):
    if not (root / "train").is_dir():
        return write_again(root, seed=5)
    path = root / "val" / "dog" / "004.png"
    about = path.stat()
    path.write_bytes(pictures(1, seed=9)[1][0])
    return os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def rename_a_class(root):
    if not (root / "train").is_dir():
        parquet_file(root / "test.parquet", pictures(8, seed=1)[1], [0, 1] * 4, names=["cat", "fox"])
        return write_again(root, names=("cat", "fox"))
    for split in ("train", "val"):
        (root / split / "dog").rename(root / split / "fox")
    return None


def lose_a_picture(root):
    if not (root / "train").is_dir():
        return parquet_file(root / "train.parquet", pictures(7)[1], [0, 1] * 3 + [0], names=["cat", "dog"])
    return (root / "train" / "cat" / "000.png").unlink()


@pytest.mark.parametrize("on_access", [False, True])
@pytest.mark.parametrize("layout", ["folders", "parquet"])
@pytest.mark.parametrize("change", [swap_labels, change_a_picture, rename_a_class, lose_a_picture])
def test_corrected_data_are_other_data(change, layout, on_access, tmp_path, monkeypatch):
    if on_access:
        monkeypatch.setattr(split_module, "MAX_BYTES_IN_MEMORY", 0)
    root = make(tmp_path / "set", layout)
    before, again = load_data(root, 8), load_data(root, 8)
    assert before.identity == again.identity
    assert before.fingerprint == again.fingerprint
    change(root)
    after = load_data(root, 8)
    assert after.identity != before.identity
    assert after.fingerprint != before.fingerprint


@pytest.mark.parametrize("layout", ["folders", "parquet"])
def test_a_table_that_was_written_again_is_never_read_from_a_copy(layout, tmp_path):
    root = make(tmp_path / "set", layout)
    before = load_data(root, 12).train
    swap_labels(root)
    after = load_data(root, 12).train
    if layout == "parquet":
        assert torch.equal(after.pixels, before.pixels)
        assert torch.equal(after.labels, 1 - before.labels)
    else:
        assert torch.equal(after.labels, before.labels)
        assert torch.equal(after.pixels, before.pixels.roll(8, 0))


@pytest.mark.parametrize("layout", ["folders", "parquet"])
def test_another_place_or_spelling_is_no_other_data(layout, tmp_path, monkeypatch):
    root = make(tmp_path / "set", layout)
    wanted = load_data(root, 8).identity
    shutil.copytree(root, tmp_path / "other name")
    (tmp_path / "link").symlink_to(root)
    monkeypatch.chdir(tmp_path)
    for spelling in ("./set", "set", str(root), root, "./link", "other name", "set/../set/"):
        assert load_data(spelling, 8).identity == wanted
    assert load_data(root, 10).identity == wanted  # the size is a setting of the network


def test_identity_does_not_depend_on_whether_images_are_in_memory(tmp_path, monkeypatch):
    root = make(tmp_path / "set", "folders")
    held = load_data(root, 8)
    monkeypatch.setattr(split_module, "MAX_BYTES_IN_MEMORY", 0)
    monkeypatch.setattr(split_module, "SAMPLE_SIZE", 16)
    assert load_data(root, 8).identity == held.identity


def test_of_more_bytes_than_are_hashed_sizes_and_labels_count_in_any_case(tmp_path, monkeypatch):
    monkeypatch.setattr(content_module, "HASHED_BYTES", 2000)
    root = make(tmp_path / "set", "folders")
    before = load_data(root, 8)
    assert load_data(root, 8).identity == before.identity
    path = root / "train" / "cat" / "003.png"
    path.write_bytes(path.read_bytes() + b"0")
    assert load_data(root, 8).identity != before.identity


def test_pixels_or_labels_that_were_replaced_count(tmp_path):
    from dataclasses import replace

    train = load_data(make(tmp_path / "set", "folders"), 8).train
    assert replace(train, pixels=train.pixels + 1).origin() != train.origin()
    assert replace(train, labels=1 - train.labels).origin() != train.origin()
    assert replace(train, pixels=train.pixels).origin() == train.origin()


def test_the_last_digits_of_floats_do_not_count():
    data = load_data("digits", 16)
    noisy = data.test.pixels * (1 + 1e-7)
    same = Split(noisy, data.test.labels)
    assert same.origin() == data.test.origin()
    assert Split(data.test.pixels.flip(0), data.test.labels).origin() != data.test.origin()


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("count", [1, 2, 7, 10, 30, 59])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_draw_has_all_classes_in_their_proportions(classes, count, seed):
    labels = torch.arange(60) * classes // 60  # sorted by class, as in a folder
    rows = drawn_rows(labels, count, seed)
    assert len(set(rows.tolist())) == count
    found = labels[rows].bincount(minlength=classes)
    assert int(found.max() - found.min()) <= 1 + (count > 30)
    assert torch.equal(rows, drawn_rows(labels, count, seed))
    assert torch.equal(rows, drawn_rows(labels, 60, seed)[:count])
    assert sorted(drawn_rows(labels, 60, seed).tolist()) == list(range(60))


def test_a_draw_keeps_the_proportions_of_uneven_classes():
    labels = torch.tensor([0] * 90 + [1] * 10)
    for seed in range(5):
        assert labels[drawn_rows(labels, 20, seed)].bincount().tolist() == [18, 2]
    assert any(not torch.equal(drawn_rows(labels, 20, 0), drawn_rows(labels, 20, seed)) for seed in range(1, 5))


@pytest.mark.parametrize("on_access", [False, True])
def test_taken_images_know_their_rows_and_files(on_access, tmp_path, monkeypatch):
    image_folder(tmp_path / "set", damaged=(2,))
    whole = load_data(tmp_path / "set", 8, max_unreadable=3).train
    if on_access:
        monkeypatch.setattr(split_module, "MAX_BYTES_IN_MEMORY", 0)
    split = load_data(tmp_path / "set", 8, max_unreadable=3).train
    few = split.take(6)
    assert set(few.labels.tolist()) == {0, 1}
    for k, row in enumerate(few.rows.tolist()):
        at = whole.rows.tolist().index(row)
        assert torch.equal(few.pixels[k], whole.pixels[at])
        assert few.file(k) == whole.file(at)
        assert few.file(k).endswith(f"{row:03d}.png")
    again = few.take(3)
    assert set(again.rows.tolist()) <= set(few.rows.tolist())
    assert len(split.take(100)) == 15
    with pytest.raises(ValueError, match="count must be at least 1 image"):
        split.take(0)


def test_digits_are_drawn_from_all_classes_whatever_their_order():
    data = DATASETS["digits"](8)
    order = data.test.labels.argsort()
    from dataclasses import replace

    by_class = replace(data.test, pixels=data.test.pixels[order], labels=data.test.labels[order])
    assert len(np.unique(by_class.take(10).labels.numpy())) == 10

"""Data sets of your own, by path."""

import pytest
import torch
from picture_files import as_tensor, image_folder, parquet_file, pictures

from cordsnet.data import Unreadable, load_data
from cordsnet.errors import DataError, DataWarning


def raw(split):
    return split.pixels


def test_subfolders_of_images_are_the_classes(tmp_path, monkeypatch):
    train, test = image_folder(tmp_path / "pets")
    (tmp_path / "pets" / "train" / "cat" / "notes.txt").write_text("no image")
    data = load_data(str(tmp_path / "pets"), 12)
    assert data.name == "pets"
    assert data.classes == ("cat", "dog")
    assert torch.equal(raw(data.train), train)
    assert torch.equal(raw(data.test), test)
    assert data.train.labels.tolist() == [0] * 8 + [1] * 8
    monkeypatch.chdir(tmp_path)
    assert load_data("pets", 12).fingerprint == data.fingerprint
    assert load_data("./pets", 12).fingerprint == data.fingerprint


def test_names_of_parent_folders_do_not_decide_which_images_are_test_images(tmp_path):
    train, _ = image_folder(tmp_path / "test_sets" / "valid" / "pets")
    data = load_data(str(tmp_path / "test_sets" / "valid" / "pets"), 12)
    assert torch.equal(raw(data.train), train)
    assert len(data.test) == 8


def test_grey_images_have_one_channel(tmp_path):
    train, _ = image_folder(tmp_path / "grey", channels=1, damaged=(0,))
    with pytest.warns(DataWarning, match="1 of 16 images"):
        assert torch.equal(raw(load_data(str(tmp_path / "grey"), 12).train), train[1:])
    image_folder(tmp_path / "grey", channels=1)
    assert torch.equal(raw(load_data(str(tmp_path / "grey"), 12).train), train)


def test_unreadable_images_of_a_folder_are_named(tmp_path):
    image_folder(tmp_path / "pets", damaged=(3, 4))
    with pytest.warns(DataWarning, match="train/cat/003.png"):
        data = load_data(str(tmp_path / "pets"), 12, max_unreadable=2)
    assert [one.file for one in data.unreadable] == ["train/cat/003.png", "train/cat/004.png"]
    assert len(data.train) == 14
    assert data.train.file(3) == "train/cat/005.png"


def test_rows_without_an_image_count_as_unreadable(tmp_path):
    _, encoded = pictures(6)
    for split in ("train", "test"):
        parquet_file(tmp_path / "set" / f"{split}.parquet", [*encoded, None], [0, 1, 0, 1, 0, 1, 1])
    with pytest.raises(DataError, match="1 of 7 images"):
        load_data(f"{tmp_path}/set", 12, max_unreadable=0)
    with pytest.warns(DataWarning, match="1 of 7 images"):
        found = load_data(f"{tmp_path}/set", 12).train.unreadable
    assert found == (Unreadable("row 6", "the row has no image"),)


@pytest.mark.parametrize("names", [None, ["cat", "dog", "cow"]])
@pytest.mark.parametrize("columns", [("image", "label"), ("img", "fine_label")])
def test_a_folder_of_parquet_files(columns, names, tmp_path):
    pixels, encoded = pictures(12)
    labels = [k % 3 for k in range(12)]
    for k, part in enumerate((slice(0, 4), slice(4, 8))):
        parquet_file(tmp_path / "set" / f"train-{k}.parquet", encoded[part], labels[part], *columns, names)
    parquet_file(tmp_path / "set" / "validation.parquet", encoded[8:], labels[8:], *columns, names)
    data = load_data(f"{tmp_path}/set", 12)
    assert torch.equal(raw(data.train), as_tensor(pixels[:8]))
    assert torch.equal(raw(data.test), as_tensor(pixels[8:]))
    assert data.train.labels.tolist() == labels[:8]
    assert data.classes == (tuple(names) if names else ("0", "1", "2"))


def test_test_images_are_preferred_to_those_for_validation(tmp_path):
    _, encoded = pictures(5)
    for name, part in (("train", encoded), ("validation", encoded[:3]), ("test", encoded[3:])):
        parquet_file(tmp_path / "set" / f"{name}.parquet", part, [0] * len(part))
    assert len(load_data(f"{tmp_path}/set", 12).test) == 2


def test_unknown_columns_are_refused(tmp_path):
    _, encoded = pictures(2)
    for split in ("train", "test"):
        parquet_file(tmp_path / "set" / f"{split}.parquet", encoded, [0, 1], "image", "kind")
    with pytest.raises(DataError, match=r"has columns image, kind; .* labels in one named label or"):
        load_data(f"{tmp_path}/set", 12)


@pytest.mark.parametrize("wrong", [-1, 2])
def test_labels_without_a_class_are_refused(wrong, tmp_path):
    _, encoded = pictures(3)
    parquet_file(tmp_path / "set" / "train.parquet", encoded, [0, 1, 1])
    parquet_file(tmp_path / "set" / "test.parquet", encoded, [0, 1, wrong])
    with pytest.raises(DataError, match=r"labels of data set 'set' must be from 0 to 1, got"):
        load_data(f"{tmp_path}/set", 12)


def test_a_folder_without_images_says_what_it_must_hold(tmp_path, monkeypatch):
    (tmp_path / "nothing" / "train").mkdir(parents=True)
    for name in ("nothing", "missing"):
        with pytest.raises(DataError, match=rf"{name}' .*has no images .* it must hold train\*.parquet and test"):
            load_data(str(tmp_path / name), 12)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="unknown data set 'missing'"):
        load_data("missing", 12)

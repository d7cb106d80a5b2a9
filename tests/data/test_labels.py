"""Labels of tables become classes by name, or are refused with the column and a count."""

import datetime

import datasets
import pyarrow
import pytest
from picture_files import parquet_file, pictures
from pyarrow import parquet

from cordsnet.data import load_data
from cordsnet.errors import DataError, DataWarning

COUNT = 12


def table(folder, train, test=None, **columns):
    """Write FOLDER/train.parquet and FOLDER/test.parquet, 12 images each, labelled by repeating the labels."""
    folder.mkdir(exist_ok=True)
    for split, labels in (("train", train), ("test", train if test is None else test)):
        kind = None
        if isinstance(labels, tuple):
            labels, kind = labels
        repeated = (list(labels) * COUNT)[:COUNT]
        rows = {"image": [{"bytes": one, "path": None} for one in pictures(COUNT, 8)[1]], "label": repeated}
        found = datasets.Dataset.from_dict(rows | {name: (values * COUNT)[:COUNT] for name, values in columns.items()})
        if kind is not None:
            found = found.cast_column("label", kind)
        found.to_parquet(folder / f"{split}.parquet")
    return str(folder)


def named(labels, *names):
    return labels, datasets.ClassLabel(names=list(names))


@pytest.mark.parametrize(
    ("train", "test", "classes", "first_train", "first_test"),
    [
        (["dog", "cat"], None, ("cat", "dog"), [1, 0], [1, 0]),
        (["dog", "cat"], ["cat"], ("cat", "dog"), [1, 0], [0, 0]),
        (["10", "9", "1"], None, ("1", "10", "9"), [1, 2, 0], [1, 2, 0]),
        ([True, False], None, ("False", "True"), [1, 0], [1, 0]),
        ([1, 0], None, ("0", "1"), [1, 0], [1, 0]),
        ([1.0, 0.0], None, ("0", "1"), [1, 0], [1, 0]),
        (named([0, 1], "dog", "cat"), None, ("dog", "cat"), [0, 1], [0, 1]),
        (named([0, 1], "dog", "cat"), named([0, 1], "cat", "dog"), ("dog", "cat"), [0, 1], [1, 0]),
        (named([0, 1], "dog", "cat"), named([1, 2], "cow", "cat", "dog"), ("dog", "cat"), [0, 1], [1, 0]),
        (named([0, 1], "dog", "cat"), ["cat", "dog"], ("dog", "cat"), [0, 1], [1, 0]),
        (["cat", "dog"], named([0, 1], "dog", "cat"), ("cat", "dog"), [0, 1], [1, 0]),
    ],
)
def test_classes_go_by_name_in_both_splits(train, test, classes, first_train, first_test, tmp_path):
    data = load_data(table(tmp_path / "set", train, test), 8)
    assert data.classes == classes
    assert data.train.labels[: len(first_train)].tolist() == first_train
    assert data.test.labels[: len(first_test)].tolist() == first_test


NAN = float("nan")


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([0, 1, None], None, "no label in 4 of 12 rows"),
        ([0, 1], [0, None, None], r"\(test\) has no label in 8 of 12 rows"),
        (["a", "b", None], None, "no label in 4 of 12 rows"),
        (["a", "b", "  "], None, "no label in 4 of 12 rows"),
        ([0.0, 1.0, NAN], None, "no label in 4 of 12 rows"),
        (named([0, 1, None], "a", "b"), None, "no label in 4 of 12 rows"),
        (named([0, 1, -1], "a", "b"), None, "no label in 4 of 12 rows"),
        ([0.4, 1.6], None, "no whole numbers in 12 of 12 rows, such as 0.4"),
        ([0.0, 1.0, 0.5], None, "no whole numbers in 4 of 12 rows, such as 0.5"),
        ([0.0, float("inf")], None, "no whole numbers in 6 of 12 rows"),
        ([0, 10**9], None, "got 2 different ones from 0 to 1000000000"),
        ([5, 2**62], None, "got 2 different ones from 5 to"),
        ([1, 2, 3], None, "got 3 different ones from 1 to 3, without 0"),
        ([0, 2], None, "got 2 different ones from 0 to 2, without 1"),
        ([-1, 0], None, "got 2 different ones from -1 to 0"),
        ([0, 1], [0, 1, 2], "must be from 0 to 1, got 0 to 2 in column 'label': 4 of 12 test images"),
        (["a", "b"], ["a", "b", "cow"], r"classes that its training images lack: cow \(4\)"),
        (named([0, 1], "a", "b"), named([0, 1, 2], "a", "b", "cow"), r"lack: cow \(4\)"),
        (["a", "b"], [0, 1], r"names \(train\), numbers \(test\)"),
        (["Cat", "cat"], None, "'Cat' and 'cat' .* differ only by case"),
        (["cat", "cat "], None, "'cat' and 'cat ' .* differ only by case"),
        (["caf\u00e9", "cafe\u0301"], None, "encoding of their letters"),
        (["cat", "dog"], ["CAT", "dog"], "differ only by case"),
        ([[0, 1]], None, "not one label per image; name another label_column"),
        ([{"a": 0}], None, "name another label_column"),
        ([datetime.datetime(2020, 1, 1)], None, "is no label; name another label_column"),
    ],
)
def test_labels_that_are_no_classes_are_refused_with_column_and_count(train, test, said, tmp_path):
    with pytest.raises(DataError, match=said) as refused:
        load_data(table(tmp_path / "set", train, test), 8)
    assert "'label'" in str(refused.value) or "'set'" in str(refused.value)


def test_the_columns_that_were_taken_are_said_and_can_be_given(tmp_path):
    folder = table(tmp_path / "set", [0, 1], target=[1, 1, 0], fine_label=[0])
    data = load_data(folder, 8)
    assert "images are taken from column 'image', labels from column 'label'" in data.notes
    assert any("'fine_label', 'target' would do as labels too" in note for note in data.notes)
    assert load_data(folder, 8, label_column="target").train.labels.tolist()[:3] == [1, 1, 0]
    with pytest.raises(DataError, match="label_column 'kynd' is no column of data set 'set'; it has image, label"):
        load_data(folder, 8, label_column="kynd")
    with pytest.raises(DataError, match="cannot hold both images and labels"):
        load_data(folder, 8, image_column="label")
    with pytest.raises(DataError, match=r"column 'target' .* holds .*, no images; name another image_column"):
        load_data(folder, 8, image_column="target")


def test_classes_without_images_are_said(tmp_path):
    notes = load_data(table(tmp_path / "set", named([0, 1], "a", "b", "cow"), named([0], "a", "b", "cow")), 8).notes
    assert "1 of 3 classes have no images for training: cow" in notes
    assert "2 of 3 classes have no images for testing: b, cow" in notes
    with pytest.warns(DataWarning, match="one class alone"):
        load_data(table(tmp_path / "one", ["a"]), 8)


@pytest.mark.parametrize("kind", ["bytes", "large bytes", "categorical labels"])
def test_tables_of_other_software(kind, tmp_path):
    pixels, encoded = pictures(4)
    images = {"large bytes": pyarrow.array(encoded, pyarrow.large_binary())}
    labels = pyarrow.array(["dog", "cat"] * 2)
    labels = labels.dictionary_encode() if kind == "categorical labels" else labels
    found = pyarrow.table({"image": images.get(kind, encoded), "label": labels})
    for split in ("train", "test"):
        parquet.write_table(found, tmp_path / f"{split}.parquet")
    data = load_data(str(tmp_path), 12)
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [1, 0, 1, 0]
    assert (data.train.pixels.permute(0, 2, 3, 1).numpy() == pixels).all()


def test_tables_that_cannot_be_read_are_refused_by_name(tmp_path):
    folder = table(tmp_path / "set", [0, 1])
    whole = (tmp_path / "set" / "train.parquet").read_bytes()
    (tmp_path / "set" / "train.parquet").write_bytes(whole[:300])
    with pytest.raises(DataError, match=r"train.parquet' cannot be read"):
        load_data(folder, 8)
    parquet.write_table(
        pyarrow.table({"image": pyarrow.array([], pyarrow.binary())}), tmp_path / "set" / "train.parquet"
    )
    with pytest.raises(DataError, match=r"train.parquet' have no rows"):
        load_data(folder, 8)
    parquet_file(tmp_path / "set" / "train.parquet", pictures(2)[1], [0, 1])
    parquet_file(tmp_path / "set" / "test.parquet", pictures(2)[1], [0, 1], label="kind")
    with pytest.raises(DataError, match=r"\(test\) has no column 'label'; it has image, kind"):
        load_data(folder, 8)

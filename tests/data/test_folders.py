"""Folders as people have them: the class is the folder below the split, and whatever is left out is said."""

import os
from pathlib import Path

import numpy as np
import pytest
from picture_files import png
from PIL import Image

from cordsnet.data import load_data
from cordsnet.errors import DataError, DataWarning


def put(path, seed=0, channels=3, kind=np.uint8, top=256):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (20, 24, channels) if channels > 1 else (20, 24)
    path.write_bytes(png(np.random.default_rng(seed).integers(0, top, shape, dtype=kind)))
    return path


def pets(root, count=4, classes=("cat", "dog"), splits=("train", "test"), **how):
    for s, split in enumerate(splits):
        for c, name in enumerate(classes):
            for k in range(count):
                put(root / split / name / f"{k:03d}.png", 100 * s + 10 * c + k, **how)
    return root


def junk(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no picture at all, but text")


@pytest.mark.parametrize("below", ["", "s1", "s1/a/b/c", "cat", "train/dog"])
def test_the_class_is_the_folder_below_the_split_however_deep_the_file(below, tmp_path):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            for k in range(3):
                put(tmp_path / split / name / below / f"{k}.png", k)
    data = load_data(tmp_path, 16)
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == data.test.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_what_is_left_out_is_said(tmp_path):
    pets(tmp_path)
    junk(*(tmp_path / "train" / name for name in ("cat/notes.txt", "cat/Thumbs.db", "meta.json", "cat/.DS_Store")))
    put(tmp_path / "train" / ".cache" / "x.png")
    put(tmp_path / "train" / "loose.png")
    with pytest.warns(DataWarning, match="1 pictures that are in no folder of a class"):
        data = load_data(tmp_path, 16)
    assert data.classes == ("cat", "dog")
    assert len(data.train) == 8
    said = " | ".join(data.notes)
    assert "left out of folder 'train': 3 that are no pictures (1 .db, 1 .txt, 1 .json)" in said
    assert "2 hidden files or folders" in said
    assert "leaves out 17 % of the median picture" in said


@pytest.mark.parametrize("name", ["a.PNG", "a.JPEG", "a.Png", "no_ending", "IMG.0001", "a.png.bak"])
def test_pictures_are_known_by_ending_or_content(name, tmp_path):
    pets(tmp_path)
    put(tmp_path / "train" / "cat" / name)
    assert len(load_data(tmp_path, 16).train) == 9


@pytest.mark.parametrize("ending", [".heic", ".svg", ".psd", ".npy", ".dcm", ".NEF"])
def test_pictures_of_other_formats_are_refused_and_never_ignored(ending, tmp_path):
    pets(tmp_path)
    junk(*(tmp_path / "train" / "cat" / f"{k}{ending}" for k in range(3)))
    with pytest.raises(DataError, match=rf"3 of 11 images .*train/cat/0{ending} \(.* is a format that is not read"):
        load_data(tmp_path, 16)


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (("cat", "dog"), ("cat", "dog", "cow"), r"classes that its training images lack: cow \(4\)"),
        (("cat", "dog"), ("cow",), r"no test images of its classes \(cat, dog\): .*but cow \(4\)"),
        (("Cat", "cat"), ("cat",), "'Cat' and 'cat' .* differ only by case"),
        (("Cat", "dog"), ("cat", "dog"), "'Cat' and 'cat' .* differ only by case"),
        (("caf\u00e9",), ("cafe\u0301",), "differ only by case, spaces or the encoding"),
        (("dog", "dog "), ("dog",), "differ only by case, spaces or the encoding"),
        (("stra\u00dfe", "dog"), ("STRASSE", "dog"), "differ only by case"),
    ],
)
def test_classes_that_do_not_fit_are_refused_by_name(train, test, said, tmp_path):
    pets(tmp_path, classes=train, splits=("train",))
    pets(tmp_path, classes=test, splits=("test",))
    with pytest.raises(DataError, match=said):
        load_data(tmp_path, 16)


@pytest.mark.parametrize("inside", ["images/0.png", "0.png", "notes.txt", "images/notes.txt", ".hidden/0.png"])
def test_a_split_without_the_classes_is_passed_over(inside, tmp_path):
    pets(tmp_path, splits=("train", "val"))
    (junk if inside.endswith("txt") else put)(tmp_path / "test" / inside)
    data = load_data(tmp_path, 16)
    assert data.classes == ("cat", "dog")
    assert len(data.test) == 8
    assert any("folder 'test' has none of the classes of training" in note for note in data.notes)
    assert any("test images are those of 'val'" in note for note in data.notes)


@pytest.mark.parametrize("content", [None, "notes.txt", ".hidden.png", "deeper/still"])
def test_classes_without_images_are_refused_by_name(content, tmp_path):
    pets(tmp_path)
    (tmp_path / "train" / "bird").mkdir()
    if content == "deeper/still":
        (tmp_path / "train" / "bird" / content).mkdir(parents=True)
    elif content:
        junk(tmp_path / "train" / "bird" / content)
    with pytest.raises(DataError, match=r"class folders bird of .* have no images"):
        load_data(tmp_path, 16)


def test_links_are_followed_once(tmp_path):
    pets(tmp_path / "set", classes=("cat",))
    pets(tmp_path / "elsewhere", classes=("dog",), splits=("x",))
    for split in ("train", "test"):
        (tmp_path / "set" / split / "dog").symlink_to(tmp_path / "elsewhere" / "x" / "dog")
    (tmp_path / "set" / "train" / "cat" / "loop").symlink_to("..")
    (tmp_path / "set" / "train" / "cat" / "self").symlink_to(".")
    data = load_data(tmp_path / "set", 16)
    assert data.classes == ("cat", "dog")
    assert data.test.labels.tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize(("lost", "refused"), [(1, False), (2, True), (7, True), (8, True)])
def test_links_to_nothing_are_counted_and_named(lost, refused, tmp_path):
    pets(tmp_path)
    for path in sorted((tmp_path / "train").rglob("*.png"))[:lost]:
        path.unlink()
        path.symlink_to("/absent/" + path.name)
    if refused:
        with pytest.raises(DataError, match=rf"{lost} of 8 images .*train/cat/000.png \(a link .*datalad get"):
            load_data(tmp_path, 16)
    else:
        with pytest.warns(DataWarning, match=r"1 of 8 images .*train/cat/000.png \(a link .*datalad get"):
            data = load_data(tmp_path, 16)
        assert len(data.train) == 7
        assert data.unreadable[0].file == "train/cat/000.png"


def test_a_class_that_is_a_link_to_nothing_is_refused(tmp_path):
    pets(tmp_path)
    (tmp_path / "train" / "bird").symlink_to("/absent/bird")
    with pytest.raises(DataError, match=r"folder 'bird' of data set .* is a link to a folder that is not there"):
        load_data(tmp_path, 16)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    pets(tmp_path)
    os.mkfifo(tmp_path / "train" / "cat" / "pipe.png")
    assert len(load_data(tmp_path, 16).train) == 8


def test_names_that_are_not_utf8_are_refused(tmp_path):
    pets(tmp_path)
    try:
        os.rename(bytes(tmp_path / "train" / "cat" / "000.png"), bytes(tmp_path / "train" / "cat") + b"/\xff\xfe.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    with pytest.raises(DataError, match="is no name in UTF-8"):
        load_data(tmp_path, 16)


@pytest.mark.parametrize(
    "name",
    ["pets [v2]", "pets*", "pets?", "two words", "\u00fc\u4e2d", ".hidden/x", "a{b}c", "100%", "train", "-x", "~x"],
)
@pytest.mark.parametrize("layout", ["folders", "parquet"])
def test_paths_as_people_write_them(name, layout, tmp_path, monkeypatch):
    root = pets(tmp_path / name)
    if layout == "parquet":
        import datasets

        for split in ("train", "test"):
            encoded = [{"bytes": path.read_bytes(), "path": None} for path in sorted((root / split).rglob("*.png"))]
            rows = {"image": encoded, "label": ["cat"] * 4 + ["dog"] * 4}
            datasets.Dataset.from_dict(rows).to_parquet(str(tmp_path / "part.parquet"))
            (tmp_path / "part.parquet").rename(root / f"{split}.parquet")
    wanted = load_data(root, 16)
    assert len(wanted.train) == 8
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for spelling in (str(root), f"./{name}", Path(name), f"~/{name}", f"{root}/", f"{root}/../{Path(name).name}"):
        data = load_data(spelling, 16)
        assert data.classes == ("cat", "dog")
        assert data.name == Path(name).name
        assert data.identity == wanted.identity


@pytest.mark.parametrize("grey", ["first", "half", "all but one", "all"])
def test_colour_is_never_decided_by_the_first_file(grey, tmp_path):
    pets(tmp_path)
    paths = sorted(tmp_path.rglob("*.png"))
    count = {"first": 1, "half": 8, "all but one": 15, "all": 16}[grey]
    for k, path in enumerate(paths[::-1] if grey == "half" else paths):
        if k < count:
            put(path, k, channels=1)
    data = load_data(tmp_path, 16)
    assert data.train.shape[0] == data.test.shape[0] == (1 if grey == "all" else 3)
    assert any("read as grey" in note or f"though {count} of 16" in note for note in data.notes)


def test_pictures_that_use_little_of_their_range_are_said(tmp_path):
    pets(tmp_path, channels=1, kind=np.uint16, top=4096)
    with pytest.warns(DataWarning, match="uses more than 6.2 % of its range, so all are read as almost black"):
        data = load_data(tmp_path, 16)
    assert 10 < int(data.train.pixels.max()) < 16


def test_several_pages_are_said(tmp_path):
    pets(tmp_path)
    one, two = (Image.fromarray(np.full((20, 24), value, np.uint8)) for value in (10, 200))
    one.save(tmp_path / "train" / "cat" / "000.tif", save_all=True, append_images=[two])
    notes = load_data(tmp_path, 16).notes
    assert "1 of 17 pictures have several pages or frames; the first is read" in notes


@pytest.mark.parametrize("still", [0, 2])
def test_a_channel_that_never_changes_is_centred(still, tmp_path):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            for k in range(3):
                pixels = np.random.default_rng(k).integers(0, 256, (16, 16, 3), dtype=np.uint8)
                pixels[..., still] = 40
                path = tmp_path / split / name / f"{k}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(png(pixels))
    data = load_data(tmp_path, 16)
    assert data.std[still] == 1.0
    assert float(data.train.images[:, still].abs().max()) < 1e-6
    assert abs(float(data.train.images[:, 1].std()) - 1) < 1e-2


@pytest.mark.parametrize("total", [4, 100, 4000])
@pytest.mark.parametrize("count", [0, 1, 5])
@pytest.mark.parametrize("share", [0.0, 1e-3, 0.1])
def test_the_limit_of_unreadable_images_is_a_count_and_a_share(total, count, share):
    from cordsnet.data import Tolerance, Unreadable, check_unreadable

    tolerance = Tolerance(count, share)
    allowed = min(max(count, int(share * total)), total - 1)
    lost = tuple(Unreadable(f"{k}.png", "damaged") for k in range(allowed + 1))
    check_unreadable(lost[:allowed], total, "'set'", tolerance)
    with pytest.raises(DataError, match=rf"{allowed + 1} of {total} images of data set 'set' .*0.png \(damaged\)"):
        check_unreadable(lost, total, "'set'", tolerance)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(("count", "share"), [(-1, 0.1), (1.5, 0.1), (1, -0.1), (1, 1.0), (1, float("nan"))])
def test_limits_that_are_none_are_refused(count, share, tmp_path):
    with pytest.raises(DataError, match="max_unreadable"):
        load_data(pets(tmp_path), 16, max_unreadable=count, max_unreadable_share=share)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("size", [0, -1, 16.5, "16", None, 10**6, True])
def test_sizes_that_make_no_image_are_refused(size, tmp_path):
    with pytest.raises(ValueError, match="image_size must be a whole number of px from 1 to 4096"):
        load_data(pets(tmp_path), size)


@pytest.mark.parametrize("shared", [0, 1, 3])
def test_test_images_that_are_training_images_are_said(shared, tmp_path):
    pets(tmp_path)
    for k in range(shared):
        found = (tmp_path / "train" / "dog" / f"{k:03d}.png").read_bytes()
        (tmp_path / "test" / "dog" / f"{3 - k:03d}.png").write_bytes(found)
    if shared:
        with pytest.warns(DataWarning, match=f"{shared} of 8 test images are training images too"):
            notes = load_data(tmp_path, 16).notes
        assert any(f"{shared} of 8 test images" in note for note in notes)
    else:
        assert not any("training images too" in note for note in load_data(tmp_path, 16).notes)


@pytest.mark.parametrize("below", ["", "train"])
def test_without_a_folder_for_testing_some_images_of_each_class_are_held_out(below, tmp_path):
    for name, count in (("cat", 10), ("dog", 25), ("owl", 2)):
        for k in range(count):
            put(tmp_path / "pets" / below / name / f"{k:02d}.png", 100 * len(name) + k + ord(name[0]))
    junk(tmp_path / "pets" / below / "cat" / "notes.txt")
    data = load_data(tmp_path / "pets", 16)
    assert data.classes == ("cat", "dog", "owl")
    assert data.train.labels.bincount().tolist() == [8, 20, 1]
    assert data.test.labels.bincount().tolist() == [2, 5, 1]
    assert any("20% of the images of each class, drawn with seed 0, are held out" in note for note in data.notes)
    assert any("1 that are no pictures (1 .txt)" in note for note in data.notes)
    named = [{split.file(k) for k in range(len(split))} for split in (data.train, data.test)]
    assert not named[0] & named[1]
    (tmp_path / "pets").rename(tmp_path / "moved")
    again = load_data(tmp_path / "moved", 16)
    assert (again.test.pixels == data.test.pixels).all()


def test_a_class_of_one_image_cannot_be_divided(tmp_path):
    put(tmp_path / "cat" / "0.png")
    put(tmp_path / "dog" / "0.png")
    put(tmp_path / "dog" / "1.png", 1)
    with pytest.raises(DataError, match=r"class folders cat \(1\) .* fewer than two images"):
        load_data(tmp_path, 16)

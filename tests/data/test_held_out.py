"""Folders of classes as people have them: what is a class, what is passed over, and what is said of both."""

import warnings

import numpy as np
import pytest
from picture_files import png

from cordsnet.data import load_data
from cordsnet.errors import DataError, DataWarning


def put(*paths):
    for k, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = sum(map(ord, str(path))) + k
        path.write_bytes(png(np.random.default_rng(seed).integers(0, 256, (10, 12, 3), dtype=np.uint8)))


def write(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")


def classes(root, *names, count=5):
    for name in names or ("ball", "tent"):
        put(*(root / name / f"IMG_{k}.png" for k in range(count)))
    return root


def loaded(root):
    """The data set, and what its warnings say."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        data = load_data(root, 8)
    assert all(one.category is DataWarning for one in told)
    return data, " | ".join(str(one.message) for one in told)


def notes(data):
    return " | ".join(data.notes)


OWN = {
    "a run": ("runs", ("images/recipe.json", "images/record.json"), ("images/cnn/figures/loss.png",)),
    "a run whose folder was named": ("mine", ("recipe.json", "record.json"), ("x.png", "y.png")),
    "a run that has just begun": ("runs", ("images/recipe.json", "images/record.json"), ()),
    "an evaluation": ("runs", ("evaluation/a.b/report.html", "evaluation/a.b/record.json"),
                      ("evaluation/a.b/figures/confusion.png",)),
    "a report": ("portrait", ("result.json", "report.html"), tuple(f"figures/{k}.png" for k in range(4))),
    "a report deep inside": ("runs", ("paper/t/result.json", "paper/t/report.html"), ("paper/t/figures/a.png",)),
    "a saved model": ("net", ("model.json", "model.safetensors"), ("preview.png", "b.png")),
}  # fmt: skip


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("below", ["", "train"])
def test_what_the_package_wrote_is_no_class(kind, below, tmp_path):
    name, files, pictures = OWN[kind]
    root = classes(tmp_path / "photos" / below)
    write(*(root / name / file for file in files))
    put(*(root / name / file for file in pictures))
    data, told = loaded(tmp_path / "photos")
    assert data.classes == ("ball", "tent")
    assert (len(data.train), len(data.test)) == (8, 2)
    assert f"{name}, which cordsnet wrote" in notes(data)
    assert told == ""


def test_pictures_of_a_report_within_a_class_are_passed_over(tmp_path):
    root = classes(tmp_path)
    write(root / "ball" / "seen" / "report.html", root / "ball" / "seen" / "result.json")
    put(root / "ball" / "seen" / "figures" / "a.png")
    data, told = loaded(root)
    assert data.train.labels.bincount().tolist() == [4, 4]
    assert "ball/seen, which cordsnet wrote" in notes(data)
    assert told == ""


@pytest.mark.parametrize("files", [("record.json",), ("figures/a.json",), ("report.html",), ("model.json", "x.txt")])
def test_folders_that_only_look_alike_are_classes(files, tmp_path):
    root = classes(tmp_path, "ball", "tent", "kites")
    write(*(root / "kites" / file for file in files))
    assert loaded(root)[0].classes == ("ball", "kites", "tent")


@pytest.mark.parametrize("name", ["__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "__pycache__"])
@pytest.mark.parametrize("where", ["", "ball", "ball/deep"])
def test_what_other_programs_leave_behind_is_no_class(name, where, tmp_path):
    root = classes(tmp_path)
    put(*(root / where / name / f"{k}.png" for k in range(4)))
    data, told = loaded(root)
    assert (data.classes, len(data.train), len(data.test)) == (("ball", "tent"), 8, 2)
    assert f"{name}, which other programs leave behind" in notes(data)
    assert told == ""


@pytest.mark.parametrize("name", [".ipynb_checkpoints", ".thumbnails", ".git"])
@pytest.mark.parametrize("where", ["", "ball"])
def test_hidden_folders_are_no_classes(name, where, tmp_path):
    root = classes(tmp_path)
    put(*(root / where / name / f"{k}.png" for k in range(4)))
    data, _ = loaded(root)
    assert (data.classes, len(data.train)) == (("ball", "tent"), 8)
    assert "1 hidden files or folders" in notes(data)


@pytest.mark.parametrize("name", ["kites", "figures", "results", "thumbs", "Thumbnails", "unsorted"])
def test_every_class_is_named_with_its_count(name, tmp_path):
    root = classes(classes(tmp_path), name, count=7)
    data, told = loaded(root)
    assert data.classes == tuple(sorted(("ball", "tent", name)))
    for said in ("ball (5)", "tent (5)", f"{name} (7)"):
        assert said in notes(data)
    doubt = f"folder {name!r} with 7 pictures is taken for a class"
    assert (doubt in told) == (doubt in notes(data)) == (name != "kites")


@pytest.mark.parametrize("below", ["", "train"])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_loose_pictures_beside_classes_are_counted_and_named(below, count, tmp_path):
    root = classes(tmp_path / "photos" / below)
    put(*(root / f"loose_{k}.png" for k in range(count)))
    data, told = loaded(tmp_path / "photos")
    assert len(data.train) == 8
    for said in (told, notes(data)):
        assert said.count(f"{count} pictures that are in no folder of a class (loose_0.png") == 1
    assert ("and 3 more" in told) == (count == 8)


@pytest.mark.parametrize("files", [("notes.txt",), ("xml/1.xml", "xml/2.xml"), ("README",)])
def test_folders_of_other_files_are_no_classes_and_warned_of(files, tmp_path):
    root = classes(tmp_path)
    write(*(root / "annotations" / file for file in files))
    data, told = loaded(root)
    assert data.classes == ("ball", "tent")
    assert "folder 'annotations' of data set" in told
    assert "holds no pictures, so it is no class" in told
    assert "holds no pictures, so it is no class" in notes(data)


@pytest.mark.parametrize(("count", "said"), [(0, r"bird \(0\)"), (1, r"bird \(1\)")])
def test_empty_classes_and_those_of_one_image_are_refused(count, said, tmp_path):
    root = classes(tmp_path)
    (root / "bird").mkdir()
    put(*(root / "bird" / f"{k}.png" for k in range(count)))
    with pytest.raises(DataError, match=said):
        load_data(root, 8)


def test_a_class_of_two_images_is_divided(tmp_path):
    root = classes(classes(tmp_path), "bird", count=2)
    data, _ = loaded(root)
    assert data.train.labels.bincount().tolist() == [4, 1, 4]
    assert data.test.labels.bincount().tolist() == [1, 1, 1]
    assert "bird (2)" in notes(data)


@pytest.mark.parametrize(
    "name", ["Train", "Test", "training", "Testing", "validation_set", "test1", "VAL", "eval", "dev"]
)
@pytest.mark.parametrize("other", ["ball", "train/ball", "train"])
def test_folders_named_for_testing_in_other_words_are_never_classes(name, other, tmp_path):
    classes(tmp_path, f"{name}/ball", f"{name}/tent", other, "tent" if other == "ball" else "train/tent")
    with pytest.raises(DataError, match=rf"folders .*{name}.* are named for training or testing; rename them to train"):
        load_data(tmp_path, 8)


def test_train_can_be_the_name_of_a_class(tmp_path):
    data, told = loaded(classes(tmp_path, "train", "bus", "car"))
    assert data.classes == ("bus", "car", "train")
    assert "folder 'train' holds pictures and no folders, so it is a class" in notes(data)
    assert told == ""


@pytest.mark.parametrize("test", [(), ("test",), ("val",), ("test", "val")])
def test_folders_beside_those_that_are_read_are_named(test, tmp_path):
    for split in ("train", *test, "extra"):
        classes(tmp_path / split)
    data, _ = loaded(tmp_path)
    unread = "extra, val" if len(test) == 2 else "extra"
    assert notes(data).count(f"folders are not read: {unread}") == 1
    assert len(data.test) == (10 if test else 2)


@pytest.mark.parametrize("depth", ["photos", "photos/photos", "a/b/c"])
@pytest.mark.parametrize("beside", [None, "__MACOSX", ".cache"])
def test_classes_that_lie_deeper_are_pointed_at(depth, beside, tmp_path):
    classes(tmp_path / "zip" / depth)
    if beside:
        (tmp_path / "zip" / beside).mkdir()
    with pytest.raises(DataError, match=rf"'{depth}' in it holds ball, tent; give that folder"):
        load_data(tmp_path / "zip", 8)
    assert loaded(tmp_path / "zip" / depth)[0].classes == ("ball", "tent")


def test_one_class_alone_is_refused(tmp_path):
    classes(tmp_path, "ball")
    with pytest.raises(DataError, match="for at least two classes"):
        load_data(tmp_path, 8)


def test_folders_of_sessions_are_warned_of(tmp_path):
    classes(tmp_path, *(f"{year}/{name}" for year in (2023, 2024) for name in ("ball", "tent")))
    data, told = loaded(tmp_path)
    assert data.classes == ("2023", "2024")
    assert "holds the same folders ('ball', 'tent')" in told
    assert "holds the same folders ('ball', 'tent')" in notes(data)


@pytest.mark.parametrize("below", ["", "train"])
def test_unreadable_pictures_are_named_by_their_place_in_the_data_set(below, tmp_path):
    root = classes(tmp_path / "photos" / below)
    write(root / "ball" / "IMG_0.heic", root / "tent" / "IMG_0.png")
    inside = f"{below}/" if below else ""
    with pytest.raises(DataError, match=rf"{inside}ball/IMG_0.heic \(.*{inside}tent/IMG_0.png \(.*--reading.max_unrea"):
        load_data(tmp_path / "photos", 8)

"""The recipe for images of one's own: it needs the folder and nothing else."""

import json

import numpy as np
import pytest
from PIL import Image

from cordsnet.cli import main
from cordsnet.training import RECIPES
from cordsnet.training.record import data_notes, network_note

pytestmark = pytest.mark.usefixtures("as_users_run_it")


def photographs(root, classes, mode="RGB"):
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 3)):
        for name in classes:
            (root / split / name).mkdir(parents=True)
            for k in range(count):
                shape = (30, 40, 3) if mode == "RGB" else (30, 40)
                Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(root / split / name / f"{k}.jpg")
    return str(root)


def test_without_a_folder_it_asks_for_one(capsys, tmp_path):
    assert main(["train", "images", "--output", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "--data PATH" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c")])
def test_sizes_follow_from_the_folder_and_are_said(mode, channels, classes, tmp_path, capsys):
    where = photographs(tmp_path / "photos", classes, mode)
    updates = ["--cnn.optimisation.updates", "2", "--model.width", "4"]
    words = [
        "train",
        "images",
        "--data",
        where,
        "--output",
        str(tmp_path / "run"),
        "--only",
        "cnn",
        "--quiet",
        *updates,
    ]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert f"note: the network is cordsnet_r2_small; in channels {channels}, image size 32" in said
    count = len(classes)
    assert (
        f"{20 * count} images for training and {3 * count} for testing, {count} classes: {', '.join(classes)}" in said
    )
    model = json.loads((tmp_path / "run" / "recipe.json").read_text())["model"]
    assert (model["in_channels"], model["num_classes"], model["image_size"]) == (channels, count, 32)
    assert network_note(tmp_path / "run") in said
    assert all(note in said for note in data_notes(tmp_path / "run"))


def test_its_stages_are_those_of_digits():
    names = [[stage.name for stage in RECIPES[name]().stages] for name in ("images", "digits")]
    assert names[0] == names[1]

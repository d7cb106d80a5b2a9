"""Pictures of the images of a recording: one for each, or a folder of several over which answers are averaged."""

import dataclasses
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

import cordsnet
from cordsnet.errors import DataError
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.recordings.neural_scores import NeuralScoresOptions
from cordsnet.experiments.recordings.scoring import prepare
from cordsnet.experiments.recordings.shown import shown_for
from cordsnet.neural import Recording, find_pictures, make_recording, record_activity, save_recording
from recordings_by_hand import BINS

TINY = {"image_size": 16, "in_channels": 1, "num_classes": 3, "width": 4}
COUNTS = [3, 1, 2]


def network(seed=0):
    return cordsnet.create_model("cordsnet_r2_small", seed=seed, **TINY).eval()


def write(path, names):
    """Pictures of smooth noise of these names."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            coarse = Image.fromarray(random.integers(0, 256, (6, 6), dtype=np.uint8))
            content = io.BytesIO()
            coarse.resize((16, 16), Image.Resampling.BICUBIC).save(content, "PNG")
            archive.writestr(f"{name}.png", content.getvalue())
    return path


def recording(images, neurons=2):
    values = np.random.default_rng(0).random((len(images), 1, 3, neurons))
    return Recording(values, BINS, images, [str(k) for k in range(neurons)], "rate")


def test_pictures_of_a_folder_stand_for_the_image_of_its_name(tmp_path):
    names = ["m/b/2", "m/b/1", "m/a/1", "m/c/10", "m/c/9", "m/b/3", "other/1"]
    shown = shown_for(recording(["m/b", "m/a", "m/c"]), str(write(tmp_path / "a.zip", names)))
    assert shown.pictures.names == ("m/b/1", "m/b/2", "m/b/3", "m/a/1", "m/c/9", "m/c/10")
    assert shown.image.tolist() == np.repeat(range(3), COUNTS).tolist()
    assert "1 to 3 pictures" in shown.note
    values = np.arange(12.0).reshape(6, 2)
    assert shown.averaged(values).tolist() == [[2, 3], [6, 7], [9, 10]]
    part = shown.of_images(np.array([2, 0]))
    assert part.pictures.names == ("m/c/9", "m/c/10", "m/b/1", "m/b/2", "m/b/3")
    assert part.averaged(np.arange(5.0)).tolist() == [0.5, 3]


def test_one_picture_for_each_image_is_matched_as_before(tmp_path):
    shown = shown_for(recording(["b", "a"]), str(write(tmp_path / "a.zip", ["a", "b"])))
    assert shown.pictures.names == ("b", "a")
    values = np.arange(2.0)
    assert shown.averaged(values) is values
    with pytest.raises(DataError, match="has no picture of image"):
        shown_for(recording(["a", "c"]), str(tmp_path / "a.zip"))


@pytest.fixture(scope="module")
def movies(tmp_path_factory):
    """Recording of averages over movies of three frames, of neurons that read a network."""
    folder = tmp_path_factory.mktemp("movies")
    count, frames = 60, 3
    names = [f"movie{k}/frame{f}" for k in range(count) for f in range(frames)]
    path = write(folder / "frames.zip", names)
    store = record_activity(network(), path, BINS, folder / "taught.zarr")
    each = np.asarray(store.area("area2")[:], float).reshape(count, frames, len(BINS), -1).mean(1)
    taught = make_recording(each, BINS, neurons=6, repeats=1, noise="gaussian", rates_hz=5000.0).recording
    taught = dataclasses.replace(taught, images=[f"movie{k}" for k in range(count)])
    saved = save_recording(taught, folder / "movies.npz")
    return NeuralScoresOptions(
        str(saved), str(path), mapping="one_to_one", latency_ms=0.0, splits=3, train_share=0.5, draws=20
    )


def test_answers_to_frames_are_averaged_as_the_recording_is(movies):
    result = EXPERIMENTS["neural_scores"](Setting({"teacher": network(), "other": network(3)}), movies)
    best = {row["model"]: row["r"] for row in result.rows("neural_scores", measure="centred", chosen=True)}
    assert best["teacher"] > 0.9
    assert all(best[name] < best["teacher"] - 0.1 for name in ("other", "pixels", "gabor"))
    assert any("3 pictures in the folder" in row["note"] for row in result.tables["notes"])


def test_the_share_of_training_is_that_asked_for(movies):
    assert {len(test) for test in prepare(movies, 0).splits.test} == {24}
    with pytest.raises(ValueError, match="train_share must be a share"):
        dataclasses.replace(movies, train_share=1.0)
    with pytest.raises(DataError, match="components = 25 is more than the 18 rows"):
        prepare(dataclasses.replace(movies, mapping="pls"), 0)


def test_floats_from_0_to_1_are_pixels_and_others_are_refused():
    pixels = np.random.default_rng(0).random((2, 5, 5))
    (first, _) = find_pictures(pixels).load([0, 1])
    assert np.array_equal(np.asarray(first), np.rint(255 * pixels[0]).astype(np.uint8))
    for wrong, message in (
        (255 * pixels, "divide them by 255"),
        (pixels - np.nan, "from 0 to 1"),
        (pixels * 1j, "convert"),
    ):
        with pytest.raises(DataError, match=message):
            find_pictures(wrong)

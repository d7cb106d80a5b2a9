"""Models scored on recordings that a known model made."""

import dataclasses

import numpy as np
import pytest
import torch

import cordsnet
from cordsnet.errors import DataError
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.recordings.neural_scores import NeuralScoresOptions
from cordsnet.experiments.recordings.scoring import prepare
from cordsnet.neural import Recording, read_recording, save_recording
from recordings_by_hand import BINS, write_recording

TINY = {"image_size": 16, "in_channels": 1, "num_classes": 3, "width": 4}


def network(name="cordsnet_r2_small", seed=0):
    return cordsnet.create_model(name, seed=seed, **TINY).eval()


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """Recording of neurons that read the top area of a network with recurrence, nearly without noise."""
    folder = tmp_path_factory.mktemp("taught")
    paths = write_recording(folder, network(), count=120, noise="gaussian", rates_hz=2000.0)
    return NeuralScoresOptions(*map(str, paths), latency_ms=0.0, mapping="one_to_one", splits=4, draws=100)


@pytest.fixture(scope="module")
def result(taught):
    models = {"teacher": network(), "other": network(seed=5), "static": network("cnn_r2_small")}
    return EXPERIMENTS["neural_scores"](Setting(models), taught)


def r(result, model, measure="pooled"):
    return result.rows("neural_scores", model=model, measure=measure, chosen=True)[0]["r"]


def verdict(result, name, model):
    return next(c for c in result.claims if c.name == name and c.subject == model).verdict


def test_the_teacher_is_found_in_its_area_and_beats_all_others(result):
    best = result.rows("neural_scores", model="teacher", measure="centred", chosen=True)[0]
    assert best["area"] == "area2"
    assert best["r"] > 0.9
    for other in ("other", "static", "pixels", "gabor"):
        assert r(result, other, "centred") < best["r"]
    for name in ("predicts_images", "beats_pixels", "dynamics_predict_better", "also_without_time_course"):
        assert verdict(result, name, "teacher") == "holds"


def test_a_mean_time_course_is_shown_beside_pooled_r(result):
    row = result.rows("neural_scores", model="static", measure="pooled", chosen=True)[0]
    assert row["mean_time_course"] > 0.2
    assert r(result, "teacher") > row["mean_time_course"]
    centred = result.rows("neural_scores", model="teacher", measure="centred", chosen=True)[0]
    assert abs(centred.get("mean_time_course", 0.0)) < 1e-6


def test_activity_that_is_shuffled_in_time_predicts_less(taught, result, monkeypatch):
    from cordsnet.experiments.recordings import scoring

    record = scoring.record_activity

    class Shuffled:
        def __init__(self, store):
            self.store, self.areas, self.notes = store, store.areas, store.notes

        def area(self, name):
            return np.asarray(self.store.area(name)[:])[:, ::-1]

    monkeypatch.setattr(scoring, "record_activity", lambda *a, **k: Shuffled(record(*a, **k)))
    shuffled = EXPERIMENTS["neural_scores"](Setting({"teacher": network()}), taught)
    assert r(shuffled, "teacher") < r(result, "teacher") - 0.05


def test_a_score_does_not_depend_on_the_other_models(taught, result):
    alone = EXPERIMENTS["neural_scores"](Setting({"other": network(seed=5)}), taught)
    assert r(alone, "other") == pytest.approx(r(result, "other"), abs=1e-9)


def test_images_that_choose_an_area_are_not_scored(taught):
    scoring = prepare(taught, 0)
    assert not set(scoring.choosing) & set(scoring.scored)
    assert len(scoring.choosing) + len(scoring.scored) == 120
    assert {len(test) for test in scoring.splits.test} == {10}


def test_images_of_one_picture_stay_on_one_side(taught, tmp_path):
    recording = read_recording(taught.recording)
    pairs = np.array([f"picture{k // 2}" for k in range(120)])
    path = save_recording(dataclasses.replace(recording, image_labels={"picture": pairs}), tmp_path / "pairs.npz")
    scoring = prepare(dataclasses.replace(taught, recording=str(path)), 0)
    assert not set(pairs[scoring.choosing]) & set(pairs[scoring.scored])
    for train, test in zip(scoring.splits.train, scoring.splits.test, strict=True):
        assert not set(pairs[scoring.scored][train]) & set(pairs[scoring.scored][test])


def test_neurons_without_a_response_to_an_image_are_left_out_and_said(taught, tmp_path):
    recording = read_recording(taught.recording)
    responses = recording.responses.copy()
    responses[3, :, :, 2] = np.nan
    path = save_recording(dataclasses.replace(recording, responses=responses), tmp_path / "gap.npz")
    scoring = prepare(dataclasses.replace(taught, recording=str(path)), 0)
    assert len(scoring.recording.neurons) == 7
    assert any("1 of 8 neurons" in note for note in scoring.notes)


def test_pictures_that_do_not_belong_to_the_recording_are_refused(taught, tmp_path):
    recording = read_recording(taught.recording)
    names = ["missing", *recording.images[1:]]
    path = save_recording(dataclasses.replace(recording, images=names), tmp_path / "other.npz")
    with pytest.raises(DataError, match="no picture of image 'missing'"):
        prepare(dataclasses.replace(taught, recording=str(path)), 0)
    few = Recording(recording.responses[:50], BINS, [f"x{k}" for k in range(50)], recording.neurons, recording.unit)
    path = save_recording(few, tmp_path / "few.npz")
    with pytest.raises(DataError, match="cannot be matched"):
        prepare(dataclasses.replace(taught, recording=str(path)), 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recording": ""}, "recording must be given"),
        ({"choose_share": 0.01}, "choose_share"),
        ({"mapping": "pls", "components": 80}, "lower components"),
    ],
)
def test_what_cannot_be_scored_is_refused(taught, changes, message):
    with pytest.raises(ValueError, match=message):
        prepare(dataclasses.replace(taught, **changes), 0)


@pytest.mark.parametrize(
    "wrong", [{"mapping": "lasso"}, {"components": 0}, {"choose_share": 1.0}, {"bins": "some"}, {"image_ms": -1.0}]
)
def test_options_that_cannot_be_are_refused(wrong, as_users_run_it):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NeuralScoresOptions(**wrong)


def test_kept_activity_is_found_again(taught, tmp_path):
    options = dataclasses.replace(taught, keep=str(tmp_path / "kept"), splits=2, draws=10)
    first = EXPERIMENTS["neural_scores"](Setting({"teacher": network()}), options)
    assert (tmp_path / "kept" / "teacher.zarr").is_dir()
    again = EXPERIMENTS["neural_scores"](Setting({"teacher": network()}), options)
    assert first.tables["neural_scores"] == again.tables["neural_scores"]
    with torch.no_grad():
        changed = network()
        next(changed.parameters()).mul_(2)
    with pytest.raises(DataError, match="differs in weights"):
        EXPERIMENTS["neural_scores"](Setting({"teacher": changed}), options)


def test_bins_before_the_image_reaches_the_model_are_refused(taught):
    late = dataclasses.replace(taught, latency_ms=78.0)  # the image reaches the model when the last bin ends
    assert EXPERIMENTS["neural_scores"](Setting({"fast": network()}), late).rows("neural_scores", model="fast")
    with pytest.raises(DataError, match="no bin sees the image"):
        EXPERIMENTS["neural_scores"](Setting({"fast": network()}), dataclasses.replace(taught, latency_ms=90.0))


def test_a_model_whose_activity_does_not_vary_is_skipped(taught, monkeypatch):
    with torch.no_grad():
        silent = network()
        for parameter in silent.parameters():
            parameter.zero_()
    found = EXPERIMENTS["neural_scores"](Setting({"silent": silent, "teacher": network()}), taught)
    assert [row["model"] for row in found.rows("skipped")] == ["silent"]
    assert not [claim for claim in found.claims if claim.subject == "silent"]
    with pytest.raises(ValueError, match="nothing can be scored"):
        EXPERIMENTS["neural_scores"](Setting({"silent": silent}), taught)


def test_counts_of_bins_of_unequal_durations_are_scored_as_rates(tmp_path):
    paths = write_recording(tmp_path, network(), count=60, rates_hz=2000.0)
    options = NeuralScoresOptions(*map(str, paths), latency_ms=0.0, mapping="one_to_one", splits=2, draws=10)
    assert read_recording(options.recording).unit == "count"
    scoring = prepare(options, 0)
    assert scoring.recording.unit == "rate"
    assert any("spikes per s" in note for note in scoring.notes)


def test_noise_without_a_signal_is_not_explained(tmp_path):
    paths = write_recording(tmp_path, network(), count=100)
    recording = read_recording(paths[0])
    noise = np.random.default_rng(1).poisson(3.0, recording.responses.shape).astype(float)
    path = save_recording(dataclasses.replace(recording, responses=noise), tmp_path / "noise.npz")
    options = NeuralScoresOptions(str(path), str(paths[1]), latency_ms=0.0, components=4, splits=4, draws=200)
    found = EXPERIMENTS["neural_scores"](Setting({"net": network()}), options)
    assert verdict(found, "reaches_the_ceiling", "net") != "holds"
    assert verdict(found, "predicts_images", "net") != "holds"
    assert all(row["explained"] >= 0 for row in found.rows("neural_scores") if "explained" in row)


def test_images_that_are_only_numbered_are_said_to_be(tmp_path):
    from cordsnet.neural import find_pictures

    found = find_pictures(np.zeros((3, 4, 4), np.uint8))
    assert "numbers from 0 on" in found.in_order_of(["0", "1", "2"])[1]
    assert "numbers from 0 on" not in found.in_order_of(["2", "1", "0"])[1]

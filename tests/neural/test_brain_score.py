"""Models as benchmarks of Brain-Score call them: recordings, labels, probabilities, and scores without its servers.

The stand-in of a StimulusSet has what the documented interface says: a table with stimulus_id and `get_stimulus`. The
same was run once with brainscore_vision 2.4.2 (brainscore_core 2.5.0, NumPy 1.26, xarray 2022.3): its `NeuralBenchmark`
with PLS of scikit-learn gave a CordsNet the score of `score` with the same regression exactly, `place_on_screen` the
pixels of the column `degrees`, its accuracy that of the labels, and its classifier the probabilities to 2e-7.
"""

import enum
import re
import sys
import types
import warnings

import numpy as np
import pandas
import pytest
import torch
import xarray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import cordsnet
from cordsnet.errors import ArgumentError, DataError, DataWarning
from cordsnet.neural import (
    PLS,
    Viewing,
    make_recording,
    record_activity,
    score,
    score_brain_model,
    to_brainscore,
)
from cordsnet.neural.brainscore.assemblies import HOMES
from cordsnet.neural.brainscore.responses import probabilities
from cordsnet.neural.brainscore.stimuli import Stimuli, as_stimuli

COUNT = 12
BINS = [(0, 50), (50, 100), (100, 150)]
AREAS = {"V4": "area1", "IT": "area2"}


class StimulusSet(pandas.DataFrame):
    """The part of Brain-Score's class that models see."""

    _metadata = ("stimulus_paths",)

    @property
    def _constructor(self):
        return StimulusSet

    def get_stimulus(self, stimulus_id):
        return self.stimulus_paths[stimulus_id]


def stimuli(folder, count=COUNT, size=16, **columns):
    rng = np.random.default_rng(0)
    paths = {}
    for k in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4), dtype=np.uint8))
        paths[f"im{k:02d}"] = folder / f"im{k:02d}.png"
        coarse.resize((size, size), Image.Resampling.BICUBIC).save(paths[f"im{k:02d}"])
    found = StimulusSet({"stimulus_id": list(paths), "object_name": [f"o{k % 3}" for k in range(count)], **columns})
    object.__setattr__(found, "stimulus_paths", paths)
    return found


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


def network(name="cordsnet_r2_small", **changes):
    return cordsnet.create_model(name, seed=0, **{"image_size": 16, "in_channels": 1, "num_classes": 3, **changes})


def own(model, folder, bins=BINS, area="area2", **viewing):
    found = record_activity(
        model, folder, np.array(bins, float), folder.parent / "own.zarr", areas=[area], viewing=Viewing(**viewing)
    )
    return found.area(area)[:]


def test_a_recording_has_the_activity_dimensions_and_coordinates_that_were_asked_for(pictures):
    shown, model = stimuli(pictures, degrees=[8] * COUNT), network()
    subject = to_brainscore(model, areas=AREAS, identifier="mine")
    subject.start_recording("IT", time_bins=BINS)
    found = subject.look_at(shown, number_of_trials=3)
    assert isinstance(found, xarray.DataArray)
    assert found.dims == ("presentation", "neuroid", "time_bin")
    np.testing.assert_array_equal(found.values.transpose(0, 2, 1), own(model, pictures))
    assert (subject.identifier, subject.visual_degrees()) == ("mine", 8)
    assert found.stimulus_id.values.tolist() == shown.stimulus_id.tolist()
    assert found.object_name.dims == ("presentation",)
    assert list(zip(found.time_bin_start.values.tolist(), found.time_bin_end.values.tolist(), strict=True)) == BINS
    assert set(found.region.values) == {"IT"}
    assert len(set(found.neuroid_id.values)) == found.sizes["neuroid"] == 1024


def test_bins_come_as_benchmarks_give_them(pictures):
    shown, subject = stimuli(pictures, 3), to_brainscore(network(), areas=AREAS)
    region = enum.Enum("RecordingTarget", "V4 IT").IT
    pairs = np.empty(2, object)
    pairs[:] = [(50, 100), (100, 150)]
    alone = np.empty((), object)
    alone[()] = (50, 100)  # how a single bin comes out of an assembly
    subject.start_recording(region, time_bins=pairs)
    several = subject.look_at(shown)
    subject.start_recording(region, time_bins=[alone])
    one = subject.look_at(shown)
    assert one.dims == ("presentation", "neuroid")  # as Brain-Score's own models answer for one bin
    assert (int(one.time_bin_start), int(one.time_bin_end)) == (50, 100)
    np.testing.assert_array_equal(one, several[:, :, 0])


def test_each_region_has_its_areas_and_its_latency(pictures):
    shown, model = stimuli(pictures, 3), network()
    subject = to_brainscore(model, areas={"V4": "area1", "IT": ["area1", "area2"]}, latency_ms={"V4": 0, "IT": 50})
    subject.start_recording("V4", BINS[:1])
    early = subject.look_at(shown)
    subject.start_recording("IT", BINS[1:2])
    late = subject.look_at(shown)
    assert late.sizes["neuroid"] == early.sizes["neuroid"] + 1024
    np.testing.assert_array_equal(late.values[:, late.layer == "area1"], early)  # 50 ms later in the recording


def test_pictures_have_their_size_in_degrees(pictures):
    sizes = [4, 8, 4, 16]
    shown, model = stimuli(pictures, 4, degrees=sizes), network()
    subject = to_brainscore(model, areas=AREAS, visual_degrees=8)
    subject.start_recording("IT", BINS)
    found = subject.look_at(shown).values.transpose(0, 2, 1)
    for size in (4, 8, 16):
        wanted = record_activity(
            model,
            pictures,
            np.array(BINS, float),
            pictures.parent / f"{size}.zarr",
            viewing=Viewing(picture_degrees=size, model_degrees=8),
        ).area("area2")[:]
        rows = np.flatnonzero(np.array(sizes) == size)
        np.testing.assert_allclose(found[rows], wanted[rows], rtol=1e-5, atol=1e-6)
    assert not np.allclose(found[0], own(model, pictures)[0])


def test_what_time_means_in_a_model_is_said(pictures):
    shown = stimuli(pictures, 3, size=32)
    for name, said in (("cornet_rt_small", "last 20 ms by convention"), ("cornet_z_small", "answers at once")):
        with pytest.warns(DataWarning, match="whose names they have"):
            subject = to_brainscore(network(name, image_size=32))
        subject.start_recording("V4", BINS)
        found = subject.look_at(shown)
        assert any(said in note for note in found.attrs["notes"])
        same = np.array_equal(found[:, :, 0], found[:, :, 2])
        assert same == (name == "cornet_z_small")


def test_labels_are_those_of_the_model(pictures):
    shown, model = stimuli(pictures), cordsnet.create_model("cordsnet_r2_small", pretrained="digits")
    subject = to_brainscore(model, areas=AREAS)
    with torch.no_grad():
        scores = model(model.preprocessing([str(path) for path in sorted(pictures.iterdir())]))
    classes = model.preprocessing.classes
    subject.start_task("label", list(classes))
    found = subject.look_at(shown)
    assert found.dims == ("choice", "presentation")
    assert found.values[0].tolist() == [classes[k] for k in scores.argmax(1)]
    with pytest.raises(ArgumentError, match="label_classes"):
        subject.start_task("label", ["low", "7"])


def test_several_classes_stand_for_a_label_by_their_mean_or_their_largest(pictures):
    shown, model = stimuli(pictures), cordsnet.create_model("cordsnet_r2_small", pretrained="digits")
    groups = {"low": ["0", "1", "2", "3"], "high": ["7", "8"]}
    subject = to_brainscore(model, areas=AREAS, label_classes=groups)
    with torch.no_grad():
        shares = model(model.preprocessing([str(path) for path in sorted(pictures.iterdir())])).softmax(1)
    for pooling, pool in (("mean", lambda x: x.mean(1)), ("max", lambda x: x.amax(1))):
        subject.start_task("label", ["low", "high", "5"], aggregation=pooling)
        values = torch.stack([pool(shares[:, [0, 1, 2, 3]]), pool(shares[:, [7, 8]]), shares[:, 5]], 1)
        wanted = [("low", "high", "5")[k] for k in values.argmax(1)]
        assert subject.look_at(shown).values[0].tolist() == wanted


def test_imagenet_needs_its_synsets(pictures):
    shown = stimuli(pictures, 3)
    with pytest.raises(ArgumentError, match="1000 classes are named by synsets"):
        to_brainscore(network(), areas=AREAS).start_task("label", "imagenet")
    model = network(num_classes=1000)
    names = [f"n{k:08d}" for k in range(1000)]
    model.metadata["data"] = {"mean": [0.5], "std": [0.25], "classes": names, "name": "ImageNet"}
    subject = to_brainscore(model, areas=AREAS)
    subject.start_task("label", "imagenet")
    assert set(subject.look_at(shown).values[0]) <= set(names)


@pytest.mark.parametrize("labels", [["b", "a"], ["c", "a", "b"]])
def test_probabilities_are_those_of_a_regression_on_the_readout(pictures, labels):
    model = network()
    shown = stimuli(pictures, image_label=(labels * COUNT)[:COUNT])
    subject = to_brainscore(model, areas=AREAS, decision_ms=100)
    subject.start_task("probabilities", shown, number_of_trials=1)
    found = subject.look_at(shown)
    features = own(model, pictures, [(98, 100)])[:, 0]
    scaled = StandardScaler().fit_transform(features)
    strength = 1e-3 if len(labels) == 3 else 2e-3  # two labels of a multinomial regression share the penalty
    by_hand = LogisticRegression(C=strength, solver="newton-cg").fit(scaled, shown.image_label)
    assert found.dims == ("presentation", "choice")
    assert found.choice.values.tolist() == sorted(labels)
    np.testing.assert_allclose(found, by_hand.predict_proba(scaled), atol=1e-6)
    assert (found.choice.values[found.values.argmax(1)] == shown.image_label).all()
    assert any("read at 100 ms" in note for note in found.attrs["notes"])


def test_trials_of_models_with_noise_are_averaged(pictures):
    shown = stimuli(pictures, 2)
    model = cordsnet.create_model("cnn_pfc_small", seed=0)
    parts = []
    for seed in (0, 1):
        subject = to_brainscore(model, areas={"IT": "pfc"}, seed=seed)
        subject.start_recording("IT", BINS)
        parts.append(subject.look_at(shown).values)
    assert not np.allclose(*parts)
    subject = to_brainscore(model, areas={"IT": "pfc"})
    subject.start_recording("IT", BINS)
    np.testing.assert_allclose(subject.look_at(shown, number_of_trials=2), np.mean(parts, 0), rtol=1e-4, atol=1e-6)


def test_scores_have_the_noise_of_their_picture_wherever_it_is_shown(tmp_path, monkeypatch):
    """The same picture many times, of which each has its own noise, also beyond the pictures that are shown at once."""
    model = cordsnet.create_model("cnn_pfc_small", seed=0, outputs=(("scores", "class", 3),), noise=0.5)
    shown = stimuli(tmp_path, 1)
    path = next(iter(shown.stimulus_paths.values()))
    repeated = as_stimuli([str(path)] * 6)
    fixed = to_brainscore(model, areas={"IT": "pfc"}).commitments
    known = probabilities(model, fixed, repeated, 1)
    assert len(np.unique(known, axis=0)) == 6
    monkeypatch.setattr("cordsnet.neural.brainscore.responses.BATCH", 2)
    np.testing.assert_allclose(probabilities(model, fixed, repeated, 1), known, rtol=1e-4)
    sizes = dict(repeated.columns) | {"degrees": np.array([8.0, 4, 8, 4, 8, 4])}
    two = probabilities(model, fixed, Stimuli(repeated.pictures, sizes), 1)
    np.testing.assert_allclose(two[::2], known[::2], rtol=1e-4)
    assert len(np.unique(two, axis=0)) == 6


def test_the_last_thing_that_was_started_is_answered(pictures):
    shown, subject = stimuli(pictures, 3), to_brainscore(network(), areas=AREAS)
    with pytest.raises(ArgumentError, match="nothing was started"):
        subject.look_at(shown)
    subject.start_task("passive")
    assert subject.look_at(shown) is None
    subject.start_task("label", ["0", "1"])
    assert "choice" in subject.look_at(shown).dims
    subject.start_task("passive")
    assert subject.look_at(shown) is None
    subject.start_recording("IT", BINS)
    assert "neuroid" in subject.look_at(shown).dims
    subject.start_task("passive")
    assert "neuroid" in subject.look_at(shown).dims


def test_areas_that_nobody_named_are_assumed_with_a_word():
    with pytest.warns(DataWarning, match="V1 area1, V2 area2, V4 area3, IT area4"):
        subject = to_brainscore(network("cordsnet_r4_small"))
    assert subject.commitments.readout == ("area4",)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_brainscore(network(), areas=AREAS)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s, shown: to_brainscore(s.model, areas={"V4": "area9"}), "area9"),
        (lambda s, shown: to_brainscore(s.model, areas={}), "at least one region"),
        (lambda s, shown: to_brainscore(s.model, areas=AREAS, latency_ms={"V4": 3.0}), "none for IT"),
        (lambda s, shown: to_brainscore(s.model, areas=AREAS, latency_ms=float("inf")), "latency_ms"),
        (lambda s, shown: to_brainscore(s.model, areas=AREAS, decision_ms=101), "decision_ms"),
        (lambda s, shown: to_brainscore(cordsnet.create_model("vector_rnn_dense_small")), "no images"),
        (lambda s, shown: s.start_recording("V1", BINS), "'V1' has no areas"),
        (lambda s, shown: s.start_recording("IT", [(50, 50)]), "end after they start"),
        (lambda s, shown: s.start_recording("IT", [(0.07, 0.17)]), "looks like seconds"),
        (lambda s, shown: s.start_recording("IT", [50, 100]), "pairs of start and end"),
        (lambda s, shown: s.start_recording("IT", [(-50, 0)]), "no bin sees the image"),
        (lambda s, shown: s.start_task("odd_one_out"), "passive, label, probabilities"),
        (lambda s, shown: s.start_task("label", []), "empty list"),
        (lambda s, shown: s.start_task("label", "cifar"), "'imagenet' or a list"),
        (lambda s, shown: s.start_task("label", ["0"], aggregation="sum"), "mean, max"),
        (lambda s, shown: s.start_task("probabilities", shown), "image_label"),
        (lambda s, shown: s.start_task("probabilities", shown.assign(image_label="a")), "StimulusSet|two labels"),
        (lambda s, shown: s.look_at(shown, require_variance=True), "require_variance"),
        (lambda s, shown: s.look_at(shown, number_of_trials=0), "number_of_trials"),
        (lambda s, shown: s.look_at(pandas.DataFrame({"a": [1]})), "get_stimulus"),
        (lambda s, shown: s.look_at([]), "at least one picture"),
        (lambda s, shown: s.look_at(["no/such.png"]), "not there"),
        (lambda s, shown: s.look_at(shown.rename(columns={"object_name": "choice"})), "name of a dimension"),
        (lambda s, shown: s.look_at(shown.assign(degrees="big")), "degrees"),
        (lambda s, shown: s.look_at(shown.assign(degrees=0.0)), "sizes above 0"),
    ],
)
def test_what_cannot_be_is_refused_by_name(pictures, call, said):
    shown, subject = stimuli(pictures, 3), to_brainscore(network(), areas=AREAS)
    subject.start_recording("IT", BINS)
    with pytest.raises((ArgumentError, DataError, ValueError), match=said):
        call(subject, shown)


@pytest.mark.parametrize("home", HOMES)
def test_assemblies_are_those_of_brain_score_where_it_is_installed(pictures, monkeypatch, home):
    class NeuroidAssembly(xarray.DataArray):
        __slots__ = ()

    parts = home.split(".")
    for k in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:k]), types.ModuleType(parts[k - 1]))
    sys.modules[home].NeuroidAssembly = NeuroidAssembly
    subject = to_brainscore(network(), areas=AREAS)
    subject.start_recording("IT", BINS)
    assert type(subject.look_at(stimuli(pictures, 2))) is NeuroidAssembly


IMAGE_MODELS = [
    name for name in cordsnet.list_models() if name.endswith("_small") and not re.search("vector|r[468]_", name)
]


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_every_model_that_reads_images_is_recorded_from(pictures, name):
    model = cordsnet.create_model(name, seed=0)
    shown = [str(path) for path in stimuli(pictures, 2, size=32).stimulus_paths.values()]
    with pytest.warns(DataWarning, match="areas are"):
        subject = to_brainscore(model)
    subject.start_recording("IT", [(0, 100)])
    found = subject.look_at(shown)
    assert found.sizes["presentation"] == 2
    assert np.isfinite(found).all()
    if "scores" in model.outputs:
        subject.start_task("label", ["0", "1"])
        assert set(subject.look_at(shown).values[0]) <= {"0", "1"}


def taught(model, folder, bins):
    activity = own(model, folder, bins)
    made = make_recording(activity, np.array(bins, float), neurons=12, repeats=6, mixed=4, rates_hz=100.0, seed=1)
    names = sorted(path.stem for path in folder.iterdir())
    made = made.recording
    return activity, type(made)(made.responses, made.bins_ms, names, made.neurons, unit=made.unit)


@pytest.mark.parametrize("bins", [BINS, BINS[1:2]])
def test_a_score_through_the_interface_is_that_of_our_own_path(pictures, bins):
    stimuli(pictures, 40)
    model = network()
    activity, recording = taught(model, pictures, bins)
    wanted = score(activity, recording, PLS(5))
    found = score_brain_model(to_brainscore(model, areas=AREAS), recording, pictures, "IT", mapping=PLS(5))
    for measure in ("pooled", "centred", "per_bin"):
        np.testing.assert_allclose(found.aggregate(measure).value, wanted.aggregate(measure).value, rtol=0, atol=1e-6)
    assert found.aggregate().value > 0.3
    other = score_brain_model(to_brainscore(model, areas=AREAS), recording, pictures, "V4", mapping=PLS(5))
    assert abs(other.aggregate().value - found.aggregate().value) > 1e-3


def test_answers_of_other_models_are_put_in_order_or_refused(pictures):
    stimuli(pictures, 40)
    model = network()
    _, recording = taught(model, pictures, BINS)
    subject = to_brainscore(model, areas=AREAS)

    class Other:
        change = staticmethod(lambda found: found[::-1])
        start_recording = staticmethod(subject.start_recording)

        def look_at(self, files, number_of_trials):
            return self.change(subject.look_at(files, number_of_trials))

    wanted = score_brain_model(subject, recording, pictures, "IT", mapping=PLS(5))
    found = score_brain_model(Other(), recording, pictures, "IT", mapping=PLS(5))
    np.testing.assert_array_equal(found.model.pooled, wanted.model.pooled)
    for change, said in (
        (lambda found: found[1:], "as many stimuli"),
        (lambda found: found.rename(neuroid="unit"), "dimensions"),
        (lambda found: found.assign_coords(time_bin_end=("time_bin", [1, 2, 3])), "bins asked for"),
        (lambda found: found.assign_coords(stimulus_path=("presentation", ["a"] * 40)), "files it was shown"),
    ):
        Other.change = staticmethod(change)
        with pytest.raises(DataError, match=said):
            score_brain_model(Other(), recording, pictures, "IT")
    with pytest.raises(ArgumentError, match="start_recording"):
        score_brain_model(object(), recording, pictures, "IT")

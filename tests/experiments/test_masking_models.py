"""Models behind bubbles and masks: what is hidden is what was asked for, and known teachers give known curves."""

import numpy as np
import pytest
import torch

import cordsnet
from answers_by_hand import objects, real, write_objects, write_trials
from cordsnet.data.people.objects2018 import CATEGORIES, PIXELS, read_objects
from cordsnet.data.people.tang2018 import PRESENTATIONS_MS, read_masking
from cordsnet.errors import DataError
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.people.masking_models import MaskingModelsOptions
from cordsnet.experiments.people.masking_scores import People, error_to_people, measure
from cordsnet.experiments.people.masking_trials import (
    READS,
    Seen,
    Times,
    Viewer,
    make_stimuli,
    recurrent_pathways,
    without_recurrence,
)
from cordsnet.experiments.people.occlusion import behind_bubbles, phase_scrambled
from cordsnet.experiments.people.pictures import as_inputs, reads_pictures, sees_briefly


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_objects(write_trials(tmp_path_factory.mktemp("people")))


@pytest.fixture(scope="module")
def network():
    return cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=4, image_size=8).eval()


def discs(n=6, size=40):
    """A disc on grey, n times."""
    rows, columns = np.mgrid[:size, :size]
    inside = (rows - 20) ** 2 + (columns - 20) ** 2 < 15**2
    return np.repeat(np.where(inside, 0.9, 0.5)[None], n, 0)


def test_the_share_that_is_asked_for_is_hidden():
    wanted = np.array([0.3, 0.6, 0.8, 0.9, 0.99, 1.0])
    found = behind_bubbles(discs(), wanted, ground=0.5, seed=3)
    assert np.abs(found.hidden - wanted).max() < 0.005
    inside = discs() > 0.6
    by_pixels = [1 - (one[disc] - 0.5).mean() / 0.4 for one, disc in zip(found.images, inside, strict=True)]
    assert np.allclose(by_pixels, found.hidden)  # measured anew, on what is shown
    assert (found.images[~inside] == 0.5).all()


def test_a_single_bubble_is_a_gaussian_window():
    wide = np.full((1, 101, 101), 0.9)
    found = behind_bubbles(wide, np.array([0.9]), ground=0.5, bubbles=1, seed=1)
    shown = (found.images[0] - 0.5) / 0.4
    row, column = np.unravel_index(shown.argmax(), shown.shape)
    ratio = -np.log(shown[row, :] / shown[row].max()) * 2 * found.width[0] ** 2
    centre = (column - np.arange(101)) ** 2
    assert np.allclose(ratio, centre, atol=101)  # the centre lies within half a pixel
    assert np.isclose(1 - shown.mean(), 0.9, atol=0.005)


def test_a_mask_has_the_spectrum_of_its_object_and_nothing_else():
    pictures = np.random.default_rng(0).uniform(size=(8, 20, 20))
    masks = phase_scrambled(pictures, seed=2)
    assert np.allclose(np.abs(np.fft.fft2(masks)), np.abs(np.fft.fft2(pictures)))
    assert np.allclose(masks.mean((1, 2)), pictures.mean((1, 2)))
    assert np.allclose(masks.std((1, 2)), pictures.std((1, 2)))
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(masks, pictures, strict=True)]
    assert np.abs(alike).max() < 0.3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden": np.full(6, 1.2)}, "hidden must be above 0 and at most 1"),
        ({"hidden": np.full(5, 0.5)}, "one share for each"),
        ({"images": np.full((6, 9, 9), 0.5)}, "shows nothing but the ground"),
        ({"bubbles": 0}, "bubbles must be"),
    ],
)
def test_what_cannot_be_hidden_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        behind_bubbles(**({"images": discs(), "hidden": np.full(6, 0.8), "ground": 0.5} | changes))


def test_stimuli_are_balanced_and_shares_are_those_of_people(folder):
    stimuli = make_stimuli(read_objects(folder), np.array([0.2, 0.7, 0.9]), 15, 4, "own", seed=0)
    assert np.bincount(stimuli.category).tolist() == [3] * 5
    near = np.abs(stimuli.hidden[:, None] - np.array([0.7, 0.9])).min(1)
    assert near.max() < 0.005
    alike = make_stimuli(read_objects(folder), np.array([0.7]), 0, 4, "mean", seed=0).mask
    assert np.allclose(np.abs(np.fft.fft2(alike)), np.abs(np.fft.fft2(alike[:1])))
    with pytest.raises(ValueError, match="multiple of 5 up to 30, got 12"):
        make_stimuli(read_objects(folder), np.array([0.7]), 12, 4, "own", seed=0)
    with pytest.raises(ValueError, match="no trial of people hides 60 %"):
        make_stimuli(read_objects(folder), np.array([0.3]), 0, 4, "own", seed=0)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({PIXELS: np.zeros((30, 12, 12))}, "must be .* of 8 bit"),
        ({"whole_class": np.array(["animal"] * 30)}, "must hold animal, chair"),
        ({"whole_class": np.repeat(CATEGORIES, 5)}, "one word for each of 30"),
        ({"whole_class": np.repeat(np.array(CATEGORIES, dtype=object), 6)}, "damaged"),
        (None, "no array 'whole_40px'"),
    ],
)
def test_other_files_of_objects_are_refused(arrays, said, tmp_path):
    write_objects(tmp_path, {"other": np.zeros(3)} if arrays is None else objects() | arrays)
    with pytest.raises(DataError, match=said):
        read_objects(tmp_path)
    (tmp_path / "images.npz").write_bytes(b"\x80\x04never unpickled")
    with pytest.raises(DataError, match="damaged"):
        read_objects(tmp_path)


def test_inputs_are_normalised_as_those_of_training():
    notes = []
    trained = cordsnet.create_model("cordsnet_r2_small", pretrained="digits")
    found = as_inputs(trained, np.full((2, 40, 40), 0.5), notes)
    mean, std = (trained.metadata["data"][name][0] for name in ("mean", "std"))
    assert torch.allclose(found, torch.full((2, 1, 16, 16), (0.5 - mean) / std))
    assert "normalised as digits" in notes[0]
    random = cordsnet.create_model("cordsnet_r2_small", in_channels=3, num_classes=3, image_size=8)
    found = as_inputs(random, np.full((2, 8, 8), 0.75), notes)
    assert torch.equal(found, torch.ones(2, 3, 8, 8))
    assert "does not say how it was trained" in notes[1]


def test_models_that_cannot_see_what_people_saw_are_left_out():
    experiment = EXPERIMENTS["masking_models"]
    with pytest.raises(ValueError, match="answers at once"):
        experiment.check({"cnn": cordsnet.create_model("cnn_r2_small", pretrained="digits")})
    with pytest.raises(ValueError, match="has steps of 100 ms, too long"):
        experiment.check({"slow": cordsnet.create_model("rcnn_small", pretrained="digits")})
    two = cordsnet.create_model("cordsnet_r2_small", in_channels=2, num_classes=3, image_size=8)
    assert "2 channels" in reads_pictures(two)
    assert "fixation" in reads_pictures(cordsnet.create_model("task_rnn"))
    assert sees_briefly(two) == ""


def test_pathways_of_recurrence_are_found_and_silenced(network):
    assert recurrent_pathways(network) == ("area1 -> area1", "area2 -> area2")
    feedback = cordsnet.create_model("blt_ccn23_blt_small", pretrained="digits")
    assert "V4 -> V2" in recurrent_pathways(feedback)
    assert "V2 -> V4" not in recurrent_pathways(feedback)
    one, _ = without_recurrence(recurrent_pathways(network), 100, 50)
    assert (one.target, one.value, one.from_ms, one.to_ms) == ("area1 -> area1", 0.0, 75, 125)


def test_whole_objects_are_read_and_grey_is_a_guess(folder):
    model = cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=8, image_size=12).eval()
    stimuli = make_stimuli(read_objects(folder), np.array([0.7]), 0, 4, "own", seed=0)
    viewer = Viewer(model, stimuli, Times(read_to=325.0), folds=3)
    assert viewer.whole["late"].mean() > 0.9  # bars at five heights
    viewer.inputs["occluded"] = viewer.grey.expand(30, -1, -1, -1)
    for answers in viewer.answers(viewer.trial(50, masked=False)).values():
        assert np.allclose(answers, 0.2)


def seen(unmasked, masked, n=200):
    """A model that answers with these accuracies."""
    curves = {False: unmasked, True: masked}
    return Seen(
        {read: np.ones(n) for read in READS},
        {read: np.full(n, 0.2) for read in READS},
        {
            (read, mask, shown): (np.arange(n) < round(n * curve[k])).astype(float)
            for read in READS
            for mask, curve in curves.items()
            for k, shown in enumerate(PRESENTATIONS_MS)
        },
        {(mask, shown): 0.0 for mask in curves for shown in PRESENTATIONS_MS},
        {},
        (),
    )


def test_a_model_that_answers_as_people_do_has_no_error(folder):
    people = People.of(read_masking(folder))
    like = measure(seen((0.5, 0.6, 0.7, 0.8, 0.9), (0.2, 0.4, 0.6, 0.7, 0.9)), people, 0, 200)
    assert np.isclose(like["error_to_people_late"].value, 0, atol=1e-9)
    assert like["error_to_people_late"].interval[1] < 0.1
    assert np.isclose(like["mask_costs_at_25_ms_late"].value, 0.3)
    assert np.isclose(like["mask_costs_less_at_150_ms_late"].value, 0.3)
    assert "recurrence_near_100_ms" not in like
    answers = np.tile(people.accuracy(np.ones((1, 21)))[0] - 0.1, (50, 1))
    assert np.isclose(error_to_people(answers, people, 0, 100).value, 0.1)


def test_the_order_of_models_makes_no_difference(folder):
    options = MaskingModelsOptions(str(folder), objects=15, folds=3, read_to_ms=325.0, draws=100)
    one, other = (
        cordsnet.create_model(name, in_channels=1, num_classes=3, image_size=8)
        for name in ("hgru_small", "convgru_small")
    )
    results = [
        EXPERIMENTS["masking_models"](Setting(models), options) for models in ({"a": one, "b": other}, {"b": other})
    ]
    assert results[0].rows("masking_models", model="b") == results[1].rows("masking_models", model="b")
    names = {claim.name for claim in results[1].claims}
    assert names == {claim.name for claim in EXPERIMENTS["masking_models"].claims}
    assert any("convention" in row["note"] for row in results[1].rows("notes", model="b"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mask": "white"}, "mask must be 'own' or 'mean'"),
        ({"read_from_ms": 100.0}, "read_from_ms and read_to_ms must be"),
        ({"read_to_ms": 510.0}, "multiples of 25 ms"),
        ({"objects": -1}, "objects must be"),
    ],
)
def test_other_options_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        MaskingModelsOptions(**changes)
    with pytest.raises(ValueError, match=r"people must name the folder of trials\.parquet and images\.npz"):
        EXPERIMENTS["masking_models"].run(Setting(), MaskingModelsOptions())


def test_published_objects_are_read_and_hidden_as_in_trials_of_people():
    folder = real("masking_tang2018")
    found = read_objects(folder)
    assert np.bincount(found.category).tolist() == [63] * 5
    stimuli = make_stimuli(found, read_masking(folder).hidden, 0, 4, "own", seed=0)
    assert stimuli.hidden.min() >= 0.6
    assert stimuli.hidden.max() <= 1
    assert abs(stimuli.hidden.mean() - 0.84) < 0.02  # mean of the trials that are drawn from

"""Delayed match to sample: balanced answers, and stimuli that training never shows."""

from types import SimpleNamespace

import pytest
import torch

from cordsnet.data import load_data
from cordsnet.tasks import Answers, Performance, TaskSource, create_task, trained_task


@pytest.mark.parametrize("stimuli", ["angles", "digits"])
def test_half_of_the_trials_match_whatever_the_sample_or_the_test_is(stimuli):
    found = create_task("match_to_sample", stimuli=stimuli, image_size=8).plan(6000, seed=2).conditions
    same = found["sample"] == found["test"]
    assert torch.equal(same.long(), found["match"])
    for name in ("sample", "test"):
        assert len(found[name].unique()) == (8 if stimuli == "angles" else 10)
        for value in found[name].unique():
            of = same[found[name] == value].double()
            assert abs(of.mean() - 0.5) < 4 * 0.5 / len(of) ** 0.5


def test_orientations_that_do_not_match_differ():
    found = create_task("match_to_sample", angles=6).plan(2000).conditions
    assert torch.equal(found["difference_deg"] == 0, found["match"] == 1)
    assert set(found["difference_deg"].tolist()) == {0.0, 30.0, 60.0, 90.0}


def test_a_match_of_pictures_is_another_picture_of_the_class():
    data = load_data("digits", 8)
    for images, split in (("train", data.train), ("test", data.test)):
        found = create_task("match_to_sample", stimuli="digits", image_size=8, images=images).plan(4000).conditions
        for name in ("sample", "test"):
            assert torch.equal(split.labels[found[f"{name}_image"]], found[name])
        assert (found["sample_image"] != found["test_image"]).all()
        assert len(found["test_image"].unique()) > 0.9 * len(split)


def test_movies_show_the_picture_and_vectors_its_class():
    settings = {"stimuli": "digits", "image_size": 8, "images": "test", "noise": 0.0}
    trials = create_task("match_to_sample", rendering="image", **settings).sample(5)
    frame = trials.inputs["image"][trials.periods["test"][0, 0], :, 0]
    picture = load_data("digits", 8).test.pixels[trials.conditions["test_image"], 0]
    assert torch.equal(frame[:, 0], picture[:, 0])  # a row without the fixation point
    vector = create_task("match_to_sample", **settings).sample(5).inputs["vector"]
    assert torch.equal(vector[trials.periods["test"][0, 0], :, 1:].argmax(-1), trials.conditions["test"])


@pytest.mark.parametrize("stimuli", ["angles", "digits"])
def test_what_is_held_out_is_for_tests_alone(stimuli):
    task = create_task("match_to_sample", stimuli=stimuli, image_size=8, held_out=3)
    seen, new = (set(t.plan(500).conditions["sample"].tolist()) for t in (task, task.for_tests()))
    assert {task.identities[k] for k in new} == set(task.held_out_identities)
    assert len(new) == 3
    assert not seen & new
    assert len(seen | new) == len(task.identities)


def test_networks_are_measured_on_what_is_for_tests(monkeypatch):
    measured = []

    def watched(model, task, trials, seed):
        measured.append(task)
        return Performance(task, Answers(*torch.ones(3, trials)), torch.ones(trials), {})

    monkeypatch.setattr("cordsnet.tasks.source.evaluate_task", watched)
    task = create_task("match_to_sample", held_out=2)
    assert TaskSource(task, 4).measure(None) == {"task_accuracy": 1.0, "early_share": 1.0}
    assert measured == [create_task("match_to_sample", held_out=2, images="test")] != [task]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"held_out": 1}, "held_out must be 0, or leave two identities of 8"),
        ({"held_out": 7}, "held_out must be 0, or leave two identities of 8"),
        ({"images": "both"}, "images must be 'train' or 'test'"),
        ({"stimuli": "digit"}, "did you mean 'digits'"),
        ({"angles": 1}, "angles must be"),
    ],
)
def test_stimuli_that_cannot_be_are_refused(settings, said, as_users_run_it):
    with pytest.raises(ValueError, match=said):
        create_task("match_to_sample", **settings)


def test_a_trained_network_gets_the_task_for_tests():
    task = create_task("match_to_sample", held_out=2, angles=6)
    known = {"data": {"name": "match_to_sample", "task": task.to_dict()}}
    model = SimpleNamespace(inputs={"vector": (33,)}, metadata=known)
    assert trained_task(model, "match_to_sample") == task.for_tests()
    assert trained_task(model, "match_to_sample", images="train", timing={"delay": 400}) == task.changed(
        timing={"delay": 400}
    )

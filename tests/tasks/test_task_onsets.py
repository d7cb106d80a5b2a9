"""Onset of information in the areas of a network, where it is known."""

import math

import pytest

from cordsnet.models import create_model
from cordsnet.tasks import create_task, task_onsets

TIMING = {"fixation": 100, "stimulus": 200, "decision": 100}
TASK = create_task("random_dots", timing=TIMING, coherences=(1.0,), noise=0.02)
FEW = {"trials": 40, "permutations": 39, "draws": 20, "folds": 4}


def test_a_direction_is_known_when_it_is_shown_and_chance_never():
    model = create_model("vector_rnn_dense_small", vector_size=3, outputs=TASK.outputs, units=12, noise=0.01, seed=1)
    found = task_onsets(model, TASK, "direction_deg", **FEW)
    assert list(found) == ["area1"]
    assert 100 < found["area1"].onset_ms <= 160
    assert found["area1"].accuracy.max() > 0.95
    silent = TASK.changed(coherences=(0.0,))
    assert math.isnan(task_onsets(model, silent, "direction_deg", **FEW)["area1"].onset_ms)


def test_every_area_of_a_network_that_sees_is_decoded():
    task = TASK.changed(rendering="image", image_size=16, speed_deg_s=10.0)
    model = create_model("cnn_pfc_small", outputs=task.outputs, seed=1)
    found = task_onsets(model, task.changed(coherences=(0.0, 1.0)), "coherence", **FEW)
    assert list(found) == list(model.areas)


def test_what_cannot_be_decoded_is_refused():
    model = create_model("vector_rnn_dense_small", vector_size=3, outputs=TASK.outputs, units=12, seed=1)
    with pytest.raises(ValueError, match="has no condition 'colour'; it has coherence"):
        task_onsets(model, TASK, "colour", **FEW)
    with pytest.raises(ValueError, match="trials differ in duration"):
        task_onsets(model, TASK.changed(timing=TIMING | {"stimulus": (100, 200)}), "direction_deg", **FEW)
    with pytest.raises(ValueError, match="must have 2 to 12 values"):
        task_onsets(model, TASK, "coherence", **FEW)

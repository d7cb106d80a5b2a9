"""Networks on tasks: the source of trials, training, and how a network is evaluated."""

import dataclasses
import json

import pytest
import torch

from cordsnet.data import BatchShare
from cordsnet.errors import DataError, RunError
from cordsnet.models import create_model
from cordsnet.tasks import TaskSource, create_task, evaluate_task, run_trials, task_recipe, trained_task
from cordsnet.tasks.recipe import EFFORTS, Effort
from cordsnet.training import Batch, Bound, Masked, find_recipe, fit

TIMING = {"fixation": 40.0, "stimulus": 200.0, "decision": 100.0}
DOTS = create_task("random_dots", timing=TIMING, coherences=(0.5, 1.0))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network that was trained on clear motion for a few seconds, and the folder of its run."""
    recipe = task_recipe(DOTS, test_trials=100)
    stage = recipe.stages[0]
    how = dataclasses.replace(stage.optimisation, updates=60, batch=32, lr=1e-2)
    recipe = dataclasses.replace(recipe, stages=(dataclasses.replace(stage, optimisation=how),))
    folder = tmp_path_factory.mktemp("dots")
    return fit(recipe, folder, progress=False)["train"], recipe, folder


def test_a_network_learns_clear_motion_in_seconds(trained):
    report, recipe, folder = trained
    assert report.metrics["task_accuracy"] > 0.9
    assert 0 <= report.metrics["early_share"] <= 0.3
    model = report.model()
    assert model.spec.vector_size == len(DOTS.vector_channels)
    assert model.spec.outputs == DOTS.outputs
    assert trained_task(model, "random_dots") == DOTS
    assert trained_task(model, "random_dots", noise=0.5).noise == 0.5
    assert fit(recipe, folder, progress=False)["train"].metrics == report.metrics


def test_performance_has_a_row_for_each_level_of_each_condition(trained):
    found = evaluate_task(trained[0].model(), DOTS, 150, seed=3)
    rows = {row["condition"]: row for row in found.rows()}
    assert {"all trials", "coherence 0.5", "coherence 1"} < set(rows)
    assert rows["coherence 0.5"]["trials"] + rows["coherence 1"]["trials"] == 150
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in rows.values())
    again = evaluate_task(trained[0].model(), DOTS, 120, seed=3)
    assert torch.equal(found.answers.response[:100], again.answers.response[:100])


def test_outputs_at_the_ends_of_frames_are_those_of_a_step_by_step_run():
    model = create_model("vector_rnn_dense_small", vector_size=3, outputs=DOTS.outputs, noise=0.0, dt_ms=10.0, seed=2)
    trials = DOTS.sample(4, seed=1)
    found = run_trials(model, trials)["choice"]
    state, system = model.initial_state(4), model.system()
    for k in range(trials.frames):
        held = system.hold({"vector": trials.inputs["vector"][k]})
        for _ in range(2):
            state = system.advance(state, held)
        torch.testing.assert_close(found[k], system.read(state)["choice"], rtol=1e-5, atol=1e-6)


def test_trials_of_an_update_do_not_depend_on_parts_or_processes():
    source = TaskSource(DOTS)
    whole = list(source.loader(8, 3, 5, BatchShare()))
    resumed = list(source.loader(8, 3, 5, BatchShare(first=2)))
    assert torch.equal(resumed[0][0]["vector"], whole[2][0]["vector"])
    halves = [list(source.loader(8, 3, 5, BatchShare(process=k, processes=2))) for k in range(2)]
    parts = list(source.loader(8, 3, 5, BatchShare(parts=2)))
    for update in range(3):
        wanted = whole[update][0]["vector"]
        assert torch.equal(torch.cat([half[update][0]["vector"] for half in halves], 1), wanted)
        assert torch.equal(torch.cat([part[0]["vector"] for part in parts[2 * update : 2 * update + 2]], 1), wanted)
    assert not torch.equal(whole[0][0]["vector"], whole[1][0]["vector"])


def test_masked_errors_last_as_long_as_the_frames_of_the_data(as_users_run_it):
    model = create_model("vector_rnn_dense_small", vector_size=3, outputs=DOTS.outputs, noise=0.0, seed=2)
    batch = DOTS.sample(4, seed=1).batch()
    bound = Bound.of(model)
    by_frames = Masked()(bound, batch).total
    assert torch.equal(by_frames, Masked(ms=340.0)(bound, batch).total)
    with pytest.raises(ValueError, match="trials of the data last 340 ms, and the loss has ms = 300; leave it out"):
        Masked(ms=300.0)(bound, batch)
    plain = Batch(batch.inputs, batch.targets, batch.mask)
    assert torch.equal(by_frames, Masked(ms=340.0)(bound, plain).total)


def test_recipes_of_tasks_are_plain_data(trained):
    _, recipe, folder = trained
    written = json.loads((folder / "recipe.json").read_text())
    assert written["data"] == "task"
    assert written["data_options"] == json.loads(json.dumps(recipe.data_options))
    assert "data_options" not in find_recipe("digits").to_dict()


def test_a_task_may_set_gain_and_effort_of_its_networks(monkeypatch):
    monkeypatch.setitem(EFFORTS, "random_dots", Effort(7, 8, 0.5, gain=1.5))
    recipe = task_recipe(DOTS, units=16)
    assert recipe.model.options == {"gain": 1.5, "units": 16}
    assert (recipe.stages[0].optimisation.updates, recipe.stages[0].optimisation.lr) == (7, 0.5)
    assert task_recipe(DOTS, gain=0.3).model.options == {"gain": 0.3}
    assert task_recipe(DOTS.changed(rendering="image", image_size=16)).model.options == {}


def refused(kind, said, call):
    with pytest.raises(kind, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_networks_that_cannot_do_a_task_are_refused_in_a_sentence(tmp_path, as_users_run_it):
    classifier = create_model("cordsnet_r2_small")
    refused(RunError, "has no vectors, which task 'random_dots' needs", lambda: TaskSource(DOTS).check(classifier.spec))
    pictures = TaskSource(DOTS.changed(rendering="image", image_size=16))
    refused(RunError, "has no outputs by name", lambda: pictures.check(create_model("cordsnet_r2_small").spec))
    model = create_model("vector_rnn_dense_small", vector_size=4, outputs=DOTS.outputs)
    refused(RunError, "vector_size must be 3 for task 'random_dots', got 4", lambda: TaskSource(DOTS).check(model.spec))
    refused(ValueError, "rendered as 'vector', and the model reads image", lambda: evaluate_task(classifier, DOTS, 4))
    other = create_model("vector_rnn_dense_small", vector_size=3, outputs=(("ring", "unit", 33),))
    refused(ValueError, "reads output 'choice'; the model has ring", lambda: evaluate_task(other, DOTS, 4))
    slow = create_model("vector_rnn_dense_small", vector_size=3, outputs=DOTS.outputs, dt_ms=15.0)
    refused(ValueError, "20 ms", lambda: evaluate_task(slow, DOTS, 4))
    refused(RunError, "trials of 'random_dots' are not augmented", lambda: TaskSource(DOTS).feed("small_affine"))


def test_a_network_that_was_handed_on_opens_no_folder(tmp_path):
    task = create_task("match_to_sample", stimuli="digits")
    model = create_model("vector_rnn_dense_small", vector_size=len(task.vector_channels), outputs=task.outputs)
    model.metadata = {"data": {"name": "match_to_sample", "task": task.to_dict() | {"stimuli": str(tmp_path)}}}
    refused(DataError, "a folder; give stimuli to read one", lambda: trained_task(model, "match_to_sample"))
    assert trained_task(model, "match_to_sample", stimuli="digits").stimuli == "digits"

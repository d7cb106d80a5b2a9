"""What training on a task would take, before it is trained."""

import dataclasses

from cordsnet.tasks import create_task, task_recipe
from cordsnet.tasks.source import load_task
from cordsnet.training.dry_run import dry_run, sentences


def test_a_dry_run_makes_trials_of_the_task(tmp_path):
    plan = dry_run(task_recipe(create_task("random_dots"), "vector_rnn_dense_small"), images=2)
    (stage,) = plan["stages"].values()
    assert plan["data"]["training_images"] is None
    assert plan["model"]["outputs"].keys() == {"choice"}
    assert stage["flops_per_image"] > 0
    assert any("trials are made as they are needed" in sentence for sentence in sentences(plan))


def test_pictures_of_other_content_are_another_source():
    one = load_task(0, task="match_to_sample").describe()
    assert one == load_task(0, task="match_to_sample").describe()
    source = load_task(0, task="match_to_sample")
    changed = dataclasses.replace(source, task=dataclasses.replace(source.task, noise=source.task.noise + 1))
    assert changed.describe()["trials"] != one["trials"]

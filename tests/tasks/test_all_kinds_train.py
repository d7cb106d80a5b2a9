"""Networks are trained on every task, in both renderings, with the settings of the command line."""

import dataclasses

import pytest

from cordsnet.tasks import create_task, evaluate_task, list_tasks, task_recipe
from cordsnet.training import fit, with_setting


@pytest.mark.parametrize("name", list_tasks())
def test_two_updates_of_the_default_network_then_a_table(name, tmp_path):
    task = create_task(name)
    recipe = with_setting(task_recipe(task, test_trials=4), "train.optimisation.updates", 2)
    stage = recipe.stages[0]
    small = dataclasses.replace(stage.optimisation, batch=4)
    recipe = dataclasses.replace(recipe, stages=(dataclasses.replace(stage, optimisation=small),))
    report = fit(recipe, tmp_path, progress=False)["train"]
    assert 0 <= report.metrics["task_accuracy"] <= 1
    rows = evaluate_task(report.model(), task, 8).rows()
    assert rows[0]["trials"] == 8

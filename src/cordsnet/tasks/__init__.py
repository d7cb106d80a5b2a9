"""Cognitive tasks from vectors and from pixels."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.tasks.create import create_task, list_tasks
    from cordsnet.tasks.environment import TaskEnvironment, play
    from cordsnet.tasks.neurogym import NeurogymTrials, from_neurogym
    from cordsnet.tasks.performance import Performance, evaluate_task, trained_task
    from cordsnet.tasks.recipe import task_recipe
    from cordsnet.tasks.running import run_trials
    from cordsnet.tasks.source import TaskSource
    from cordsnet.tasks.table import TASKS
    from cordsnet.tasks.task import Answers, Task
    from cordsnet.tasks.trials import Trials

__all__ = [
    "TASKS",
    "Answers",
    "NeurogymTrials",
    "Performance",
    "Task",
    "TaskEnvironment",
    "TaskSource",
    "Trials",
    "create_task",
    "evaluate_task",
    "from_neurogym",
    "list_tasks",
    "play",
    "run_trials",
    "task_recipe",
    "trained_task",
]

import_on_demand(__name__)

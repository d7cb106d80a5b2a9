"""Cognitive tasks from vectors and from pixels."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.tasks.attractors import task_attractor
    from cordsnet.tasks.create import create_task, list_tasks
    from cordsnet.tasks.curves import BehaviourCurves, Reactions, behaviour_curves
    from cordsnet.tasks.environment import TaskEnvironment, play
    from cordsnet.tasks.neurogym import NeurogymTrials, from_neurogym
    from cordsnet.tasks.onsets import task_onsets
    from cordsnet.tasks.performance import Performance, evaluate_task, trained_task
    from cordsnet.tasks.played import play_rows
    from cordsnet.tasks.recipe import task_recipe
    from cordsnet.tasks.running import run_trials
    from cordsnet.tasks.source import TaskSource
    from cordsnet.tasks.table import TASKS
    from cordsnet.tasks.task import Answers, Task
    from cordsnet.tasks.trials import Trials

__all__ = [
    "TASKS",
    "Answers",
    "BehaviourCurves",
    "NeurogymTrials",
    "Performance",
    "Reactions",
    "Task",
    "TaskEnvironment",
    "TaskSource",
    "Trials",
    "behaviour_curves",
    "create_task",
    "evaluate_task",
    "from_neurogym",
    "list_tasks",
    "play",
    "play_rows",
    "run_trials",
    "task_attractor",
    "task_onsets",
    "task_recipe",
    "trained_task",
]

import_on_demand(__name__)

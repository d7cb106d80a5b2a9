"""Cognitive tasks from vectors and from pixels."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.tasks.create import create_task, list_tasks
    from cordsnet.tasks.running import evaluate_task, run_trials
    from cordsnet.tasks.source import TaskSource
    from cordsnet.tasks.table import TASKS
    from cordsnet.tasks.task import Answers, Task
    from cordsnet.tasks.trials import Trials

__all__ = [
    "TASKS",
    "Answers",
    "Task",
    "TaskSource",
    "Trials",
    "create_task",
    "evaluate_task",
    "list_tasks",
    "run_trials",
]

import_on_demand(__name__)

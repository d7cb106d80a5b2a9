"""Tasks by name."""

import dataclasses
from typing import Any

from cordsnet._arguments import check_arguments
from cordsnet.tasks.table import TASKS
from cordsnet.tasks.task import Task


@check_arguments
def list_tasks(pattern: str = "*") -> list[str]:
    """Names of the tasks that match a pattern, such as "match_*"."""
    return TASKS.names(pattern)


@check_arguments
def create_task(name: str, **settings: Any) -> Task:
    """Make a task.

    Parameters
    ----------
    name : a row of `TASKS`.
    settings : fields of the task, such as `rendering="image"`, `timing={"delay": 400}` or `frame_ms=10`.

    Raises
    ------
    ValueError : no task has that name, the task has no such setting, or the setting cannot be; it says what would do.
    """
    kind = TASKS[name]
    known = [field.name for field in dataclasses.fields(kind)]
    if unknown := sorted(set(settings) - set(known)):
        raise ValueError(f"task {name!r} has no setting {unknown[0]!r}; it has {', '.join(known)}")
    made: Task = kind(**{name: as_tuples(value) for name, value in settings.items()})
    return made


def as_tuples(value: Any) -> Any:
    """Lists, as JSON gives them back, as tuples."""
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value

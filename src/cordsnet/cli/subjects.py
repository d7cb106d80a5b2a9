"""The task of a command and the network that does it: what the commands of cognitive tasks share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentParser, Namespace

from cordsnet.cli.early import check_evaluated
from cordsnet.cli.options import parse
from cordsnet.tasks.table import TASKS

if TYPE_CHECKING:  # slow to import
    from cordsnet.tasks import Task

CHECKPOINT = "folder of a run, of a finished stage or of a saved model"


def subject(name: str, words: Sequence[str], parser: ArgumentParser) -> tuple[Namespace, Any, "Task", tuple[str, ...]]:
    """Options, the trained network, the task on which it is measured, and notes on what was chosen."""
    options = parse(parser, words[1:])
    check_evaluated(options.checkpoint)
    from cordsnet.experiments.checkpoint import find_checkpoint
    from cordsnet.tasks import trained_task

    found, notes = find_checkpoint(options.checkpoint), list[str]()
    known = found.model.metadata.get("data")
    said = known.get("name") if isinstance(known, dict) else None
    if said != name:
        trained = f"on {said!r}" if said else "on nothing that it names"
        notes.append(f"the network was trained {trained}, so task {name!r} has the settings of its row and those given")
    task = trained_task(found.model, name, **_given(name, words, parser, options))
    return options, found.model, task, (*found.notes, *notes)


def task_first(command: str, words: Sequence[str]) -> str:
    """The task that the first word names. Raises ValueError when it names none."""
    if not words or words[0].startswith("-"):
        raise ValueError(f"tasks {command} needs a task first; known: {', '.join(TASKS)}")
    TASKS.check(words[0])
    return words[0]


def add_task(parser: ArgumentParser, name: str) -> None:
    """Give a parser the settings of a task."""
    parser.add_class_arguments(TASKS[name], "task")


def chosen_task(name: str, parser: ArgumentParser, options: Namespace) -> "Task":
    """The task with the settings that were given."""
    from cordsnet.tasks import create_task

    given = parser.instantiate(options).task
    return create_task(name, **given.to_dict())


def _given(name: str, words: Sequence[str], parser: ArgumentParser, options: Namespace) -> dict[str, Any]:
    """Settings of the task that stand on the command line, and not the defaults."""
    named = {word.partition("=")[0].removeprefix("--task.").split(".")[0] for word in words if "--task." in word}
    every = chosen_task(name, parser, options).to_dict()
    return {setting: every[setting] for setting in named}

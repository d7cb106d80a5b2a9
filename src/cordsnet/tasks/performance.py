"""Performance of a network in a task, over all trials and by condition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.data import is_path
from cordsnet.errors import DataError
from cordsnet.tasks.create import create_task
from cordsnet.tasks.running import BATCH, MOST_TRIALS, check_network, run_trials
from cordsnet.tasks.task import IMAGE, VECTOR, Answers, Task
from cordsnet.tasks.trials import Trials

MOST_LEVELS = 12
"""Conditions with more values than this are no levels but numbers, and have no rows of their own."""


@dataclass(frozen=True)
class Performance:
    """Trials that were answered.

    Attributes
    ----------
    task : the task.
    answers : the answers.
    answer : the right answer [N] or [N, ...].
    conditions : name -> condition of each trial [N] or [N, ...].
    """

    task: Task
    answers: Answers
    answer: Tensor
    conditions: Mapping[str, Tensor]

    @property
    def accuracy(self) -> float:
        """Share of trials answered correctly."""
        return float(self.answers.correct.double().mean())

    def rows(self) -> list[dict[str, Any]]:
        """Accuracy with its 95 % Wilson interval: over all trials, then for each level of each condition."""
        return [_row("all trials", self.answers.correct), *self._levels()]

    def _levels(self) -> Iterator[dict[str, Any]]:
        for name, values in self.conditions.items():
            levels = np.unique(values.numpy()).tolist() if values.ndim == 1 else []
            if 1 < len(levels) <= MOST_LEVELS:
                for level in levels:
                    yield _row(f"{name} {level:g}", self.answers.correct[values == level])


def _row(name: str, correct: Tensor) -> dict[str, Any]:
    count, hits = len(correct), int(correct.sum())
    interval = binomtest(hits, count).proportion_ci(method="wilson")
    low, high = float(interval.low), float(interval.high)
    return {"condition": name, "trials": count, "accuracy": hits / count, "low": low, "high": high}


@check_arguments
def evaluate_task(model: Any, task: Task, trials: int, seed: int = 0) -> Performance:
    """Let a network do trials of a task.

    Parameters
    ----------
    model : the network; set to evaluation meanwhile.
    task : the task, in a rendering that the network reads.
    trials : number of trials.
    seed : of the trials and of the network's noise.

    Raises
    ------
    ValueError : the network does not read the rendering, lacks an output, or cannot show a frame with its clock.
    """
    shown, found = [], []
    for part, outputs in answered_batches(model, task, trials, seed):
        shown.append(part)
        found.append(task.answers(part, outputs))
    parts = {part: torch.cat([getattr(one, part) for one in found]) for part in ("correct", "response", "early")}
    conditions = {name: torch.cat([one.conditions[name] for one in shown]) for name in shown[0].conditions}
    return Performance(task, Answers(**parts), torch.cat([one.answer for one in shown]), conditions)


def check_reads(model: Any, task: Task) -> None:
    """Raise ValueError unless a network reads the rendering of a task and has its outputs."""
    if task.rendering not in model.inputs:
        raise ValueError(
            f"task {task.kind!r} is rendered as {task.rendering!r}, and the model reads {', '.join(model.inputs)}; "
            f"create_task({task.kind!r}, rendering={next(iter(model.inputs))!r}) may do"
        )
    if lacking := [name for name, _, _ in task.outputs if name not in model.outputs]:
        raise ValueError(f"task {task.kind!r} reads output {lacking[0]!r}; the model has {', '.join(model.outputs)}")


def check_sizes(task: Task, outputs: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless outputs [F, B, ...] are as large as a task needs them."""
    for name, axis, size in task.outputs:
        if outputs[name].shape[2:] != (size,):
            given = list(outputs[name].shape[2:])
            raise ValueError(
                f"task {task.kind!r} needs {size} values along {axis!r} of output {name!r}, got {given}; "
                "take a network that was made for it"
            )


def answered_batches(model: Any, task: Task, trials: int, seed: int) -> Iterator[tuple[Trials, dict[str, Tensor]]]:
    """Batches of trials with a network's outputs at the ends of frames [F, B, ...], on the processor.

    The network is set to evaluation meanwhile.

    Raises
    ------
    ValueError : the network does not read the rendering, lacks an output, or cannot show a frame with its clock.
    """
    check_network(model, "inputs", "outputs")
    check_count(trials, "trials", 1, most=MOST_TRIALS)
    check_reads(model, task)
    training = model.training
    try:
        model.eval()
        for first in range(0, trials, BATCH):
            shown = task.sample(min(BATCH, trials - first), seed, first)
            outputs = run_trials(model, shown, seed + first)
            check_sizes(task, outputs)
            yield shown, {name: values.cpu() for name, values in outputs.items()}
    finally:
        model.train(training)


@check_arguments
def trained_task(model: Any, name: str, **settings: Any) -> Task:
    """The task on which a network was trained, with what it shows in tests alone, and with some settings changed.

    A network that was trained on another task, or does not say on what, gets the task with its own settings, in the
    rendering that it reads and at its size.

    Parameters
    ----------
    model : the network.
    name : the task.
    settings : changed settings.

    Raises
    ------
    DataError : the task shows pictures of a folder that only the network names.
    """
    check_network(model, "inputs", "metadata")
    known = model.metadata.get("data")
    if isinstance(known, dict) and known.get("name") == name and isinstance(known.get("task"), dict):
        for setting, value in known["task"].items():  # a model that was handed on opens no folder that nobody named
            if setting not in settings and isinstance(value, str) and value and is_path(value):
                raise DataError(
                    f"the network was trained with {setting} = {value!r}, a folder; give {setting} to read one"
                )
        tested = create_task(name, **(known["task"] | settings)).for_tests()
        return create_task(name, **(tested.to_dict() | settings))
    if IMAGE in model.inputs:
        own: dict[str, Any] = {"rendering": IMAGE, "image_size": model.inputs[IMAGE][-1]}
    else:
        own = {"rendering": VECTOR}
    return create_task(name, **(create_task(name, **own).for_tests().to_dict() | settings))

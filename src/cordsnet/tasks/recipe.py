"""Training of networks on a task: one recipe for all, with settings that a task may change."""

import math
from dataclasses import dataclass, replace
from typing import Any

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_count, is_number
from cordsnet.models import MODELS
from cordsnet.tasks.running import MOST_TRIALS
from cordsnet.tasks.task import IMAGE, VECTOR, Task
from cordsnet.training import Criterion, Masked, ModelChoice, Optimisation, Recipe, Train

MODEL = {"vector": "vector_rnn_dense_small", "image": "cordsnet_pfc_small"}
"""Rendering -> network that is trained where none is named."""


@check_init
@dataclass(frozen=True)
class Lesson:
    """An easier task before the task itself: a stage of training of its own.

    Attributes
    ----------
    name : of the stage.
    settings : setting of the task -> its value in this stage (`Train.lesson`). Durations in "timing" are numbers, which
        become whole frames of the task, rounded up, or distributions, as in `Task.timing`.
    updates : largest number of updates.
    until : measure at which the stage ends before; None makes all updates.
    lr : largest learning rate; None is that of the task.
    """

    name: str
    settings: dict[str, Any]
    updates: int
    until: Criterion | None = None
    lr: float | None = None


@check_init
@dataclass(frozen=True)
class Effort:
    """Default length and learning rate of training on a task.

    Attributes
    ----------
    updates, batch, lr : of AdamW with one cycle of learning rates.
    gain : spectral radius of W as it is drawn, of networks that read vectors; None keeps the row's.
    lessons : stages before "train", in order; each starts from the one before.
    """

    updates: int = 600
    batch: int = 64
    lr: float = 3e-3
    gain: float | None = None
    lessons: tuple[Lesson, ...] = ()


WALK = Lesson(
    "walk",
    {
        "algorithm": "random_walk",
        "coherences": [1.0],
        "speed_deg_s": 10.0,
        "reaction_time": True,
        "grace_ms": 40.0,
        "timing": {"fixation": 40.0, "stimulus": 400.0, "decision": 60.0},
    },
    250,
    Criterion("choice/accuracy", at_least=0.9),  # 0.51 is to fixate, and then to guess
    lr=1e-2,
)
"""All dots move together in every frame, twice as fast as in the task, and answers count while they move. Dots that
skip two frames, as with "movshon", taught a CordsNet nothing in 200 updates, and almost at once after this lesson. At
the speed of the task, one of three networks did not learn it in 250 updates."""

STRONG = Lesson(
    "strong",
    {
        "coherences": [0.064, 0.128, 0.256, 0.512, 1.0],
        "reaction_time": True,
        "grace_ms": 40.0,
        "timing": {"fixation": 40.0, "stimulus": 400.0, "decision": 60.0},
    },
    200,
    lr=5e-3,
)
"""The dots of the task, with more that move together, in short trials."""

EFFORTS: dict[str | tuple[str, str], Effort] = {("random_dots", IMAGE): Effort(lr=4e-3, lessons=(WALK, STRONG))}
"""Task, or (task, rendering), which comes first -> effort, where it is not that of all."""


@check_arguments
def task_recipe(
    task: Task, model: str = "", test_trials: int = 500, effort: Effort | None = None, **options: Any
) -> Recipe:
    """The recipe with which `cordsnet tasks train` trains a network on a task.

    Parameters
    ----------
    task : the task.
    model : row of the table of models; "" is the small network of the task's rendering.
    test_trials : number of trials that it is measured with.
    effort : how long and how fast it is trained; None is that of the task.
    options : changed fields of the network's spec.

    Returns
    -------
    A recipe with a stage for each lesson of the task, if it has any, and the stage "train"; all with masked errors.
    """
    check_count(test_trials, "test_trials", 1, most=MOST_TRIALS)
    if effort is None:
        effort = EFFORTS.get((task.kind, task.rendering)) or EFFORTS.get(task.kind, Effort())
    optimisation = Optimisation(lr=effort.lr, updates=effort.updates, batch=effort.batch, clip=1.0)
    name = model or MODEL[task.rendering]
    if effort.gain is not None and task.rendering == VECTOR and hasattr(MODELS[name].spec, "gain"):
        options = {"gain": effort.gain} | options
    choice = ModelChoice(name, options=options)
    if task.rendering == IMAGE and "image_size" not in options and hasattr(MODELS[name].spec, "image_size"):
        choice = ModelChoice(name, image_size=task.image_size, options=options)
    data = {"task": task.kind, "test_trials": test_trials, **task.to_dict()}
    return Recipe(
        task.kind, _stages(effort.lessons, optimisation, task.frame_ms), choice, data="task", data_options=data
    )


def _stages(lessons: tuple[Lesson, ...], how: Optimisation, frame_ms: float) -> tuple[Train, ...]:
    """The lessons and "train", each from where the one before ended."""
    stages, start = list[Train](), ""
    for one in lessons:
        own = replace(how, updates=one.updates, lr=how.lr if one.lr is None else one.lr)
        stages.append(Train(one.name, start, Masked(), own, lesson=_in_frames(one.settings, frame_ms), until=one.until))
        start = one.name
    return (*stages, Train(start=start, loss=Masked(), optimisation=how))


def _in_frames(settings: dict[str, Any], frame_ms: float) -> dict[str, Any]:
    """Settings whose durations are whole frames, rounded up, whatever the duration of a frame is."""
    if "timing" not in settings:
        return settings
    whole = {
        name: math.ceil(ms / frame_ms - 1e-6) * frame_ms if is_number(ms) else ms
        for name, ms in settings["timing"].items()
    }
    return settings | {"timing": whole}

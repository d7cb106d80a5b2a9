"""How networks are trained on a task: one recipe for all, with settings that a task may change."""

from dataclasses import dataclass
from typing import Any

from cordsnet.models import MODELS
from cordsnet.tasks.task import IMAGE, VECTOR, Task
from cordsnet.training import Masked, ModelChoice, Optimisation, Recipe, Train

MODEL = {"vector": "vector_rnn_dense_small", "image": "cordsnet_pfc_small"}
"""Rendering -> network that is trained where none is named."""


@dataclass(frozen=True)
class Effort:
    """How long and how fast a task is trained where nothing else is said.

    Attributes
    ----------
    updates, batch, lr : of AdamW with one cycle of learning rates.
    gain : spectral radius of W as it is drawn, of networks that read vectors; None keeps the row's.
    """

    updates: int = 600
    batch: int = 64
    lr: float = 3e-3
    gain: float | None = None


EFFORTS: dict[str, Effort] = {}
"""Task -> effort, where it is not that of all."""


def task_recipe(task: Task, model: str = "", test_trials: int = 500, **options: Any) -> Recipe:
    """The recipe with which `cordsnet tasks train` trains a network on a task.

    Parameters
    ----------
    task : the task.
    model : row of the table of models; "" is the small network of the task's rendering.
    test_trials : number of trials that it is measured with.
    options : changed fields of the network's spec.

    Returns
    -------
    A recipe with one stage, "train", with masked errors.
    """
    effort = EFFORTS.get(task.kind, Effort())
    optimisation = Optimisation(lr=effort.lr, updates=effort.updates, batch=effort.batch, clip=1.0)
    name = model or MODEL[task.rendering]
    if effort.gain is not None and task.rendering == VECTOR and hasattr(MODELS[name].spec, "gain"):
        options = {"gain": effort.gain} | options
    choice = ModelChoice(name, options=options)
    if task.rendering == IMAGE and "image_size" not in options:
        choice = ModelChoice(name, image_size=task.image_size, options=options)
    data = {"task": task.kind, "test_trials": test_trials, **task.to_dict()}
    stage = Train(loss=Masked(), optimisation=optimisation)
    return Recipe(task.kind, (stage,), choice, data="task", data_options=data)

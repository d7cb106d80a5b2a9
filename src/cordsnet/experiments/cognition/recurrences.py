"""Networks of several recurrences and as many units: the trials that they learn, and how they are trained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cordsnet.models import MODELS
from cordsnet.models.vector_rnn import VectorSpec, matched
from cordsnet.tasks import Task, create_task, task_recipe
from cordsnet.tasks.recipe import Effort
from cordsnet.training import Recipe, Run, StageReport

STAGE = "train"

SHORT: Mapping[str, Mapping[str, Any]] = {
    "match_to_sample": {
        "timing": {"fixation": 40.0, "sample": 120.0, "delay": 200.0, "test": 120.0, "decision": 120.0},
    },
    "context_decision": {
        "timing": {"fixation": 40.0, "stimulus": 400.0, "delay": 120.0, "decision": 120.0},
        "coherences": (0.15, 0.5),
    },
    "parametric_memory": {
        "timing": {"fixation": 40.0, "f1": 120.0, "delay": 200.0, "f2": 120.0, "decision": 120.0},
    },
    "delayed_saccade": {
        "timing": {"fixation": 40.0, "stimulus": 120.0, "delay": (120.0, 200.0, 400.0), "go": 240.0},
    },
    "sequence": {
        "timing": {"fixation": 40.0, "cue": 120.0, "delay": (120.0, 200.0), "go": 600.0},
        "speed_deg_s": 360.0,
    },
}
"""Task -> settings of its short trials, whose delays are longer than the networks' time constant of 100 ms.

The context-dependent decision is without its weakest coherence, 0.05: in 400 ms even an ideal observer of the noisy
input reads it in 76 % of trials alone. The sequence moves twice as fast, so that an answer that stands still is wrong:
over the 180 degrees after the grace time its mean error is at least 45 degrees.
"""


EFFORTS: Mapping[str, Effort] = {
    "match_to_sample": Effort(600, 64, 1e-2),
    "context_decision": Effort(150, 64, 1e-2),
    "parametric_memory": Effort(120, 64, 1e-2),
    "delayed_saccade": Effort(300, 64, 1e-2),
    "sequence": Effort(450, 64, 1e-2),
}
"""Task -> effort of its short trials, the same for all recurrences.

They were searched by hand with `vector_rnn_dense_small` and one seed, among learning rates from 3e-3 to 2e-2 and gains
from 0.9 to 2, until it answered 90 % of new trials; updates are those that it needed and at most half as many more.
"""


def effort_of(name: str, timing: str, **given: float | None) -> dict[str, Any]:
    """Settings of training that differ from the task's own: those of its short trials, and those that are given."""
    short = {key: getattr(EFFORTS[name], key) for key in given} if timing == "short" else {}
    return short | {key: value for key, value in given.items() if value is not None}


def task_of(name: str, timing: str, frame_ms: float) -> Task:
    """A task with short trials or its own, in frames of `frame_ms`."""
    return create_task(name, frame_ms=frame_ms, **(SHORT[name] if timing == "short" else {}))


def spec_options(name: str, units: int, dt_ms: float, gain: float | None = None) -> dict[str, Any]:
    """Fields of the spec of a row of the table of models, with which it has `units` units and the step `dt_ms`.

    A gain of None is that of the row.

    Raises ValueError for a row without a recurrence that could be exchanged, and for units that it cannot have.
    """
    spec = MODELS[name].spec
    if not isinstance(spec, VectorSpec):
        raise ValueError(f"models must be networks that read vectors, such as vector_rnn_dense_small, got {name!r}")
    made = matched(spec.changed(recurrence="dense", units=units), spec.recurrence)
    if made.size != units:
        raise ValueError(f"units must be a number that {name!r} can have, got {units}; the nearest is {made.size}")
    fields = ("channels", "side") if spec.recurrence == "conv" else ("units",)
    own = {} if gain is None else {"gain": gain}
    return {field: getattr(made, field) for field in fields} | {"dt_ms": dt_ms} | own


def recipe_of(
    task: Task, name: str, options: Mapping[str, Any], seed: int, effort: Mapping[str, Any], trials: int
) -> Recipe:
    """The recipe of `cordsnet tasks train`, with another seed and another effort."""
    recipe = task_recipe(task, name, trials, **options)
    stage: Any = recipe.stage(STAGE)
    changed = replace(stage.optimisation, **effort)
    return replace(recipe.replace(STAGE, replace(stage, optimisation=changed)), seed=seed)


def runs_of(
    task: Task,
    name: str,
    units: int,
    seeds: Sequence[int],
    options: Mapping[str, Any],
    effort: Mapping[str, Any],
    trials: int,
) -> list[Run]:
    """A run for every seed of a row of the table of models on a task."""
    return [
        Run(
            f"{task.kind}/{units}_units/{name}/seed={seed}",
            recipe_of(task, name, options, seed, effort, trials),
            {"task": task.kind, "model": name, "units": units},
        )
        for seed in seeds
    ]


def count_parameters(recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, int]:
    """Number of parameters of the network with which a run ended, and updates of all stages of its training."""
    stages: tuple[Any, ...] = recipe.stages
    parameters = sum(parameter.numel() for parameter in reports[STAGE].model().parameters())
    updates = sum(int(reports[one.name].metrics.get("updates", one.optimisation.updates)) for one in stages)
    return {"parameters": parameters, "updates": updates}

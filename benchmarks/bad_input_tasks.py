"""Good calls of the public functions and classes of cordsnet.tasks, and what is done with their results."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from cordsnet import models, tasks
from cordsnet.tasks.task import IMAGE, VECTOR

SHORT = {"fixation": 40.0, "stimulus": 60.0, "decision": 100.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "random_dots": {"timing": SHORT},
    "delayed_saccade": {"grace_ms": 40.0, "go_weight": 5.0},
    "contour_tracing": {"timing": SHORT},
    "visual_search": {"timing": SHORT},
    "go_nogo": {"timing": {"delay": 40.0}},
}
"""Task -> settings of its good call, beside those of all."""


def task(**changes: Any) -> Any:
    """Return short random dots as vectors."""
    return tasks.create_task("random_dots", **{"timing": SHORT, "coherences": (0.1, 0.5)} | changes)


def network(of: Any = None) -> Any:
    """Return a network of four units that reads a task."""
    of = of or task()
    sizes = {"vector_size": len(of.vector_channels), "outputs": of.outputs}
    return models.create_model("vector_rnn_dense_small", units=4, seed=0, **sizes)


class Tones:
    """An environment with the interface of neurogym: two tones for 60 ms after 40 ms of fixation, then 40 ms."""

    dt = 20
    observation_space = SimpleNamespace(name={"fixation": 0, "stimulus": [1, 2]})
    action_space = SimpleNamespace(name={"fixation": 0, "choice": [1, 2]}, n=3)

    def __init__(self) -> None:
        self.seed(0)

    def seed(self, seed: int | None = None) -> None:
        """Begin again."""
        self.rng = np.random.RandomState(seed)

    def new_trial(self) -> dict[str, Any]:
        """Make a trial."""
        side = int(self.rng.choice(2))
        self.ob, self.gt = np.zeros((7, 3), np.float32), np.zeros(7, np.int64)
        self.ob[:5, 0], self.ob[2:5, 1 + side], self.gt[5:] = 1, 1, 1 + side
        self.start_t, self.end_t = {"fixation": 0, "decision": 100}, {"fixation": 40, "decision": 140}
        return {"side": side}


def _settings(name: str) -> dict[str, Any]:
    """Return all fields of a task, with small movies, as its good call."""
    made = tasks.create_task(name, **{"rendering": IMAGE, "image_size": 8} | SETTINGS.get(name, {}))
    return {field: getattr(made, field) for field in made.to_dict()}


def tried(made: Any) -> Any:
    """Return trials of a task in both renderings, and how a network that does nothing answers them."""
    shown = [made.sample(2), *(made.changed(rendering=rendering).sample(2) for rendering in (VECTOR, IMAGE))]
    still = {name: torch.zeros(shown[0].frames, 2, size) for name, _, size in made.outputs}
    parts = [[dict(one.inputs), dict(one.targets), dict(one.mask), dict(one.conditions)] for one in shown]
    return parts, vars(made.answers(shown[0], still))


def run_of(trials: Any) -> Any:
    """Return what a network answers to trials."""
    size = trials.inputs[VECTOR].shape[-1] if VECTOR in trials.inputs else 0
    if not size:
        return trials.inputs
    model = models.create_model("vector_rnn_dense_small", units=4, seed=0, vector_size=size)
    return tasks.run_trials(model, trials)


def stepped(environment: Any) -> Any:
    """Return the first frames of an episode."""
    seen, _ = environment.reset()
    environment.action_space.seed(0)
    return seen, environment.step(environment.action_space.sample())[:2]


KINDS = {kind.__name__: name for name, kind in ((name, tasks.TASKS[name]) for name in tasks.TASKS)}
"""Class of a task -> its name."""

GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    "create_task": lambda: {"name": "random_dots"},
    "list_tasks": lambda: {"pattern": "*"},
    "task_recipe": lambda: {"task": task(), "model": "vector_rnn_dense_small", "test_trials": 10},
    "run_trials": lambda: {"model": network(), "trials": task().sample(2), "seed": 0},
    "evaluate_task": lambda: {"model": network(), "task": task(), "trials": 4, "seed": 0},
    "trained_task": lambda: {"model": network(), "name": "random_dots"},
    "behaviour_curves": lambda: {
        "model": network(),
        "task": task(),
        "trials": 12,
        "threshold": 0.3,
        "draws": 3,
        "forced": True,
    },
    "task_attractor": lambda: {
        "model": network(),
        "task": task(),
        "period": "decision",
        "trials": 12,
        "slow_ms": 200.0,
        "dt_ms": 20.0,
    },
    "task_onsets": lambda: {"model": network(), "task": task(), "condition": "coherence", "trials": 20},
    "play": lambda: {"model": network(), "environment": tasks.TaskEnvironment(task()), "episodes": 2, "seed": 0},
    "play_rows": lambda: {"played": [{"episode": 0, "reward": 1.0, "frames": 3, "option": 1}], "frame_ms": 20.0},
    "TaskEnvironment": lambda: {"task": task(), "seed": 0, "gaze": False},
    "TaskSource": lambda: {"task": task(), "test_trials": 4},
    "from_neurogym": lambda: {"env": Tones(), "trials": 3, "seed": 0},
    **{kind: (lambda name=name: _settings(name)) for kind, name in KINDS.items()},
}

USE: dict[str, Callable[[Any], Any]] = {
    "task_recipe": lambda recipe: recipe.to_dict(),
    "evaluate_task": lambda found: found.rows(),
    "behaviour_curves": lambda curves: [{**row} for row in curves.reactions.rows()],
    "create_task": lambda made: made.sample(2).inputs,
    "trained_task": lambda made: made.sample(2).inputs,
    "TaskEnvironment": stepped,
    "TaskSource": lambda source: source.measure(network()),
    "from_neurogym": run_of,
    **dict.fromkeys(KINDS, tried),
}

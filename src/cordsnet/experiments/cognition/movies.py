"""Tasks as small movies: the trials, and how networks are trained on them, whatever their front end is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cordsnet.models import MODELS
from cordsnet.models.multi_area import MultiAreaSpec
from cordsnet.tasks import Task, create_task, task_recipe
from cordsnet.tasks.recipe import STRONG, WALK, Effort
from cordsnet.training import Run

SIZE, FRAME_MS = 16, 20.0
"""Height and width of the movies, px, and duration of a frame, ms: a whole number of steps of every front end."""


@dataclass(frozen=True)
class Movie:
    """A task as movies, and how networks are trained on it.

    Attributes
    ----------
    settings : of the task, where they differ from its own.
    effort : how long and how fast every network is trained.
    reads : what the first vector area reads of the front end (`MultiAreaSpec.reads`).
    tau_ms : time constant of front ends that have one, ms; None is that of their row.
    easiest : (condition, its value) of the trials that say if a network learnt the task; None is all of them.
    """

    settings: Mapping[str, Any]
    effort: Effort
    reads: str = "flatten"
    tau_ms: float | None = None
    easiest: tuple[str, float] | None = None


DOTS = "random_dots"
COHERENCES = (0.0, 0.032, 0.064, 0.128, 0.256, 0.512)
"""Coherences of the monkeys of Roitman & Shadlen (2002)."""

MOVIES: Mapping[str, Movie] = {
    DOTS: Movie(
        {
            "coherences": COHERENCES,
            "reaction_time": True,
            "timing": {"fixation": 100.0, "stimulus": 1000.0, "decision": 60.0},
        },
        Effort(500, 64, 4e-3, lessons=(WALK, STRONG)),
        reads="pool",
        tau_ms=30.0,
        easiest=("coherence", COHERENCES[-1]),
    ),
    "go_nogo": Movie(
        {"timing": {"stimulus": 120.0, "delay": 120.0, "decision": 120.0}},
        Effort(150, 64, 5e-3),
    ),
    "delayed_saccade": Movie(
        {"timing": {"fixation": 40.0, "stimulus": 120.0, "delay": (120.0, 200.0, 400.0), "go": 240.0}},
        Effort(250, 64, 5e-3),
    ),
    "match_to_sample": Movie(
        {"timing": {"fixation": 40.0, "sample": 120.0, "delay": 200.0, "test": 120.0, "decision": 120.0}},
        Effort(400, 64, 5e-3),
    ),
    "visual_search": Movie(
        {"search": "feature", "timing": {"fixation": 40.0, "stimulus": 200.0, "decision": 100.0}},
        Effort(250, 64, 5e-3),
    ),
    "parametric_memory": Movie(
        {"timing": {"fixation": 40.0, "f1": 120.0, "delay": 200.0, "f2": 120.0, "decision": 120.0}},
        Effort(250, 64, 5e-3),
    ),
}  # fmt: skip
"""Task -> its short movies. Efforts were searched by hand with the CordsNet front end and seed 0 alone.

With a time constant of 10 ms the CordsNet did not learn the first lesson of the dots in 125 updates; dots of "movshon"
move every third frame, and 60 ms are six such time constants. Contour tracing (three steps, 260 ms) was answered in
60 % after 250 updates, and is not among them.
"""


def movie_of(name: str) -> Task:
    """A task of `MOVIES`."""
    return create_task(name, rendering="image", image_size=SIZE, frame_ms=FRAME_MS, **MOVIES[name].settings)


def network_fields(name: str, movie: Movie) -> dict[str, Any]:
    """Fields of the spec of a row of networks of several areas, for a movie.

    Raises ValueError for a row of another kind.
    """
    spec = MODELS[name].spec
    if not isinstance(spec, MultiAreaSpec):
        raise ValueError(f"models must be networks of several areas, such as cordsnet_pfc_small, got {name!r}")
    fields: dict[str, Any] = {"reads": movie.reads, "image_size": (SIZE, SIZE)}
    if movie.tau_ms is not None and hasattr(MODELS[spec.front].spec, "tau_ms"):
        fields["front_options"] = (*dict(spec.front_options).items(), ("tau_ms", movie.tau_ms))
    return fields


def movie_runs(task: Task, name: str, seeds: Sequence[int], trials: int, updates: int | None) -> list[Run]:
    """A run for every seed of a row of the table of models.

    Parameters
    ----------
    task : one of `movie_of`.
    name : row of the table of models.
    seeds : of the runs.
    trials : number of test trials.
    updates : largest number of updates of each stage; None is that of the task's effort.
    """
    movie = MOVIES[task.kind]
    recipe = task_recipe(task, name, trials, effort=movie.effort, **network_fields(name, movie))
    if updates is not None:
        recipe = replace(recipe, stages=tuple(_shortened(stage, updates) for stage in recipe.stages))
    return [
        Run(f"{task.kind}/{name}/seed={seed}", replace(recipe, seed=seed), {"task": task.kind, "model": name})
        for seed in seeds
    ]


def _shortened(stage: Any, updates: int) -> Any:
    how = stage.optimisation
    return replace(stage, optimisation=replace(how, updates=min(how.updates, updates)))

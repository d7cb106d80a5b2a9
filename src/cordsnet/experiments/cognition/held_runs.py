"""Runs of held_attractors: a recipe with lessons for each task, network and seed."""

from dataclasses import replace
from typing import Any

from cordsnet.experiments.cognition.held_efforts import FRAME_MS, HELD, LARGE, LARGE_MODEL, Held
from cordsnet.experiments.cognition.held_options import HeldOptions
from cordsnet.experiments.cognition.recurrences import spec_options
from cordsnet.models import MODELS
from cordsnet.tasks import task_recipe
from cordsnet.tasks.recipe import Effort
from cordsnet.training import Run


def held_runs(options: HeldOptions, seed: int) -> list[Run]:
    """The runs of all tasks, models and seeds, and then those of the large networks."""
    seeds = range(seed, seed + options.seeds)
    small = [
        _run(task, HELD[task], name, spec_options(name, options.units, FRAME_MS), one, options, "small")
        for task in options.tasks
        for name in options.models
        for one in seeds
    ]
    large = [
        _run(task, LARGE[task], LARGE_MODEL, {"dt_ms": FRAME_MS}, seed, options, "large") for task in options.large
    ]
    return small + large


def _run(name: str, held: Held, model: str, fields: dict[str, Any], seed: int, options: HeldOptions, size: str) -> Run:
    maps = held.maps if getattr(MODELS[model].spec, "recurrence", "") == "conv" else {}
    task, changed = held.task(name), {**held.fields, **maps, **fields}
    recipe = replace(task_recipe(task, model, options.trials, _effort(held.effort, options), **changed), seed=seed)
    spec: Any = recipe.spec()
    columns = {"task": name, "model": model, "units": spec.size, "size": size}
    return Run(f"{name}/{spec.size}_units/{model}/seed={seed}", recipe, columns)


def _effort(effort: Effort, options: HeldOptions) -> Effort:
    """An effort of at most so many updates in every stage, and batches of another size, where options say so."""
    batch = effort.batch if options.batch is None else options.batch
    if options.updates is None:
        return replace(effort, batch=batch)
    most = options.updates
    lessons = tuple(replace(one, updates=min(most, one.updates)) for one in effort.lessons)
    return replace(effort, batch=batch, updates=min(most, effort.updates), lessons=lessons)

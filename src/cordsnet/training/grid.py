"""Grids of runs: one recipe with every combination of values of some settings, and several seeds."""

import dataclasses
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_type_hints

import numpy as np
from jsonargparse import ArgumentError, ArgumentParser

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_type
from cordsnet.models import MODELS
from cordsnet.registry import Registry
from cordsnet.training.recipe import ModelChoice, Recipe

TableValue: TypeAlias = str | int | float
"""Value in a table of runs."""


MOST_RUNS = 100_000
"""Largest number of runs of a grid."""


@dataclass(frozen=True)
class Run:
    """One training run of a sweep.

    Attributes
    ----------
    name : folder of the run, relative to the folder of the sweep.
    recipe : recipe to train.
    columns : column name -> value, which identify the run in the table.
    """

    name: str
    recipe: Recipe
    columns: Mapping[str, TableValue] = field(default_factory=dict)


@check_arguments
def grid(recipe: Recipe, choices: Mapping[str, Sequence[Any]], seeds: int | Sequence[int]) -> list[Run]:
    """Make a run for every combination of values and every seed.

    Parameters
    ----------
    recipe : recipe that all runs are based on.
    choices : setting -> list of values. Values are given as Python objects, or as strings as on the command line. A
        setting is an option of `cordsnet train`, such as "finetune.objective.spontaneous_weight", or the end of one,
        such as "spontaneous_weight", which sets it in every stage that has it.
    seeds : list of seeds, or number of seeds, counted up from the seed of the recipe.

    Raises
    ------
    ValueError : the recipe does not have a setting, a name stands for several different settings, or a value is of
        the wrong type.
    """
    if isinstance(seeds, int | np.integer):
        seeds = range(recipe.seed, recipe.seed + check_count(seeds, "seeds", most=MOST_RUNS))
    for name, values in choices.items():
        check_type(values, Sequence, f"the values of {name!r}", "a list")
    count = math.prod(len(values) for values in choices.values()) * len(seeds)
    if count > MOST_RUNS:
        raise ValueError(f"the grid has {count:,} runs; make one of at most {MOST_RUNS:,}")
    paths = {name: matching_settings(recipe, name) for name in choices}
    _check_choices(choices, paths)
    parsed = {name: _parsed(recipe, paths[name], values) for name, values in choices.items()}
    columns_of = [_table_values(values) for values in parsed.values()]
    runs = []
    for values, in_table in zip(itertools.product(*parsed.values()), itertools.product(*columns_of), strict=True):
        chosen, columns = recipe, dict(zip(choices, in_table, strict=True))
        for name, value in zip(choices, values, strict=True):
            for path in paths[name]:
                chosen = with_setting(chosen, path, value)
        folder = "".join(f"{_folder_name(name, value)}/" for name, value in columns.items())
        runs += [Run(f"{folder}seed={seed}", dataclasses.replace(chosen, seed=seed), columns) for seed in seeds]
    return runs


def parse_choices(words: Sequence[str]) -> dict[str, list[str]]:
    """Parse settings and their values from strings such as "lr=1e-3,1e-2". Commas in brackets do not separate values.

    Raises ValueError for strings of another form, and for a setting that is given twice.
    """
    choices: dict[str, list[str]] = {}
    for word in words:
        name, _, values = word.partition("=")
        if not (name and values):
            raise ValueError(f"{word!r} must be a setting and its values, such as spontaneous_weight=0,1e-4")
        if name in choices:
            raise ValueError(f"{name!r} is given twice; give all its values at once")
        choices[name] = re.split(r",(?![^\[]*\])", values)
    return choices


@check_arguments
def with_setting(recipe: Recipe, path: str, value: Any) -> Recipe:
    """Return the recipe with one setting changed.

    The setting is named as on the command line, such as "data", "model.width" or "cnn.optimisation.lr".

    Raises ValueError with the nearest names when the recipe has no such setting.
    """
    if path not in settings(recipe):
        raise _unknown(recipe, path)
    head, *rest = path.split(".")
    if not rest or head == "model":
        changed: Recipe = _replaced(recipe, [head, *rest], value)
        return changed
    return recipe.replace(head, _replaced(recipe.stage(head), rest, value))


def settings(recipe: Recipe) -> dict[str, Any]:
    """List every setting of a recipe except the seed and the names of stages, as path -> type."""
    found: dict[str, Any] = {"data": str} | _leaves(recipe.model, "model") | _options(recipe.model)
    del found["model.options"]
    for stage in recipe.stages:
        found |= _leaves(stage, stage.name)
        del found[f"{stage.name}.name"]
    return found


def matching_settings(recipe: Recipe, name: str) -> list[str]:
    """Find the settings that `name` stands for: the one with that path, or all whose path ends with it.

    Raises ValueError when there is none, or when they are different settings and not one setting of several stages.
    """
    paths = settings(recipe)
    if name in paths:
        return [name]
    found = [path for path in paths if path.endswith(f".{name}")]
    found = [path for path in found if not path.startswith("model.options.")] or found  # those are the last choice
    if not found:
        raise _unknown(recipe, name)
    stages = {stage.name for stage in recipe.stages}
    meanings = {path.partition(".")[2] if path.split(".")[0] in stages else path for path in found}
    if len(meanings) > 1:
        raise ValueError(f"{name!r} means several settings: {', '.join(found)}; write one in full")
    return found


def _unknown(recipe: Recipe, name: str) -> ValueError:
    if name == "seed":
        return ValueError("seed cannot be a setting of a grid; use the argument seeds, a list of seeds or their number")
    known: Registry[None] = Registry("setting")
    for path in settings(recipe):
        offered = path if "." in name else path.rpartition(".")[2]
        if offered not in known:
            known.add(offered, None)
    try:
        known[name]
    except ValueError as error:
        return error
    raise AssertionError(f"{name!r} is known")


def _leaves(tree: Any, path: str) -> dict[str, Any]:
    hints = get_type_hints(type(tree))
    found: dict[str, Any] = {}
    for part in dataclasses.fields(tree):
        value, below = getattr(tree, part.name), f"{path}.{part.name}"
        found |= _leaves(value, below) if dataclasses.is_dataclass(value) else {below: hints[part.name]}
    return found


def _options(choice: ModelChoice) -> dict[str, Any]:
    """Path -> type of the numbers, words and switches in the spec of a model that are no settings of every model."""
    spec = MODELS[choice.name].spec
    hints, common = get_type_hints(type(spec)), {field.name for field in dataclasses.fields(choice)}
    names = [field.name for field in dataclasses.fields(spec) if field.name not in common]
    simple = [name for name in names if isinstance(getattr(spec, name), int | float | str)]
    return {f"model.options.{name}": hints[name] for name in simple}


def _replaced(tree: Any, path: list[str], value: Any) -> Any:
    """Replace one leaf of a tree of frozen dataclasses and tables."""
    name, *rest = path
    if isinstance(tree, dict):
        return {**tree, name: value}
    return dataclasses.replace(tree, **{name: _replaced(getattr(tree, name), rest, value) if rest else value})


def _check_choices(choices: Mapping[str, Sequence[Any]], paths: Mapping[str, list[str]]) -> None:
    set_by: dict[str, str] = {}
    for name, values in choices.items():
        if not values:
            raise ValueError(f"choice {name!r} has no values; give at least one")
        for path in paths[name]:
            if path in set_by:
                raise ValueError(f"{path} is set by both {set_by[path]!r} and {name!r}; leave one out")
            set_by[path] = name


def _parsed(recipe: Recipe, paths: list[str], values: Sequence[Any]) -> list[Any]:
    """Convert values, given as objects or as strings, to the type of their setting."""
    hint, parser = settings(recipe)[paths[0]], ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=hint)
    try:
        return [parser.parse_object({"value": value})["value"] for value in values]
    except ArgumentError as error:
        kind = hint.__name__ if isinstance(hint, type) else str(hint)
        raise ValueError(f"values of {paths[0]} must be of type {kind}, got {list(values)}") from error


def _table_values(values: Sequence[Any]) -> list[TableValue]:
    """Keep numbers, and convert anything else to strings, so that a column has one type."""
    return list(values) if all(isinstance(value, int | float) for value in values) else [str(v) for v in values]


def _folder_name(name: str, value: TableValue) -> str:
    return re.sub(r"[^\w.=+-]+", "-", f"{name}={value}")

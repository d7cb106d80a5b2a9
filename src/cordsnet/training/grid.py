"""Many runs from one recipe: the product of some settings' values and seeds."""

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_type_hints

from jsonargparse import ArgumentError, ArgumentParser

from cordsnet.registry import Registry
from cordsnet.training.recipe import Recipe

Cell: TypeAlias = str | int | float
"""What a table may hold."""


@dataclass(frozen=True)
class Run:
    """One training run of a sweep.

    Attributes
    ----------
    name : its folder below the sweep's.
    recipe : what is trained.
    columns : what sets it apart in the table.
    """

    name: str
    recipe: Recipe
    columns: Mapping[str, Cell] = field(default_factory=dict)


def grid(recipe: Recipe, choices: Mapping[str, Sequence[Any]], seeds: int | Sequence[int]) -> list[Run]:
    """Every combination of the choices' values, with every seed.

    Parameters
    ----------
    recipe : base of all runs.
    choices : setting -> its values, as themselves or as one would write them on the command line. A setting is a full
        option of `cordsnet train`, such as "finetune.objective.spontaneous_weight", or the end of one, such as
        "spontaneous_weight", which sets it in every stage that has it.
    seeds : the seeds themselves, or how many, counted from the recipe's.

    Raises ValueError for settings that the recipe does not have, ends that mean several things, and values that do not
    suit their setting.
    """
    if isinstance(seeds, int):
        if seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {seeds}")
        seeds = range(recipe.seed, recipe.seed + seeds)
    for name, values in choices.items():
        if not values:
            raise ValueError(f"choice {name!r} has no values; give at least one")
    runs = []
    for values in itertools.product(*choices.values()):
        chosen, columns = recipe, {}
        for name, value in zip(choices, values, strict=True):
            for path in matching(recipe, name):
                kept = _as_type(value, settings(recipe)[path], path)
                chosen = with_value(chosen, path, kept)
            columns[name] = kept if isinstance(kept, int | float) else str(kept)
        folders = [_folder_name(name, value) for name, value in columns.items()]
        for seed in seeds:
            seeded = dataclasses.replace(chosen, seed=seed)
            runs.append(Run("/".join([*folders, f"seed={seed}"]), seeded, columns))
    return runs


def with_value(recipe: Recipe, path: str, value: Any) -> Recipe:
    """The recipe with one setting changed, named as on the command line: "data", "model.width", "cnn.optimisation.lr".

    Raises ValueError, with the nearest names, when the recipe has no such setting.
    """
    if path not in settings(recipe):
        raise _unknown(recipe, path)
    head, *rest = path.split(".")
    if not rest or head == "model":
        changed: Recipe = _replaced(recipe, [head, *rest], value)
        return changed
    return recipe.replace(head, _replaced(recipe.stage(head), rest, value))


def settings(recipe: Recipe) -> dict[str, Any]:
    """Path -> type of every setting but the seed; the names of stages are not settings."""
    found: dict[str, Any] = {"data": str} | _leaves(recipe.model, "model")
    for stage in recipe.stages:
        found |= _leaves(stage, stage.name)
        del found[f"{stage.name}.name"]
    return found


def matching(recipe: Recipe, name: str) -> list[str]:
    """The settings that `name` stands for: the one of that path, or all of whose path it is the end.

    Raises ValueError when there is none, or when they are not the same setting of several stages.
    """
    paths = settings(recipe)
    if name in paths:
        return [name]
    found = [path for path in paths if path.endswith(f".{name}")]
    if not found:
        raise _unknown(recipe, name)
    stages = {stage.name for stage in recipe.stages}
    meanings = {path.partition(".")[2] if path.split(".")[0] in stages else path for path in found}
    if len(meanings) > 1:
        raise ValueError(f"{name!r} means several settings: {', '.join(found)}; write one in full")
    return found


def _unknown(recipe: Recipe, name: str) -> ValueError:
    if name == "seed":
        return ValueError("seed is no setting of a grid; say which seeds, or how many")
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


def _replaced(tree: Any, path: list[str], value: Any) -> Any:
    """A tree of frozen dataclasses with one leaf replaced."""
    name, *rest = path
    return dataclasses.replace(tree, **{name: _replaced(getattr(tree, name), rest, value) if rest else value})


def _as_type(value: Any, hint: Any, path: str) -> Any:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=hint)
    try:
        return parser.parse_object({"value": value})["value"]
    except ArgumentError as error:
        kind = getattr(hint, "__name__", None) or str(hint)
        raise ValueError(f"{path} must be of type {kind}, got {value!r}") from error


def _folder_name(name: str, value: Cell) -> str:
    return re.sub(r"[^\w.=+-]+", "-", f"{name}={value}")

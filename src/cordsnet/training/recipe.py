"""A recipe: everything that a training run is, as one tree of plain data."""

import dataclasses
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from cordsnet.models import MODELS, ModelSpec
from cordsnet.registry import Registry
from cordsnet.training.stage import Stage


@dataclass(frozen=True)
class ModelChoice:
    """Which network: a row of the table, and what to change in it.

    Attributes
    ----------
    name : a row of the table.
    image_size, in_channels, num_classes : of the data.
    width : channels of the stem and the first areas; None keeps the row's.
    recurrent : areas with a recurrent kernel: "all", or only the "top" one. Without the others the network has no
        feedforward twin, so it is trained from random weights.
    """

    name: str = "cordsnet_r2_small"
    image_size: int = 16
    in_channels: int = 1
    num_classes: int = 10
    width: int | None = None
    recurrent: Literal["all", "top"] = "all"

    def spec(self) -> ModelSpec:
        """The network as data."""
        sizes = {"image_size": self.image_size, "in_channels": self.in_channels, "num_classes": self.num_classes}
        return MODELS[self.name].spec.changed(self.width, recurrent=self.recurrent, **sizes)


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Attributes
    ----------
    name : of the recipe.
    model : the network.
    data : name of the data set, or path of a folder (`load_data`); its images are made as large as the network reads.
    stages : in order; each starts from another's result or from random weights.
    seed : of everything that is drawn.
    """

    name: str
    stages: tuple[Stage, ...]
    model: ModelChoice = field(default_factory=ModelChoice)
    data: str = "digits"
    seed: int = 0

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        for k, stage in enumerate(self.stages):
            if names.count(stage.name) > 1:
                raise ValueError(f"recipe {self.name!r} has two stages named {stage.name!r}; rename one")
            if stage.start and stage.start not in names[:k]:
                raise ValueError(
                    f"stage {stage.name!r} starts from {stage.start!r}, which is not a stage before it; "
                    f"stages before it: {', '.join(names[:k]) or 'none'}"
                )

    def stage(self, name: str) -> Stage:
        """The stage of that name. Raises ValueError with the nearest names when there is none."""
        table: Registry[Stage] = Registry(f"stage of recipe {self.name!r}")
        for stage in self.stages:
            table.add(stage.name, stage)
        return table[name]

    def replace(self, name: str, stage: Stage) -> "Recipe":
        """The recipe with one stage replaced."""
        old = self.stage(name)
        return dataclasses.replace(self, stages=tuple(stage if s is old else s for s in self.stages))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        rest = {"name": self.name, "model": dataclasses.asdict(self.model), "data": self.data, "seed": self.seed}
        return rest | {"stages": [stage.to_dict() for stage in self.stages]}


RecipeFunction: TypeAlias = Callable[[], Recipe]
RECIPES: Registry[RecipeFunction] = Registry("recipe")


def find_recipe(name: str) -> Recipe:
    """A recipe of the package by name, or one's own as `file.py:function` or `package.module:function`.

    Raises ValueError, saying what is wrong, when there is no such recipe.
    """
    if ":" not in name:
        return RECIPES[name]()
    place, _, function = name.rpartition(":")
    try:
        made = getattr(_module(place), function)()
    except (ImportError, OSError, AttributeError) as error:
        raise ValueError(f"recipe {name!r} cannot be loaded ({error}); write file.py:function") from error
    if not isinstance(made, Recipe):
        raise ValueError(f"recipe {name!r} must return a Recipe, got {type(made).__name__}")
    return made


def _module(place: str) -> Any:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    found = importlib.util.spec_from_file_location("own_recipe", place)
    if found is None or found.loader is None:
        raise ImportError(f"{place} is no Python file")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module

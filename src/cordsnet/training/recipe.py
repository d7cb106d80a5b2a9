"""A recipe: everything that a training run is, as one tree of plain data."""

import dataclasses
import importlib
import importlib.util
import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import is_whole
from cordsnet._files import check_name
from cordsnet.data import Reading, is_path
from cordsnet.data.datasets import load_any
from cordsnet.data.table import SHAPES
from cordsnet.errors import DataError, DataWarning, RunError
from cordsnet.models import MODELS, ImageSpec, ModelSpec
from cordsnet.models.spec import square
from cordsnet.registry import Registry
from cordsnet.training.sources import as_source
from cordsnet.training.stage import Stage
from cordsnet.training.table import RECIPES as _ROWS

RESERVED = frozenset(
    ("record.json", "recipe.json", "data", "seed", "model", "output", "quiet", "only", "restart", "help", "config")
)
"""Names of files of a run, and options of the command line, which no stage can have."""

SIZES = ("image_size", "in_channels", "num_classes")
"""Fields of a spec that may follow from the data."""


@check_init
@dataclass(frozen=True)
class ModelChoice:
    """Choice of a network: a row of the table, and changes to it.

    Attributes
    ----------
    name : a row of the table.
    image_size, in_channels, num_classes : of the data; None takes what follows from the data. Images that can be made
        as large as the network reads them take the row's size.
    preferred_size : of images whose size is left open, px, for networks that can read them so; others, whose spec
        refuses that size, take the row's.
    width : channels of the first areas; None keeps the row's.
    recurrent : for a CordsNet, areas with a recurrent kernel: "all", or only the "top" one. Without the others the
        network has no feedforward twin, so it is trained from random weights.
    options : any other field of the spec of that kind of model.
    """

    name: str = "cordsnet_r2_small"
    image_size: int | None = None
    in_channels: int | None = None
    num_classes: int | None = None
    width: int | None = None
    recurrent: Literal["all", "top"] = "all"
    options: dict[str, Any] = field(default_factory=dict)
    preferred_size: int | None = None

    @property
    def kind(self) -> str:
        """Row of `KINDS` of the network."""
        return MODELS[self.name].kind

    @property
    def sets_size(self) -> bool:
        """True if the size of images is set, so that none is preferred."""
        return self.options.get("image_size", self.image_size) is not None

    @property
    def shown_size(self) -> int:
        """Size at which images are loaded, px."""
        asked = self.options.get("image_size", self.image_size)
        if asked is not None:
            return square(asked)[-1]
        spec = MODELS[self.name].spec
        if self.preferred_size is not None and can_read(spec, self.preferred_size):
            return self.preferred_size
        return int(spec.image_size[-1]) if hasattr(spec, "image_size") else 0

    def spec(self, data: Any = None) -> ModelSpec:
        """The network as data, with what is left open taken from the data, or from the row where there is none.

        Raises ValueError, naming the option, for options that this kind of model does not have.
        """
        row = MODELS[self.name]
        known = {f.name for f in dataclasses.fields(row.spec)}
        sizes = {} if data is None else {k: v for k, v in as_source(data).sizes().items() if k in known}
        own = {"image_size": self.image_size, "in_channels": self.in_channels, "num_classes": self.num_classes}
        if "image_size" in known and not sizes and self.preferred_size is not None:
            sizes = {"image_size": self.shown_size}
        given = sizes | {key: value for key, value in own.items() if value is not None} | self.options
        if self.recurrent != "all":
            given["recurrent"] = self.recurrent
        return row.spec.changed(self.width, **given)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; without options, and without a preferred size, as before there were any."""
        rest = ("options", "preferred_size")
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in rest or value}


def can_read(spec: ModelSpec, size: int) -> bool:
    """True if a network of this kind can be made for images of `size` x `size` px."""
    if not hasattr(spec, "image_size"):
        return False
    try:
        spec.changed(image_size=size)
    except ValueError:
        return False
    return True


@check_init
@dataclass(frozen=True)
class Recipe:
    """A training run.

    Attributes
    ----------
    name : of the recipe.
    model : the network.
    data : name of the data set, or path of a folder (`load_data`); its images are made as large as the network reads.
        "" for a recipe that says nothing of them, so that they have to be given.
    stages : in order; each starts from another's result or from random weights.
    seed : of everything that is drawn.
    reading : for data by path, the columns of its tables, and how many images may be unreadable.
    data_options : settings of data that a program makes, such as the task whose trials are "task".
    """

    name: str
    stages: tuple[Stage, ...]
    model: ModelChoice = field(default_factory=ModelChoice)
    data: str = "digits"
    seed: int = 0
    reading: Reading = field(default_factory=Reading)
    data_options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", os.fspath(self.data))
        names = [stage.name for stage in self.stages]
        for k, stage in enumerate(self.stages):
            if names.count(stage.name) > 1:
                raise ValueError(f"recipe {self.name!r} has two stages named {stage.name!r}; rename one")
            if stage.start and stage.start not in names[:k]:
                raise ValueError(
                    f"stage {stage.name!r} starts from {stage.start!r}, which is not a stage before it; "
                    f"stages before it: {', '.join(names[:k]) or 'none'}"
                )

    def check(self) -> None:
        """Raise RunError or ValueError, before anything is trained, for what could not be run as it is written.

        Names of stages become folders of the run and options of the command line, so they are no paths and no words
        that have another meaning there.
        """
        check_name(self.name, "recipe")
        folded: dict[str, str] = {}
        for stage in self.stages:
            name = check_name(stage.name, "stage")
            if name.casefold() in RESERVED:
                raise RunError(f"a stage cannot be named {name!r}, which has a meaning of its own; rename it")
            if (twin := folded.setdefault(name.casefold(), name)) != name:
                raise RunError(f"stages {twin!r} and {name!r} share a folder where case does not count; rename one")
            stage.check()
        if not is_whole(self.seed) or not 0 <= self.seed < 2**63:
            raise RunError(f"seed must be a whole number from 0 to 2^63 - 1, got {self.seed!r}")

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

    def load_data(self) -> Any:
        """The data, images at the size that the network reads. Raises DataError for a recipe that names none.

        A DataWarning says where that is not the size that the recipe prefers.
        """
        self._check_data()
        preferred, size = self.model.preferred_size, self.model.shown_size
        if size and not self.model.sets_size and preferred not in (None, size):
            warnings.warn(
                f"{self.model.name} cannot be made for images of {preferred} px, the size that recipe {self.name!r} "
                f"prefers, and reads {size} px; set --model.image_size for another",
                DataWarning,
                stacklevel=2,
            )
        return load_any(self.data, self.model.shown_size, self.reading, self.data_options)

    def _check_data(self) -> None:
        if not self.data:
            raise DataError(
                f"recipe {self.name!r} is for images of your own; give their folder with --data PATH (data= in Python)"
            )
        if not self.model.shown_size and (is_path(self.data) or self.data in SHAPES):
            raise RunError(f"{self.model.name} reads no images, and {self.data!r} has images; choose other data")

    @property
    def data_name(self) -> str:
        """Name of the data set; "" for data by path, which is known by its content, however the path is written."""
        return "" if is_path(self.data) else self.data

    def spec(self) -> ModelSpec:
        """The network as data. Loads the data where something follows from it."""
        return self.resolved().model.spec()

    def resolved(self, data: Any = None) -> "Recipe":
        """The recipe with everything written out that follows from the data (None: loads it if need be)."""
        model, spec = self.model, MODELS[self.model.name].spec
        if isinstance(spec, ImageSpec) and None not in [getattr(model, name) for name in SIZES]:
            return self
        if data is None:
            self._check_data()
        if data is None:
            options = json.dumps(self.data_options, sort_keys=True)
            sizes = _sizes(self.data, model.shown_size, self.reading, options)
        else:
            sizes = as_source(data).sizes()
        known = {f.name for f in dataclasses.fields(spec)} - set(model.options)
        found = {name: value for name, value in sizes.items() if name in known}
        own = {name: found.pop(name) for name in SIZES if name in found}
        own = {name: value for name, value in own.items() if getattr(model, name) is None}
        if "image_size" in own:
            own["image_size"] = _one_side(own["image_size"], self.data)
        return dataclasses.replace(self, model=dataclasses.replace(model, **own, options={**found, **model.options}))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        rest = {"name": self.name, "model": self.model.to_dict(), "data": self.data, "seed": self.seed}
        if self.reading != Reading():
            rest["reading"] = dataclasses.asdict(self.reading)
        if self.data_options:
            rest["data_options"] = self.data_options
        return rest | {"stages": [stage.to_dict() for stage in self.stages]}


def _one_side(size: tuple[int, int], data: str) -> int:
    """Side of square images. Raises ValueError for others, whose size is an option."""
    if size[0] != size[1]:
        raise ValueError(f"images of {data!r} are {size[0]} x {size[1]} px; set model.options.image_size to that")
    return size[0]


@lru_cache(maxsize=32)
def _sizes(data: str, image_size: int, reading: Reading, options: str) -> Mapping[str, Any]:
    return as_source(load_any(data, image_size, reading, json.loads(options))).sizes()


RECIPES: Registry[Callable[[], Recipe]] = _ROWS


@check_arguments
def find_recipe(name: str) -> Recipe:
    """A recipe of the package by name, or one's own as `file.py:function` or `package.module:function`.

    Raises ValueError, saying what is wrong, when there is no such recipe.
    """
    if ":" not in name:
        return RECIPES[name]()
    place, _, function = name.rpartition(":")
    try:
        made = getattr(_module(place), function)()
    except (ImportError, OSError, AttributeError, SyntaxError, TypeError, ValueError) as error:
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

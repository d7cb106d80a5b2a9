"""The table of recipes. A recipe is imported when it is asked for, so that names are checked at once."""

from collections.abc import Callable
from typing import Any

from cordsnet.registry import Registry

RECIPES: Registry[Callable[[], Any]] = Registry("recipe")
"""Name -> function that returns a `Recipe`."""

for _name in ("digits", "digits_paper", "digits_settled", "cifar10", "cifar10_r4", "cifar10_direct", "demo", "images"):
    RECIPES.add_lazy(_name, f"cordsnet.training.recipes:{_name}")

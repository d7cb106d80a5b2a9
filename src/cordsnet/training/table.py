"""The table of recipes. A recipe is imported when it is asked for, so that names are checked at once."""

from collections.abc import Callable
from typing import Any

from cordsnet.registry import Registry

RECIPES: Registry[Callable[[], Any]] = Registry("recipe")
"""Name -> function that returns a `Recipe`."""

for _name in ("digits", "digits_paper", "digits_settled", "cifar10", "cifar10_r4", "cifar10_direct", "demo", "images"):
    RECIPES.add_lazy(_name, f"cordsnet.training.recipes:{_name}")
for _name in (
    "digits_direct",
    "digits_next_frame",
    "digits_contrastive",
    "mnist",
    "cifar10_compare",
    "cifar100",
    "imagenet",
    "ecoset",
):
    RECIPES.add_lazy(_name, f"cordsnet.training.direct:{_name}")

"""The table of data sets. A row is imported when it is asked for, so that names are checked at once."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cordsnet.registry import Registry

DATASETS: Registry[Callable[[int], Any]] = Registry("data set")
"""Name -> function of an image size in px that returns `VisionData`, or another source of data.

Data that a program makes, such as "task", trials of a cognitive task, has options too (`Recipe.data_options`).
"""

DATASETS.add_lazy("digits", "cordsnet.data.datasets:digits")
DATASETS.add_lazy("task", "cordsnet.tasks.source:load_task")
for _name in ("mnist", "fashion_mnist", "cifar10", "cifar100", "imagenet", "imagenet_streamed"):
    DATASETS.add_lazy(_name, f"cordsnet.data.hub:LOADERS.{_name}")

SHAPES: dict[str, tuple[int, int, int]] = {
    "digits": (1, 10, 1437),
    "mnist": (1, 10, 60_000),
    "fashion_mnist": (1, 10, 60_000),
    "cifar10": (3, 10, 50_000),
    "cifar100": (3, 100, 50_000),
    "imagenet": (3, 1000, 1_281_167),
    "imagenet_streamed": (3, 1000, 1_281_167),
    "ecoset": (3, 565, 1_500_000),
}
"""Name -> channels, classes and training images, to plan with before a data set is on the machine. Those of ecoset are
as its card says, "1.5m images from 565 basic level categories"; it has no row and is read from a folder."""


def is_path(name: str | Path) -> bool:
    """True if `name` is taken for the path of a folder, and not for the name of a data set."""
    if isinstance(name, Path):
        return True
    if not isinstance(name, str):  # checked here, since `check_arguments` imports PyTorch and the command line does not
        raise TypeError(f"name must be a text or a path, got {type(name).__name__}")
    return name not in DATASETS and (os.sep in name or name.startswith(("~", ".")) or Path(name).is_dir())

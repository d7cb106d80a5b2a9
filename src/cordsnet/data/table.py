"""The table of data sets. A row is imported when it is asked for, so that names are checked at once."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cordsnet.registry import Registry

DATASETS: Registry[Callable[[int], Any]] = Registry("data set")
"""Name -> function of an image size in px that returns `VisionData`."""

DATASETS.add_lazy("digits", "cordsnet.data.datasets:digits")
for _name in ("mnist", "fashion_mnist", "cifar10", "cifar100", "imagenet", "imagenet_streamed"):
    DATASETS.add_lazy(_name, f"cordsnet.data.hub:LOADERS.{_name}")


def is_path(name: str | Path) -> bool:
    """True if `name` is taken for the path of a folder, and not for the name of a data set."""
    if isinstance(name, Path):
        return True
    if not isinstance(name, str):  # checked here, since `check_arguments` imports PyTorch and the command line does not
        raise TypeError(f"name must be a text or a path, got {type(name).__name__}")
    return name not in DATASETS and (os.sep in name or name.startswith(("~", ".")) or Path(name).is_dir())

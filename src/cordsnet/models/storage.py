"""Saving and loading models of every kind. No code that a file brings is ever run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from cordsnet._arguments import check_arguments
from cordsnet.models.files import read_model, write_model
from cordsnet.models.interface import VisionModel


@check_arguments
def save_model(model: nn.Module, folder: str | Path, metadata: Mapping[str, Any] | None = None) -> Path:
    """Write `folder/model.safetensors` and `folder/model.json`, each whole or not at all.

    Parameters
    ----------
    model : a model of any kind, also one inside `torch.compile` or a wrapper for several GPUs.
    folder : folder to write to; made if need be.
    metadata : plain data worth keeping beside the weights, merged over what the model carries in its own.

    Returns the folder. Raises TypeError for a module that is no model of this package.
    """
    inside = unwrapped(model)
    return write_model(inside, folder, inside.description() | {"metadata": {**inside.metadata, **(metadata or {})}})


@check_arguments
def load_model(folder: str | Path) -> VisionModel:
    """The model that `save_model` wrote, in evaluation mode and in the precision of the file.

    Raises
    ------
    CheckpointError : a file is missing, damaged, or the two do not belong together.
    """
    return read_model(folder, VisionModel.from_description)


def unwrapped(model: nn.Module) -> VisionModel:
    """The model inside `torch.compile` and wrappers for several GPUs. Raises TypeError when there is none."""
    inside: Any = model
    while not isinstance(inside, VisionModel):
        wrapped = [getattr(inside, name) for name in ("_orig_mod", "module") if hasattr(inside, name)]
        if not wrapped:
            raise TypeError(f"model must be a model of cordsnet, got {type(model).__name__}; use torch.save for others")
        inside = wrapped[0]
    return inside

"""Layers that a loss had put on top of a model, kept beside it when a stage ends."""

from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from cordsnet._files import write_whole
from cordsnet.errors import RunError
from cordsnet.models.tensors import check_match, read_tensors
from cordsnet.training.loss import Loss

HEAD = "head.safetensors"


def write_head(head: nn.Module, folder: Path) -> None:
    """Write the weights of a head into the folder of a stage."""
    write_whole(folder / HEAD, save({name: value.cpu().contiguous() for name, value in head.state_dict().items()}))


def read_head(loss: Loss, model: Any, folder: Path) -> nn.Module:
    """The head of a loss on a model, as the stage in `folder` ended with it, in evaluation mode.

    Raises RunError when the loss puts nothing on that model, or nothing was kept, and CheckpointError when the weights
    are damaged or those of another loss or model.
    """
    head = loss.head(model)
    if head is None:
        raise RunError(f"loss {loss.kind!r} puts no layers on this model; read the model's own outputs")
    if not (folder / HEAD).is_file():
        raise RunError(f"{folder} holds no {HEAD}; give the folder of a stage that was trained with such a loss")
    found = read_tensors(folder / HEAD)
    check_match(found, head.state_dict(), folder / HEAD)
    head.load_state_dict(found)
    return head.to(model.like).eval()

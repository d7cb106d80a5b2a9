"""A model as two files: safetensors for the numbers, JSON for what they mean, whatever class it is of."""

import json
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from cordsnet._files import write_whole
from cordsnet.errors import CheckpointError

Model = TypeVar("Model", bound=nn.Module)

FORMAT = 1
WEIGHTS, DESCRIPTION, CARD = "model.safetensors", "model.json", "README.md"
BOXES = ("state_dict", "model_state_dict")
"""Entries of a training checkpoint that may hold the weights."""

DAMAGED = (
    SafetensorError,
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
)
"""Errors that reading a damaged file of weights may raise."""

LARGEST_DESCRIPTION = 64 * 2**20
"""Bytes; a description is a few kB, more only where time constants are given per unit."""


def write_model(model: nn.Module, folder: str | Path, description: Mapping[str, Any]) -> Path:
    """Write weights and description, each whole or not at all. Returns the folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    described = json.dumps({"format": FORMAT, **description}, indent=1).encode()  # first, since metadata may not fit
    write_whole(folder / WEIGHTS, save(tensors))
    write_whole(folder / DESCRIPTION, described)
    return folder


def read_model(folder: str | Path, make: Callable[[Mapping[str, Any], Path], Model]) -> Model:
    """The model that `make` makes of a folder's description, with the folder's weights, in evaluation mode.

    Raises CheckpointError when a file is missing, damaged, or the two do not belong together.
    """
    folder = Path(folder)
    description = read_description(folder / DESCRIPTION)
    found = read_tensors(folder / WEIGHTS)
    with torch.device("meta"):  # shapes alone, so that a wrong description cannot ask for more memory than the file
        shapes = make(description, folder / DESCRIPTION).state_dict()
    check_match(found, shapes, folder / WEIGHTS)
    model = make(description, folder / DESCRIPTION)
    floats = {value.dtype for value in found.values() if value.is_floating_point()}
    if len(floats) == 1:
        model = model.to(floats.pop())
    model.load_state_dict(found, strict=True)
    return model.eval()


def read_metadata(folder: str | Path) -> dict[str, Any]:
    """The metadata that was saved beside a model."""
    return dict(read_description(Path(folder) / DESCRIPTION)["metadata"])


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Name -> tensor from safetensors, or from a PyTorch state dict read as weights only.

    Raises CheckpointError when the file is missing, damaged, or holds anything but tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no file of weights at {path}; check the path")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGED as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} is damaged or is not a file of weights alone ({reason[:120]}); fetch or save it again"
        ) from error
    if isinstance(content, Mapping):
        content = next((content[box] for box in BOXES if isinstance(content.get(box), Mapping)), content)
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise CheckpointError(f"{path} must hold a state dict of named tensors, got {type(content).__name__}")
    return dict(content)


def check_match(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: str | Path) -> None:
    """Raise CheckpointError, naming the first culprit, unless names and shapes agree exactly and values are finite."""
    if missing := [name for name in wanted if name not in found]:
        raise CheckpointError(f"{path} lacks {_count(missing)}; it belongs to another network")
    if extra := [name for name in found if name not in wanted]:
        raise CheckpointError(
            f"{path} holds {_count(extra)} that the model has no place for; create the model it was saved from"
        )
    for name, value in wanted.items():
        if found[name].shape != value.shape:
            raise CheckpointError(
                f"{path}: {name!r} has shape {list(found[name].shape)} where the model has {list(value.shape)}; "
                "check num_classes, in_channels and image_size"
            )
        if not bool(torch.isfinite(found[name]).all()):
            raise CheckpointError(f"{path}: {name!r} holds NaN or infinite values; the file comes from a diverged run")


def read_description(path: Path) -> dict[str, Any]:
    """Read the JSON file of a model. Raises CheckpointError when it is missing, damaged or of another format."""
    if not path.is_file():
        raise CheckpointError(f"no model description at {path}; give the folder that save_model wrote")
    if path.stat().st_size > LARGEST_DESCRIPTION:
        raise CheckpointError(f"{path} is larger than {LARGEST_DESCRIPTION} bytes, so it is no model description")
    try:
        description = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); save the model again") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is not a model description of format {FORMAT}; save the model again, or update cordsnet if a "
            "newer version wrote it"
        )
    if absent := {"kind", "spec", "metadata"} - set(description):
        raise CheckpointError(f"{path} lacks the entry {min(absent)!r}; save the model again")
    if not isinstance(description["metadata"], dict):
        raise CheckpointError(f"{path}: metadata must be a table, got {type(description['metadata']).__name__}")
    return description


def _count(names: list[str]) -> str:
    return repr(names[0]) + (f" and {len(names) - 1} more" if len(names) > 1 else "")

"""A model as two files: safetensors for the numbers, JSON for what they mean, whatever class it is of."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save
from torch import nn

from cordsnet._arguments import check_arguments
from cordsnet._files import write_whole
from cordsnet.errors import CheckpointError
from cordsnet.models.changed import plain_state
from cordsnet.models.tensors import check_file, check_match, parse_safetensors

Model = TypeVar("Model", bound=nn.Module)

FORMAT = 1
WEIGHTS, DESCRIPTION, CARD = "model.safetensors", "model.json", "README.md"
CHECKSUM = "sha256"
"""Entry of a description that holds the SHA-256 of the file of weights."""

LARGEST_DESCRIPTION = 64 * 2**20
"""Bytes; a description is a few kB, more only where time constants are given per unit."""

NO_CHECKSUM = "{} has no checksum, so that damage to its weights would not be noticed; save the model again to add one"


def write_model(model: nn.Module, folder: str | Path, description: Mapping[str, Any]) -> Path:
    """Write weights and description, each whole or not at all. Returns the folder.

    The description holds a checksum of the weights. Tensors that share memory are written one by one, and pruned or
    parametrised ones as they are now; both are said in a DataWarning.
    """
    folder = as_folder(folder)
    content = save({name: value.detach().cpu().contiguous() for name, value in plain_state(model).items()})
    described = {"format": FORMAT, **description, CHECKSUM: hashlib.sha256(content).hexdigest()}
    try:
        text = json.dumps(described, indent=1).encode()  # before anything is written, since metadata may not fit
    except (TypeError, ValueError) as error:
        raise TypeError(f"metadata must be plain data that fits into JSON ({error}); convert it first") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"folder {folder} cannot be made ({error.strerror}); choose another") from error
    write_whole(folder / WEIGHTS, content)
    write_whole(folder / DESCRIPTION, text)
    return folder


def read_model(folder: str | Path, make: Callable[[Mapping[str, Any], Path], Model]) -> Model:
    """The model that `make` makes of a folder's description, with the folder's weights, in evaluation mode.

    A folder without a checksum, as earlier versions wrote it, is read; the model's `notes` say so. Raises
    CheckpointError when a file is missing, damaged, or the two do not belong together.
    """
    folder = as_folder(folder)
    description, path = read_description(folder / DESCRIPTION), folder / WEIGHTS
    check_file(path, "file of weights")
    content = path.read_bytes()
    found = parse_safetensors(content, path)
    with torch.device("meta"):  # shapes alone, so that a wrong description cannot ask for more memory than the file
        shapes = make(description, folder / DESCRIPTION).state_dict()
    floats = {value.dtype for value in found.values() if value.is_floating_point()}
    dtype = floats.pop() if len(floats) == 1 else None
    check_match(found, shapes, path, dtype)
    _check_sum(description, content, folder)
    with torch.random.fork_rng(devices=[]):  # random weights, which are replaced, leave torch's generator as it was
        model = make(description, folder / DESCRIPTION)
    model = model if dtype is None else model.to(dtype)
    model.load_state_dict(found, strict=True)
    if CHECKSUM not in description:
        setattr(model, "notes", (*getattr(model, "notes", ()), NO_CHECKSUM.format(folder)))  # noqa: B010
    return model.eval()


def _check_sum(description: Mapping[str, Any], content: bytes, folder: Path) -> None:
    if CHECKSUM in description and hashlib.sha256(content).hexdigest() != description[CHECKSUM]:
        raise CheckpointError(
            f"{folder / WEIGHTS} is not the file that {DESCRIPTION} was written with (its checksum differs), so it is "
            "damaged or belongs to another model; fetch or save it again"
        )


@check_arguments
def read_metadata(folder: str | Path) -> dict[str, Any]:
    """The metadata that was saved beside a model."""
    return dict(read_description(as_folder(folder) / DESCRIPTION)["metadata"])


def as_folder(folder: str | Path) -> Path:
    """The path of a folder, "~" spelt out. Raises TypeError for what is no path."""
    if not isinstance(folder, str | Path):
        raise TypeError(f"folder must be a text or a Path, got {type(folder).__name__}")
    return Path(folder).expanduser()


def read_description(path: Path) -> dict[str, Any]:
    """Read the JSON file of a model. Raises CheckpointError when it is missing, damaged or of another format."""
    check_file(path, "model description", "give the folder that save_model wrote")
    if path.stat().st_size > LARGEST_DESCRIPTION:
        raise CheckpointError(f"{path} is larger than {LARGEST_DESCRIPTION} bytes, so it is no model description")
    try:
        description = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
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

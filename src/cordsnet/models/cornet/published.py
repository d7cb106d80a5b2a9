"""Public weights of CORnet-S."""

from pathlib import Path

from cordsnet.errors import CheckpointError
from cordsnet.models.cornet.model import CornetS
from cordsnet.models.files import check_match, read_tensors


def load_published(model: CornetS, path: str | Path) -> CornetS:
    """Fill `model` with the weights of a public checkpoint, `cornet_s-1d3f7974.pth`.

    The file is a dictionary with the entry "state_dict", or the state dict itself, with or without the prefix
    "module." of its names. Weights alone are read; nothing that the file brings is executed. Every name and shape must
    match, both ways. The weights are published under the GPL-3.

    Raises
    ------
    CheckpointError : missing, damaged or foreign file, a name or shape that does not fit; the model is then unchanged.
    """
    content = read_tensors(path)
    found = {name.removeprefix("module."): value for name, value in content.items()}
    if len(found) < len(content):
        twice = next(name for name in found if name in content and f"module.{name}" in content)
        raise CheckpointError(f"{path} holds {twice!r} twice, with and without 'module.'; keep one of the two")
    check_match(found, model.state_dict(), path)
    model.load_state_dict(found, strict=True)
    return model

"""Public weights of CORnet-S."""

from pathlib import Path

from cordsnet.models.cornet.model import CornetS
from cordsnet.models.tensors import check_match, fitted, read_tensors


def load_published(model: CornetS, path: str | Path) -> CornetS:
    """Fill `model` with the weights of a public checkpoint, `cornet_s-1d3f7974.pth`.

    The file is a dictionary with the entry "state_dict", or the state dict itself, with or without the prefixes of
    wrappers, such as "module.". Weights alone are read; nothing that the file brings is executed. Every name and shape
    must match, both ways. The weights are published under the GPL-3.

    Raises
    ------
    CheckpointError : missing, damaged or foreign file, a name or shape that does not fit; the model is then unchanged.
    """
    wanted = model.state_dict()
    found = fitted(read_tensors(path), wanted, path)
    check_match(found, wanted, path)
    model.load_state_dict(found, strict=True)
    return model

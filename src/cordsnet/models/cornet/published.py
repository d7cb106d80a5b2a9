"""Public weights of the CORnets."""

from collections.abc import Collection
from pathlib import Path
from typing import TypeVar

from cordsnet.errors import CheckpointError
from cordsnet.models.cornet.model import CornetS
from cordsnet.models.cornet.rt import CornetRT
from cordsnet.models.cornet.z import CornetZ
from cordsnet.models.tensors import check_match, fitted, read_tensors

Member = TypeVar("Member", CornetS, CornetZ, CornetRT)

MARKS = {
    "cornet_z": ("CORnet-Z", "V1.conv.weight"),
    "cornet_s": ("CORnet-S", "V2.norm_skip.weight"),
    "cornet_rt": ("CORnet-RT or CORnet-R", "V1.norm_input.weight"),
}
"""Kind -> name of the member, and a weight that no other member has."""


def load_published(model: Member, path: str | Path) -> Member:
    """Fill `model` with the weights of a public checkpoint, such as `cornet_s-1d3f7974.pth`.

    The file is a dictionary with the entry "state_dict", or the state dict itself, with or without the prefixes of
    wrappers, such as "module.". Weights alone are read; nothing that the file brings is executed. Every name and shape
    must match, both ways. CORnet-RT and CORnet-R have the same names and shapes, so that a file of one fits the other:
    take `cornet_rt-933c001c.pth` for the first and `cornet_r-5930a990.pth` for the second. The weights are published
    under the GPL-3.

    Raises
    ------
    CheckpointError : missing, damaged or foreign file, one of another CORnet, a name or shape that does not fit; the
        model is then unchanged.
    """
    content, wanted = read_tensors(path), model.state_dict()
    _check_member(model.kind, content, path)
    found = fitted(content, wanted, path)
    check_match(found, wanted, path)
    model.load_state_dict(found, strict=True)
    return model


def _check_member(kind: str, names: Collection[str], path: str | Path) -> None:
    own = MARKS[kind][0]
    for other, (member, mark) in MARKS.items():
        if other != kind and any(name == mark or name.endswith(f".{mark}") for name in names):
            raise CheckpointError(
                f"{path} looks like {member}, and the model is a {own}; load it into create_model({other!r})"
            )

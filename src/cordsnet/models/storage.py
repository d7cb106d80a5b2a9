"""Saving and loading networks of either kind. No code that a file brings is ever run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cordsnet.errors import CheckpointError
from cordsnet.models.cordsnet.cnn import CNN, UnitBias
from cordsnet.models.cordsnet.layout import layout
from cordsnet.models.cordsnet.model import CordsNet
from cordsnet.models.cordsnet.spec import NetworkSpec
from cordsnet.models.files import read_model, write_model


def save_model(model: CordsNet | CNN, folder: str | Path, metadata: Mapping[str, Any] | None = None) -> Path:
    """Write `folder/model.safetensors` and `folder/model.json`, each whole or not at all.

    `metadata` is any plain data worth keeping beside the weights. Returns the folder.
    """
    kept = dict(metadata or {})
    if isinstance(model, CordsNet):
        return write_model(model, folder, model.description() | {"metadata": kept})
    kind = "cnn_folded" if model.folded else "cnn"
    return write_model(model, folder, {"kind": kind, "spec": model.spec.to_dict(), "metadata": kept})


def load_model(folder: str | Path) -> CordsNet | CNN:
    """The model that `save_model` wrote, in evaluation mode and in the precision of the file.

    Raises
    ------
    CheckpointError : a file is missing, damaged, or the two do not belong together.
    """
    return read_model(folder, _empty_model)


def _empty_model(description: Mapping[str, Any], path: Path) -> CordsNet | CNN:
    kind = description["kind"]
    if kind not in ("cordsnet", "cnn", "cnn_folded"):
        raise CheckpointError(f"{path}: kind must be 'cordsnet', 'cnn' or 'cnn_folded', got {kind!r}")
    if kind == "cordsnet":
        return CordsNet.from_description(description, path)
    try:
        cnn = CNN(NetworkSpec.from_dict(description["spec"]))
    except (TypeError, KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not describe a network: {error}") from error
    if kind == "cnn_folded":
        strip_norms(cnn)
    return cnn


def strip_norms(cnn: CNN) -> None:
    """Put empty unit biases where the batch norms are, as in a folded network."""
    shapes = layout(cnn.spec).shapes
    cnn.norm_stem, cnn.norm_links = nn.Identity(), nn.ModuleDict()
    for norms in (cnn.before, cnn.after):
        for area in norms:
            norms[area] = UnitBias(torch.zeros(shapes[area]))

"""Public weights of BLT networks."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.errors import CheckpointError
from cordsnet.models.blt.ccn23 import CCN23
from cordsnet.models.blt.rcnnsat import RCNNSat
from cordsnet.models.tensors import DAMAGED, check_file, check_match, damaged, fitted, read_tensors

HDF5 = (".h5", ".hdf5", ".keras")

BATCH_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
"""Names of torch -> those of Keras."""


@check_arguments
def load_published(model: CCN23 | RCNNSat, path: str | Path) -> CCN23 | RCNNSat:
    """Fill `model` with weights in the format of its public code.

    For `CCN23` that is a state dict of PyTorch, or an entry of a checkpoint that holds one; names are the model's own,
    but for "readout.weight" and "readout.bias". Without "readout.bias", create the model with classifier_bias=False.

    For `RCNNSat` that is the arrays of a Keras model by layer and weight, in an .npz of NumPy, in safetensors or in a
    state dict. Layers and times count from 0:

    - BL: "RCL_0_BConv/kernel", "RCL_0_LConv/kernel" [H, W, in, out], "BatchNorm_Layer_0_Time_0/gamma" and so on;
    - B and its controls: "Conv_Layer_0/kernel", "BatchNorm_Layer_0/gamma" and so on;
    - every batch norm has "gamma", "beta", "moving_mean" and "moving_variance";
    - "ReadoutDense/kernel" [in, out] and "ReadoutDense/bias".

    A layer's name may be repeated and ":0" may follow, as in "RCL_0_BConv/RCL_0_BConv/kernel:0". Keras' own files are
    HDF5, which this package does not read: write their arrays with `numpy.savez(path, **arrays)`.

    Weights alone are read; nothing that the file brings is executed. Every name and shape must match, both ways.

    Raises
    ------
    ArgumentError : a model of another kind.
    CheckpointError : missing, damaged or foreign file, a name or shape that does not fit; the model is then unchanged.
    """
    if isinstance(model, CCN23):
        names = {name: re.sub(r"^decoder\.", "readout.", name) for name in model.state_dict()}
        found = read_tensors(path)
    else:
        names, found = keras_names(model), _from_keras(path)
    own = model.state_dict()
    wanted = {public: own[name] for name, public in names.items()}
    found = fitted(found, wanted, path)
    check_match(found, wanted, path)
    brought = {name: found[public] for name, public in names.items()}
    for name in own:
        if name.endswith("num_batches_tracked") and name not in brought:  # Keras keeps statistics without a counter
            brought[name] = torch.ones_like(own[name])
    model.load_state_dict(own | brought, strict=True)
    return model


def keras_names(model: RCNNSat) -> dict[str, str]:
    """Name of a weight -> "layer/weight" in Keras' files; counters of batch norms have no counterpart."""
    recurrent = model.spec.lateral
    found: dict[str, str] = {}
    for name in model.state_dict():
        part, _, weight = name.rpartition(".")
        area, _, layer = part.partition(".")
        index = int(area.removeprefix("area") or 0) - 1 if layer else -1
        if weight == "num_batches_tracked":
            continue
        if part == "decoder":
            found[name] = f"ReadoutDense/{'kernel' if weight == 'weight' else weight}"
        elif layer.startswith("norm_"):
            time = f"_Time_{layer.removeprefix('norm_')}" if recurrent else ""
            found[name] = f"BatchNorm_Layer_{index}{time}/{BATCH_NORM[weight]}"
        else:
            kind = "L" if layer == "lateral" else "B"
            found[name] = f"RCL_{index}_{kind}Conv/kernel" if recurrent else f"Conv_Layer_{index}/kernel"
    return found


def _from_keras(path: str | Path) -> dict[str, Tensor]:
    """ "layer/weight" -> tensor, with axes in the order of torch."""
    path = Path(path).expanduser()
    if path.suffix in HDF5:
        raise CheckpointError(f"{path} is HDF5, which is not read; write its arrays by name with numpy.savez")
    found: dict[str, Tensor] = {}
    for name, value in (_from_npz(path) if path.suffix == ".npz" else read_tensors(path)).items():
        words = name.removesuffix(":0").split("/")
        plain = "/".join(words[-2:])
        if plain in found:
            raise CheckpointError(f"{path} holds {plain!r} twice; keep one of them")
        if words[-1] == "kernel":
            value = value.permute(3, 2, 0, 1) if value.ndim == 4 else value.mT if value.ndim == 2 else value
        found[plain] = value.contiguous()
    return found


def _from_npz(path: Path) -> Mapping[str, Tensor]:
    check_file(path, "file of weights")
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: torch.from_numpy(content[name]) for name in content.files}
    except (zipfile.BadZipFile, *DAMAGED) as error:
        raise damaged(path, error) from error

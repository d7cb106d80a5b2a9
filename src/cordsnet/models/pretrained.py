"""Weights that come with the package: one folder each, named after model and data set."""

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from cordsnet.errors import DataWarning
from cordsnet.models.files import DESCRIPTION
from cordsnet.models.interface import VisionModel
from cordsnet.models.kernels import seeded
from cordsnet.models.spec import ModelSpec
from cordsnet.registry import Registry

PARAMETRIZED = ".parametrizations."

FOLDER = Path(__file__).parents[1] / "pretrained"
"""Holds a folder MODEL-DATASET for each set of weights, as `cordsnet export` writes them."""


def list_pretrained() -> list[tuple[str, str]]:
    """(model, data set) of all weights that come with the package, for `create_model(model, pretrained=data set)`."""
    folders = sorted(path.parent.name for path in FOLDER.glob(f"*-*/{DESCRIPTION}"))
    return [(model, data) for model, _, data in (name.partition("-") for name in folders)]


RESIZED = ("num_classes", "in_channels")
"""Sizes that pretrained weights can be given anew: a readout or a stem is then drawn from the seed."""


def load_pretrained(model: str, data: str, given: Mapping[str, Any], seed: int = 0) -> VisionModel:
    """A model with the weights that it has for a data set.

    Where `given` asks for other classes or channels, the parts that depend on them are drawn from `seed`, and a
    DataWarning says so. Raises ValueError for unknown names, offering known ones, and when `given` asks for another
    network.
    """
    known: Registry[Path] = Registry(f"pretrained weights of {model!r}")
    for name, trained_on in list_pretrained():
        if name == model:
            known.add(trained_on, FOLDER / f"{name}-{trained_on}")
    if not list(known):
        others = ", ".join(sorted({name for name, _ in list_pretrained()}))
        raise ValueError(f"{model!r} has no pretrained weights; these models have: {others or 'none'}")
    loaded = VisionModel.from_pretrained(known[data])
    _check_agrees(loaded.spec, data, {name: value for name, value in given.items() if name not in RESIZED})
    sizes = {name: given[name] for name in RESIZED if name in given}
    changed = loaded.spec.changed(**sizes)
    return loaded if changed == loaded.spec else _resized(loaded, changed, data, seed)


def _resized(loaded: VisionModel, spec: ModelSpec, data: str, seed: int) -> VisionModel:
    """The network for other classes or channels, with all weights that still fit."""
    described = {**loaded.description(), "spec": spec.to_dict()}
    made: VisionModel = seeded(lambda: type(loaded).from_described(described), seed).to(loaded.like)
    state, kept = made.state_dict(), loaded.state_dict()
    new = sorted({_part(made, name) for name, value in state.items() if value.shape != kept[name].shape})
    made.load_state_dict({name: value if _part(made, name) in new else kept[name] for name, value in state.items()})
    made.lesions = loaded.lesions
    old = {name: getattr(loaded.spec, name) for name in RESIZED}
    other = {name: getattr(spec, name) for name in RESIZED if getattr(spec, name) != old[name]}
    made.metadata = _remaining(loaded.metadata, other, new)
    sizes = ", ".join(f"{name} = {value} in place of {old[name]}" for name, value in other.items())
    said = (
        f"pretrained={data!r} with {sizes}: {' and '.join(new)} have new random weights, so the scores mean nothing "
        "until the network is trained"
    )
    made.notes = (*loaded.notes, said)
    warnings.warn(said, DataWarning, stacklevel=4)
    return made.eval()


def _part(model: nn.Module, name: str) -> str:
    """The kernel or layer to which a tensor belongs: gain and direction go together."""
    if PARAMETRIZED in name:
        return name.partition(PARAMETRIZED)[0]
    module = name.rpartition(".")[0]
    return name if isinstance(model.get_submodule(module), nn.ParameterDict) else module


def _remaining(metadata: Mapping[str, Any], other: Mapping[str, Any], new: list[str]) -> dict[str, Any]:
    """The description that still holds: the images where they are the same, and from where the weights come."""
    found: dict[str, Any] = {"pretrained": {**copy.deepcopy(dict(metadata)), "new_parts": new}}
    if "data" in metadata and "in_channels" not in other:
        found["data"] = {k: v for k, v in copy.deepcopy(metadata["data"]).items() if k != "classes"}
    return found


def _check_agrees(spec: ModelSpec, data: str, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if not hasattr(spec, name) or spec.changed(**{name: value}) != spec:
            raise ValueError(
                f"{name} = {value!r} does not go with pretrained={data!r}, whose network has "
                f"{getattr(spec, name, None)!r}; leave it out"
            )

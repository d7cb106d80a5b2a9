"""Weights that come with the package: one folder each, named after model and data set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cordsnet.models.files import DESCRIPTION
from cordsnet.models.interface import VisionModel
from cordsnet.models.spec import ModelSpec
from cordsnet.registry import Registry

FOLDER = Path(__file__).parents[1] / "pretrained"
"""Holds a folder MODEL-DATASET for each set of weights, as `cordsnet export` writes them."""


def list_pretrained() -> list[tuple[str, str]]:
    """(model, data set) of all weights that come with the package, for `create_model(model, pretrained=data set)`."""
    folders = sorted(path.parent.name for path in FOLDER.glob(f"*-*/{DESCRIPTION}"))
    return [(model, data) for model, _, data in (name.partition("-") for name in folders)]


def load_pretrained(model: str, data: str, given: Mapping[str, Any]) -> VisionModel:
    """A model with the weights that it has for a data set.

    Raises ValueError for unknown names, offering known ones, and when `given` asks for another network.
    """
    known: Registry[Path] = Registry(f"pretrained weights of {model!r}")
    for name, trained_on in list_pretrained():
        if name == model:
            known.add(trained_on, FOLDER / f"{name}-{trained_on}")
    if not list(known):
        others = ", ".join(sorted({name for name, _ in list_pretrained()}))
        raise ValueError(f"{model!r} has no pretrained weights; these models have: {others or 'none'}")
    loaded = VisionModel.from_pretrained(known[data])
    _check_agrees(loaded.spec, data, given)
    return loaded


def _check_agrees(spec: ModelSpec, data: str, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if not hasattr(spec, name) or spec.changed(**{name: value}) != spec:
            raise ValueError(
                f"{name} = {value!r} does not go with pretrained={data!r}, whose network has "
                f"{getattr(spec, name, None)!r}; leave it out"
            )

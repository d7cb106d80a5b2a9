"""Row of the table of models; `cordsnet.models.names` lists the rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cordsnet.models import names
from cordsnet.models.spec import ModelSpec
from cordsnet.registry import Registry


@dataclass(frozen=True)
class ModelRow:
    """A model by name.

    Attributes
    ----------
    name : the model's name, for `create_model`.
    kind : row of `KINDS`.
    spec : the model as data.
    source : the paper, with its address.
    clock : time step and order of updates, in words.
    licence : of the weights that its authors made public, "none stated" where they do not say; "" without weights.
    tiny : changes of the spec that make the model so small that all checks of `cordsnet.testing` take seconds.
    published : parameters of the published network, counted as here; None where it has no published counterpart.
    remarks : what a user should know, in sentences: quirks of the published code, departures from it, limits.
    """

    name: str
    kind: str
    spec: ModelSpec
    source: str
    clock: str
    licence: str = ""
    tiny: Mapping[str, Any] = field(default_factory=dict)
    published: int | None = None
    remarks: tuple[str, ...] = ()


MODELS: Registry[ModelRow] = names.MODELS
"""Name -> row."""

KINDS: Registry[type[Any]] = names.KINDS
"""Kind, as it is written in files -> class, a `VisionModel`."""

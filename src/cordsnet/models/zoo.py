"""Models by name, and models from a spec of one's own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

import torch
from torch import nn

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.dynamics.limits import check_room
from cordsnet.models.interface import VisionModel
from cordsnet.models.kernels import seeded
from cordsnet.models.pretrained import load_pretrained
from cordsnet.models.spec import ModelSpec
from cordsnet.models.table import KINDS, MODELS

Made = TypeVar("Made", bound=nn.Module)

MODERATE = 4096
"""Sizes up to this one, in channels, pixels or classes, are made without a look at free memory."""


@check_arguments
def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    image_size: int | Sequence[int] | None = None,
    width: int | None = None,
    seed: int = 0,
    pretrained: str | None = None,
    **changes: Any,
) -> VisionModel:
    """Make a model by name, with random weights, or with those that come with the package.

    Parameters
    ----------
    name : one of `list_models()`.
    num_classes, in_channels, image_size : of the task; None keeps the row's.
    width : channels of the first areas; the others follow in proportion.
    seed : of the random weights.
    pretrained : name of a data set for which the model has weights (`list_pretrained()`). With another number of
        classes or channels, the readout or the stem has new random weights, and a DataWarning says so.
    changes : any other field of the spec of that kind of model, for example `tau_ms=20.0`.

    Raises
    ------
    ValueError : unknown name (the nearest are offered) or values that do not fit, or conflict with `pretrained`.
    """
    row = MODELS[name]
    given = {
        "num_classes": num_classes,
        "in_channels": in_channels,
        "image_size": image_size,
        "width": width,
        **changes,
    }
    given = {key: value for key, value in given.items() if value is not None}
    if pretrained is not None:
        return load_pretrained(name, pretrained, given, check_count(seed, "seed", 0))
    return build(row.spec.changed(**given), seed, row.kind)


@check_arguments
def list_models(pattern: str = "*") -> list[str]:
    """Names of the models that match a shell pattern such as `cordsnet_*`."""
    return MODELS.names(pattern)


@overload
def build(spec: ModelSpec, seed: int = 0, kind: str | None = None) -> VisionModel: ...
@overload
def build(spec: ModelSpec, seed: int = 0, *, kind: type[Made]) -> Made: ...
@overload
def build(spec: ModelSpec, seed: int, kind: type[Made]) -> Made: ...
@check_arguments
def build(spec: ModelSpec, seed: int = 0, kind: str | type[Any] | None = None) -> Any:
    """A model made from a spec, with random weights drawn from `seed` alone.

    Weights are drawn in single precision and then converted to torch's default type, so that a seed gives the same
    network whatever the default is.

    Parameters
    ----------
    spec : the model as data.
    kind : row of `KINDS`, or the class itself; None is the kind that the spec names.
    """
    kind = spec.kind if kind is None else kind
    made_by: Any = KINDS[kind] if isinstance(kind, str) else kind
    if not issubclass(made_by, VisionModel):
        raise TypeError(f"kind must be a class of models, got {made_by.__name__}")
    if is_large(spec):
        _check_size(spec, made_by)
    return seeded(lambda: made_by(spec), check_count(seed, "seed", 0))


def is_large(spec: ModelSpec) -> bool:
    """True if some size in a spec is so large that its network may not fit into memory."""
    return any(number > MODERATE for number in _numbers(spec.to_dict()))


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _numbers(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _numbers(part)


def _check_size(spec: ModelSpec, made_by: Any) -> None:
    """Raise ValueError, with the size, when a network's weights do not fit into free memory."""
    name, advice = f"network {getattr(spec, 'name', spec.kind)!r}", "lower image_size, channels or num_classes"
    try:
        with torch.device("meta"):
            size = sum(value.nbytes for value in made_by(spec).state_dict().values())
    except (RuntimeError, OverflowError, MemoryError) as error:
        raise ValueError(f"{name} is larger than any memory; {advice}") from error
    check_room(2 * size, name, advice)

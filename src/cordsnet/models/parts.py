"""Models inside other models: options of their rows as plain data, their names, and the clock that they share."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import nn

from cordsnet.models.capabilities import Calibrated
from cordsnet.models.spec import ModelSpec, plain_number, square

OWN = ("name", "image_size", "in_channels")
"""Fields that a model inside another takes from the whole network."""


def clock_field(spec: ModelSpec, said: str = "front") -> str:
    """Name of the field that holds the step of a model, ms.

    Raises ValueError, which says `said` of the model, for a spec without such a field.
    """
    found = next((name for name in ("ms_per_step", "dt_ms") if hasattr(spec, name)), None)
    if found is None:
        raise ValueError(f"{said} must be a model whose spec holds its step in ms, got a {type(spec).__name__}")
    return found


def spec_inside(
    row: ModelSpec,
    options: Mapping[str, Any],
    sizes: Mapping[str, Any],
    dt_ms: float,
    said: str,
    field: str,
) -> ModelSpec:
    """Spec of a model inside another, with the sizes and the step of the whole network.

    Parameters
    ----------
    row : spec of its row.
    options : fields that differ from its row.
    sizes : fields that the whole network gives, "image_size" and "in_channels" among them.
    dt_ms : step of the whole network, ms.
    said : name of the model in errors.
    field : field that holds its options, for errors.

    Raises
    ------
    ValueError : options that are fields of the whole network, and sizes, options or a step that do not fit the row.
    """
    given, clock = dict(options), clock_field(row, said)
    if own := [name for name in ("name", *sizes) if name in given]:
        raise ValueError(f"{field} holds {own[0]!r}, which is a field of the whole network; give it there")
    step = given.pop(clock, dt_ms)
    if step != dt_ms:
        raise ValueError(
            f"dt_ms = {dt_ms!r} does not fit the clock of {said}, whose {clock} is {step!r}; "
            "give both the same, or leave that option out"
        )
    try:
        return row.changed(**{**sizes, clock: float(dt_ms), **given})
    except ValueError as error:
        height, width = sizes["image_size"]
        raise ValueError(
            f"{said} cannot be made for images [{sizes['in_channels']}, {height}, {width}] with its {field}: {error}"
        ) from error


def keeps_statistics(model: nn.Module) -> bool:
    """True if a model has batch norms, and no way to measure their statistics after training."""
    return not isinstance(model, Calibrated) and any(isinstance(part, nn.BatchNorm2d) for part in model.modules())


def is_plain(value: Any) -> bool:
    """True for what can be written down: numbers, texts, None, and sequences of them."""
    if isinstance(value, tuple | list):
        return all(is_plain(part) for part in value)
    return value is None or isinstance(value, bool | int | float | str)


def as_tuples(value: Any) -> Any:
    """Sequences as nested tuples, and numbers of any kind as those of Python."""
    return tuple(as_tuples(part) for part in value) if isinstance(value, list | tuple) else plain_number(value)


def as_pairs(field: str, options: Any) -> tuple[tuple[str, Any], ...]:
    """Options, a table or pairs, as pairs. Raises ValueError for anything else, and for a name given twice."""
    given = list(options.items()) if isinstance(options, Mapping) else options
    if not isinstance(given, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in given
    ):
        raise ValueError(f"{field} must be pairs (field, value) or a table of them, got {options!r:.100}")
    pairs = tuple((name, as_tuples(value)) for name, value in given)
    check_different(field, [name for name, _ in pairs])
    for name, value in pairs:
        if not is_plain(value):
            raise ValueError(f"{field}: {name} must be plain data, got {type(value).__name__}")
    return tuple((name, square(value)) if name == "image_size" else (name, value) for name, value in pairs)


def check_name(field: str, name: Any, reserved: Collection[str]) -> None:
    """Raise ValueError unless a name is a word that is not reserved."""
    if not isinstance(name, str) or not name.isidentifier() or name in reserved:
        raise ValueError(f"{field}: a name must be a word of letters, digits and '_' that is not taken, got {name!r}")


def check_different(field: str, names: list[str]) -> None:
    """Raise ValueError for a name that comes twice."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{field} has {twice[0]!r} twice; give each a name of its own")

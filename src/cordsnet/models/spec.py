"""Base of the specs of all kinds of models: frozen data that is written to JSON and changed by name."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Protocol, TypeVar, get_type_hints, runtime_checkable

import numpy as np

from cordsnet._checks import check_few, is_int

Spec = TypeVar("Spec", bound="ModelSpec")


@dataclass(frozen=True)
class ModelSpec:
    """Base of every model's spec. A subclass is a frozen dataclass whose fields say all but the weights.

    Whole numbers and floats of any kind, such as NumPy's, become those of Python, so that a spec can be written to
    JSON. A field `image_size` may be given as one number.

    Attributes
    ----------
    kind : row of `KINDS` that `build` makes of the spec.
    """

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        with_plain_numbers(self)
        if "image_size" in {field.name for field in dataclasses.fields(self)}:
            object.__setattr__(self, "image_size", square(getattr(self, "image_size")))  # noqa: B009

    def __deepcopy__(self: Spec, memo: dict[int, Any]) -> Spec:
        """The spec itself, since it cannot change: copies of a model share it."""
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls: type[Spec], data: Mapping[str, Any]) -> Spec:
        """The inverse of `to_dict`. Raises ValueError, naming the field, on anything unknown or missing."""
        made: Spec = read_fields(cls, data)
        return made

    @property
    def width(self) -> int | None:
        """Channels of the first areas, by which `changed(width=...)` scales; None where a kind has no such number."""
        return None

    def changed(self: Spec, width: int | None = None, **changes: Any) -> Spec:
        """The spec with some fields changed, and its channels scaled so that the first areas have `width` of them.

        Raises ValueError, naming the argument, for unknown fields and values that do not fit.
        """
        known = {field.name for field in dataclasses.fields(self)}
        if unknown := sorted(set(changes) - known):
            raise ValueError(
                f"create_model has no argument {unknown[0]!r}; {type(self).__name__} has {', '.join(sorted(known))}"
            )
        changes = {name: plain_number(value) for name, value in changes.items()}
        if "image_size" in changes:
            changes["image_size"] = square(changes["image_size"])
        spec = dataclasses.replace(self, **changes)
        return spec if width is None else spec.with_width(plain_number(width))

    def is_sized(self, row: "ModelSpec") -> bool:
        """True if the spec is that of a row of the table, made for other data, or of another width."""
        sizes = ("image_size", "in_channels", "num_classes", "vector_size", "outputs", "name")
        given = {name: getattr(self, name) for name in sizes if hasattr(self, name)}
        return type(row) is type(self) and row.changed(self.width, **given) == self

    def with_width(self: Spec, width: int) -> Spec:
        """The spec with channels in proportion to `width`. Raises ValueError where a kind cannot be scaled."""
        raise ValueError(f"width = {width} cannot be given to a {type(self).__name__}; change its fields by name")


@runtime_checkable
class ImageSpec(Protocol):
    """The fields of a model that reads images and gives class scores."""

    @property
    def in_channels(self) -> int:
        """Channels of the images."""

    @property
    def image_size(self) -> tuple[int, int]:
        """(H, W) of the images."""

    @property
    def num_classes(self) -> int:
        """Number of class scores."""


def read_fields(kind: type[Any], data: Any) -> Any:
    """An instance of the dataclass `kind` from a table of its fields; lists become tuples, tables dataclasses.

    Raises ValueError, naming the field, on anything unknown or missing.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{kind.__name__} must be written as a table of its fields, got {type(data).__name__}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(set(data) - set(fields)):
        raise ValueError(f"{kind.__name__} has no field {unknown[0]!r}; known: {', '.join(sorted(fields))}")
    needed = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if missing := sorted(needed - set(data)):
        raise ValueError(f"{kind.__name__} lacks the field {missing[0]!r}")
    hints = get_type_hints(kind)
    return kind(**{name: _read(hints[name], value) for name, value in data.items()})


def _read(hint: Any, value: Any) -> Any:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return read_fields(hint, value)
    if isinstance(value, list | tuple):
        inner = next((part for part in getattr(hint, "__args__", ()) if dataclasses.is_dataclass(part)), None)
        return tuple(_read(inner, part) for part in value)
    return value


def with_plain_numbers(instance: Any) -> None:
    """Turn the numbers in the fields of a frozen dataclass into those of Python, in place."""
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if (plain := plain_number(value)) is not value:
            object.__setattr__(instance, field.name, plain)


def plain_number(value: Any) -> Any:
    """A whole number or a float of any kind as that of Python; anything else as it is."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, np.floating):  # in single precision, the decimal that it shows: 0.1, not 0.10000000149
        return float(str(value))
    return float(value) if isinstance(value, Real) else value


def square(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) from one number or two. Raises ValueError for anything but whole numbers above 0."""
    check_few(size, "image_size", 2)
    size = plain_number(size.tolist() if hasattr(size, "tolist") else size)
    given = size if isinstance(size, list | tuple) else (size, size)
    pair = tuple(plain_number(n) for n in given)
    if len(pair) != 2 or not all(is_int(n, 1) for n in pair):
        raise ValueError(f"image_size must be a whole number of pixels or (height, width), got {size!r}")
    return pair[0], pair[1]

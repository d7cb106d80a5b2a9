"""Models of images side by side as data."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from cordsnet._checks import check_positive, check_type, is_int
from cordsnet.models.parts import as_pairs, check_different, check_name, spec_inside
from cordsnet.models.spec import ModelSpec
from cordsnet.models.table import MODELS

RESERVED = frozenset({"time", "trial", "image", "stem"} | set(dir(nn.ModuleDict())))
"""Names that streams cannot have: axes, inputs, and attributes of the container of models."""

TWO = (("form", "cordsnet_r2_small", ()), ("motion", "cordsnet_r2_small", (("width", 8), ("tau_ms", 30.0))))
"""A stream for form, and one for motion with half the channels and a longer time constant."""


@dataclass(frozen=True)
class StreamsSpec(ModelSpec):
    """Models of images that see the same images side by side.

    Attributes
    ----------
    name : the network's name.
    streams : (name, row of the table of models, options) of every stream; options are fields that differ from the row,
        as pairs (field, value) or a table of them. Areas of a stream are called "name_area".
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores.
    dt_ms : step of all streams, ms. A model of steps gets it as its duration of a step.
    response_ms : how long an image is held before the network is read, where nothing else is said, ms.
    """

    kind: ClassVar[str] = "streams"
    name: str = "streams"
    streams: tuple[tuple[str, str, Any], ...] = TWO
    in_channels: int = 1
    image_size: tuple[int, int] = (16, 16)
    num_classes: int = 10
    dt_ms: float = 2.0
    response_ms: float = 200.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_type(self.name, str, "name", "a text")
        for field in ("in_channels", "num_classes"):
            if not is_int(getattr(self, field), 1):
                raise ValueError(f"{field} must be a whole number of at least 1, got {getattr(self, field)!r}")
        for field in ("dt_ms", "response_ms"):
            check_positive(getattr(self, field), field)
        if not isinstance(self.streams, list | tuple) or not self.streams:
            raise ValueError(f"streams must be at least one (name, row, options), got {self.streams!r:.100}")
        object.__setattr__(self, "streams", tuple(_stream(row) for row in self.streams))
        check_different("streams", [name for name, *_ in self.streams])
        self.stream_specs  # noqa: B018  # refuses what cannot be

    @property
    def stream_specs(self) -> dict[str, ModelSpec]:
        """Stream -> its model as data.

        Raises ValueError for an unknown row, one that has no class scores of images, and for sizes, options and a step
        that do not fit it.
        """
        sizes = {"image_size": self.image_size, "in_channels": self.in_channels, "num_classes": self.num_classes}
        found = {}
        for name, row, options in self.streams:
            spec: ModelSpec = MODELS[row].spec
            if lacking := [field for field in sizes if field not in getattr(spec, "__dataclass_fields__", {})]:
                raise ValueError(
                    f"streams: {name!r} must be a model of images with class scores, {row!r} has no {lacking[0]}"
                )
            said = f"stream {name!r}"
            found[name] = spec_inside(spec, dict(options), sizes, self.dt_ms, said, f"options of {said}")
        return found


def _stream(row: Any) -> tuple[str, str, tuple[tuple[str, Any], ...]]:
    """A stream as a tuple. Raises ValueError for anything else."""
    if not isinstance(row, list | tuple) or len(row) != 3:
        raise ValueError(f"streams must be tuples (name, row, options), got {row!r:.100}")
    name, model, options = row
    check_name("streams", name, RESERVED)
    check_type(model, str, f"streams: row of {name!r}", "a text")
    return name, model, as_pairs(f"streams: options of {name!r}", options)

"""The fields that specs of BLT networks share."""

from dataclasses import dataclass

from cordsnet._checks import check_type
from cordsnet.models.blt.wiring import Connection
from cordsnet.models.interface import IMAGE
from cordsnet.models.stepped.spec import SteppedSpec


@dataclass(frozen=True)
class BLTSpec(SteppedSpec):
    """A network of bottom-up (B), lateral (L) and top-down (T) connections, as data. Subclasses give `connections`.

    Attributes
    ----------
    name, in_channels, image_size, num_classes, steps, ms_per_step : as of every network of steps.
    lateral : True for connections of every area with itself.
    top_down : True for connections of every area with the one above.
    """

    lateral: bool = True
    top_down: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_flags("lateral", "top_down")

    @property
    def connections(self) -> tuple[Connection, ...]:
        """All connections; those of one target follow each other as bottom-up, lateral, top-down."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its connections are")

    @property
    def is_feedforward(self) -> bool:
        """True if every area hears from the image and from lower areas alone."""
        order = [IMAGE, *self.shapes]
        return all(order.index(one.source) < order.index(one.target) for one in self.connections if one.is_used)

    @property
    def is_static(self) -> bool:
        """True if rates are those of the image of the moment: feedforward, and updated bottom to top."""
        return self.is_feedforward

    def check_flags(self, *names: str) -> None:
        """Raise TypeError unless these fields are True or False."""
        for name in names:
            check_type(getattr(self, name), bool, name, "True or False")

    def check_some(self, name: str) -> None:
        """Raise ValueError unless a field is a tuple of whole numbers, at least one."""
        value = getattr(self, name)
        if not isinstance(value, tuple) or not value:
            raise ValueError(f"{name} must be whole numbers, one for each area, got {value!r}")
        self.check_counts(name)

    def check_sizes(self) -> None:
        """Raise ValueError where an area would have no units, or where a top-down connection does not fit."""
        shapes = self.shapes
        for area, shape in shapes.items():
            if min(shape) < 1:
                raise ValueError(f"image_size is too small: {area} would have no units, got {self.image_size}")
        for one in self.connections:
            if one.kind != "up":
                continue
            small, large = shapes[one.source][1:], shapes[one.target][1:]
            if tuple(2 * n for n in small) != tuple(large):
                raise ValueError(
                    f"image_size must give {one.target} twice the rows and columns of {one.source}, whose top-down "
                    f"connection doubles them, got {list(large)} and {list(small)} from {self.image_size}"
                )

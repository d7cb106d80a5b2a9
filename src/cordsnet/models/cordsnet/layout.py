"""Sizes that follow from a spec, checked connection by connection."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod
from typing import TypeAlias

from cordsnet._arguments import check_arguments
from cordsnet.models.cordsnet.spec import STEM, ConnectionSpec, NetworkSpec

MapShape: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Layout:
    """Shapes [C, H, W] of a network's parts.

    Attributes
    ----------
    shapes : of the stem and of every area's rates.
    inputs : of what every area's feedforward kernel reads.
    landing : connection name -> the shape in which it arrives.
    """

    shapes: dict[str, MapShape]
    inputs: dict[str, MapShape]
    landing: dict[str, MapShape]

    @property
    def units(self) -> int:
        """Number of recurrent units."""
        return sum(prod(shape) for name, shape in self.shapes.items() if name != STEM)


@check_arguments
@lru_cache(maxsize=64)
def layout(spec: NetworkSpec) -> Layout:
    """Work out every shape. Raises ValueError, naming the area or connection that does not fit."""
    shapes: dict[str, MapShape] = {STEM: _stem_shape(spec)}
    inputs: dict[str, MapShape] = {}
    channels = {STEM: spec.stem.channels} | {area.name: area.channels for area in spec.areas}
    for area in spec.areas:
        first = _main_input(spec, area.name, tuple(shapes))
        height, width = _strided(shapes[first.source], first)
        inputs[area.name] = (channels[first.source], height, width)
        shapes[area.name] = (area.channels, ceil(height / area.stride), ceil(width / area.stride))
    landing = {}
    for connection in spec.connections:
        target = (inputs if connection.onto == "input" else shapes)[connection.target]
        _check_fit(connection, shapes[connection.source], target)
        landing[connection.name] = target
    _check_readout(spec)
    return Layout(shapes, inputs, landing)


def _stem_shape(spec: NetworkSpec) -> MapShape:
    size = []
    for pixels in spec.image_size:
        for kernel, stride in (
            (spec.stem.kernel, spec.stem.stride),
            (spec.stem.pool_kernel, spec.stem.pool_stride),
        ):
            pixels = (pixels + 2 * ((kernel - 1) // 2) - kernel) // stride + 1
        size.append(pixels)
    if min(size) < 1:
        raise ValueError(f"image_size {spec.image_size} is too small for the stem of {spec.name!r}")
    return spec.stem.channels, size[0], size[1]


def _main_input(spec: NetworkSpec, area: str, placed: tuple[str, ...]) -> ConnectionSpec:
    """The connection that sets the shape of an area's input: from below, one without a kernel first."""
    candidates = [c for c in spec.into(area) if c.onto == "input" and c.source in placed]
    if not candidates:
        raise ValueError(f"area {area!r} reads nothing from below; add a ConnectionSpec from the stem or a lower area")
    return next((c for c in candidates if c.kernel is None), candidates[0])


def _strided(shape: MapShape, connection: ConnectionSpec) -> tuple[int, int]:
    return ceil(shape[1] / connection.stride), ceil(shape[2] / connection.stride)


def _check_fit(connection: ConnectionSpec, source: MapShape, target: MapShape) -> None:
    if connection.kernel is None and (connection.stride != 1 or source[0] != target[0]):
        raise ValueError(
            f"connection {connection.name!r} passes {source[0]} channels on as they are where {target[0]} are read; "
            "give it a kernel"
        )
    height, width = _strided(source, connection)
    if height > target[1] or width > target[2]:
        raise ValueError(
            f"connection {connection.name!r} arrives with {height} x {width} units where {target[1]} x {target[2]} "
            "are read; give it a larger stride"
        )


def _check_readout(spec: NetworkSpec) -> None:
    if len({spec.area(name).channels for name in spec.readout}) > 1:
        raise ValueError(f"readout areas {list(spec.readout)} differ in channels; name areas of equal width")

"""Connections of a network with bottom-up, lateral and top-down connections, as data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor
from torch.nn import functional

from cordsnet.models.interface import IMAGE

POOLS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "max2": partial(functional.max_pool2d, kernel_size=2),
    "max3": partial(functional.max_pool2d, kernel_size=3, stride=2, padding=1),
    "mean": lambda maps: maps.mean((2, 3)),
}
"""Name -> pool of maps [B, C, H, W]: largest of 2x2, largest of 3x3 with stride 2, mean of all."""


@dataclass(frozen=True)
class Connection:
    """Connection to an area from another area, from itself or from the image.

    Attributes
    ----------
    source, target : areas; the source may be "image", which stands for the encoded image.
    layer : dotted name of the module that carries it.
    kind : "conv" a convolution, "up" a transposed one that doubles rows and columns, "linear" a matrix, "plain" nothing
        but the pool (the bias, if it has one, is that of `layer`).
    reads, gives : channels, or units of a vector.
    kernel : its size.
    bias : True for a bias for each channel that it gives.
    pool : row of `POOLS` that comes before it; "" for none.
    is_used : False for one that has weights and brings nothing.
    """

    source: str
    target: str
    layer: str
    kind: str
    reads: int
    gives: int
    kernel: int = 1
    bias: bool = False
    pool: str = ""
    is_used: bool = True

    @property
    def name(self) -> str:
        """Name of the pathway."""
        return f"{self.source} -> {self.target}"


def chain(
    areas: Mapping[str, int],
    kernels: Sequence[int],
    pools: Sequence[str],
    *,
    lateral: bool,
    top_down: bool,
    bias: bool,
) -> tuple[Connection, ...]:
    """Connections between areas that stand on one another; the image's is not among them.

    Modules are called by the area in small letters: "area2.bottom_up", "area2.lateral", "area2.top_down".

    Parameters
    ----------
    areas : area -> channels, lowest first.
    kernels : of each area's bottom-up and lateral connections, and of what it gets from the area above.
    pools : rows of `POOLS` before each area's bottom-up connection, which halve rows and columns; "" for none.
    lateral, top_down : True if there are such connections.
    bias : True if each of them has a bias.
    """
    names, found = list(areas), list[Connection]()
    for k, (area, channels) in enumerate(areas.items()):
        layer, kernel = area.lower(), kernels[k]
        if k:
            below = names[k - 1]
            reads = areas[below]
            found.append(Connection(below, area, f"{layer}.bottom_up", "conv", reads, channels, kernel, bias, pools[k]))
        if lateral:
            found.append(Connection(area, area, f"{layer}.lateral", "conv", channels, channels, kernel, bias))
        if top_down and k + 1 < len(names):
            above, kind = names[k + 1], "up" if pools[k + 1] else "conv"
            found.append(Connection(above, area, f"{layer}.top_down", kind, areas[above], channels, kernel, bias))
    return tuple(found)


def from_image(area: str, layer: str, reads: int, gives: int, kernel: int, bias: bool = False) -> Connection:
    """A convolution of the encoded image."""
    return Connection(IMAGE, area, layer, "conv", reads, gives, kernel, bias)

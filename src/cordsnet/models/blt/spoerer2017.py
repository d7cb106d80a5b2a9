"""The small B, BL, BT and BLT networks of Spoerer et al. (2017), for images such as those of MNIST."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from cordsnet._checks import check_positive
from cordsnet.dynamics.effects import Effects
from cordsnet.models.blt.model import BLTModel, decoder, layers_of
from cordsnet.models.blt.spec import BLTSpec
from cordsnet.models.blt.system import BLTSystem
from cordsnet.models.blt.wiring import Connection, chain, from_image

PAPER = "https://doi.org/10.3389/fpsyg.2017.01551"


@dataclass(frozen=True)
class Spoerer2017Spec(BLTSpec):
    """A network of any size.

    Attributes
    ----------
    name, in_channels, num_classes, steps, ms_per_step, lateral, top_down : as of every BLT network.
    image_size : (H, W). Every area but the lowest halves the map below; with top-down connections it must be exactly
        halved, else odd sizes are rounded down.
    channels : maps of every area.
    kernel : of all convolutions.
    response_size, response_alpha, response_beta, response_k : of the response normalisation between maps,
        r / (k + alpha / size * sum of squared rates of `size` neighbouring maps) ** beta.
    """

    kind: ClassVar[str] = "blt_spoerer2017"

    name: str = "blt_spoerer2017_blt"
    in_channels: int = 1
    image_size: tuple[int, int] = (28, 28)
    num_classes: int = 10
    steps: int = 4
    channels: tuple[int, ...] = (32, 32)
    kernel: int = 3
    response_size: int = 5
    response_alpha: float = 1e-4
    response_beta: float = 0.5
    response_k: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_some("channels")
        self.check_counts("response_size")
        self.check_odd("kernel")
        for name in ("response_alpha", "response_beta", "response_k"):
            check_positive(getattr(self, name), name)
        self.check_sizes()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        height, width = self.image_size
        return {f"area{k + 1}": (channels, height >> k, width >> k) for k, channels in enumerate(self.channels)}

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Convolutions with biases; what an area hears from below is pooled first."""
        areas = {area: shape[0] for area, shape in self.shapes.items()}
        among = chain(
            areas,
            (self.kernel,) * len(areas),
            ("max2",) * len(areas),
            lateral=self.lateral,
            top_down=self.top_down,
            bias=True,
        )
        first = from_image("area1", "area1.bottom_up", self.in_channels, self.channels[0], self.kernel, bias=True)
        return first, *among

    @property
    def width(self) -> int:
        """Channels of the lowest area."""
        return self.channels[0]

    def with_width(self, width: int) -> "Spoerer2017Spec":
        """The spec with `width` channels in the lowest area, and those of the others in proportion."""
        return self.scaled(width, "channels")


class Spoerer2017System(BLTSystem):
    """System whose drives are rectified, and then normalised by the rates of neighbouring maps at the same place.

    Biases of lateral and top-down connections act from the first step on, in which all rates before were zero.
    """

    spec: Spoerer2017Spec

    def activate(self, area: str, total: Tensor, step: int, effects: Effects) -> Tensor:
        """The rate of an area: rectified, then normalised."""
        rate = torch.relu(effects.drive(area, total))
        return effects.rate(area, self.layers.norm(self.norm_of(area, step), rate))

    def decode(self, maps: Tensor) -> Tensor:
        """Class scores [B, K] from the largest rate of every map [B, C, H, W] of the highest area."""
        return self.layers.linear["decoder"](maps.amax((2, 3)))


class Spoerer2017(BLTModel):
    """A network of two areas for images of 28 or 32 pixels (Spoerer, McClure & Kriegeskorte 2017).

    Areas are updated bottom to top within a step. `shapes[area]` is [C, H, W].

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "blt_spoerer2017"
    spec_type = Spoerer2017Spec
    about = (
        "Two areas with bottom-up, lateral and top-down connections and response normalisation ([Spoerer, McClure & "
        f"Kriegeskorte, Frontiers in Psychology 2017]({PAPER})), for images such as those of MNIST."
    )
    system_type = Spoerer2017System
    spec: Spoerer2017Spec

    def __init__(self, spec: Spoerer2017Spec) -> None:
        super().__init__(spec)
        self.add_layers(layers_of(spec.connections))
        how = {"alpha": spec.response_alpha, "beta": spec.response_beta, "k": spec.response_k}
        self.add_layers({f"{area}.norm": nn.LocalResponseNorm(spec.response_size, **how) for area in spec.shapes})
        self.decoder = decoder(spec.channels[-1], spec.num_classes)

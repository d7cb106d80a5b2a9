"""BLT networks of the public PyTorch code of the KietzmannLab (CCN 2023): V1, V2, V4, IT and a pooled layer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import Signal, State
from cordsnet.models.blt.model import BLTModel, decoder, layers_of
from cordsnet.models.blt.spec import BLTSpec
from cordsnet.models.blt.system import BLTSystem, Held
from cordsnet.models.blt.wiring import Connection, chain, from_image
from cordsnet.models.stepped.layers import Watch
from cordsnet.models.weights import conv_layer

PAPER = "https://github.com/KietzmannLab/BLT-pytorch-CCN23"

AREAS = ("V1", "V2", "V4", "IT")
"""Areas with maps, lowest first; "GAP" stands above them."""

LEAST_PROBABILITY = 1e-10
"""Class probabilities are at least this before their logarithm is taken, as in the public code."""


@dataclass(frozen=True)
class CCN23Spec(BLTSpec):
    """A network of the public code, of any size.

    Attributes
    ----------
    name, in_channels, num_classes, steps, ms_per_step, lateral, top_down : as of every BLT network.
    image_size : (H, W). Every area but V1 halves the map below; with top-down connections both must be multiples of 8.
    retina_channels : maps of the convolution that encodes the image.
    channels : maps of V1, V2, V4 and IT.
    kernel : of all convolutions; 3 for images of 64 pixels and 5 for images of 128 pixels in the public code.
    integration : how an area puts together what it hears: "additive", b + l + t, or "modulatory", b (1 + l + t).
    v1_recurrent : True lets V1 hear from itself and from V2. The public code has weights for both and uses neither.
    lt_position : "all" for recurrence in all areas, "last" for recurrence within GAP alone.
    classifier_bias : True for biases of the readout.
    """

    kind: ClassVar[str] = "blt_ccn23"

    name: str = "blt_ccn23_blt"
    image_size: tuple[int, int] = (64, 64)
    num_classes: int = 100
    steps: int = 10
    retina_channels: int = 32
    channels: tuple[int, ...] = (64, 128, 256, 512)
    kernel: int = 3
    integration: str = "additive"
    v1_recurrent: bool = False
    lt_position: str = "all"
    classifier_bias: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_lengths(len(AREAS), ", ".join(AREAS), "channels")
        self.check_counts("retina_channels", "channels")
        self.check_odd("kernel")
        self.check_flags("v1_recurrent", "classifier_bias")
        self.check_choice("integration", ("additive", "modulatory"))
        self.check_choice("lt_position", ("all", "last"))
        self.check_sizes()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W], and GAP -> [C]."""
        height, width = self.image_size
        maps = {a: (c, height >> k, width >> k) for k, (a, c) in enumerate(zip(AREAS, self.channels, strict=True))}
        return {**maps, "GAP": (self.channels[-1],)}

    @property
    def connections(self) -> tuple[Connection, ...]:
        """V1 hears from the encoded image, and from itself and V2 if `v1_recurrent`."""
        everywhere, top = self.lt_position == "all", self.channels[-1]
        found = [from_image("V1", "v1.bottom_up", self.retina_channels, self.channels[0], self.kernel)]
        found += chain(
            dict(zip(AREAS, self.channels, strict=True)),
            (self.kernel,) * len(AREAS),
            ("", *("max2" for _ in AREAS[1:])),
            lateral=self.lateral and everywhere,
            top_down=self.top_down and everywhere,
            bias=False,
        )
        found.append(Connection("IT", "GAP", "", "plain", top, top, pool="mean"))
        if self.lateral:
            found.append(Connection("GAP", "GAP", "gap.lateral", "linear", top, top))
        if not self.v1_recurrent:
            found = [
                one if one.target != "V1" or one.source == "image" else replace(one, is_used=False) for one in found
            ]
        return tuple(found)

    @property
    def width(self) -> int:
        """Channels of V1."""
        return self.channels[0]

    def with_width(self, width: int) -> "CCN23Spec":
        """The spec with `width` channels in V1, and those of the retina and the other areas in proportion."""
        return self.scaled(width, "channels", "retina_channels")


class CCN23System(BLTSystem):
    """The image is encoded by a convolution, rectified ("retina"); layer norms are over all units of an area."""

    spec: CCN23Spec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        self.sources = (Signal("retina", (self.spec.retina_channels, *self.spec.image_size)),)

    def encode(self, image: Tensor) -> Tensor:
        """Maps of the retina [B, C, H, W]."""
        return torch.relu(self.layers.conv("retina", image))

    def encoded(self, context: Held) -> dict[str, Tensor]:
        """The retina's maps."""
        return {"retina": context.image}

    def combine(self, parts: Sequence[Tensor]) -> Tensor:
        """b + l + t, or b (1 + l + t); what an area does not hear is left out."""
        if self.spec.integration == "additive" or len(parts) == 1:
            return super().combine(parts)
        return parts[0] * (1 + super().combine(parts[1:]))

    def norm_of(self, area: str, step: int) -> str:
        """The layer norm of an area, under its public name."""
        return f"{area.lower()}_ln"

    def decode(self, units: Tensor) -> Tensor:
        """Logarithms of class probabilities [B, K] from the rates of GAP [B, C]."""
        return self.layers.linear["decoder"](units).softmax(-1).clamp(LEAST_PROBABILITY, 1).log()

    def read(self, state: State) -> dict[str, Tensor]:
        """Scores [B, K], which are logarithms of class probabilities as in the public code.

        Cross-entropy of these scores is the negative log-likelihood of the public code, since probabilities whose sum
        is one stay as they are under softmax.
        """
        return {"scores": self.decode(state.values["GAP"])}


class CCN23(BLTModel):
    """A network with V1, V2, V4, IT and GAP, their means (KietzmannLab, CCN 2023).

    Areas are updated bottom to top within a step. `shapes[area]` is [C, H, W], and [C] of GAP. Names of weights are
    those of the public code, but for the readout's, which are "decoder.weight" and "decoder.bias" here.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "blt_ccn23"
    spec_type = CCN23Spec
    about = (
        f"Bottom-up, lateral and top-down connections between V1, V2, V4 and IT ([KietzmannLab, CCN 2023]({PAPER})), "
        "with layer norms and a readout of the log probabilities of classes."
    )
    system_type = CCN23System
    spec: CCN23Spec

    def __init__(self, spec: CCN23Spec) -> None:
        super().__init__(spec)
        std = (2 / (spec.in_channels * spec.kernel**2)) ** 0.5
        self.retina = conv_layer(spec.in_channels, spec.retina_channels, spec.kernel, std, bias=True)
        self.add_layers(layers_of(spec.connections))
        self.add_layers({f"{a.lower()}_ln": _layer_norm(shape) for a, shape in spec.shapes.items()})
        self.decoder = decoder(spec.channels[-1], spec.num_classes, spec.classifier_bias)


def _layer_norm(shape: tuple[int, ...]) -> nn.LayerNorm:
    return nn.LayerNorm(list(shape), dtype=torch.float32)

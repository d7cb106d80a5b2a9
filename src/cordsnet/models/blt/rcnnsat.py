"""B and BL networks of Spoerer et al. (2020): batch norms for each time step, and readouts that add up over time."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import Signal, State
from cordsnet.models.blt.model import BLTModel, decoder, layers_of
from cordsnet.models.blt.spec import BLTSpec
from cordsnet.models.blt.system import BLTSystem, Held
from cordsnet.models.blt.wiring import Connection, chain, from_image
from cordsnet.models.stepped.batch_norms import MeasuresBatchNorms
from cordsnet.models.stepped.layers import Watch

PAPER = "https://doi.org/10.1371/journal.pcbi.1008215"

EPS = 1e-3
"""Added to the variance in batch norms; the default of Keras."""


@dataclass(frozen=True)
class RCNNSatSpec(BLTSpec):
    """A B or BL network of any size.

    Attributes
    ----------
    name, in_channels, num_classes, ms_per_step, lateral : as of every BLT network.
    image_size : (H, W). Every group of areas but the first halves the map below; odd sizes are rounded down.
    steps : steps with batch norms of their own; later steps use those of the last. 1 without lateral connections.
    top_down : False; these networks have no top-down connections.
    channels : maps of every group of areas.
    kernels : of the convolutions of every group, bottom-up and lateral.
    depth : areas in a group; 2 for B-D, whose layers come in pairs.
    cumulative : True adds up the scores of all steps until now.
    """

    kind: ClassVar[str] = "rcnnsat"

    name: str = "rcnnsat_bl"
    image_size: tuple[int, int] = (128, 128)
    steps: int = 8
    top_down: bool = False
    channels: tuple[int, ...] = (96, 128, 192, 256, 512, 1024, 2048)
    kernels: tuple[int, ...] = (7, 5, 3, 3, 3, 3, 1)
    depth: int = 1
    cumulative: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_some("channels")
        self.check_lengths(len(self.channels), "every entry of channels", "kernels")
        self.check_counts("depth")
        self.check_odd("kernels")
        self.check_flags("cumulative")
        if self.top_down:
            raise ValueError("top_down must be False: these networks have no top-down connections")
        if not self.lateral and self.steps != 1:
            raise ValueError(f"steps must be 1 without lateral connections, got {self.steps}")
        if self.cumulative and not self.lateral:
            raise ValueError("cumulative = True needs lateral connections: scores of a static network do not add up")
        self.check_sizes()

    @property
    def groups(self) -> dict[str, int]:
        """Area -> index of its group."""
        return {f"area{k + 1}": k // self.depth for k in range(len(self.channels) * self.depth)}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        height, width = self.image_size
        return {area: (self.channels[k], height >> k, width >> k) for area, k in self.groups.items()}

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Convolutions without bias; a pool comes before the first area of a group."""
        groups = self.groups
        first = from_image("area1", "area1.bottom_up", self.in_channels, self.channels[0], self.kernels[0])
        among = chain(
            {area: self.channels[k] for area, k in groups.items()},
            [self.kernels[k] for k in groups.values()],
            ["max2" if k % self.depth == 0 else "" for k in range(len(groups))],
            lateral=self.lateral,
            top_down=False,
            bias=False,
        )
        return first, *among

    @property
    def width(self) -> int:
        """Channels of the lowest area."""
        return self.channels[0]

    def with_width(self, width: int) -> "RCNNSatSpec":
        """The spec with `width` channels in the lowest area, and those of the others in proportion."""
        return self.scaled(width, "channels")


class RCNNSatSystem(BLTSystem):
    """Every area has a batch norm for each step; a cumulative readout carries the sum of scores, "AREA.summed"."""

    spec: RCNNSatSpec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        if self.spec.cumulative:
            self.signals = (*self.signals, Signal(self.areas[-1], (self.spec.num_classes,), "summed", ("class",)))

    def advance(self, state: State, context: Held, effects: Effects = NONE) -> State:
        """One step of all areas, and of the sum of scores."""
        found = super().advance(state, context, effects)
        if not self.spec.cumulative:
            return found
        name = self.signals[-1].name
        return found.with_values({name: state.values[name] + self.decode(found.values[self.areas[-1]])})

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K], before the softmax: those of the step, or the sum of those of all steps."""
        return {"scores": state.values[self.signals[-1].name]} if self.spec.cumulative else super().read(state)

    def norm_of(self, area: str, step: int) -> str:
        """The batch norm of a step; beyond the last, that of the last."""
        return f"{area}.norm_{min(step, self.spec.steps - 1)}"


class RCNNSat(MeasuresBatchNorms, BLTModel):
    """A B or BL network of Spoerer et al. (2020), which decides faster or more accurately.

    Areas are updated bottom to top within a step. `shapes[area]` is [C, H, W]. In training mode batch norms use the
    statistics of the batch, and nothing is changed in a step; `calibrate` sets those that evaluation mode uses.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "rcnnsat"
    spec_type = RCNNSatSpec
    about = (
        f"Bottom-up and lateral connections with batch norms for each time step ([Spoerer et al., PLOS Computational "
        f"Biology 2020]({PAPER})), and their feedforward controls."
    )
    system_type = RCNNSatSystem
    spec: RCNNSatSpec

    def __init__(self, spec: RCNNSatSpec) -> None:
        super().__init__(spec)
        self.add_layers(layers_of(spec.connections))
        for area, shape in spec.shapes.items():
            self.add_layers({f"{area}.norm_{t}": _batch_norm(shape[0]) for t in range(spec.steps)})
        self.decoder = decoder(spec.channels[-1], spec.num_classes)


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPS, dtype=torch.float32)

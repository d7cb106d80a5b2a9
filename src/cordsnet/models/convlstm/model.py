"""A stack of ConvLSTM cells as a vision model."""

import math
from collections.abc import Mapping

import torch
from torch import nn

from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.precision import Precision
from cordsnet.models.convlstm.cell import ConvLSTMCell
from cordsnet.models.convlstm.spec import PAPER, ConvLSTMSpec
from cordsnet.models.convlstm.system import SCORES, ConvLSTMSystem
from cordsnet.models.interface import VisionModel
from cordsnet.models.weights import conv_layer


class ConvLSTM(VisionModel):
    """Areas of ConvLSTM cells (Shi et al. 2015) in the sizes of CORnet-S, with CordsNet's stem and a linear readout.

    The arrangement is this package's own; the cell is that of the paper. Areas are updated bottom to top within a step
    (unrolling "sweep"). `shapes[area]` is [C, H, W].

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "convlstm"
    spec_type = ConvLSTMSpec
    about = (
        f"A stack of convolutional LSTM cells ([Shi et al., NeurIPS 2015]({PAPER})) with a linear readout of the top; "
        "the arrangement is this package's own."
    )
    spec: ConvLSTMSpec

    def __init__(self, spec: ConvLSTMSpec) -> None:
        super().__init__()
        self.spec = spec
        if spec.stem_channels:
            std = math.sqrt(2 / (spec.in_channels * spec.stem_kernel**2))
            self.stem = conv_layer(spec.in_channels, spec.stem_channels, spec.stem_kernel, std)
        self.cells = nn.ModuleDict()
        for (area, shape), reads in zip(spec.shapes.items(), spec.reads, strict=True):
            self.cells[area] = ConvLSTMCell(
                reads, shape[0], spec.kernel, spec.recurrent_kernel, spec.peephole, size=shape[1:]
            )
        self.readout = nn.Linear(spec.channels[-1], spec.num_classes, dtype=torch.float32)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        return dict(self.spec.shapes)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """[C, H, W] of the images."""
        return self.spec.in_channels, *self.spec.image_size

    @property
    def outputs(self) -> Mapping[str, tuple[str, ...]]:
        """Name of an output -> its axes after the batch."""
        return SCORES

    @property
    def num_classes(self) -> int:
        """Number of class scores."""
        return self.spec.num_classes

    @property
    def clock(self) -> Clock:
        """Steps of `spec.ms_per_step`."""
        return Clock(self.spec.ms_per_step, "steps")

    @property
    def timing(self) -> str:
        """How the network keeps time, in words."""
        return f"steps of {self.spec.ms_per_step:g} ms by convention, in which the image reaches every area"

    def system(
        self, dt: float | None = None, stepper: str = "euler", precision: Precision | None = None
    ) -> ConvLSTMSystem:
        """The network with a step of `dt` ms; None takes the spec's. Raises ValueError for steppers but euler."""
        if stepper != "euler":
            raise ValueError(f"stepper must be 'euler' for a {self.kind}, whose steps are its own, got {stepper!r}")
        return ConvLSTMSystem(self, self.spec, self.spec.ms_per_step if dt is None else dt, precision or Precision())

"""A stack of ConvLSTM cells as a vision model."""

import math

import torch
from torch import nn

from cordsnet.dynamics import Clock, Precision
from cordsnet.models.convlstm.cell import ConvLSTMCell
from cordsnet.models.convlstm.spec import PAPER, ConvLSTMSpec
from cordsnet.models.convlstm.system import ConvLSTMSystem
from cordsnet.models.interface import VisionModel
from cordsnet.models.weights import conv_layer

RESPONSE_STEPS = 10
"""Steps for which an image is held, by default, before the network is read."""


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
        self.decoder = nn.Linear(spec.channels[-1], spec.num_classes, dtype=torch.float32)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        return dict(self.spec.shapes)

    @property
    def clock(self) -> Clock:
        """Steps of `spec.ms_per_step`."""
        return Clock(self.spec.ms_per_step, "steps")

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """All layers: the system computes with their tensors."""
        return "stem", "cells", "decoder"

    @property
    def response_ms(self) -> float:
        """Ten steps, ms."""
        return RESPONSE_STEPS * self.spec.ms_per_step

    @property
    def timing(self) -> str:
        """How the network keeps time, in words."""
        return f"steps of {self.spec.ms_per_step:g} ms by convention, in which the image reaches every area"

    def bind(self, dt: float, stepper: str, precision: Precision) -> ConvLSTMSystem:
        """The network with steps of `dt` ms, which need no stepper."""
        return ConvLSTMSystem(self, self.spec, dt, precision)

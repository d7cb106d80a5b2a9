"""A stack of recurrent areas as a vision model."""

import math

import torch
from torch import nn

from cordsnet.models.stack.spec import StackSpec
from cordsnet.models.stepped.model import SteppedModel
from cordsnet.models.weights import conv_layer


class StackModel(SteppedModel):
    """Recurrent areas in a row, with CordsNet's stem below and a linear readout of the mean of the top's maps.

    A subclass gives `make_cell`, the weights of one area; they are the modules `cells.area1`, `cells.area2`, ...

    Parameters
    ----------
    spec : the network as data.
    """

    spec: StackSpec

    def __init__(self, spec: StackSpec) -> None:
        super().__init__(spec)
        if spec.stem_channels:
            std = math.sqrt(2 / (spec.in_channels * spec.stem_kernel**2))
            self.stem = conv_layer(spec.in_channels, spec.stem_channels, spec.stem_kernel, std, spec.stem_stride)
        self.cells = nn.ModuleDict()
        for area, reads, stride in zip(spec.areas, spec.reads, spec.strides, strict=True):
            self.cells[area] = self.make_cell(reads, spec.shapes[area], 1 if spec.downsampling == "pool" else stride)
        self.decoder = nn.Linear(spec.emitted[-1], spec.num_classes, dtype=torch.float32)

    def make_cell(self, reads: int, shape: tuple[int, ...], stride: int) -> nn.Module:
        """Weights of an area of `shape` [C, H, W] that reads maps of `reads` channels with kernels of that stride."""
        raise NotImplementedError(f"{type(self).__name__} does not say what the weights of an area are")

    @property
    def timing(self) -> str:
        """Time step and order of updates, in words."""
        return f"steps of {self.spec.ms_per_step:g} ms by convention, in which the image reaches every area"

"""RCNN: layers and initialisation."""

import math

import torch
from torch import nn

from cordsnet.models.rcnn.spec import AREAS, PAPER, RCNNSpec
from cordsnet.models.rcnn.system import SYSTEMS
from cordsnet.models.stepped.batch_norms import MeasuresBatchNorms
from cordsnet.models.stepped.model import SteppedModel
from cordsnet.models.weights import conv_layer

ALPHA, BETA, CONSTANT = 1e-3, 0.75, 1.0
"""Of the local response normalisation, f / (CONSTANT + ALPHA / N sum f^2)^BETA (Liang & Hu 2015, section 3)."""


class RCNN(MeasuresBatchNorms, SteppedModel):
    """RCNN, a convolutional layer and four recurrent ones (Liang & Hu 2015).

    A frame is seen afresh: area1 convolves it, then area2 to area5 each run their iterations on what the one below has
    become at its last, before the next area starts (unrolling "inner"). `unroll="sync"` lets all areas iterate
    together. The largest rate of every map of area5 is read by a linear decoder. `shapes[area]` is [C, H, W].

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "rcnn"
    spec_type = RCNNSpec
    about = (
        f"RCNN ([Liang & Hu, CVPR 2015]({PAPER})): a convolutional layer and four recurrent ones, each of which "
        "iterates on a frame before the next one starts."
    )
    spec: RCNNSpec

    def __init__(self, spec: RCNNSpec) -> None:
        super().__init__(spec)
        self.system_type = SYSTEMS[spec.unroll]
        for area in AREAS:
            self.add_module(area, _area(spec, area))
        self.decoder = nn.Linear(spec.channels, spec.num_classes, dtype=torch.float32)

    @property
    def steps_to_measure(self) -> int:
        """With `unroll="sync"` and fewer steps than all iterations take, as many as they take.

        A longer simulation meets the batch norms of the iterations that training did not reach.
        """
        all_iterations = len(AREAS) + self.spec.repetitions - 1
        return max(self.spec.steps, all_iterations if self.spec.unroll == "sync" else 0)

    @property
    def timing(self) -> str:
        """Time step and order of updates, in words."""
        order = {"inner": "one frame each; areas iterate within a step", "sync": "one iteration of every area each"}
        return f"steps of {self.spec.ms_per_step:g} ms by convention, {order[self.spec.unroll]}"


def _area(spec: RCNNSpec, area: str) -> nn.ModuleDict:
    """Kernels by He initialisation for all that a unit reads, through both of them, and zero bias."""
    is_first, has_bias, channels = area == AREAS[0], spec.norm != "bn_per_step", spec.channels
    reads, kernel = (spec.in_channels, spec.stem_kernel) if is_first else (channels, spec.kernel)
    recurs = not is_first and spec.repetitions > 1
    std = math.sqrt(2 / (reads * kernel**2 * (2 if recurs else 1)))
    layers: dict[str, nn.Module] = {"input": conv_layer(reads, channels, kernel, std, bias=has_bias)}
    if recurs:
        layers["recurrent"] = conv_layer(channels, channels, kernel, std)
    if spec.norm == "bn_per_step":
        layers |= {f"norm_{t}": nn.BatchNorm2d(channels, dtype=torch.float32) for t in range(spec.iterations[area])}
    elif spec.norm == "lrn" and not is_first:
        layers["norm"] = nn.LocalResponseNorm(spec.neighbours, ALPHA, BETA, CONSTANT)
    return nn.ModuleDict(layers)

"""CORnet-S: layers, initialisation, and the statistics of its batch norms."""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from cordsnet.models.cornet.spec import AREAS, PAPER, CornetSpec
from cordsnet.models.cornet.system import CornetSystem
from cordsnet.models.stepped.batch_norms import MeasuresBatchNorms
from cordsnet.models.stepped.model import SteppedModel
from cordsnet.models.weights import sending_conv

ITERATION_MS: Mapping[str, tuple[tuple[float, float], ...]] = {
    "V1": ((50.0, 150.0),),
    "V2": ((70.0, 170.0), (170.0, 270.0)),
    "V4": ((90.0, 140.0), (140.0, 190.0), (190.0, 240.0), (240.0, 290.0)),
    "IT": ((100.0, 200.0), (200.0, 300.0)),
}
"""Area -> for each iteration the (begin, end) after image onset, in ms, at which Brain-Score compares it with
recordings. It is a convention of the benchmark; nothing in the network depends on it."""


class CornetS(MeasuresBatchNorms, SteppedModel):
    """CORnet-S, a shallow recurrent network of four areas (Kubilius et al. 2018, 2019).

    Every frame is seen afresh: nothing is carried from one step to the next. Within a step V1 runs once, then V2, V4
    and IT run two, four and two times, each iteration on the output of the last one, before the next area starts
    (unrolling "inner"). `shapes[area]` is [C, H, W]. Names of weights are those of the public code.

    In training mode batch norms use the statistics of the batch, and nothing is changed in a step; `calibrate` sets the
    statistics that evaluation mode uses.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "cornet_s"
    spec_type = CornetSpec
    about = (
        f"CORnet-S ([Kubilius et al., NeurIPS 2019]({PAPER})): a shallow recurrent network with an area each for V1, "
        "V2, V4 and IT, which iterate one after the other on every frame."
    )
    system_type = CornetSystem
    spec: CornetSpec

    def __init__(self, spec: CornetSpec) -> None:
        super().__init__(spec)
        channels = dict(zip(AREAS, spec.channels, strict=True))
        self.add_module("V1", _first_area(spec))
        for below, area in pairwise(AREAS):
            self.add_module(area, _area(channels[below], channels[area], spec.expansion, spec.iterations[area]))
        self.decoder = nn.ModuleDict({"linear": nn.Linear(channels["IT"], spec.num_classes, dtype=torch.float32)})

    @property
    def timing(self) -> str:
        """Time step and order of updates, in words."""
        return f"steps of {self.spec.ms_per_step:g} ms by convention, one frame each; areas iterate within a step"


def aligned(iterations: Tensor, longest: int) -> Tensor:
    """The iterations of an area on an axis of `longest`, its last iteration held: areas can then be compared.

    Parameters
    ----------
    iterations : [..., iterations, C, H, W], such as the recorded signal "V2.iterations".
    longest : number of iterations of the area that runs most often, such as `max(spec.iterations.values())`.

    Returns
    -------
    [..., longest, C, H, W]. Raises ValueError when there are more iterations than `longest`.
    """
    count = iterations.shape[-4]
    if longest < count:
        raise ValueError(f"longest must be at least the {count} iterations there are, got {longest}")
    steps = torch.arange(longest, device=iterations.device).clamp(max=count - 1)
    return iterations.index_select(-4, steps)


def _first_area(spec: CornetSpec) -> nn.ModuleDict:
    channels = spec.channels[0]
    return nn.ModuleDict(
        {
            "conv1": sending_conv(spec.in_channels, channels, spec.stem_kernel, spec.stem_stride),
            "norm1": _batch_norm(channels),
            "conv2": sending_conv(channels, channels, 3),
            "norm2": _batch_norm(channels),
        }
    )


def _area(channels_in: int, channels: int, expansion: int, iterations: int) -> nn.ModuleDict:
    inner = channels * expansion
    layers: dict[str, nn.Module] = {
        "conv_input": sending_conv(channels_in, channels, 1),
        "skip": sending_conv(channels, channels, 1, 2),
        "norm_skip": _batch_norm(channels),
        "conv1": sending_conv(channels, inner, 1),
        "conv2": sending_conv(inner, inner, 3),
        "conv3": sending_conv(inner, channels, 1),
    }
    for t in range(iterations):
        layers |= {f"norm1_{t}": _batch_norm(inner), f"norm2_{t}": _batch_norm(inner)}
        layers[f"norm3_{t}"] = _batch_norm(channels)
    return nn.ModuleDict(layers)


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, dtype=torch.float32)

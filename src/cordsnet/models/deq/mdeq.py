"""MDEQ (Bai et al. 2020): layers and initialisation."""

import math
from itertools import pairwise

import torch
from torch import nn

from cordsnet.models.deq.mdeq_spec import MdeqSpec
from cordsnet.models.deq.mdeq_system import MdeqSystem
from cordsnet.models.stepped.batch_norms import MeasuresBatchNorms
from cordsnet.models.stepped.model import SteppedModel
from cordsnet.models.weights import conv_layer, group_norm

PAPER = "https://arxiv.org/abs/2006.08656"
CELL_STD = 0.01
"""Standard deviation of the cell's kernels as they are drawn."""
RECURRENT_GAIN = 0.1
"""Gains of group norms as they begin, where they pass on what a scale receives from itself or from a coarser one. The
image then outweighs the recurrence, and the cell contracts; with gains of 1 no solver finds its equilibrium."""


class Mdeq(MeasuresBatchNorms, SteppedModel):
    """A multiscale deep equilibrium model (Bai et al. 2020).

    Areas are scales; the image enters the finest one. In every application of the cell each scale runs a residual
    block on its own rates, and receives what the blocks of all others make, brought to its size. One step is one frame,
    solved to the equilibrium of the cell from zero unless `spec.carry_state` is True. "SCALE.residual" [1] says how far
    from an equilibrium the solver's result is: few iterations, as published, may not reach it. The damped steps of a
    phantom gradient follow, and the rates are those after them.

    In training mode batch norms, which stem and head have, use the statistics of the batch; `calibrate` sets those that
    evaluation mode uses.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "mdeq"
    spec_type = MdeqSpec
    about = (
        f"A multiscale deep equilibrium model ([Bai et al., NeurIPS 2020]({PAPER})): scales that read one another, "
        "solved for each frame by a few iterations of a solver."
    )
    system_type = MdeqSystem
    spec: MdeqSpec

    def __init__(self, spec: MdeqSpec) -> None:
        super().__init__(spec)
        names, channels = spec.scales, dict(zip(spec.scales, spec.channels, strict=True))
        self.stem = _stem(spec)
        self.block = nn.ModuleDict({name: _block(channels[name], spec, name == names[0]) for name in names})
        self.fuse = nn.ModuleDict({})
        for i, target in enumerate(names):
            for j, source in enumerate(names):
                if i != j:
                    self.fuse[f"{source}_{target}"] = _between(channels[source], channels[target], i - j, spec.groups)
        self.after = nn.ModuleDict({name: _after(channels[name], spec.fused_groups) for name in names})
        self.head = _head(spec)
        self.decoder = nn.Linear(spec.features, spec.num_classes, dtype=torch.float32)
        self.gains = nn.ParameterDict({})
        if spec.weight_norm:
            for name in cell_convs(self):
                kernel = self.get_submodule(name).weight
                assert isinstance(kernel, torch.Tensor)
                gain = torch.linalg.vector_norm(kernel.detach(), dim=(1, 2, 3), keepdim=True)
                self.gains[name.replace(".", "-")] = nn.Parameter(gain)

    @property
    def timing(self) -> str:
        """Time step, in words."""
        return f"steps of {self.spec.ms_per_step:g} ms by convention, one frame each, solved to equilibrium"


def cell_convs(model: nn.Module) -> list[str]:
    """Names of the convolutions inside the cell."""
    parts = ("block.", "fuse.", "after.")
    return [n for n, layer in model.named_modules() if isinstance(layer, nn.Conv2d) and n.startswith(parts)]


def _stem(spec: MdeqSpec) -> nn.ModuleDict:
    c = spec.channels[0]
    layers: dict[str, nn.Module] = {
        "conv1": _conv(spec.in_channels, c, 3, spec.stem_stride),
        "norm1": _batch_norm(c),
        "conv2": _conv(c, c, 3, spec.stem_stride),
        "norm2": _batch_norm(c),
    }
    if spec.has_injection:
        layers |= {"conv3": _conv(c, c, 1), "norm3": _batch_norm(c)}
    return nn.ModuleDict(layers)


def _block(c: int, spec: MdeqSpec, sees: bool) -> nn.ModuleDict:
    """A scale's block; that of the finest one sees the image."""
    wide = spec.widening * c
    return nn.ModuleDict(
        {
            "conv1": conv_layer(c, wide, 3, CELL_STD),
            "norm1": group_norm(spec.groups, wide),
            "conv2": conv_layer(wide, c, 3, CELL_STD),
            "norm2": group_norm(spec.groups, c),
            "norm3": group_norm(spec.groups, c, 1.0 if sees else RECURRENT_GAIN),
        }
    )


def _between(source: int, target: int, levels: int, groups: int) -> nn.ModuleDict:
    """From one scale to another `levels` coarser: halved that often; or to a finer one, whose map is larger."""
    layers: dict[str, nn.Module] = {}
    for k in range(1, max(levels, 1) + 1):
        out = target if k >= levels else source
        layers[f"conv{k}"] = conv_layer(source, out, 3 if levels > 0 else 1, CELL_STD, 2 if levels > 0 else 1)
        layers[f"norm{k}"] = group_norm(groups, out, 1.0 if levels > 0 else RECURRENT_GAIN)
    return nn.ModuleDict(layers)


def _after(c: int, groups: int) -> nn.ModuleDict:
    return nn.ModuleDict({"conv": conv_layer(c, c, 1, CELL_STD), "norm": group_norm(groups, c, RECURRENT_GAIN)})


def _head(spec: MdeqSpec) -> nn.ModuleDict:
    """A bottleneck for each scale, convolutions that halve one and join the next, and features."""
    layers: dict[str, nn.Module] = {}
    for scale, c, h in zip(spec.scales, spec.channels, spec.head_channels, strict=True):
        layers[scale] = nn.ModuleDict(
            {
                "conv1": _conv(c, h, 1),
                "norm1": _batch_norm(h, affine=False),
                "conv2": _conv(h, h, 3),
                "norm2": _batch_norm(h, affine=False),
                "conv3": _conv(h, 4 * h, 1),
                "norm3": _batch_norm(4 * h, affine=False),
                "skip": _conv(c, 4 * h, 1),
                "norm_skip": _batch_norm(4 * h),
            }
        )
    for (below, scale), (h, wide) in zip(pairwise(spec.scales), pairwise(spec.head_channels), strict=True):
        down = {"conv": _conv(4 * h, 4 * wide, 3, 2, bias=True), "norm": _batch_norm(4 * wide)}
        layers[f"{below}_{scale}"] = nn.ModuleDict(down)
    last = {"conv": _conv(4 * spec.head_channels[-1], spec.features, 1, bias=True), "norm": _batch_norm(spec.features)}
    return nn.ModuleDict({**layers, "last": nn.ModuleDict(last)})


def _conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """He initialisation by what a unit reads (He et al. 2015, equation 10)."""
    return conv_layer(channels_in, channels_out, kernel, math.sqrt(2 / (channels_in * kernel**2)), stride, bias)


def _batch_norm(channels: int, affine: bool = True) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, affine=affine, dtype=torch.float32)

"""CORnet-S: layers, initialisation, and the statistics of its batch norms."""

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from cordsnet.dynamics import Clock, Precision, with_lesions
from cordsnet.dynamics.precision import place_of_doubles
from cordsnet.models.cornet.spec import AREAS, PAPER, CornetSpec
from cordsnet.models.cornet.system import CornetSystem
from cordsnet.models.interface import VisionModel
from cordsnet.models.weights import conv_layer

ITERATION_MS: Mapping[str, tuple[tuple[float, float], ...]] = {
    "V1": ((50.0, 150.0),),
    "V2": ((70.0, 170.0), (170.0, 270.0)),
    "V4": ((90.0, 140.0), (140.0, 190.0), (190.0, 240.0), (240.0, 290.0)),
    "IT": ((100.0, 200.0), (200.0, 300.0)),
}
"""Area -> for each iteration the (begin, end) after image onset, in ms, at which Brain-Score compares it with
recordings. It is a convention of the benchmark; nothing in the network depends on it."""


class CornetS(VisionModel):
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
    spec: CornetSpec

    def __init__(self, spec: CornetSpec) -> None:
        super().__init__()
        self.spec = spec
        channels = dict(zip(AREAS, spec.channels, strict=True))
        self.add_module("V1", _first_area(spec))
        for below, area in pairwise(AREAS):
            self.add_module(area, _area(channels[below], channels[area], spec.expansion, spec.iterations[area]))
        self.decoder = nn.ModuleDict({"linear": nn.Linear(channels["IT"], spec.num_classes, dtype=torch.float32)})

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
        return *AREAS, "decoder"

    @property
    def response_ms(self) -> float:
        """One frame, ms."""
        return self.spec.ms_per_step

    @property
    def timing(self) -> str:
        """How the network keeps time, in words."""
        return f"steps of {self.spec.ms_per_step:g} ms by convention, one frame each; areas iterate within a step"

    def bind(self, dt: float, stepper: str, precision: Precision) -> CornetSystem:
        """The network with steps of `dt` ms, which need no stepper."""
        return CornetSystem(self, self.spec, dt, precision)

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Set the running statistics of all batch norms to population statistics over `batches`.

        Every batch passes once through the network in training mode, so that what a batch norm receives has been
        normalised below by the statistics of the batch; its mean and variance over the units and images of all batches
        become its running statistics (Wu & Johnson 2021, section 3, "precise" batch norm). For a single batch,
        evaluation mode then gives what training mode gave. Batches should be as large as those of training.

        Parameters
        ----------
        batches : images [B, C, H, W] each.

        Raises
        ------
        ValueError, TypeError : there is no batch, or images that do not fit.
        """
        moments: dict[str, _Moments] = {}

        def watch(name: str, maps: Tensor) -> None:
            moments.setdefault(name, _Moments()).add(maps)

        mode, count = self.training, 0
        self.train()
        try:
            system = with_lesions(CornetSystem(self, self.spec, self.dt_ms, Precision(), watch), self.lesions)
            for count, images in enumerate(batches, 1):  # noqa: B007
                self.check_input(images)
                system.advance(system.zero_state(len(images)), system.hold({"image": images}))
        finally:
            self.train(mode)
        if not moments:
            raise ValueError("batches must hold at least one batch of images, got none")
        for name, found in moments.items():
            norm = self.get_submodule(name)
            assert isinstance(norm, nn.BatchNorm2d)
            found.write(norm, count)


class _Moments:
    """Mean and variance of every channel over batches of maps, in double precision."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, maps: Tensor) -> None:
        place = place_of_doubles(maps.device)
        var, mean = torch.var_mean(maps.to(place).double(), (0, 2, 3), correction=0)
        units = maps.numel() // maps.shape[1]
        self.count += units
        self.total = self.total.to(mean) + units * mean
        self.squares = self.squares.to(mean) + units * (var + mean**2)

    def write(self, norm: nn.BatchNorm2d, batches: int) -> None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        mean = self.total / self.count
        norm.running_mean.copy_(mean.to(norm.running_mean.dtype))
        norm.running_var.copy_((self.squares / self.count - mean**2).clamp(min=0).to(norm.running_var.dtype))
        norm.num_batches_tracked.fill_(batches)


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
            "conv1": _conv(spec.in_channels, channels, spec.stem_kernel),
            "norm1": _batch_norm(channels),
            "conv2": _conv(channels, channels, 3),
            "norm2": _batch_norm(channels),
        }
    )


def _area(channels_in: int, channels: int, expansion: int, iterations: int) -> nn.ModuleDict:
    inner = channels * expansion
    layers: dict[str, nn.Module] = {
        "conv_input": _conv(channels_in, channels, 1),
        "skip": _conv(channels, channels, 1),
        "norm_skip": _batch_norm(channels),
        "conv1": _conv(channels, inner, 1),
        "conv2": _conv(inner, inner, 3),
        "conv3": _conv(inner, channels, 1),
    }
    for t in range(iterations):
        layers |= {f"norm1_{t}": _batch_norm(inner), f"norm2_{t}": _batch_norm(inner)}
        layers[f"norm3_{t}"] = _batch_norm(channels)
    return nn.ModuleDict(layers)


def _conv(channels_in: int, channels_out: int, kernel: int) -> nn.Conv2d:
    """He initialisation by what a unit sends to (He et al. 2015, equation 14)."""
    return conv_layer(channels_in, channels_out, kernel, math.sqrt(2 / (channels_out * kernel * kernel)))


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, dtype=torch.float32)

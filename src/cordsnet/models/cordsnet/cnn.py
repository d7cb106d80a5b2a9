"""The feedforward twin of a CordsNet: the same kernels with batch normalisation, and its exact fold.

Per area: x = BN_a(F * u), y = ReLU(BN_b(R * x)), with no nonlinearity between the two
(Soo et al. 2024, section 4). BN also follows the stem's convolution and every skip
kernel between areas.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet._checks import check_images
from cordsnet._typing import Images, Logits
from cordsnet.dynamics import convolve
from cordsnet.models.capabilities import RecurrentTwin
from cordsnet.models.cordsnet.layout import layout
from cordsnet.models.cordsnet.rows import PAPER
from cordsnet.models.cordsnet.spec import STEM, NetworkSpec
from cordsnet.models.cordsnet.twin import Parted, recurrent_twin
from cordsnet.models.cordsnet.wiring import Wiring, encode, gain_of, pool, transmit, weight_of
from cordsnet.models.saving import SavedModel


class UnitBias(nn.Module):
    """Adds one value per unit: what is left of a batch normalisation once its gain sits in the kernel."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(value)

    def forward(self, drive: Tensor) -> Tensor:
        """drive [B, C, H, W] plus the bias [C, H, W]."""
        return drive + self.value


def unit_bias(module: nn.Module) -> Tensor:
    """The per-unit bias [C, H, W] of a folded network's module. Raises TypeError for batch norms."""
    if not isinstance(module, UnitBias):
        raise TypeError(f"module must be the UnitBias of a folded network, got {type(module).__name__}; fold it first")
    return module.value


class CNN(Parted, SavedModel):
    """Feedforward network with the convolutions of a CordsNet.

    `before[area]` acts between the feedforward and the recurrent kernel, `after[area]` after the latter;
    both are batch norms, or unit biases once folded. Raises ValueError for networks with feedback or delays.
    """

    kind = "cnn"
    spec_type = NetworkSpec
    about = (
        f"The feedforward twin of a CordsNet ([Soo et al., NeurIPS 2024]({PAPER})): a convolutional network with the "
        "same kernels, and with batch normalisation in place of dynamics."
    )
    spec: NetworkSpec

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        _check_feedforward(spec)
        self.spec = spec
        self.wiring = Wiring(spec)
        channels = {area.name: area.channels for area in spec.areas}
        self.norm_stem: nn.Module = nn.BatchNorm2d(spec.stem.channels)
        self.norm_links = nn.ModuleDict(
            {
                link.name: nn.BatchNorm2d(layout(spec).landing[link.name][0])
                for link in spec.connections
                if link.kernel is not None and link.source != STEM
            }
        )
        self.before = nn.ModuleDict({name: nn.BatchNorm2d(n) for name, n in channels.items()})
        self.after = nn.ModuleDict({name: nn.BatchNorm2d(n) for name, n in channels.items()})

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        return {name: shape for name, shape in layout(self.spec).shapes.items() if name != STEM}

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """[C, H, W] of the images."""
        return self.spec.in_channels, *self.spec.image_size

    @property
    def num_classes(self) -> int:
        """Number of class scores."""
        return self.spec.num_classes

    @property
    def timing(self) -> str:
        """There is no time in it."""
        return "one pass, without time"

    def description(self) -> dict[str, Any]:
        """The network without its weights, ready for JSON; a folded one is of the kind "cnn_folded"."""
        return super().description() | {"kind": "cnn_folded" if self.folded else "cnn"}

    @classmethod
    def from_described(cls, description: Mapping[str, Any]) -> "CNN":
        """A network from its description; a folded one has empty unit biases where the batch norms were."""
        cnn = cls(NetworkSpec.from_dict(description["spec"]))
        if description["kind"] == "cnn_folded":
            cnn.norm_stem, cnn.norm_links = nn.Identity(), nn.ModuleDict()
            for norms in (cnn.before, cnn.after):
                for area in norms:
                    norms[area] = UnitBias(torch.zeros(cnn.shapes[area]))
        return cnn

    @property
    def folded(self) -> bool:
        """Whether the batch norms have been folded away."""
        return isinstance(self.norm_stem, nn.Identity)

    def forward(self, images: Images) -> Logits:
        """Class scores [B, K]."""
        dtype = next(self.parameters()).dtype
        check_images(images, channels=self.spec.in_channels, size=self.spec.image_size, dtype=dtype)
        rates = self.rates(images)
        pooled = torch.stack([rates[area].mean((2, 3)) for area in self.spec.readout]).sum(0)
        scores: Tensor = self.wiring.readout(pooled)
        return scores

    def rates(self, images: Images) -> dict[str, Tensor]:
        """Area -> activity [B, C, H, W], the stem's included."""
        return {name: drive if name == STEM else functional.relu(drive) for name, drive in self.drives(images).items()}

    def drives(self, images: Images) -> dict[str, Tensor]:
        """Area -> activity before the rectification, the target of the inverse initialisation; the stem as it is."""
        stem = self.spec.stem
        encoded = pool(self.norm_stem(encode(images, weight_of(self.wiring.stem), stem)), stem)
        drives = {STEM: encoded}
        for area in self.spec.areas:
            feed = self.feed(area.name, drives)
            drives[area.name] = self.after[area.name](self.mix(area.name, self.before[area.name](feed)))
        return drives

    def feed(self, area: str, drives: dict[str, Tensor]) -> Tensor:
        """F * (what the area reads), before any normalisation or bias of the area itself."""
        read, kernel = self.read(area, drives), weight_of(self.wiring.feedforward[area])
        return convolve(read, kernel, self.spec.area(area).stride)

    def read(self, area: str, drives: dict[str, Tensor]) -> Tensor:
        """What the feedforward kernel of an area reads of the stem and of other areas, [B, C, H, W]."""
        total: Tensor | None = None
        for link in self.spec.into(area):
            source = drives[link.source] if link.source == STEM else functional.relu(drives[link.source])
            kernel = weight_of(self.wiring.links[link.name]) if link.name in self.wiring.links else None
            value = transmit(source, link, kernel, layout(self.spec).landing[link.name])
            if link.name in self.norm_links:
                value = self.norm_links[link.name](value)
            total = value if total is None else total + value
        assert total is not None
        return total

    def mix(self, area: str, value: Tensor) -> Tensor:
        """The kernel that is recurrent in the CordsNet, applied once."""
        return convolve(value, weight_of(self.wiring.recurrent[area]))

    def fold(self) -> "CNN":
        """The same network without batch norms; see `fold`."""
        return fold(self)

    @torch.no_grad()
    def recurrent_twin(self, seed: int) -> RecurrentTwin:
        """A linear CordsNet with the same kernels, small random recurrence, and the summed biases of each area.

        Raises TypeError for a network with batch norms; fold it first.
        """
        biases = {
            area: self.mix(area, unit_bias(self.before[area])[None])[0] + unit_bias(self.after[area])
            for area in self.shapes
        }
        twin: RecurrentTwin = recurrent_twin(self, biases, seed)
        return twin


@torch.no_grad()
def fold(cnn: CNN) -> CNN:
    """The same network without batch norms: gains in the kernels, constants in per-unit biases.

    Exact in evaluation mode. With zero padding a folded constant is not constant near the border, so the
    bias maps are found by pushing each constant through the pool and the kernels above it.
    """
    if cnn.folded:
        raise ValueError("cnn is folded already; fold() takes the network with batch norms")
    folded = copy.deepcopy(cnn).eval()
    stem_bias = _absorb(folded.wiring.stem, cnn.norm_stem)
    link_bias = {name: _absorb(folded.wiring.links[name], norm) for name, norm in cnn.norm_links.items()}
    for area in folded.spec.areas:
        before = _absorb(folded.wiring.feedforward[area.name], cnn.before[area.name])
        after = _absorb(folded.wiring.recurrent[area.name], cnn.after[area.name])
        constant = before[:, None, None] + _constant_feed(folded, area.name, stem_bias, link_bias)
        folded.before[area.name] = UnitBias(constant)
        shape = layout(folded.spec).shapes[area.name]
        folded.after[area.name] = UnitBias(after[:, None, None].expand(shape).clone())
    folded.norm_stem = nn.Identity()
    folded.norm_links = nn.ModuleDict()
    return folded


def _absorb(kernel: nn.Module, norm: nn.Module) -> Tensor:
    """Scale a weight-normalised kernel's gain by a batch norm's, and return the constant [C] that is left."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    gain_of(kernel).mul_(scale[:, None, None, None])
    return norm.bias - norm.running_mean * scale


def _constant_feed(cnn: CNN, area: str, stem_bias: Tensor, link_bias: dict[str, Tensor]) -> Tensor:
    """What the folded constants of the stem and the skips add to F * u, as a map [C, H, W]."""
    spec, sizes = cnn.spec, layout(cnn.spec)
    before_pool = [
        (n + 2 * ((spec.stem.kernel - 1) // 2) - spec.stem.kernel) // spec.stem.stride + 1 for n in spec.image_size
    ]
    constant = pool(stem_bias[None, :, None, None].expand(1, -1, *before_pool), spec.stem)
    total = stem_bias.new_zeros(1, *sizes.inputs[area])
    for link in spec.into(area):
        if link.source == STEM:
            kernel = weight_of(cnn.wiring.links[link.name]) if link.name in cnn.wiring.links else None
            total = total + transmit(constant, link, kernel, sizes.landing[link.name])
        if link.name in link_bias:
            total = total + link_bias[link.name][None, :, None, None]
    return convolve(total, weight_of(cnn.wiring.feedforward[area]), spec.area(area).stride)[0]


def _check_feedforward(spec: NetworkSpec) -> None:
    if not spec.is_cascade:
        raise ValueError(f"network {spec.name!r} has feedback connections, so it has no feedforward twin")
    for link in spec.connections:
        if link.delay_ms:
            raise ValueError(f"connection {link.name!r} has a delay, which a feedforward twin has no place for")
        if link.onto != "input":
            raise ValueError(f"connection {link.name!r} ends on the drive, which a feedforward twin has no place for")
    if lacking := [area.name for area in spec.areas if not area.recurrent_kernel]:
        raise ValueError(f"area {lacking[0]!r} has no recurrent kernel, which its feedforward twin needs")

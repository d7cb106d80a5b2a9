"""The feedforward twin of a CordsNet: the same kernels with batch normalisation, and its exact fold.

Per area: x = BN_a(F * u), y = ReLU(BN_b(R * x)), with no nonlinearity between the two
(Soo et al. 2024, section 4). BN also follows the stem's convolution and every skip
kernel between areas.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet._arguments import check_arguments, check_init
from cordsnet._typing import Images
from cordsnet.dynamics import NONE, Clock, Effects, Precision, convolve
from cordsnet.dynamics.lesions import standing_effects
from cordsnet.models.capabilities import RecurrentTwin
from cordsnet.models.changed import check_computable, refresh
from cordsnet.models.cordsnet.layout import layout
from cordsnet.models.cordsnet.rows import PAPER
from cordsnet.models.cordsnet.spec import STEM, ConnectionSpec, NetworkSpec
from cordsnet.models.cordsnet.static import StaticSystem
from cordsnet.models.cordsnet.twin import Parted, recurrent_twin
from cordsnet.models.cordsnet.unit_bias import UnitBias, unit_bias
from cordsnet.models.cordsnet.wiring import Wiring, encode, pool, transmit
from cordsnet.models.interface import IMAGE, VisionModel
from cordsnet.models.kernels import bias_of, scale_gain, weight_of

Norm: TypeAlias = Callable[[str, Tensor], Tensor]
"""The name of a norm's module, and maps [B, C, H, W] -> normalised maps."""


@check_init
class CNN(Parted, VisionModel):
    """Feedforward network with the convolutions of a CordsNet. Its clock is static: it answers at once.

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
    def clock(self) -> Clock:
        """A static clock, with the step of the recurrent network so that both can be shown the same protocol."""
        return Clock(self.spec.dt_ms, "static")

    @property
    def response_ms(self) -> float:
        """One step."""
        return self.spec.dt_ms

    @property
    def timing(self) -> str:
        """Time step, in words: none."""
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
        """True if the batch norms have been folded away."""
        return isinstance(self.norm_stem, nn.Identity)

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """Kernels; batch norms, or the unit biases in their place, are called."""
        return ("wiring",)

    def bind(self, dt: float, stepper: str, precision: Precision) -> StaticSystem:
        """The network as a system. Raises ValueError while its batch norms take their statistics from the batch."""
        if self.training and not self.folded:
            raise ValueError("a network with batch norms can be simulated in evaluation mode; call model.eval() first")
        compute = precision.of_convolutions(self.like)
        if compute != self.like.dtype or precision.of_rates(self.like) != self.like.dtype:
            raise ValueError(f"a feedforward network computes in {self.like.dtype}; convert it with model.to(dtype)")
        return StaticSystem(self, dt)

    def forward(self, inputs: Tensor | Mapping[str, Tensor], ms: float | None = None) -> Tensor:
        """Class scores [B, K] for images [B, C, H, W], at once, whatever `ms` is."""
        images = inputs[IMAGE] if isinstance(inputs, Mapping) else inputs
        refresh(self)
        self.check_input(images)
        check_computable(self, self.like)
        return self.scores(self.rates(images))

    def scores(self, rates: Mapping[str, Tensor]) -> Tensor:
        """Class scores [B, K] from the activity of the readout areas."""
        pooled = torch.stack([rates[area].mean((2, 3)) for area in self.spec.readout]).sum(0)
        return functional.linear(pooled, weight_of(self.wiring.readout), bias_of(self.wiring.readout))

    def rates(self, images: Images) -> dict[str, Tensor]:
        """Area -> activity [B, C, H, W], the stem's included."""
        return {name: drive if name == STEM else functional.relu(drive) for name, drive in self.drives(images).items()}

    def norm(self, name: str, maps: Tensor) -> Tensor:
        """Compute what the norm of that name, or the unit bias in its place, makes of maps [B, C, H, W]."""
        normalised: Tensor = self.get_submodule(name)(maps)
        return normalised

    def drives(self, images: Images, effects: Effects = NONE, norm: Norm | None = None) -> dict[str, Tensor]:
        """Area -> activity before the rectification, the target of the inverse initialisation; the stem as it is.

        `effects` are those of interventions; while they act, rates stand in place of drives, which the rectification
        leaves as they are. `norm` acts in the place of the network's norms.
        """
        intervened, effects, norm = bool(effects), effects & self._lost(), norm or self.norm
        stem = self.spec.stem
        encoded = pool(norm("norm_stem", encode(images, weight_of(self.wiring.stem), stem)), stem)
        drives = {STEM: encoded}
        for area in self.spec.areas:
            name = area.name
            feed = norm(f"before.{name}", self.feed(name, drives, effects, norm))
            drive = norm(f"after.{name}", effects.pathway(f"{name} -> {name}", self.mix(name, feed)))
            drive = effects.drive(name, drive)
            drives[name] = effects.rate(name, functional.relu(drive) if intervened else drive)
        return drives

    def _lost(self) -> Effects:
        """Effects of the lesions of the network, which act in every pass."""
        lost = NONE
        for one in self.lesions:
            lost = lost & standing_effects(one, StaticSystem(self, self.dt_ms))
        return lost

    def feed(self, area: str, drives: dict[str, Tensor], effects: Effects = NONE, norm: Norm | None = None) -> Tensor:
        """F * (what the area reads), before any normalisation or bias of the area itself."""
        kernel, stride = weight_of(self.wiring.feedforward[area]), self.spec.area(area).stride
        if not any(f"{link.source} -> {area}" in effects.factors for link in self.spec.into(area)):
            return convolve(self.afferent(area, drives, norm), kernel, stride)
        parts = [
            effects.pathway(f"{link.source} -> {area}", convolve(self.deliver(link, drives, norm), kernel, stride))
            for link in self.spec.into(area)
        ]
        return torch.stack(parts).sum(0)

    def afferent(self, area: str, drives: dict[str, Tensor], norm: Norm | None = None) -> Tensor:
        """Input of an area's feedforward kernel, from the stem and other areas, [B, C, H, W]."""
        first, *rest = (self.deliver(link, drives, norm) for link in self.spec.into(area))
        return sum(rest, start=first)

    def deliver(self, link: ConnectionSpec, drives: dict[str, Tensor], norm: Norm | None = None) -> Tensor:
        """Signal that one connection delivers, [B, C, H, W]."""
        source = drives[link.source] if link.source == STEM else functional.relu(drives[link.source])
        kernel = weight_of(self.wiring.links[link.name]) if link.name in self.wiring.links else None
        value = transmit(source, link, kernel, layout(self.spec).landing[link.name])
        return (norm or self.norm)(f"norm_links.{link.name}", value) if link.name in self.norm_links else value

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
        twin.lesions = self.lesions
        return twin


@check_arguments
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
    scale_gain(kernel, scale[:, None, None, None])
    return norm.bias - norm.running_mean * scale


def _constant_feed(cnn: CNN, area: str, stem_bias: Tensor, link_bias: dict[str, Tensor]) -> Tensor:
    """Contribution of the folded constants of the stem and the skips to F * u, as a map [C, H, W]."""
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

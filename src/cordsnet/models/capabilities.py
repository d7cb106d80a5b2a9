"""Capabilities that a model may have beside being simulated. Training stages ask for them, not for its class.

`isinstance(model, Foldable)` is True for every model that has these methods, whatever its kind.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from cordsnet.dynamics import Activation, Lesion, LinearMap


@dataclass(frozen=True)
class AreaWeights:
    """Weights of one area: drive = recurrent * r + feedforward * (what it reads) + bias.

    Attributes
    ----------
    recurrent : kernel [C, C, k, k].
    feedforward : kernel [C, C', k', k'].
    bias : one value per unit, [C, H, W].
    stride : of the feedforward kernel.
    """

    recurrent: Tensor
    feedforward: Tensor
    bias: Tensor
    stride: int


@runtime_checkable
class HasActivation(Protocol):
    """A model whose nonlinearity phi can be exchanged, so that training can anneal it."""

    activation: Activation


@runtime_checkable
class HasTops(Protocol):
    """A model of which several areas are the highest, so that whatever reads it reads all of them."""

    @property
    def tops(self) -> tuple[str, ...]:
        """Names of the areas."""


@runtime_checkable
class HasParts(Protocol):
    """A model that says to which area each of its parameters belongs."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the areas and other parts, highest first."""

    def part_of(self, parameter: str) -> str:
        """The part to which a parameter or buffer belongs, by its name."""


@runtime_checkable
class HasRecurrentKernels(Protocol):
    """A model with a recurrent convolution in some areas, whose strength can be scaled."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""

    @property
    def initial_recurrent_gain(self) -> float:
        """Spectral radius of the recurrent kernels as they are drawn, in the limit of many channels."""

    def recurrent_kernels(self) -> dict[str, Tensor]:
        """Area -> recurrent kernel [C, C, k, k]."""

    def recurrent_gain(self, area: str) -> Tensor:
        """Gain of every output channel of an area's recurrent kernel."""

    def scale_recurrence(self, area: str, factor: float | Tensor) -> None:
        """Multiply an area's recurrent kernel by a number, in place."""


@runtime_checkable
class Calibrated(Protocol):
    """A model whose batch norms are given the statistics for evaluation after training, not during it."""

    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Set the statistics to those of batches of images [B, C, H, W]."""


@runtime_checkable
class Foldable(Protocol):
    """A model whose batch norms can be folded into its kernels, exactly."""

    @property
    def folded(self) -> bool:
        """True if the batch norms have been folded away."""

    def fold(self) -> "FeedforwardTwin":
        """The same network without batch norms."""


@runtime_checkable
class FeedforwardTwin(Foldable, Protocol):
    """A feedforward network with the kernels of a recurrent one, which is made from it."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""

    def rates(self, images: Tensor) -> dict[str, Tensor]:
        """Area -> activity [B, C, H, W], and that of the encoded image."""

    def drives(self, images: Tensor) -> dict[str, Tensor]:
        """Area -> activity before the rectification, and the encoded image."""

    def feed(self, area: str, drives: dict[str, Tensor]) -> Tensor:
        """Output of the feedforward kernel of an area [B, C, H, W], given the drives of the areas below."""

    def afferent(self, area: str, drives: dict[str, Tensor]) -> Tensor:
        """Input of the feedforward kernel of an area [B, C, H, W], given the drives of the areas below."""

    def recurrent_twin(self, seed: int) -> "RecurrentTwin":
        """A linear recurrent network with the same kernels, and small random recurrence. Needs a folded network."""


@runtime_checkable
class RecurrentTwin(HasActivation, HasRecurrentKernels, Protocol):
    """A recurrent network that is fitted, area by area, to a feedforward one."""

    lesions: tuple[Lesion, ...]

    @property
    def areas(self) -> tuple[str, ...]:
        """Names of the areas, lowest first."""

    def area_weights(self, area: str) -> AreaWeights:
        """Kernels and bias of an area, in the graph."""

    def set_area_weights(self, area: str, recurrent: Tensor, feedforward: Tensor, bias: Tensor) -> None:
        """Replace kernels and bias of an area, in place."""

    def area_maps(self, area: str) -> tuple[LinearMap, LinearMap]:
        """Recurrent and feedforward kernel of an area as linear maps in the precision in force, in the graph."""

    def fitted_parameters(self, area: str) -> list[nn.Parameter]:
        """Parameters of the recurrent kernel of an area, and its bias."""

    def train_only(self, kernels: tuple[str, ...]) -> None:
        """Freeze all but the biases and the kernels named: of "recurrent", "feedforward", "links", "stem"."""

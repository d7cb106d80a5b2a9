"""A CNN-transformer as data."""

from dataclasses import dataclass
from typing import ClassVar

from cordsnet.models.backbone.spec import BackboneSpec


@dataclass(frozen=True)
class CNNTransformerSpec(BackboneSpec):
    """A feedforward network and a transformer that reads its features; the fields of `BackboneSpec`, and five more.

    Attributes
    ----------
    units : length of a token; one token is made of the features in every step.
    heads : of the attention; they divide `units`.
    blocks : of the transformer, each an area "block1", "block2", ...
    memory : steps that attention reaches, the present one among them.
    expansion : hidden units of a block's perceptron, as a multiple of `units`.
    """

    kind: ClassVar[str] = "cnn_transformer"

    name: str = "cnn_transformer"
    units: int = 512
    heads: int = 8
    blocks: int = 2
    memory: int = 16
    expansion: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_counts("units", "heads", "blocks", "memory", "expansion")
        if self.units % self.heads:
            raise ValueError(f"heads must divide units, got {self.heads} heads for {self.units} units")

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the blocks, lowest first."""
        return tuple(f"block{k}" for k in range(1, self.blocks + 1))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W], and block -> [units]."""
        return self.maps | dict.fromkeys(self.layers, (self.units,))

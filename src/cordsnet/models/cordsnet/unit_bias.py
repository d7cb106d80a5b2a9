"""Biases of single units: what is left of a batch normalisation once its gain sits in the kernel."""

from torch import Tensor, nn

from cordsnet._arguments import check_arguments


class UnitBias(nn.Module):
    """Adds one value per unit: what is left of a batch normalisation once its gain sits in the kernel."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(value)

    def forward(self, drive: Tensor) -> Tensor:
        """drive [B, C, H, W] plus the bias [C, H, W]."""
        return drive + self.value


@check_arguments
def unit_bias(module: nn.Module) -> Tensor:
    """The per-unit bias [C, H, W] of a folded network's module. Raises TypeError for batch norms."""
    if not isinstance(module, UnitBias):
        raise TypeError(f"module must be the UnitBias of a folded network, got {type(module).__name__}; fold it first")
    return module.value

"""A CNN-RNN as data."""

from dataclasses import dataclass
from typing import ClassVar

from cordsnet._checks import check_positive
from cordsnet.models.backbone.spec import BackboneSpec
from cordsnet.models.cnn_rnn.cells import CELLS, Cell, CellName


@dataclass(frozen=True)
class CNNRNNSpec(BackboneSpec):
    """A feedforward network and a recurrent cell that reads its features; the fields of `BackboneSpec`, and three more.

    Attributes
    ----------
    cell : row of `CELLS`: "lstm" and "rnn" are networks of steps; "ctrnn" and "readout" are differential equations, for
        which `ms_per_step` is the integration step.
    units : of the cell; None for "readout", which has a unit for each class.
    tau_ms : time constant of a differential equation, ms; None for networks of steps.
    """

    kind: ClassVar[str] = "cnn_rnn"

    name: str = "cnn_lstm"
    cell: CellName = "lstm"
    units: int | None = 512
    tau_ms: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_choice("cell", tuple(CELLS))
        if self.type.is_output != (self.units is None):
            raise ValueError(
                f"units must be a whole number, or None for 'readout', got {self.units!r} for {self.cell!r}"
            )
        if self.units is not None:
            self.check_counts("units")
        if self.type.continuous != (self.tau_ms is not None):
            raise ValueError(f"tau_ms must be a time for 'ctrnn' and 'readout', else None, got {self.tau_ms!r}")
        if self.tau_ms is not None:
            check_positive(self.tau_ms, "tau_ms")

    @property
    def type(self) -> Cell:
        """The cell."""
        return CELLS[self.cell]

    @property
    def size(self) -> int:
        """Units of the cell."""
        return self.num_classes if self.units is None else self.units

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W], and the cell's -> [N]."""
        return self.maps | {self.type.area: (self.size,)}

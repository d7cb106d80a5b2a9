"""A CNN-RNN bound to the duration of a step: what the engines run."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import Effects, Precision, Signal, State
from cordsnet.models.backbone.system import BackboneSystem
from cordsnet.models.cnn_rnn.spec import CNNRNNSpec
from cordsnet.models.stepped.layers import Watch


class CNNRNNSystem(BackboneSystem[Tensor]):
    """The cell reads V f, with f the mean of every channel of the feedforward network's top areas, and W r.

    Interventions: the drive of the cell's area is the argument of its nonlinearity (an LSTM's: that of the candidate's
    tanh). Pathways deliver to all gates, [gates, B, N], without biases.
    """

    spec: CNNRNNSpec

    def __init__(
        self, model: Any, dt: float, precision: Precision, watch: Watch | None = None, share: float = 1.0
    ) -> None:
        super().__init__(model, dt, precision, watch)
        self.cell, self.size, self.share, area = self.spec.type, self.spec.size, share, self.spec.type.area
        self.signals = (*self.signals, *(Signal(area, (self.size,), kind) for kind in self.cell.signals))
        self.ways = {top: f"{top} -> {area}" for top in self.tops}
        self.own = f"{area} -> {area}"
        self.pathways = (*self.pathways, *self.ways.values(), self.own)
        tensor = self.layers.tensor
        self.input, self.recurrent = tensor("head.input.weight"), tensor("head.recurrent.weight")
        self.bias = tensor("head.input.bias")
        if self.cell.biases == 2:
            self.bias = self.bias + tensor("head.recurrent.bias")
        self.identity = self.identity, share

    def feed(self, rates: Mapping[str, Tensor], effects: Effects) -> Tensor:
        """Compute what arrives at the gates from the features, biases included, [gates, 1 or B, N]."""
        if not effects.factors:
            pooled = torch.stack([rates[top].mean((2, 3)) for top in self.tops]).sum(0)
            return self._gates(functional.linear(pooled, self.input, self.bias))
        total = self._gates(self.bias[None])
        for top, name in self.ways.items():
            brought = functional.linear(rates[top].mean((2, 3)), self.input)
            total = total + effects.pathway(name, self._gates(brought))
        return total

    def head(self, state: State, fed: Tensor, effects: Effects) -> dict[str, Tensor]:
        """One step of the cell."""
        brought = self._gates(functional.linear(state.values[self.cell.area], self.recurrent))
        gates = fed + effects.pathway(self.own, brought)
        return self.cell.update(self.cell.area, gates, state.values, self.share, effects)

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K]."""
        rate = state.values[self.cell.area]
        return {"scores": rate if self.cell.is_output else self.layers.linear["decoder"](rate)}

    def _gates(self, values: Tensor) -> Tensor:
        """[B, gates x N] as [gates, B, N], without copying."""
        return values.view(len(values), self.cell.gates, self.size).transpose(0, 1)

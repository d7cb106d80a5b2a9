"""A ConvLSTM bound to the duration of a step: what the engines run."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cordsnet.dynamics.effects import Effects
from cordsnet.models.convlstm.cell import GATES
from cordsnet.models.stack.system import Cell, StackSystem, split
from cordsnet.models.stepped.layers import Layers


class BoundCell(Cell):
    """Weights of one area; peepholes are 3 x [C, H or 1, W or 1]."""

    parts = GATES

    def __init__(self, layers: Layers, name: str, pool: int) -> None:
        super().__init__(layers, name, pool)
        self.recurrent = layers.convs[f"{name}.recurrent"]
        peephole = layers.optional(f"{name}.peephole")
        self.peephole = None if peephole is None else peephole.unbind()

    def update(
        self, area: str, loop: str, fed: Tensor, values: Mapping[str, Tensor], effects: Effects
    ) -> dict[str, Tensor]:
        """Rate and cell one step later."""
        cell, peephole = values[f"{area}.cell"], self.peephole
        gates = fed + effects.pathway(loop, split(self.recurrent(values[area]), GATES))
        into, kept, candidate, out = gates.unbind()
        if peephole is not None:
            into, kept = torch.addcmul(into, peephole[0], cell), torch.addcmul(kept, peephole[1], cell)
        candidate = torch.tanh(effects.drive(area, candidate))
        new = torch.addcmul(torch.sigmoid(kept) * cell, torch.sigmoid(into), candidate)
        if peephole is not None:
            out = torch.addcmul(out, peephole[2], new)
        return {area: effects.rate(area, torch.sigmoid(out) * torch.tanh(new)), f"{area}.cell": new}


class ConvLSTMSystem(StackSystem[BoundCell]):
    """Areas are updated bottom to top in every step: an area reads what the one below has become.

        i = s(Wxi * X + Whi * H + Wci . C + bi)         f = s(Wxf * X + Whf * H + Wcf . C + bf)
        C' = f . C + i . tanh(Wxc * X + Whc * H + bc)   o = s(Wxo * X + Who * H + Wco . C' + bo)
        H' = o . tanh(C')                               (Shi et al. 2015, equation 3; s is the logistic function)

    An area's rate is H; "AREA.cell" is C. Interventions: the drive of an area is the argument of the candidate's tanh,
    so that an injected current enters the cell as far as the input gate lets it. Pathways such as "area1 -> area2" and
    "area1 -> area1" deliver to all four gates, [4, B, C, H, W].
    """

    cell_type = BoundCell
    kinds = ("rate", "cell")

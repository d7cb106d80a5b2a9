"""A ConvGRU bound to the duration of a step: what the engines run."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cordsnet.dynamics.effects import Effects
from cordsnet.models.convgru.cell import GATES
from cordsnet.models.stack.system import Cell, StackSystem, split
from cordsnet.models.stepped.layers import Layers


class BoundCell(Cell):
    """Weights of one area."""

    parts = GATES

    def __init__(self, layers: Layers, name: str, pool: int) -> None:
        super().__init__(layers, name, pool)
        self.recurrent, self.candidate = layers.convs[f"{name}.recurrent"], layers.convs[f"{name}.candidate"]

    def update(
        self, area: str, loop: str, fed: Tensor, values: Mapping[str, Tensor], effects: Effects
    ) -> dict[str, Tensor]:
        """The rate one step later."""
        rate, candidate = values[area], fed[2]
        update, reset = torch.sigmoid(fed[:2] + effects.pathway(loop, split(self.recurrent(rate), 2))).unbind()
        drive = effects.drive(area, candidate + effects.pathway(loop, self.candidate(reset * rate)))
        return {area: effects.rate(area, torch.lerp(rate, torch.tanh(drive), update))}


class ConvGRUSystem(StackSystem[BoundCell]):
    """Areas are updated bottom to top in every step: an area reads what the one below has become.

        z = s(Wz * x + Uz * h + bz)     r = s(Wr * x + Ur * h + br)
        c = tanh(W * x + U * (r . h) + b)
        h' = (1 - z) . h + z . c        (Ballas et al. 2016; s is the logistic function)

    An area's rate is h. Interventions: the drive of an area is the argument of the candidate's tanh, so that an added
    current enters the rate as far as the update gate lets it. Pathways such as "area1 -> area2" deliver to both gates
    and the candidate, [3, B, C, H, W]; "area1 -> area1" delivers to the gates, [2, B, C, H, W], then to the candidate.
    """

    cell_type = BoundCell

"""The network whose portrait is made, and what is shown to it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet.experiments.needs import rate_equation
from cordsnet.experiments.portrait.findings import Findings
from cordsnet.experiments.portrait.options import PortraitOptions


@dataclass(frozen=True)
class Sitter:
    """The network that is measured, and what is shown to it.

    Attributes
    ----------
    model : any dynamical model; parts that need a rate equation are left out of others.
    images : [B, C, H, W], at least two; it is linearised at the first few.
    labels : class indices [B], or None.
    options : sizes and tolerances.
    seed : of everything that is drawn.
    found : container for the results.
    """

    model: Any
    images: Tensor
    labels: Tensor | None
    options: PortraitOptions
    seed: int
    found: Findings

    @property
    def has_equation(self) -> bool:
        """True if the model has a rate equation, which can be linearised area by area."""
        return not rate_equation(self.model)

    @property
    def tau_ms(self) -> float:
        """Mean time constant of all areas, ms; a step, where there is no rate equation."""
        if not self.has_equation:
            return float(self.model.dt_ms)
        tau = self.model.system().equation.circuit.tau_ms
        return float(
            torch.stack([torch.as_tensor(tau[a], dtype=torch.float64).mean() for a in self.model.areas]).mean()
        )

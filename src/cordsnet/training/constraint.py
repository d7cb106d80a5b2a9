"""Recurrent kernels kept below a bound: below 1 a network is proven to have one attractor, in place of a penalty."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import is_number
from cordsnet.analysis.convolutions.bounds import norm_bound
from cordsnet.analysis.networks.certificates import CRITERIA, certify_monostable, smallest_bound
from cordsnet.dynamics import Gradient
from cordsnet.models.capabilities import HasRecurrentKernels

POINTS = 16
"""Frequencies per axis at most: coarser, and so a little stricter on large maps, than a certificate's."""

ROUNDING = 1e-5
"""Kernels are scaled to this much below the bound, so that gains in single precision end below it."""


@check_init
@dataclass(frozen=True)
class Contraction:
    """Every area's bound of `certify_monostable` is kept below `bound`, by scaling its recurrent gains.

    After each update, and before the first, a kernel whose bound is above it is scaled onto it; one scalar per area,
    so that directions and the gains' proportions are the optimiser's own. It is a function of the weights alone: there
    is no state, and a resumed run makes the same bits.

    Attributes
    ----------
    bound : between 0 and 1, dimensionless; the norm of the recurrent convolution if that is the criterion.
    criterion : "norm", "perron" or "hermitian", as in `Certificate`; the first two hold for any time constants.
    """

    bound: float = 0.95
    criterion: Literal["norm", "perron", "hermitian"] = "norm"

    def __post_init__(self) -> None:
        if not (is_number(self.bound) and 0 < self.bound < 1):
            raise ValueError(f"bound must lie between 0 and 1, got {self.bound!r}")
        if self.criterion not in CRITERIA:
            raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}, got {self.criterion!r}")

    @torch.no_grad()
    def apply(self, model: HasRecurrentKernels) -> None:
        """Scale the recurrent kernels that exceed the bound, in place."""
        for area, kernel in model.recurrent_kernels().items():
            size = model.shapes[area][1:]
            bound, _ = smallest_bound(kernel, size, self.criterion, tighten=False, points=self._points(kernel))
            if bound > self.bound:
                model.scale_recurrence(area, self.bound * (1 - ROUNDING) / bound)

    def start(self, model: Any) -> None:
        """Apply it before the first update.

        Raises as `certify_monostable` does: feedback cannot be bounded so; ValueError for a model without recurrent
        kernels that can be scaled.
        """
        if not isinstance(model, HasRecurrentKernels):
            raise ValueError(f"contraction needs a model with recurrent kernels, got {type(model).__name__}")
        self.metrics(model)
        self.apply(model)

    def metrics(self, model: Any) -> dict[str, float]:
        """The bound of every area, `contraction_bound/area1`, and whether one attractor is proven (`certified`)."""
        certificate = certify_monostable(model, criteria=(self.criterion,), tighten=False)
        bounds = {f"contraction_bound/{area.area}": area.bound for area in certificate.areas}
        return {**bounds, "certified": float(certificate.certified)}

    @staticmethod
    def _points(kernel: Tensor) -> int:
        return max(POINTS, 4 * kernel.shape[-1])


@torch.no_grad()
def limit(weight: Tensor, size: Sequence[int], bound: float) -> None:
    """Scale a recurrent kernel [C, C, k, k] down, in place, if its norm on maps of (H, W) `size` may exceed `bound`."""
    reached = norm_bound(weight, size)
    if reached > bound:
        weight.mul_(bound / reached)


@torch.no_grad()
def limit_recurrence(model: HasRecurrentKernels, bound: float) -> None:
    """`limit` for every area of a network, by the gains of its recurrent kernels.

    Any bound above 0 will do; one above 1 proves nothing, but leaves fewer networks that do not settle.
    """
    for area, kernel in model.recurrent_kernels().items():
        reached = norm_bound(kernel, model.shapes[area][1:])
        if reached > bound:
            model.scale_recurrence(area, bound / reached)


def written(stage: dict[str, Any]) -> dict[str, Any]:
    """A stage's settings as they are written down: without those that earlier versions did not have, where they are
    as if there were none.

    So the runs of earlier versions go on.
    """
    plain = {
        "contraction": None,
        "budget": None,
        "skips": None,
        "gradient": dataclasses.asdict(Gradient()),
        "lesson": {},
        "until": None,
    }
    return {name: value for name, value in stage.items() if name not in plain or value != plain[name]}

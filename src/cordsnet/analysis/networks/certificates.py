"""Proof that a network has one attractor for every image, from its kernels alone."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis.convolutions.balancing import best_weights, mean_weights, perron_weights
from cordsnet.analysis.convolutions.bounds import POINTS, hermitian_bound, norm_bound, norm_reached, perron_bound
from cordsnet.dynamics import Activation, Circuit, ConvMap, RateSystem, Simulable

CRITERIA: Mapping[str, Callable[..., float]] = {
    "norm": norm_bound,
    "perron": perron_bound,
    "hermitian": hermitian_bound,
}
"""Name -> bound(kernel, size, weights=...) that certifies an area where it is below 1."""

TIGHTENED = 128
"""Channels up to which weights are sought; beyond, eigendecompositions take minutes and closed forms are all."""


@dataclass(frozen=True)
class AreaCertificate:
    """Bounds and certificate of one area.

    Attributes
    ----------
    area : its name.
    bounds : criterion -> rigorous bound, dimensionless; below 1 certifies. Without recurrence all are 0.
    criterion : the one with the smallest bound.
    weights : [C] per channel, those under which that bound holds.
    norm_reached : a lower bound on the norm of the recurrent convolution, by power iteration: how much of the norm's
        bound (unweighted) could be slack.
    rate : guaranteed rate of convergence to the area's fixed point, 1/ms; 0 where none is given, as by "hermitian",
        which proves exponential convergence at some rate.
    """

    area: str
    bounds: Mapping[str, float]
    criterion: str
    weights: Tensor = field(repr=False)
    norm_reached: float
    rate: float

    @property
    def bound(self) -> float:
        """The smallest."""
        return self.bounds[self.criterion]

    @property
    def margin(self) -> float:
        """1 - bound: the recurrent kernel may grow by the factor 1 / bound."""
        return 1 - self.bound

    @property
    def certified(self) -> bool:
        """True if the area has one attractor for every constant input."""
        return self.bound < 1


@dataclass(frozen=True)
class Certificate:
    """Proof that a cascade has one attractor for every image, or the bounds that fell short of it.

    What is proven when `certified` holds, for tau dr/dt = -r + phi(drive) in exact arithmetic with these weights: for
    every constant image, of any contrast, there is exactly one fixed point, every trajectory converges to it
    exponentially, and so does the return to baseline once an image has gone. Each area has that property for constant
    inputs; convergence of an area makes the input of the next converge, and exponential stability carries a vanishing
    disturbance. Delays between areas only make inputs converge later. The proof needs phi non-decreasing with slopes of
    at most 1, and one of, per area:

    - "norm": |w K w^-1| < 1. With e the difference of two trajectories, the sum of tau w^2 e^2 falls, at a rate of
      2 (1 - bound) / tau or more, for any time constants, one per unit or not. Euler steps with dt <= tau, at one tau
      per area, contract likewise.
    - "perron": weighted sums over taps below 1. max w |e| falls at the rate (1 - bound) / tau or more, again for any
      time constants (the logarithmic norm of the Jacobian, for every pattern of slopes from 0 to 1).
    - "hermitian": symmetric part of w K w^-1 below 1. The drive u obeys tau du/dt = -u + K phi(u) + input where tau is
      the same in the whole area, and w^2 is a diagonal Lyapunov matrix of K - 1: one globally stable fixed point for
      every input (Forti & Tesi 1995). With e = u - u*, g(e) = phi(u* + e) - phi(u*) and a small s > 0, the sum of
      s e^2 + 2 w^2 (integral of g from 0 to e) falls exponentially, since g e >= g^2. It says nothing of contraction
      in one norm, nor of Euler steps, and is left out where tau differs between units.

    A network that is not certified may well have one attractor: a negative answer proves nothing. What happens while
    an image changes, how long convergence takes through several areas, rounding in the simulation, and whether the
    answer is right are not part of it.
    """

    areas: tuple[AreaCertificate, ...]

    @property
    def certified(self) -> bool:
        """True if every area is certified."""
        return all(area.certified for area in self.areas)

    @property
    def bound(self) -> float:
        """The largest of the areas' bounds."""
        return max(area.bound for area in self.areas)

    def rows(self) -> list[dict[str, str | float | bool]]:
        """One row per area for a table."""
        return [
            {
                "area": area.area,
                "certified": area.certified,
                "bound": area.bound,
                "criterion": area.criterion,
                **{f"{name} bound": value for name, value in area.bounds.items()},
                "unweighted norm at least": area.norm_reached,
                "rate (1/ms)": area.rate,
            }
            for area in self.areas
        ]

    def __str__(self) -> str:
        head = "one attractor for every image: proven" if self.certified else "not certified, which proves nothing"
        lines = [
            f"  {one.area}: {', '.join(f'{name} {value:.4f}' for name, value in one.bounds.items())}"
            f" -> {one.criterion} {'<' if one.certified else '>='} 1"
            for one in self.areas
        ]
        return "\n".join([head, *lines])


@check_arguments
@torch.no_grad()
def certify_monostable(
    model: Simulable, *, criteria: Sequence[str] = tuple(CRITERIA), tighten: bool = True, points: int = POINTS
) -> Certificate:
    """Try to prove that `model` has one attractor for every constant image.

    Parameters
    ----------
    model : a cascade with a rate equation whose recurrent kernels are convolutions.
    criteria : which bounds to compute, of "norm", "perron", "hermitian".
    tighten : look for the weights of channels under which bounds are smallest, in areas of at most `TIGHTENED`
        channels; otherwise only closed forms are tried. It takes some fifty eigendecompositions of C x C matrices at 32
        frequencies, per area and criterion.
    points : frequencies per axis at most (see `bounds`).

    Raises
    ------
    TypeError : a model, recurrent operator or activation that the proof does not cover.
    ValueError : feedback between areas, by the connection; weights that are not finite; unknown criteria.
    """
    system = model.system() if isinstance(model, Simulable) else None
    if not isinstance(system, RateSystem):
        raise TypeError(f"model must have a rate equation, got {type(model).__name__}; classify_regime takes any model")
    if not criteria or not set(criteria) <= set(CRITERIA):
        raise ValueError(f"criteria must be some of {', '.join(CRITERIA)}, got {', '.join(criteria) or 'none'}")
    circuit = system.equation.circuit
    _check_activation(system.equation.activation)
    _check_cascade(circuit)
    return Certificate(tuple(_certify(circuit, area, criteria, tighten, points) for area in circuit.areas))


def _certify(circuit: Circuit, area: str, criteria: Sequence[str], tighten: bool, points: int) -> AreaCertificate:
    channels, *size = circuit.shapes[area]
    slowest, fastest = _extremes(circuit.tau_ms[area])
    if area not in circuit.recurrent:
        ones = torch.ones(channels, dtype=torch.float64)
        return AreaCertificate(area, dict.fromkeys(criteria, 0.0), criteria[0], ones, 0.0, 1 / slowest)
    kernel = recurrent_kernel(circuit, area)
    used = [one for one in criteria if one != "hermitian" or slowest == fastest]
    if not used:
        raise ValueError(f"criteria: 'hermitian' alone does not cover {area!r}, whose units differ in tau; add 'norm'")
    found = {one: smallest_bound(kernel, size, one, tighten, points) for one in used}
    bounds = {one: bound for one, (bound, _) in found.items()}
    best = min(bounds, key=lambda one: bounds[one])
    proven = [bounds[one] for one in bounds if one != "hermitian"]
    rate = max(0.0, 1 - min(proven, default=1.0)) / slowest
    return AreaCertificate(area, bounds, best, found[best][1].cpu(), norm_reached(kernel, size), rate)


def smallest_bound(
    kernel: Tensor, size: Sequence[int], criterion: str, tighten: bool = True, points: int = POINTS
) -> tuple[float, Tensor]:
    """The smallest bound of one criterion over the weights that are tried, and those weights [C]."""
    ones = torch.ones(len(kernel), dtype=torch.float64, device=kernel.device)
    if criterion == "perron":
        tried = [ones, perron_weights(kernel, size)]
        return min(((perron_bound(kernel, size, weights=one), one) for one in tried), key=_first)
    bound = CRITERIA[criterion]
    closed = [ones, mean_weights(kernel, size)]
    best = min(((bound(kernel, size, weights=one, points=points), one) for one in closed), key=_first)
    if not tighten or len(kernel) > TIGHTENED:
        return best
    weights = best_weights(kernel, size, criterion, best[1])
    return min(best, (bound(kernel, size, weights=weights, points=points), weights), key=_first)


def recurrent_kernel(circuit: Circuit, area: str) -> Tensor:
    """The recurrent kernel of an area [C, C, k, k] as it is computed with. Raises TypeError for other operators."""
    recurrent = circuit.recurrent[area]
    if not isinstance(recurrent, ConvMap) or recurrent.stride != 1:
        raise TypeError(
            f"the recurrent operator of {area!r} must be a convolution of stride 1, got {type(recurrent).__name__}; "
            "classify_regime takes any model"
        )
    kernel = recurrent.weight.detach().to(recurrent.compute)
    if not bool(torch.isfinite(kernel).all()):
        raise ValueError(f"the recurrent kernel of {area!r} holds NaN or infinite values; load earlier weights")
    return kernel.double()


def _first(pair: tuple[float, Tensor]) -> float:
    return pair[0]


def _extremes(tau_ms: float | Tensor) -> tuple[float, float]:
    """Largest and smallest time constant of an area."""
    if isinstance(tau_ms, Tensor):
        return float(tau_ms.max()), float(tau_ms.min())
    return float(tau_ms), float(tau_ms)


def _check_cascade(circuit: Circuit) -> None:
    """Raise ValueError naming a feedback connection."""
    if circuit.is_cascade:
        return
    order = {area: k for k, area in enumerate(circuit.areas)}
    back = [
        f"{source} -> {area}"
        for area in circuit.areas
        for source in circuit.sources(area)
        if order.get(source, -1) >= order[area]
    ]
    raise ValueError(
        f"model must be a cascade, it has feedback ({', '.join(back)}); leave that out, or see classify_regime"
    )


def _check_activation(activation: Activation) -> None:
    """Raise TypeError unless phi is known to be non-decreasing with slopes of at most 1."""
    if activation.name in ("relu", "identity", "tanh", "softplus"):
        return
    if activation.name != "prelu" or not (math.isfinite(activation.slope) and 0 <= activation.slope <= 1):
        raise TypeError(
            f"activation {activation.name!r} (slope {activation.slope:g}) must be non-decreasing with slopes of at "
            "most 1; use relu, identity, tanh, softplus, or prelu with a slope from 0 to 1"
        )

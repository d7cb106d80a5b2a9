"""One area at one settled state: its spectrum, how fast its modes decay, and what grows before it decays."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.analysis import (
    Eigenpairs,
    NumericalAbscissa,
    TimeConstants,
    TransientAmplification,
    eigenvalues,
    jacobian,
    numerical_abscissa,
    time_constants,
    transient_amplification,
)
from cordsnet.dynamics import State
from cordsnet.experiments.portrait.settings import PortraitSettings
from cordsnet.models import CordsNet

BLANK = "blank"
"""Name of the state without an image."""


@dataclass(frozen=True)
class AreaPortrait:
    """An area, linearised where the network has settled.

    Attributes
    ----------
    where : "blank", or "image 1" and so on.
    area, units : its name and size.
    active : share of its units that are above zero.
    tau_ms : its time constant; where units differ, their mean.
    largest, slowest : eigenvalues of d phi(drive) / dr with the largest modulus, and with the largest real part; the
        latter with vectors and condition numbers.
    constants : the slowest ones as modes of the flow (1/ms).
    abscissa : how fast any pattern can grow at first, 1/ms.
    transient : how much any pattern can have grown after some time.
    """

    where: str
    area: str
    units: int
    active: float
    tau_ms: float
    largest: Eigenpairs
    slowest: Eigenpairs
    constants: TimeConstants
    abscissa: NumericalAbscissa
    transient: TransientAmplification


def area_portraits(
    model: CordsNet, where: str, state: State, image: Tensor | None, settings: PortraitSettings
) -> Iterator[AreaPortrait]:
    """Of every area of a network at a settled state."""
    for area in model.areas:
        yield area_portrait(model, where, state, image, area, settings)


def area_portrait(
    model: CordsNet, where: str, state: State, image: Tensor | None, area: str, settings: PortraitSettings
) -> AreaPortrait:
    """Of one area. Where its units differ in tau, the modes are those of the flow itself."""
    target, flow = (jacobian(model, state, image, area, of) for of in ("target", "flow"))
    count, tol, seed = min(settings.eigenvalues, target.shape[0]), settings.tol, settings.seed
    largest = eigenvalues(target, count, "LM", tol=tol, seed=seed)
    slowest = eigenvalues(target, count, "LR", tol=tol, seed=seed, vectors="both")
    tau = torch.as_tensor(model.circuit().tau_ms[area], dtype=torch.float64)
    uniform = bool((tau == tau.flatten()[0]).all())
    modes = slowest if uniform else eigenvalues(flow, count, "LR", tol=tol, seed=seed, vectors="both")
    tau_ms = float(tau.mean())
    times = [tau_ms * t for t in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)]
    return AreaPortrait(
        where=where,
        area=area,
        units=target.shape[0],
        active=float((state.rates[area] > 0).double().mean()),
        tau_ms=tau_ms,
        largest=largest,
        slowest=slowest,
        constants=time_constants(modes, tau_ms if uniform else None),
        abscissa=numerical_abscissa(flow, tol=tol, seed=seed),
        transient=transient_amplification(flow, times, tol=max(tol, 1e-3), seed=seed, shift=-1 / tau_ms),
    )

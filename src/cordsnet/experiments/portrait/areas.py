"""One area at one settled state: its spectrum, how fast its modes decay, and what grows before it decays."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from cordsnet.analysis import (
    Eigenpairs,
    TimeConstants,
    eigenvalues,
    jacobian,
    numerical_abscissa,
    time_constants,
    transient_amplification,
)
from cordsnet.analysis.status import Status
from cordsnet.dynamics import State
from cordsnet.experiments.portrait.findings import Findings
from cordsnet.experiments.portrait.options import PortraitOptions
from cordsnet.experiments.result import labelled

MODULUS, REAL_PART = "largest modulus", "largest real part"
TIMES_TAU = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Times, in time constants, at which growth is measured."""


def measure_area(
    found: Findings,
    model: Any,
    where: str,
    state: State,
    image: Tensor | None,
    area: str,
    options: PortraitOptions,
    seed: int,
) -> None:
    """Linearise one area at a settled state; where its units differ in tau, the modes are those of the flow itself."""
    target, flow = (jacobian(model, state, image, area, of) for of in ("target", "flow"))
    count, tol = min(options.eigenvalues, target.shape[0]), options.tol
    largest = eigenvalues(target, count, "LM", tol=tol, seed=seed)
    slowest = eigenvalues(target, count, "LR", tol=tol, seed=seed, vectors="both")
    tau = torch.as_tensor(model.system().equation.circuit.tau_ms[area], dtype=torch.float64)
    uniform = bool((tau == tau.flatten()[0]).all())
    modes = slowest if uniform else eigenvalues(flow, count, "LR", tol=tol, seed=seed, vectors="both")
    tau_ms = float(tau.mean())
    constants = time_constants(modes, tau_ms if uniform else None)
    times = [tau_ms * t for t in TIMES_TAU]
    transient = transient_amplification(flow, times, tol=max(tol, 1e-3), seed=seed, shift=-1 / tau_ms)
    add_eigenvalues(found, where, area, MODULUS, largest)
    add_eigenvalues(found, where, area, REAL_PART, slowest)
    _add_time_constants(found, where, area, constants)
    for ms, growth in zip(transient.time_ms.tolist(), transient.amplification.tolist(), strict=True):
        found.add("transients", state=where, area=area, time_ms=ms, amplification=growth)
    found.add(
        "areas",
        state=where,
        area=area,
        units=target.shape[0],
        active=float((state.rates[area] > 0).double().mean()),
        tau_ms=tau_ms,
        converged=sum(status is Status.CONVERGED for status in slowest.status),
        pairs=len(slowest.status),
        decay_ms=float(constants.decay_ms[0]),
        growing=bool(constants.growing[0]),
        growth_at_first_per_ms=numerical_abscissa(flow, tol=tol, seed=seed).value,
        peak=transient.peak,
        peak_ms=transient.peak_ms,
    )
    _add_mode(found, where, area, slowest, constants)


def add_eigenvalues(found: Findings, where: str, area: str, of: str, pairs: Eigenpairs) -> None:
    """One row per eigenvalue, with how far off it may be to first order: residual x modulus x condition number."""
    condition = torch.full_like(pairs.residuals, torch.nan) if pairs.condition is None else pairs.condition
    error = pairs.residuals * pairs.values.abs()
    error = error if pairs.condition is None else error * pairs.condition
    for k, value in enumerate(pairs.values.tolist()):
        found.add(
            "eigenvalues",
            state=where,
            area=area,
            of=of,
            real=value.real,
            imaginary=value.imag,
            residual=float(pairs.residuals[k]),
            condition=float(condition[k]),
            error=float(error[k]),
            status=pairs.status[k].name.lower(),
        )


def _add_time_constants(found: Findings, where: str, area: str, constants: TimeConstants) -> None:
    for k, decay in enumerate(constants.decay_ms.tolist()):
        found.add(
            "time_constants",
            state=where,
            area=area,
            decay_ms=decay,
            shortest_ms=float(constants.shortest_ms[k]),
            longest_ms=float(constants.longest_ms[k]),
            growing=bool(constants.growing[k]),
            frequency_hz=float(constants.frequency_hz[k]),
        )


def _add_mode(found: Findings, where: str, area: str, pairs: Eigenpairs, constants: TimeConstants) -> None:
    """Add the map of the slowest mode; the last of several states is kept."""
    assert pairs.vectors is not None
    energy = pairs.vectors[0].abs().square()
    energy = energy.flatten(0, -3).sum(0) if energy.ndim > 2 else energy.reshape(1, -1)
    decay = float(constants.decay_ms[0])
    about = f"energy of the slowest mode of {area} at {where}; decay time {np.abs(decay):.0f} ms"
    found.arrays[f"modes/{found.label}/{area}"] = labelled(energy, ("row", "column"), description=about)

"""Regimes of untrained networks whose recurrent weights are scaled, each asked in two ways that share no number."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cordsnet._checks import seeded_generator
from cordsnet.analysis import Flow, FlowReport, LyapunovSpectrum, NetworkFlow, Regime, classify_flow, lyapunov_spectrum
from cordsnet.analysis.manifolds.orbits import find_turn
from cordsnet.analysis.regimes.thresholds import RegimeSettings
from cordsnet.experiments.claims import Measured
from cordsnet.models import create_model

STARTS = 4
"""Random states from which the flow is followed; the exponent is that of the first."""

PART_TAU, SKIPPED, STEP, FINE = 10.0, 0.2, 0.2, 0.05
"""Time constants in a part of the run, share of it before exponents count, and steps of the integrator, in time
constants: of a run, and of an orbit that is asked if it closes."""

SURE, GROWTH = 3.0, 5.0
"""Standard errors, and total growth or decay as a logarithm, beyond which an exponent is not zero: along a cycle it is
zero, but measured over a finite time it is not quite (`LyapunovSpectrum.chaotic`)."""

LONGEST_TAU = 100.0
"""Longest period that is looked for, in time constants."""

ERRORS = 1.96
"""Standard errors of a 95 % interval."""

WORDS: Mapping[Regime, str] = {
    Regime.MONOSTABLE: "stable",
    Regime.MULTISTABLE: "stable",
    Regime.OSCILLATORY: "oscillatory",
    Regime.CHAOTIC: "chaotic",
    Regime.UNSTABLE: "unstable",
}


def regime_row(name: str, gain: float, seed: int, activation: str, duration_tau: float) -> dict[str, Any]:
    """One network: its largest Lyapunov exponent per time constant, what the flow does, and the regime if both agree.

    Two networks of one seed and different gains have the same weights but for a factor.

    Parameters
    ----------
    name : row of the table of models.
    gain : spectral radius of its recurrence as it is drawn.
    seed : of its weights, and of the states from which it starts.
    activation : of its units.
    duration_tau : time that is averaged over and that the flow has to settle, in time constants.
    """
    model = create_model(name, seed=seed, gain=gain, activation=activation, noise=0.0).double().eval()
    flow, tau_ms = NetworkFlow(model), float(model.spec.tau_ms)
    drawn = torch.randn(STARTS, flow.units, generator=seeded_generator(seed), dtype=torch.float64)
    found = flow_regime(flow, drawn, tau_ms, duration_tau)
    return {"model": name, "gain": gain, "seed": seed, "units": flow.units, "activation": activation, **found}


def flow_regime(flow: Flow, starts: Tensor, tau_ms: float, duration_tau: float) -> dict[str, Any]:
    """Columns of `regime_row` for any flow of one time constant, ms, from starts [K, *domain], at least two."""
    ms, dt = duration_tau * tau_ms, STEP * tau_ms
    spectrum = lyapunov_spectrum(flow, starts[0], dt=dt, duration_ms=ms, transient_ms=SKIPPED * ms)
    parts = max(3, round(duration_tau / PART_TAU))
    settings = RegimeSettings(
        image_ms=PART_TAU * tau_ms, tau_ms=tau_ms, max_durations=parts, divergence_durations=parts
    )
    report = classify_flow(flow, starts, dt=dt, settings=settings)
    sign, words = exponent_word(spectrum), WORDS[report.regime]
    value, error = (float(one[0]) * tau_ms for one in (spectrum.exponents, spectrum.standard_error))
    row = {
        "exponent": value,
        "error": error,
        "low": value - ERRORS * error,
        "high": value + ERRORS * error,
        "by_exponent": sign,
        "by_flow": words,
        "regime": words if words == sign else "undecided",
        "rest": _rest(report),
    }
    if row["regime"] == "oscillatory":
        turn = find_turn(flow, spectrum.state, LONGEST_TAU * tau_ms, FINE * tau_ms)
        row |= {"closes": turn is not None, "period_ms": None if turn is None else turn.steps * FINE * tau_ms}
    return row


def exponent_word(spectrum: LyapunovSpectrum) -> str:
    """Word for the largest exponent: "chaotic" or "stable" where it is not zero, else "oscillatory"."""
    value, error = float(spectrum.exponents[0]), float(spectrum.standard_error[0])
    if spectrum.chaotic:
        return "chaotic"
    growth = value * float(spectrum.times_ms[-1]) if len(spectrum.times_ms) else 0.0
    return "stable" if value < -SURE * error and growth < -GROWTH else "oscillatory"


def extreme(rows: Sequence[Mapping[str, Any]], gain: float, largest: bool) -> Measured:
    """Largest or smallest exponent of the networks of one gain, with its 95 % interval; NaN without networks."""
    here = [row for row in rows if row["gain"] == gain]
    if not here:
        return Measured(float("nan"))
    choose = max if largest else min
    low, high = (choose(float(row[end]) for row in here) for end in ("low", "high"))
    return Measured(choose(float(row["exponent"]) for row in here), (low, high), len(here))


def _rest(report: FlowReport) -> str | None:
    return None if report.geometry is None else report.geometry.label

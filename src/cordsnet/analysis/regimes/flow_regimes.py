"""Regimes of systems that are given as a flow: networks written down by hand, or one image of a network."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.regimes.attractors import Geometry, geometry
from cordsnet.analysis.regimes.divergence_rate import DivergenceRate, divergence_rate
from cordsnet.analysis.regimes.regimes import Regime, RegimeEvidence
from cordsnet.analysis.regimes.settling import Scale, Settled, rms, settle_under
from cordsnet.analysis.regimes.thresholds import RegimeSettings
from cordsnet.dynamics import NONE, Clock, Effects, Inputs, Signal, State, System
from cordsnet.errors import DivergedError

STATE = "state"
"""Name of the one area of a flow."""


class FlowSystem(System[None]):
    """A flow as the time loops see it: one area, no frames, nothing to read out."""

    def __init__(self, flow: Flow, dt: float) -> None:
        self.flow, self.clock = flow, Clock(dt)
        self.signals, self.outputs = (Signal(STATE, tuple(flow.domain)),), {}
        self.like = torch.zeros((), dtype=flow.dtype, device=flow.device)

    def hold(self, inputs: Inputs) -> None:
        """Nothing: a flow has its input in itself."""

    def advance(self, state: State, context: None, effects: Effects = NONE) -> State:
        """One step of the flow's own stepper."""
        return state.after({STATE: effects.rate(STATE, self.flow.step(state.values[STATE], self.dt))})

    def read(self, state: State) -> dict[str, Tensor]:
        """Nothing: a flow has no outputs."""
        return {}


@dataclass(frozen=True)
class FlowReport:
    """The regime of a flow, and what it was judged by.

    Attributes
    ----------
    regime : never TRANSIENT, which is about answers.
    evidence : `blank_distance` is the largest distance between two states at rest, `elsewhere` the share of starts
        that came to rest elsewhere than the first, `response` the unit of distances; NaN for what is about images.
    geometry : the shape of the set of states at rest; None unless all starts came to rest.
    states : [K, *domain], where the starts ended; empty when they diverged.
    settings : the thresholds.
    """

    regime: Regime
    evidence: RegimeEvidence
    geometry: Geometry | None
    states: Tensor
    settings: RegimeSettings

    def row(self) -> dict[str, str | int | float]:
        """Regime, shape and evidence as columns of a table."""
        found = self.evidence
        return {
            "regime": self.regime.value,
            "geometry": "" if self.geometry is None else self.geometry.label,
            "places": 0 if self.geometry is None else self.geometry.places,
            "distance": found.blank_distance,
            "elsewhere": found.elsewhere,
            "speed": found.speed,
            "settling_ms": found.settling_ms,
            "exponent": found.exponent,
            "exponent_error": found.exponent_error,
            "diverged_ms": found.diverged_ms,
        }


@check_arguments
@exact()
def classify_flow(
    flow: Flow, starts: Tensor, *, dt: float, size: float | None = None, settings: RegimeSettings | None = None
) -> FlowReport:
    """Run a flow from every start until it is at rest, and say in which regime it is.

    The rules are those of `classify_regime`, without those about answers: UNSTABLE where some start goes away without
    bound; CHAOTIC or OSCILLATORY where some does not come to rest; MULTISTABLE where they come to rest further apart
    than `same_state`, with the shape of the set of places as `geometry`; MONOSTABLE otherwise. Only attractors that
    some start leads to are seen: spread them widely.

    Parameters
    ----------
    flow : any flow; of a map dt is 1.
    starts : [K, *domain], at least two.
    dt : step, ms.
    size : the unit of distances, as a root mean square over units; None is the spread of the starts about their mean.
    settings : times and thresholds. `image_ms` is the duration of one of `max_durations` parts, `tau_ms` the unit of
        time of speeds: set them to the flow's own time constant where that is not about 10 ms.

    Raises
    ------
    TypeError, ValueError : starts, dt or size that do not fit, by name.

    Source: as for `classify_regime`.
    """
    settings = settings or RegimeSettings()
    flow.check_states(starts)
    if len(starts) < 2:
        raise ValueError("starts must be at least two, to see whether they end in one place; give more")
    if size is not None:
        check_positive(size, "size")
    system = FlowSystem(flow, dt)
    for name in ("image_ms", "tau_ms"):
        system.clock.steps(getattr(settings, name), name)
    unit = size or float(rms((starts - starts.mean(0))[None])) or 1.0
    scale = Scale({STATE: unit})
    try:
        settled = settle_under(system, system.state_of({STATE: starts}), {}, scale, settings)
        apart = (
            divergence_rate(system, settled, scale, settings) if not bool(settled.growing.any()) else DivergenceRate()
        )
    except DivergedError as error:
        evidence = RegimeEvidence(diverged_ms=error.time_ms, response=unit)
        return FlowReport(Regime.UNSTABLE, evidence, None, starts[:0], settings)
    return _judge(flow, settled, apart, scale, settings)


def _judge(flow: Flow, settled: Settled, apart: DivergenceRate, scale: Scale, settings: RegimeSettings) -> FlowReport:
    states, unit = settled.state.rates[STATE], scale.rms[STATE]
    evidence = RegimeEvidence(speed=float(settled.speed.max()), settling_ms=settled.ms, response=unit)
    if bool(settled.growing.any()):
        return FlowReport(Regime.UNSTABLE, evidence, None, states, settings)
    if bool(settled.moving.any()):
        evidence = replace(evidence, exponent=apart.exponent, exponent_error=apart.error)
        return FlowReport(Regime.CHAOTIC if apart.chaotic else Regime.OSCILLATORY, evidence, None, states, settings)
    norm = unit * flow.units**0.5
    shape = geometry(states, size=norm, same=settings.same_state, seed=settings.seed)
    away = scale.distance(settled.state, settled.state.trials(slice(1))) > settings.same_state
    elsewhere = float((away & (settled.speed <= settings.rest_speed)).double().mean())
    evidence = replace(evidence, blank_distance=shape.extent, elsewhere=elsewhere)
    return FlowReport(Regime.MULTISTABLE if elsewhere else Regime.MONOSTABLE, evidence, shape, states, settings)

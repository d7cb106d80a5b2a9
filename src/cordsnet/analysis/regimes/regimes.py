"""Dynamical regime of a trained network: stable for every image, or unstable, and in what way.

Trained without the spontaneous penalty, networks end in one of three regimes, unstable, multistable or monostable;
trained without log-spaced weights, some are right only in passing (Soo et al. 2024, section 3).
"""

import math
from dataclasses import asdict, dataclass, replace
from enum import Enum

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._typing import ClassLabels, Images
from cordsnet.analysis.exact import exact
from cordsnet.analysis.regimes.divergence_rate import DivergenceRate, divergence_rate, largest_divergence_rate
from cordsnet.analysis.regimes.probes import Probes, probe
from cordsnet.analysis.regimes.thresholds import RegimeSettings
from cordsnet.dynamics import Simulable
from cordsnet.dynamics.simulate import check_model
from cordsnet.errors import DivergedError


class Regime(Enum):
    """Long-term behaviour of a network; only monostable ones compute by going to a fixed point and back."""

    UNSTABLE = "unstable"
    CHAOTIC = "chaotic"
    OSCILLATORY = "oscillatory"
    MULTISTABLE = "multistable"
    TRANSIENT = "transient"
    MONOSTABLE = "monostable"


@dataclass(frozen=True)
class RegimeEvidence:
    """The numbers behind a regime; NaN for what was not measured. Distances are shares of the response.

    Attributes
    ----------
    image_distance : largest distance between where an image settles from spontaneous activity, and from zero rates,
        the state of another image, perturbed states, or as the second image of a trial.
    blank_distance : largest distance from spontaneous activity at which the network settles once an image has gone,
        or after a perturbation.
    elsewhere : share of those trials that came to rest in another state.
    speed : largest speed at the end of any trial, share of the response per tau.
    settling_ms : time until all trials were at rest, the longest of all probes.
    drift : mean distance between the states at T and `holds` x T.
    trained_accuracy, late_accuracy : share of images answered rightly at T and at `holds` x T.
    lost_answers : share of images answered rightly at T and wrongly at `holds` x T; without labels, answered
        differently.
    response : root mean square response at T or `holds` x T, whichever is larger, over units and images.
    exponent : rate at which neighbouring trajectories that do not come to rest part, the largest of all, 1/ms.
    exponent_error : its standard error.
    diverged_ms : time at which rates stopped being finite, from the start of the probe in which they did.
    images : number of images shown.
    """

    image_distance: float = math.nan
    blank_distance: float = math.nan
    elsewhere: float = math.nan
    speed: float = math.nan
    settling_ms: float = math.nan
    drift: float = math.nan
    trained_accuracy: float = math.nan
    late_accuracy: float = math.nan
    lost_answers: float = math.nan
    response: float = math.nan
    exponent: float = math.nan
    exponent_error: float = math.nan
    diverged_ms: float = math.nan
    images: int = 0


@dataclass(frozen=True)
class RegimeReport:
    """A regime, the numbers behind it, and the thresholds that they were held against."""

    regime: Regime
    evidence: RegimeEvidence
    settings: RegimeSettings

    def row(self) -> dict[str, str | int | float]:
        """Regime and evidence as columns of a table."""
        return {"regime": self.regime.value, **asdict(self.evidence)}


@check_arguments
@exact()
def classify_regime(
    model: Simulable, images: Images, labels: ClassLabels | None = None, settings: RegimeSettings | None = None
) -> RegimeReport:
    """Probe a network and say in which regime it is.

    Spontaneous activity is where the network goes from zero rates without input. Each image is held, from spontaneous
    activity, for ten times the trained duration T, and again from zero rates, from the state that another image left,
    from states perturbed by noise as large as the response, and as the second image of a trial (image, blank, image, T
    each). The blank field is shown after the image, and from perturbed spontaneous activity. Every probe goes on until
    the rates are at rest, or for `max_durations` x T. Distances are root mean square differences over the root mean
    square response (image less spontaneous activity), of the area where that ratio is largest.

    The first rule that holds decides:

    1. UNSTABLE: in any probe rates stop being finite, or go away without bound: the distance from where they started
       rises from the first to the second to the last third of the probe, by more than a tenth and without slowing.
    2. CHAOTIC: in any probe rates stay bounded and do not come to rest: they are faster than `rest_speed` at the end
       and their speed does not fall from the second to the last third; and states next to those trajectories part from
       them exponentially: their largest Lyapunov exponent is positive beyond its standard error (`divergence_rate`).
    3. OSCILLATORY: they do not come to rest, and nothing parts from them.
    4. MULTISTABLE: some trial comes to rest further than `same_state` from where the same image settles from
       spontaneous activity, or, without an image, from spontaneous activity. What is slow is not another attractor:
       rates that still move, ever more slowly, count as on their way back.
    5. TRANSIENT: more than the share `lost_answers` of the images is answered rightly at T but not at ten times T.
       Rates that drift while the answer stays are slow, not transient; the drift is in the evidence.
    6. MONOSTABLE: otherwise. One attractor for every image that was probed, and a return to baseline.

    Parameters
    ----------
    model : any dynamical model.
    images : [B, C, H, W], at least two, best of all classes.
    labels : class indices [B]; without them the answers at T count as right.
    settings : times and thresholds; the default values are for networks trained on 200 ms with tau = 10 ms.

    Raises
    ------
    TypeError, ValueError : model, images, labels or times that do not fit, each by name.

    Source: Soo et al. 2024, section 3, names and describes the regimes; the probes and thresholds are ours.
    """
    settings = settings or RegimeSettings()
    _check(model, images, labels)
    system = model.system()
    if system.has_noise:
        raise ValueError("model has private noise, with which no state is at rest; classify it with its noise set to 0")
    if "scores" not in system.outputs:
        raise ValueError(f"model has no class scores to judge by; its outputs are {', '.join(system.outputs)}")
    if system.clock.kind == "static":
        raise ValueError("model is static: it has no state that could settle or not, and so no regime")
    for name in ("image_ms", "tau_ms"):
        system.clock.steps(getattr(settings, name), name)
    try:
        found = probe(system, images, settings)
        apart = largest_divergence_rate(
            [divergence_rate(system, settled, found.scale, settings) for settled in found.all]
        )
    except DivergedError as error:
        return RegimeReport(Regime.UNSTABLE, RegimeEvidence(diverged_ms=error.time_ms, images=len(images)), settings)
    evidence = replace(_evidence(found, labels, settings), exponent=apart.exponent, exponent_error=apart.error)
    return RegimeReport(_regime(found, apart, evidence, settings), evidence, settings)


def _regime(found: Probes, apart: DivergenceRate, evidence: RegimeEvidence, settings: RegimeSettings) -> Regime:
    """The rules in order."""
    if any(bool(settled.growing.any()) for settled in found.all):
        return Regime.UNSTABLE
    if any(bool(settled.moving.any()) for settled in found.all):
        return Regime.CHAOTIC if apart.chaotic else Regime.OSCILLATORY
    if evidence.elsewhere > 0:
        return Regime.MULTISTABLE
    if evidence.lost_answers > settings.lost_answers:
        return Regime.TRANSIENT
    return Regime.MONOSTABLE


def _evidence(found: Probes, labels: Tensor | None, settings: RegimeSettings) -> RegimeEvidence:
    early, late = found.trained_answers, found.late_answers
    labels = None if labels is None else labels.to(early.device)
    right = torch.ones_like(early, dtype=torch.bool) if labels is None else early == labels
    still = late == (early if labels is None else labels)
    distances = torch.cat([found.image_distance, found.blank_distance])
    speeds = torch.cat([found.image_speed, found.blank_speed])
    elsewhere = (distances > settings.same_state) & (speeds <= settings.rest_speed)
    return RegimeEvidence(
        image_distance=_largest(found.image_distance),
        blank_distance=_largest(found.blank_distance),
        elsewhere=float(elsewhere.double().mean()) if len(elsewhere) else math.nan,
        speed=max(_largest(settled.speed) for settled in found.all),
        settling_ms=max(settled.ms for settled in found.all),
        drift=float(found.drift.mean()),
        trained_accuracy=math.nan if labels is None else float(right.double().mean()),
        late_accuracy=math.nan if labels is None else float(still.double().mean()),
        lost_answers=float((right & ~still).double().mean()),
        response=found.response,
        images=len(early),
    )


def _largest(values: Tensor) -> float:
    return float(values.max()) if len(values) else math.nan


def _check(model: Simulable, images: Tensor, labels: Tensor | None) -> None:
    check_model(model)
    model.check_inputs({"image": images})
    if len(images) < 2:
        raise ValueError("images must be at least two, since each is shown after another; give more")
    if labels is not None and labels.ndim != 1:
        raise ValueError(f"labels must be one for each image [B], got shape {list(labels.shape)}")
    if labels is not None and len(labels) != len(images):
        raise ValueError(f"labels must be as many as images, got {len(labels)} for {len(images)}")

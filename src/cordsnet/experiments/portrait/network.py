"""A whole network as a dynamical system: everything of the toolkit that applies, in one call."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor

from cordsnet.analysis import (
    Certificate,
    FixedPoints,
    LyapunovSpectrum,
    NetworkFlow,
    RegimeReport,
    RegimeSettings,
    SingularTriplets,
    certify_monostable,
    classify_regime,
    fixed_points,
    lyapunov_spectrum,
    partial_svd,
    participation_ratio,
    principal_components,
    sample_starts,
    settled_response,
)
from cordsnet.analysis.networks.jacobians import point_of
from cordsnet.dynamics import Record, simulate
from cordsnet.experiments.portrait.areas import BLANK, AreaPortrait, area_portraits
from cordsnet.experiments.portrait.settings import PortraitSettings
from cordsnet.models import CordsNet
from cordsnet.stimuli import blank, show

SAMPLES, FOLLOWED = 20, 100
"""States recorded on a way; time constants for which Lyapunov exponents are averaged."""

Tell: TypeAlias = Callable[[str, int, int], None]
"""(what is measured now, how many steps are done, of how many)."""


@dataclass
class Portrait:
    """What was found, and why what is missing is missing.

    Attributes
    ----------
    model_name, settings : of what, and how.
    areas : every area at every settled state.
    attractors : state -> fixed points found from many starts, with their stability.
    exponents : state -> Lyapunov exponents of the trajectory that follows.
    patterns : the image patterns that settled activity of the top area amplifies most, at the first image.
    regime, certificate : of the whole network.
    dimension : area -> [T], participation ratio of the rates of all images at each time; NaN while they are alike.
    paths : [B, T, 2], trajectories of the top area in its first two principal components.
    time_ms : [T].
    skipped : part -> why it could not be measured.
    """

    model_name: str
    settings: PortraitSettings
    areas: list[AreaPortrait] = field(default_factory=list)
    attractors: dict[str, FixedPoints] = field(default_factory=dict)
    exponents: dict[str, LyapunovSpectrum] = field(default_factory=dict)
    patterns: SingularTriplets | None = None
    regime: RegimeReport | None = None
    certificate: Certificate | None = None
    dimension: dict[str, Tensor] = field(default_factory=dict)
    paths: Tensor | None = None
    time_ms: Tensor | None = None
    skipped: dict[str, str] = field(default_factory=dict)


def portrait(
    model: CordsNet,
    images: Tensor,
    labels: Tensor | None = None,
    settings: PortraitSettings | None = None,
    tell: Tell = lambda label, done, total: None,
) -> Portrait:
    """Measure a network with everything of the toolkit that applies to it.

    Parameters
    ----------
    model : a network with a rate equation.
    images : [B, C, H, W], at least two, best of all classes; the network is linearised at the first few.
    labels : class indices [B].
    settings : sizes and tolerances.
    tell : called before each part.

    Returns
    -------
    Portrait. A part that does not apply to this network, such as a certificate of one with feedback, is in `skipped`
    with the reason; nothing else is left out in silence.
    """
    settings, model = settings or PortraitSettings(), model.eval()
    found = Portrait(model.spec.name, settings)
    parts = _parts(model, images, labels, found)
    for done, (label, measure) in enumerate(parts):
        tell(label, done, len(parts))
        try:
            measure()
        except (ArithmeticError, ValueError, TypeError) as error:
            found.skipped[label] = str(error)
    tell("done", len(parts), len(parts))
    return found


def _parts(
    model: CordsNet, images: Tensor, labels: Tensor | None, found: Portrait
) -> list[tuple[str, Callable[[], Any]]]:
    """(label, what fills its place in the portrait)."""
    shown: dict[str, Tensor | None] = {BLANK: None}
    shown |= {f"image {k + 1}": images[k : k + 1] for k in range(min(found.settings.states, len(images)))}
    at_states = {"spectra": _spectra, "fixed points": _attractors, "Lyapunov exponents": _exponents}
    parts: list[tuple[str, Callable[[], Any]]] = [
        (f"{name}, {where}", partial(measure, model, where, image, found))
        for where, image in shown.items()
        for name, measure in at_states.items()
    ]
    return [
        *parts,
        ("amplified image patterns", lambda: _patterns(model, images[:1], found)),
        ("trajectories", lambda: _trajectories(model, images, found)),
        ("regime", lambda: _regime(model, images, labels, found)),
        ("certificate", lambda: _certificate(model, found)),
    ]


def _spectra(model: CordsNet, where: str, image: Tensor | None, found: Portrait) -> None:
    """At the fixed point under the image. Raises ArithmeticError where the network does not settle."""
    state = point_of(model, None, image)[2]
    found.areas += area_portraits(model, where, state, image, found.settings)


def _path(model: CordsNet, flow: NetworkFlow, image: Tensor | None, ms: float) -> Tensor:
    """States [T, units] through which the network goes from spontaneous activity."""
    every = max(1, round(ms / SAMPLES / model.dt_ms)) * model.dt_ms
    shown = blank(ms) if image is None else show(image, ms)
    rates = simulate(model, shown, record=Record("all", every_ms=every, outputs=())).rates
    return flow.pack({area: value[:, 0] for area, value in rates.items()})


def _attractors(model: CordsNet, where: str, image: Tensor | None, found: Portrait) -> None:
    """Fixed points from states on the way and noise about them, as large as the rates on that way vary."""
    flow, settings = NetworkFlow(model, image), found.settings
    path = torch.cat(
        [torch.zeros(1, *flow.domain).to(flow.device, flow.dtype), _path(model, flow, image, settings.image_ms)]
    )
    starts = sample_starts(flow, path, settings.starts, noise=1.0, seed=settings.seed)
    found.attractors[where] = fixed_points(flow, starts, seed=settings.seed)


def _exponents(model: CordsNet, where: str, image: Tensor | None, found: Portrait) -> None:
    """Along the trajectory that goes on from where the network is when the image has been there for its duration."""
    flow, settings, tau = NetworkFlow(model, image), found.settings, model.spec.tau_ms
    found.exponents[where] = lyapunov_spectrum(
        flow,
        _path(model, flow, image, settings.image_ms)[-1],
        min(settings.exponents, flow.units),
        duration_ms=FOLLOWED * tau,
        transient_ms=FOLLOWED / 5 * tau,
        dt=model.dt_ms,
        seed=settings.seed,
    )


def _patterns(model: CordsNet, image: Tensor, found: Portrait) -> None:
    op = settled_response(model, image, model.areas[-1], tol=1e-5)
    count = min(found.settings.patterns, *op.shape)
    found.patterns = partial_svd(op, count, tol=max(1e-3, found.settings.tol), seed=found.settings.seed)


def _trajectories(model: CordsNet, images: Tensor, found: Portrait) -> None:
    trajectory = simulate(model, show(images, found.settings.image_ms), record="all")
    found.time_ms = trajectory.time_ms
    for area, rates in trajectory.rates.items():
        found.dimension[area] = torch.tensor([_dimension(one.flatten(1)) for one in rates])
    top = trajectory.rates[model.areas[-1]].transpose(0, 1).flatten(2)
    found.paths = principal_components(top, 2, bootstrap=0).scores


def _dimension(responses: Tensor) -> float:
    """Of [B, units]; NaN before the image has reached the area, when all responses are still alike."""
    alike = bool((responses == responses[0]).all())
    return math.nan if alike else participation_ratio(responses, bootstrap=0).value


def _regime(model: CordsNet, images: Tensor, labels: Tensor | None, found: Portrait) -> None:
    settings = RegimeSettings(image_ms=found.settings.image_ms, tau_ms=model.spec.tau_ms, seed=found.settings.seed)
    found.regime = classify_regime(model, images, labels, settings)


def _certificate(model: CordsNet, found: Portrait) -> None:
    found.certificate = certify_monostable(model)

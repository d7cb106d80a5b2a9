"""A whole network as a dynamical system: everything of the toolkit that applies to it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from cordsnet.analysis import (
    NetworkFlow,
    RegimeSettings,
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
from cordsnet.experiments.experiment import Tell, silent
from cordsnet.experiments.portrait.areas import measure_area
from cordsnet.experiments.portrait.findings import BLANK, Findings
from cordsnet.experiments.portrait.options import PortraitOptions
from cordsnet.experiments.result import axis, labelled
from cordsnet.stimuli import blank, show

SAMPLES = 20
"""States recorded on the way of a response."""


@dataclass(frozen=True)
class Sitter:
    """The network that is measured, and what is shown to it.

    Attributes
    ----------
    model : a network with a rate equation.
    images : [B, C, H, W], at least two; it is linearised at the first few.
    labels : class indices [B], or None.
    options : sizes and tolerances.
    seed : of everything that is drawn.
    found : where the numbers go.
    """

    model: Any
    images: Tensor
    labels: Tensor | None
    options: PortraitOptions
    seed: int
    found: Findings

    @property
    def tau_ms(self) -> float:
        """Mean time constant of all areas, ms."""
        tau = self.model.system().equation.circuit.tau_ms
        return float(
            torch.stack([torch.as_tensor(tau[a], dtype=torch.float64).mean() for a in self.model.areas]).mean()
        )


def measure_network(sitter: Sitter, tell: Tell = silent) -> Findings:
    """Measure a network with everything that applies to it.

    A part that does not apply, such as a certificate of a network with feedback, or that fails, such as a network that
    does not settle, is a row of the table "skipped" with the reason; nothing else is left out.
    """
    parts = _parts(sitter)
    for done, (label, measure) in enumerate(parts):
        tell(label, done, len(parts))
        try:
            measure()
        except (ArithmeticError, ValueError, TypeError) as error:
            failed = isinstance(error, ArithmeticError)
            sitter.found.add("skipped", part=label, reason=str(error), failed=failed)
    tell("done", len(parts), len(parts))
    return sitter.found


def _parts(sitter: Sitter) -> list[tuple[str, Callable[[], None]]]:
    """(label, function that measures it)."""
    images = sitter.images
    shown: dict[str, Tensor | None] = {BLANK: None}
    shown |= {f"image {k + 1}": images[k : k + 1] for k in range(min(sitter.options.states, len(images)))}
    at_states = {"spectra": _spectra, "fixed points": _attractors, "Lyapunov exponents": _exponents}
    parts: list[tuple[str, Callable[[], None]]] = [
        (f"{name}, {where}", partial(measure, sitter, where, image))
        for where, image in shown.items()
        for name, measure in at_states.items()
    ]
    whole = {
        "amplified image patterns": _patterns,
        "trajectories": _trajectories,
        "regime": _regime,
        "certificate": _certificate,
    }
    return [*parts, *((name, partial(measure, sitter)) for name, measure in whole.items())]


def _spectra(sitter: Sitter, where: str, image: Tensor | None) -> None:
    """At the fixed point under the image. Raises ArithmeticError where the network does not settle."""
    state = point_of(sitter.model, None, image)[2]
    for area in sitter.model.areas:
        measure_area(sitter.found, sitter.model, where, state, image, area, sitter.options, sitter.seed)


def _path(sitter: Sitter, flow: NetworkFlow, image: Tensor | None) -> Tensor:
    """States [T, units] through which the network goes from spontaneous activity."""
    ms, dt = sitter.options.image_ms, sitter.model.dt_ms
    every = max(1, round(ms / SAMPLES / dt)) * dt
    shown = blank(ms) if image is None else show(image, ms)
    rates = simulate(sitter.model, shown, record=Record("all", every_ms=every, outputs=())).rates
    return flow.pack({area: value[:, 0] for area, value in rates.items()})


def _attractors(sitter: Sitter, where: str, image: Tensor | None) -> None:
    """Fixed points, from states on the way and noise about them as large as the rates on that way vary.

    Where the leading eigenvalue did not converge, or its error reaches across zero, stability is not decided.
    """
    flow, seed = NetworkFlow(sitter.model, image), sitter.seed
    path = torch.cat([torch.zeros(1, *flow.domain).to(flow.device, flow.dtype), _path(sitter, flow, image)])
    starts = sample_starts(flow, path, sitter.options.starts, noise=1.0, seed=seed)
    points = fixed_points(flow, starts, seed=seed)
    if points.failed_starts:
        sitter.found.add("fixed_points", state=where, point=0, starts=points.failed_starts, stability="no fixed point")
    for note in points.notes:
        sitter.found.add("notes", note=f"fixed points, {where}: {note}")
    for k, found_by in enumerate(points.start_counts.tolist()):
        sitter.found.add(
            "fixed_points",
            state=where,
            point=k + 1,
            starts=found_by,
            residual=float(points.residual[k]),
            radius=float(points.radius[k]),
            stability=points.stability[k],
            leading_per_ms=float(points.leading[k].real),
            leading_residual=float(points.leading_residual[k]),
            leading_error_per_ms=float(points.leading_error[k]),
        )


def _exponents(sitter: Sitter, where: str, image: Tensor | None) -> None:
    """Along the trajectory that goes on from where the network is when the image has been there for its duration."""
    flow, options, tau = NetworkFlow(sitter.model, image), sitter.options, sitter.tau_ms
    spectrum = lyapunov_spectrum(
        flow,
        _path(sitter, flow, image)[-1],
        min(options.exponents, flow.units),
        duration_ms=options.followed_tau * tau,
        transient_ms=options.followed_tau / 5 * tau,
        dt=sitter.model.dt_ms,
        seed=sitter.seed,
    )
    for note in spectrum.notes:
        sitter.found.add("notes", note=f"Lyapunov exponents, {where}: {note}")
    for exponent, error in zip(spectrum.exponents.tolist(), spectrum.standard_error.tolist(), strict=True):
        sitter.found.add(
            "lyapunov",
            state=where,
            exponent_per_s=1e3 * exponent,
            standard_error_per_s=1e3 * error,
            status=spectrum.status.name.lower(),
            chaotic=spectrum.chaotic,
        )


def _patterns(sitter: Sitter) -> None:
    """Image patterns that the settled rates of the top area amplify most, at the first image."""
    model, options, found = sitter.model, sitter.options, sitter.found
    op = settled_response(model, sitter.images[:1], model.areas[-1], tol=1e-5)
    triplets = partial_svd(op, min(options.patterns, *op.shape), tol=max(1e-3, options.tol), seed=sitter.seed)
    for value, residual in zip(triplets.singular_values.tolist(), triplets.residuals.tolist(), strict=True):
        found.add("patterns", amplification=value, residual=residual)
    axes = (axis("amplification", triplets.singular_values), "channel", "row", "column")
    found.arrays[f"patterns/{found.label}"] = labelled(triplets.right, axes, description="image patterns")


def _trajectories(sitter: Sitter) -> None:
    """Paths of the images in the first two components of the top area, and the dimension of all areas over time."""
    found, areas = sitter.found, sitter.model.areas
    trajectory = simulate(sitter.model, show(sitter.images, sitter.options.image_ms), record="all")
    for area, rates in trajectory.rates.items():
        for ms, one in zip(trajectory.time_ms.tolist(), rates, strict=True):
            found.add("dimension", area=area, time_ms=ms, participation_ratio=_dimension(one.flatten(1)))
    top = trajectory.rates[areas[-1]].transpose(0, 1).flatten(2)
    paths = principal_components(top, 2, bootstrap=0).scores
    axes = ("image", axis("time", trajectory.time_ms, "ms"), "component")
    about = f"rates of {areas[-1]} in their first two principal components"
    found.arrays[f"paths/{found.label}"] = labelled(paths, axes, "arbitrary", about)


def _dimension(responses: Tensor) -> float:
    """Participation ratio of responses [B, units]; NaN before the image has reached the area and all are alike."""
    alike = bool((responses == responses[0]).all())
    return math.nan if alike else participation_ratio(responses, bootstrap=0).value


def _regime(sitter: Sitter) -> None:
    settings = RegimeSettings(image_ms=sitter.options.image_ms, tau_ms=sitter.tau_ms, seed=sitter.seed)
    report = classify_regime(sitter.model, sitter.images, sitter.labels, settings)
    sitter.found.add("regime", **report.row())


def _certificate(sitter: Sitter) -> None:
    for row in certify_monostable(sitter.model).rows():
        sitter.found.add("certificate", **row)

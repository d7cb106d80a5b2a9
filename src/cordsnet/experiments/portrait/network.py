"""A whole network as a dynamical system: everything of the toolkit that applies to it."""

import math
from collections.abc import Callable
from functools import partial

from torch import Tensor

from cordsnet.analysis import (
    RegimeSettings,
    certify_monostable,
    classify_regime,
    partial_svd,
    participation_ratio,
    principal_components,
    settled_response,
)
from cordsnet.analysis.networks.jacobians import point_of
from cordsnet.dynamics import simulate
from cordsnet.experiments.experiment import Tell, silent
from cordsnet.experiments.portrait.areas import measure_area
from cordsnet.experiments.portrait.attractors import measure_exponents, measure_fixed_points
from cordsnet.experiments.portrait.findings import BLANK, Findings
from cordsnet.experiments.portrait.sitter import Sitter
from cordsnet.experiments.result import axis, labelled
from cordsnet.stimuli import show

OF_EQUATIONS = ("spectra", "amplified image patterns", "certificate")
"""Parts that linearise a rate equation."""


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
    at_states = {"spectra": _spectra, "fixed points": measure_fixed_points, "Lyapunov exponents": measure_exponents}
    whole = {
        "amplified image patterns": _patterns,
        "trajectories": _trajectories,
        "regime": _regime,
        "certificate": _certificate,
    }
    if not sitter.has_equation:
        for name in OF_EQUATIONS:
            at_states.pop(name, None)
            whole.pop(name, None)
            sitter.found.add("skipped", part=name, reason="it has no rate equation", failed=False)
        ms = f"{sitter.model.dt_ms:g} ms"
        sitter.found.add("notes", note=f"it has no time constant: a step of {ms}, by convention, stands for it")
    parts: list[tuple[str, Callable[[], None]]] = [
        (f"{name}, {where}", partial(measure, sitter, where, image))
        for where, image in shown.items()
        for name, measure in at_states.items()
    ]
    return [*parts, *((name, partial(measure, sitter)) for name, measure in whole.items())]


def _spectra(sitter: Sitter, where: str, image: Tensor | None) -> None:
    """At the fixed point under the image. Raises ArithmeticError where the network does not settle."""
    state = point_of(sitter.model, None, image)[2]
    for area in sitter.model.areas:
        measure_area(sitter.found, sitter.model, where, state, image, area, sitter.options, sitter.seed)


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
    spread = float((responses - responses.mean(0)).abs().max())
    alike = not spread > 1e-11 * float(responses.abs().max())  # what lies between is the rounding of a batch
    return math.nan if alike else participation_ratio(responses, bootstrap=0).value


def _regime(sitter: Sitter) -> None:
    settings = RegimeSettings(image_ms=sitter.options.image_ms, tau_ms=sitter.tau_ms, seed=sitter.seed)
    report = classify_regime(sitter.model, sitter.images, sitter.labels, settings)
    sitter.found.add("regime", **report.row())


def _certificate(sitter: Sitter) -> None:
    for row in certify_monostable(sitter.model).rows():
        sitter.found.add("certificate", **row)

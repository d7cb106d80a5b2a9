"""Fixed points and Lyapunov exponents of a network while an image is held."""

import math

import torch
from torch import Tensor

from cordsnet.analysis import Flow, NetworkFlow, StepFlow, fixed_points, lyapunov_spectrum, sample_starts
from cordsnet.dynamics import Record, simulate
from cordsnet.experiments.portrait.sitter import Sitter
from cordsnet.stimuli import blank, show

SAMPLES = 20
"""States recorded on the way of a response."""

SETTLING_STEPS, AT_REST = 500, 1e-3
"""Steps for which other models run before fixed points are sought, and the relative change per step of one at rest."""

MOVING = "did not come to rest"


def _flow(sitter: Sitter, image: Tensor | None) -> tuple[Flow, Tensor, float]:
    """The network as a flow or as a map, states [T, units] on its way from where it begins, and ms per unit of time."""
    model, ms = sitter.model, sitter.options.image_ms
    if not sitter.has_equation:
        steps = model.clock.steps(ms, "image_ms", [])
        each = max(1, round(steps / SAMPLES))
        step = StepFlow(model, image)
        return step, step.path(steps)[each::each], float(model.dt_ms)
    every = max(1, round(ms / SAMPLES / model.dt_ms)) * model.dt_ms
    shown = blank(ms) if image is None else show(image, ms)
    rates = simulate(model, shown, record=Record("all", every_ms=every, outputs=())).rates
    flow = NetworkFlow(model, image)
    return flow, flow.pack({area: value[:, 0] for area, value in rates.items()}), 1.0


def measure_fixed_points(sitter: Sitter, where: str, image: Tensor | None) -> None:
    """Fixed points, from states on the way and noise about them as large as the rates on that way vary.

    Where the leading eigenvalue did not converge, or its error reaches across zero, stability is not decided. A
    perturbation that a step multiplies by m grows at log|m| per step.
    """
    seed = sitter.seed
    flow, path, unit_ms = _flow(sitter, image)
    path = torch.cat([torch.zeros(1, *flow.domain).to(flow.device, flow.dtype), path])
    starts = sample_starts(flow, path, sitter.options.starts, noise=1.0, seed=seed)
    if isinstance(flow, StepFlow):
        starts = _at_rest(sitter, flow, starts, where)
    if not len(starts):
        return
    points = fixed_points(flow, starts, seed=seed)
    if points.failed_starts:
        sitter.found.add("fixed_points", state=where, point=0, starts=points.failed_starts, stability="no fixed point")
    for note in points.notes:
        sitter.found.add("notes", note=f"fixed points, {where}: {note}")
    modulus = (1 + points.leading).abs()
    rate = modulus.log() if flow.is_map else points.leading.real
    scale = (modulus if flow.is_map else torch.ones_like(modulus)) * unit_ms
    for k, found_by in enumerate(points.start_counts.tolist()):
        sitter.found.add(
            "fixed_points",
            state=where,
            point=k + 1,
            starts=found_by,
            residual=float(points.residual[k]),
            radius=float(points.radius[k]),
            stability=points.stability[k],
            leading_per_ms=float(rate[k]) / unit_ms,
            leading_residual=float(points.leading_residual[k]),
            leading_error_per_ms=float(points.leading_error[k] / scale[k]),
        )


def _at_rest(sitter: Sitter, flow: StepFlow, starts: Tensor, where: str) -> Tensor:
    """Run a model without a rate equation from all starts, and leave out those from which it does not settle.

    Newton's method from anywhere, which finds unstable points too, would need thousands of derivatives by torch.
    """
    for _ in range(SETTLING_STEPS):
        before, starts = starts, flow.step(starts)
    moved = torch.linalg.vector_norm(starts - before, dim=1)
    rests = moved <= AT_REST * torch.linalg.vector_norm(starts, dim=1)  # False where not finite
    note = f"fixed points, {where}: sought where the model is after {SETTLING_STEPS} steps, which are stable ones alone"
    sitter.found.add("notes", note=note)
    if moving := int((~rests).sum()):
        sitter.found.add("fixed_points", state=where, point=0, starts=moving, stability=MOVING)
    return starts[rests]


def measure_exponents(sitter: Sitter, where: str, image: Tensor | None) -> None:
    """Along the trajectory that goes on from where the network is when the image has been there for its duration."""
    options = sitter.options
    flow, path, unit_ms = _flow(sitter, image)
    followed = options.followed_tau * sitter.tau_ms / unit_ms
    spectrum = lyapunov_spectrum(
        flow,
        path[-1],
        min(options.exponents, flow.units),
        duration_ms=followed,
        transient_ms=float(math.ceil(followed / 5)) if flow.is_map else followed / 5,
        dt=1.0 if flow.is_map else sitter.model.dt_ms,
        every=1 if flow.is_map else 10,
        seed=sitter.seed,
    )
    for note in spectrum.notes:
        sitter.found.add("notes", note=f"Lyapunov exponents, {where}: {note}")
    for exponent, error in zip(spectrum.exponents.tolist(), spectrum.standard_error.tolist(), strict=True):
        sitter.found.add(
            "lyapunov",
            state=where,
            exponent_per_s=1e3 * exponent / unit_ms,
            standard_error_per_s=1e3 * error / unit_ms,
            status=spectrum.status.name.lower(),
            chaotic=spectrum.chaotic,
        )

"""Checks of protocols, recordings, engines and gradients."""

from typing import Any

import torch
from torch import Tensor

from cordsnet.analysis import RegimeSettings, classify_regime
from cordsnet.dynamics import ENGINES, REDUCTIONS, Hold, Record, integrate, start
from cordsnet.testing.check import CHECKS, rule
from cordsnet.testing.subject import STEPS, TOLERANCE, TRIALS, Subject, apart, farthest

GRADIENT_TOLERANCE, DIFFERENCES = 1e-4, (1e-6, 1e-7, 1e-8)
"""Largest relative difference to finite differences, and their steps."""


@CHECKS.register("protocols_run")
def protocols_run(subject: Subject) -> None:
    """Every kind of protocol runs, in every step a finite state."""
    for name, protocol in subject.protocols().items():
        found = subject.run(protocol)
        steps = protocol.total_steps(subject.model.clock)
        rule(len(found.time_ms) == steps, f"{name}: {steps} steps were shown and {len(found.time_ms)} recorded")
        rule(float(found.time_ms[-1]) == subject.ms(steps), f"{name}: the last time is {float(found.time_ms[-1])} ms")
        for area, rates in found.rates.items():
            rule(bool(torch.isfinite(rates).all()), f"{name}: rates of {area!r} are not finite")


@CHECKS.register("recordings_are_views_of_one")
def recordings_are_views_of_one(subject: Subject) -> None:
    """Every way of recording keeps what the full recording holds."""
    protocol, ms = subject.shown(subject.inputs()), subject.ms
    signals = [signal.name for signal in subject.system.signals]
    full = subject.run(protocol, record=signals)
    for name, signal in ((s.name, s) for s in subject.system.signals):
        wanted = ("time", "trial", *signal.axes)
        rule(full.axes[name] == wanted, f"{name!r} is recorded with the axes {full.axes[name]}, not {wanted}")
    for reduction in REDUCTIONS:
        if reduction == "map" and any(len(signal.shape) < 2 for signal in subject.system.signals):
            continue
        kept = subject.run(protocol, record=Record(signals, every_ms=ms(2), reduce=reduction)).rates
        for name in signals:
            rows = [REDUCTIONS[reduction].apply(value) for value in full.rates[name][1::2]]
            size = apart(kept[name], torch.stack(rows))
            rule(size <= TOLERANCE, f"{name!r} recorded as {reduction!r} differs by {size:.1e} from the full recording")
    some = subject.run(protocol, record=Record(signals, times_ms=[ms(2), ms(5)], outputs=()))
    for name in signals:
        rule(
            apart(some.rates[name], full.rates[name][[1, 4]]) <= TOLERANCE, f"times_ms records {name!r} at other times"
        )
    window = subject.run(protocol, record=Record(signals, window_ms=(ms(2), ms(4))))
    for name in signals:
        rule(
            apart(window.rates[name], full.rates[name][2:4]) <= TOLERANCE, f"window_ms records {name!r} at other times"
        )
    rule(len(repr(full)) < 2000, "the repr of a trajectory is longer than 2,000 characters")


@CHECKS.register("engines_agree")
def engines_agree(subject: Subject) -> None:
    """Every engine that takes the model gives the same states, outputs and gradients as the plain one."""
    protocol, truth = subject.shown(subject.inputs(), 5) + subject.shown(subject.inputs(), 4), None
    names = dict.fromkeys(("time_major", *ENGINES))
    for engine, options in (*((name, {}) for name in names), ("auto", {"memory": "1GB"})):
        try:
            found = _with_gradients(subject, protocol, engine=engine, **options)
        except ValueError as error:
            rule("engine" in str(error), f"engine {engine!r} fails: {error}")
            continue
        truth = truth or found
        for what, one, other in zip(("rates or outputs", "gradients"), found, truth, strict=True):
            worst, size = farthest(one, other)
            rule(size <= TOLERANCE, f"{what} under engine {engine!r} differ by {size:.1e} in {worst!r} from time_major")


def _with_gradients(subject: Subject, protocol: Any, **options: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Rates and outputs, and the gradients of a number that depends on all of them."""
    subject.model.zero_grad()
    found = subject.run(protocol, grad=True, seed=3, **options)
    values = {**found.rates, **{f"output {name}": value for name, value in found.outputs.items()}}
    _number(values).backward()  # type: ignore[no-untyped-call]
    gradients = {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone() for name, p in subject.model.named_parameters()
    }
    return {name: value.detach() for name, value in values.items()}, gradients


def _number(values: dict[str, Tensor]) -> Tensor:
    """A smooth function of all values, with weights that differ from value to value."""
    parts = [
        (value * torch.linspace(0.5, 1.5, value.numel(), dtype=value.dtype).view(value.shape)).sum() / value.numel()
        for value in values.values()
    ]
    return torch.stack(parts).sum()


@CHECKS.register("gradients_match_differences")
def gradients_match_differences(subject: Subject) -> None:
    """The gradient along a random direction of all weights is that of central differences.

    Weights are moved a little first, since biases of zero put silent units onto the kink of a rectifier. Several steps
    are tried, since a long one crosses kinks and a short one loses digits; a wrong gradient agrees with none.
    """
    protocol, model = subject.shown(subject.inputs(), 4), subject.model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=subject.generator, dtype=parameter.dtype))
    _, gradients = _with_gradients(subject, protocol, engine="time_major")
    direction = {
        name: torch.randn(p.shape, generator=subject.generator, dtype=p.dtype) for name, p in model.named_parameters()
    }
    slope = float(torch.stack([(gradients[name] * value).sum() for name, value in direction.items()]).sum())
    found = [_central_difference(subject, protocol, direction, step) for step in DIFFERENCES]
    away = [abs(slope - one) / max(abs(slope), abs(one), 1e-3) for one in found]
    best = found[away.index(min(away))]
    rule(min(away) <= GRADIENT_TOLERANCE, f"gradient {slope:.6g} and central difference {best:.6g} differ")


def _central_difference(subject: Subject, protocol: Any, direction: dict[str, Tensor], step: float) -> float:
    """Slope of the number along a direction of the weights, which are put back."""
    kept = {name: parameter.detach().clone() for name, parameter in subject.model.named_parameters()}
    ends = []
    for sign in (1, -1):
        with torch.no_grad():
            for name, parameter in subject.model.named_parameters():
                parameter.copy_(kept[name] + sign * step * direction[name])
            found = subject.run(protocol, seed=3)
            ends.append(float(_number({**found.rates, **{f"output {n}": v for n, v in found.outputs.items()}})))
    with torch.no_grad():
        for name, parameter in subject.model.named_parameters():
            parameter.copy_(kept[name])
    return (ends[0] - ends[1]) / (2 * step)


@CHECKS.register("noise_keeps_its_strength")
def noise_keeps_its_strength(subject: Subject) -> None:
    """With a shorter step, rates fluctuate as much as before."""
    if not subject.system.has_noise or subject.is_fixed:
        return
    model, strength = subject.model, {}
    for dt in (model.dt_ms, model.dt_ms / 2):
        with torch.no_grad():
            system = model.system(dt)
            steps = system.clock.steps(400 * model.dt_ms, "duration")
            state = start(system, "zero", 200, seed=1)
            last = Record("all", times_ms=(system.clock.time_ms(steps),), outputs=())
            found = integrate(system, [Hold(steps)], state, last, steps).rates
        strength[dt] = {area: float(rates[-1].std(0).mean()) for area, rates in found.items()}
    coarse, fine = strength.values()
    for area, size in coarse.items():
        away = abs(size - fine[area]) / max(size, 1e-12)
        rule(away < 0.1, f"rates of {area!r} fluctuate by {size:.3g}, and by {fine[area]:.3g} with half the step")


@CHECKS.register("regimes_are_found_or_refused")
def regimes_are_found_or_refused(subject: Subject) -> None:
    """The regime of the model is found, or refused in one sentence."""
    if "image" not in subject.model.inputs:
        return
    settings = RegimeSettings(
        image_ms=subject.ms(8), tau_ms=subject.ms(2), holds=4, max_durations=15, divergence_durations=10
    )
    try:
        classify_regime(subject.model, subject.values("image"), settings=settings)
    except (ValueError, TypeError) as error:
        text = str(error)
        rule(
            20 < len(text) < 400 and "\n" not in text, f"the regime is refused without a clear sentence: {text[:80]!r}"
        )


@CHECKS.register("forward_reads_the_last_step")
def forward_reads_the_last_step(subject: Subject) -> None:
    """Calling the model gives what a simulation from its own start ends with."""
    inputs = subject.inputs(TRIALS)
    ms = subject.ms(STEPS)
    with torch.no_grad():
        called = subject.model(inputs if set(inputs) != {"image"} else inputs["image"], ms)
    simulated = subject.run(subject.shown(inputs), initial_state=None, record=())
    found = called if isinstance(called, dict) else {"scores": called}
    for name, value in found.items():
        size = apart(value, simulated.outputs[name][-1])
        rule(size <= TOLERANCE, f"model(inputs) and simulate() differ in {name!r} by {size:.1e}")

"""Checks of the contract itself: shapes, purity, trials, streaming."""

from dataclasses import replace

import torch

from cordsnet.dynamics import State
from cordsnet.testing.check import CHECKS, rule
from cordsnet.testing.subject import STEPS, TOLERANCE, TRIALS, Subject, apart, farthest, tensors_of


@CHECKS.register("describes_itself")
def describes_itself(subject: Subject) -> None:
    """Areas, signals, inputs, outputs and clock are there and belong together."""
    model, system = subject.model, subject.system
    rule(bool(model.shapes), "shapes is empty; give every area a shape")
    rule(bool(model.inputs), "inputs is empty; name what the model reads")
    rates = {signal.area: tuple(signal.shape) for signal in system.signals if signal.kind == "rate"}
    for area, shape in model.shapes.items():
        rule(area in rates, f"area {area!r} of shapes has no signal of kind 'rate' in the system")
        rule(
            rates[area] == tuple(shape), f"area {area!r} is {list(shape)} in shapes and {list(rates[area])} in signals"
        )
    rule(
        not set(rates) - set(model.shapes),
        f"signals have areas that shapes lacks: {sorted(set(rates) - set(model.shapes))}",
    )
    for signal in system.signals:
        rule(
            len(signal.axes) == len(signal.shape),
            f"signal {signal.name!r} has {len(signal.shape)} axes and {len(signal.axes)} names for them",
        )
    rule(set(system.outputs) == set(model.outputs), "outputs of the model and of its system differ")
    rule(system.clock == model.clock, f"clock of the system is {system.clock}, of the model {model.clock}")
    rule(model.response_ms > 0, f"response_ms must be above 0, got {model.response_ms}")


@CHECKS.register("states_have_their_shapes")
def states_have_their_shapes(subject: Subject) -> None:
    """Every state holds every signal, with its shape and dtype, and counts its steps."""
    wanted = {signal.name: tuple(signal.shape) for signal in subject.system.signals}
    with torch.no_grad():
        begun = subject.system.begin(TRIALS, seed=1)
    for when, state in (
        ("zero_state", subject.system.zero_state(TRIALS, 1)),
        ("begin", begun),
        ("advance", subject.advanced(begun, subject.inputs(), 1)),
    ):
        missing = sorted(set(wanted) - set(state.values))
        rule(not missing, f"the state after {when} lacks the signals {missing}")
        for name, value in state.values.items():
            rule(name in wanted, f"the state after {when} has {name!r}, which is no signal")
            shape = (TRIALS, *wanted[name])
            rule(
                tuple(value.shape) == shape,
                f"{name!r} after {when} must have the shape {list(shape)}, got {list(value.shape)}",
            )
            rule(value.dtype == torch.float64, f"{name!r} after {when} is {value.dtype} in a model of float64")
    rule(begun.step == 0, f"begin must return step 0, got {begun.step}")
    after = subject.advanced(begun, subject.inputs(), 2)
    rule(after.step == 2, f"two steps must count as 2, got {after.step}; return state.after(values) from advance")


@CHECKS.register("outputs_have_axes")
def outputs_have_axes(subject: Subject) -> None:
    """Every output is named with its axes, and has one number for every trial and index."""
    state = subject.advanced(subject.system.zero_state(TRIALS, 1), subject.inputs(), 2)
    with torch.no_grad():
        read = subject.system.read(state)
    rule(
        set(read) == set(subject.system.outputs),
        f"read gives {sorted(read)}, outputs names {sorted(subject.system.outputs)}",
    )
    for name, value in read.items():
        axes = subject.system.outputs[name]
        rule(
            value.ndim == 1 + len(axes) and len(value) == TRIALS,
            f"output {name!r} must be [trials, {', '.join(axes) or 'nothing'}], got shape {list(value.shape)}",
        )


@CHECKS.register("steps_are_pure")
def steps_are_pure(subject: Subject) -> None:
    """`begin`, `hold`, `advance` and `read` change nothing, and give the same twice."""
    system, inputs = subject.system, subject.inputs()
    state = subject.advanced(system.zero_state(TRIALS, 1), subject.inputs(), 1)
    held = {name: value.clone() for name, value in inputs.items()}
    kept = {name: value.clone() for name, value in tensors_of(state).items()}
    own = {name: value.detach().clone() for name, value in subject.model.state_dict().items()}
    with torch.no_grad():
        first, second = (system.advance(state, system.hold(inputs)) for _ in range(2))
        context = system.hold(inputs)
        third, fourth = (system.advance(state, context) for _ in range(2))
        reads = [system.read(state) for _ in range(2)]
        begun = [system.begin(TRIALS, 3) for _ in range(2)]
    for name, value in inputs.items():
        rule(torch.equal(value, held[name]), f"hold or advance changes its input {name!r} in place")
    for name, value in tensors_of(state).items():
        rule(torch.equal(value, kept[name]), f"advance or read changes {name!r} of the state in place")
    for name, value in subject.model.state_dict().items():
        rule(torch.equal(value, own[name]), f"a step changes {name!r} of the model")
    pairs = (("hold and advance", first, second), ("advance", third, fourth), ("begin", begun[0], begun[1]))
    for what, one, other in pairs:
        worst, size = farthest(tensors_of(one), tensors_of(other))
        rule(size == 0, f"{what} called twice with the same arguments differ in {worst!r} by {size:.1e}")
    worst, size = farthest(*reads)
    rule(size == 0, f"read called twice differs in {worst!r} by {size:.1e}")


@CHECKS.register("a_missing_input_is_zero")
def a_missing_input_is_zero(subject: Subject) -> None:
    """An input that is left out acts as one that is zero everywhere."""
    start = subject.system.zero_state(TRIALS, 1)
    zeros = {name: torch.zeros_like(value) for name, value in subject.inputs().items()}
    worst, size = farthest(subject.advanced(start, {}, STEPS).values, subject.advanced(start, zeros, STEPS).values)
    rule(size <= TOLERANCE, f"a blank and an input of zeros differ in {worst!r} by {size:.1e}")


@CHECKS.register("trials_are_independent")
def trials_are_independent(subject: Subject) -> None:
    """A batch of n gives what n batches of one give, noise included."""
    inputs, start = subject.inputs(), subject.system.zero_state(TRIALS, seed=4)
    together = subject.advanced(start, inputs, STEPS)
    alone = [
        subject.advanced(start.trials(slice(k, k + 1)), {n: v[k : k + 1] for n, v in inputs.items()}, STEPS)
        for k in range(TRIALS)
    ]
    worst, size = farthest(together.values, State.cat(alone).values)
    rule(size <= TOLERANCE, f"a trial in a batch and the same trial alone differ in {worst!r} by {size:.1e}")


@CHECKS.register("streaming_equals_simulating")
def streaming_equals_simulating(subject: Subject) -> None:
    """`model.step` in a loop gives what `simulate` gives."""
    inputs = subject.inputs()
    state = subject.model.initial_state(TRIALS, seed=5)
    simulated = subject.run(subject.shown(inputs), seed=5, engine="time_major")
    for k in range(STEPS):
        with torch.no_grad():
            state = subject.model.step(state, inputs)
        for area, rates in state.rates.items():
            size = apart(rates, simulated.rates[area][k])
            rule(size <= TOLERANCE, f"rates of {area!r} streamed and simulated differ by {size:.1e} at step {k + 1}")
    size = apart(next(iter(subject.model.read(state).values())), next(iter(simulated.outputs.values()))[-1])
    rule(size <= TOLERANCE, f"outputs streamed and simulated differ by {size:.1e}")


@CHECKS.register("noise_depends_on_seed_and_step")
def noise_depends_on_seed_and_step(subject: Subject) -> None:
    """Noise is that of the trial's seed: the same seed the same, another seed another, trials of a batch differ."""
    system = subject.system
    if not system.has_noise:
        first, second = (subject.advanced(system.zero_state(2, seed), {}, STEPS) for seed in (1, 2))
        worst, size = farthest(first.values, second.values)
        rule(size == 0, f"{worst!r} depends on the seed although has_noise is False")
        return
    one = subject.advanced(system.zero_state(2, 1), {}, STEPS)
    same, other = (subject.advanced(system.zero_state(2, seed), {}, STEPS) for seed in (1, 2))
    rule(farthest(one.values, same.values)[1] == 0, "the same seed gives other noise")
    rule(farthest(one.values, other.values)[1] > 0, "another seed gives the same noise although has_noise is True")
    twins = one.trials(slice(0, 1)), one.trials(slice(1, 2))
    rule(farthest(twins[0].values, twins[1].values)[1] > 0, "all trials of a batch have the same noise")
    seeds = system.zero_state(2, 1).seeds
    rule(seeds is not None, "zero_state of a system with noise must carry seeds")
    later = subject.advanced(replace(system.zero_state(2, 1), step=7), {}, STEPS)
    rule(farthest(one.values, later.values)[1] > 0, "noise does not depend on the step")

"""Checks of interventions and lesions."""

import torch

from cordsnet.dynamics import clamp, inject, scale, silence
from cordsnet.testing.check import CHECKS, rule
from cordsnet.testing.subject import STEPS, TOLERANCE, TRIALS, Subject, apart, farthest, of_trials


@CHECKS.register("silence_acts_when_and_where_it_is_said")
def silence_acts_when_and_where_it_is_said(subject: Subject) -> None:
    """Silenced units have a rate of zero from when to when, in their trials, and nothing changes before."""
    areas, ms = subject.model.areas, subject.ms
    batch = subject.batch(2 * len(areas))  # after every trial with a silenced area comes one without
    free = batch.run()
    found = batch.run(
        *(silence(area, from_ms=ms(2), to_ms=ms(4), trials=[2 * k]) for k, area in enumerate(areas)),
    )
    for k, area in enumerate(areas):
        rates = found[area][:, 2 * k]
        rule(bool((rates[2:4] == 0).all()), f"{area!r} is silenced from step 3 to 4, and its rates are not zero")
        rule(apart(rates[:2], free[area][:2, 2 * k]) <= TOLERANCE, f"{area!r} changes before it is silenced")
        size = apart(found[area][:, 1::2], free[area][:, 1::2])
        rule(size <= TOLERANCE, f"silencing areas in some trials changes {area!r} in others by {size:.1e}")


@CHECKS.register("silence_of_an_area_is_seen_by_others")
def silence_of_an_area_is_seen_by_others(subject: Subject) -> None:
    """Areas that read a silenced area change."""
    areas = subject.model.areas
    batch = subject.batch(TRIALS * len(areas))
    free = batch.run()
    own = {area: slice(TRIALS * k, TRIALS * (k + 1)) for k, area in enumerate(areas)}
    found = batch.run(*(silence(area, trials=range(some.start, some.stop)) for area, some in own.items()))
    for pathway in subject.system.pathways:
        source, target = pathway.split(" -> ")
        if source == target or source not in own:
            continue
        here = own[source]
        if float(free[source][:, here].abs().max()) == 0:
            continue
        size = apart(found[target][:, here], free[target][:, here])
        rule(size > 0, f"{target!r} reads {source!r} by {pathway!r} and does not change when {source!r} is silenced")
    for area, rates in batch.run(*(silence(area) for area in areas)).items():
        rule(bool((rates == 0).all()), f"all areas are silenced throughout, and rates of {area!r} are not zero")


@CHECKS.register("clamping_to_a_recording_reproduces_it")
def clamping_to_a_recording_reproduces_it(subject: Subject) -> None:
    """An area that follows its own recording leaves everything as it was."""
    areas = subject.model.areas
    inputs = subject.inputs(len(areas))
    protocol = subject.shown(inputs)
    free = subject.run(protocol, seed=2)
    clamped = [clamp(area, free, trials=[k]) for k, area in enumerate(areas)]
    found = subject.run(protocol, seed=2, interventions=clamped)
    for k, area in enumerate(areas):
        one = slice(k, k + 1)
        worst, size = farthest(of_trials(found.rates, one), of_trials(free.rates, one))
        rule(size <= TOLERANCE, f"with {area!r} clamped to its own rates, {worst!r} changes by {size:.1e}")
    found = subject.run(protocol, interventions=[clamp(area, 0.25, units=[0]) for area in areas])
    for area, shape in subject.model.shapes.items():
        first = found.rates[area][:, :, 0]
        rule(bool((first == 0.25).all()), f"unit or channel 0 of {area!r} {list(shape)} is clamped to 0.25 and is not")


@CHECKS.register("currents_act")
def currents_act(subject: Subject) -> None:
    """A current into an area changes its rates; none changes nothing."""
    areas = subject.model.areas
    batch = subject.batch(len(areas))
    free = batch.run()
    worst, size = farthest(batch.run(*(inject(area, 0.0) for area in areas)), free)
    rule(size <= TOLERANCE, f"a current of zero into every area changes the rates of {worst!r} by {size:.1e}")
    some = batch.run(*(inject(area, 3.0, trials=[k]) for k, area in enumerate(areas)))
    for k, area in enumerate(areas):
        one = slice(k, k + 1)
        rule(apart(some[area][:, one], free[area][:, one]) > 0, f"a current of 3 into {area!r} changes nothing")


@CHECKS.register("pathways_can_be_scaled")
def pathways_can_be_scaled(subject: Subject) -> None:
    """A factor of one changes nothing; a pathway that is cut is cut, by factor or for good.

    Every pathway is scaled in two trials of its own: all that it delivers, and what it delivers to unit 0. Models that
    have lost the same are then shown these trials alone.
    """
    rule(bool(subject.system.pathways), "the system names no pathways; name what each area reads")
    parts = [(pathway, which) for pathway in subject.system.pathways for which in ({}, {"units": [0]})]
    batch = subject.batch(len(parts))
    free = batch.run()
    worst, size = farthest(batch.run(*(scale(pathway, 1.0) for pathway in subject.system.pathways)), free)
    rule(size <= TOLERANCE, f"all pathways scaled by 1 change the rates of {worst!r} by {size:.1e}")
    none = batch.run(*(scale(pathway, 0.0, trials=[k], **which) for k, (pathway, which) in enumerate(parts)))
    for k, (pathway, which) in enumerate(parts):
        one, what = slice(k, k + 1), f"unit 0 of {pathway!r}" if which else repr(pathway)
        cut = batch.alone(one, subject.without(pathway, **which))
        worst, size = farthest(of_trials(none, one), cut)
        rule(size <= TOLERANCE, f"{what} scaled by 0 and lesioned differ in {worst!r} by {size:.1e}")
        source, target = pathway.split(" -> ")
        if not which and source not in subject.model.areas and float(free[target][:, one].abs().max()) > 0:
            changed = apart(none[target][:, one], free[target][:, one]) > 0
            rule(changed, f"{pathway!r} scaled by 0 changes nothing in {target!r}")


@CHECKS.register("lesions_are_for_good")
def lesions_are_for_good(subject: Subject) -> None:
    """Lesioned units stay silent, as silenced ones do; the model that was copied is whole."""
    areas = subject.model.areas
    batch = subject.batch(TRIALS * len(areas))  # in a single trial, units may be silent by chance
    own = {area: range(TRIALS * k, TRIALS * (k + 1)) for k, area in enumerate(areas)}
    free = batch.run()
    hurt = {area: subject.without(area, fraction=0.5, seed=1) for area in areas}
    gone = {area: one.model.lesions[0].gone(free[area].shape[2:], "cpu") for area, one in hurt.items()}
    other = batch.run(*(silence(area, units=gone[area], trials=own[area]) for area in areas))
    for area in areas:
        which = slice(own[area].start, own[area].stop)
        found = batch.alone(which, hurt[area])
        silent = (found[area] == 0).flatten(2).all(0).all(0)
        units = silent.numel()
        rule(
            int(silent.sum()) >= round(0.5 * units) and bool(silent[gone[area].flatten()].all()),
            f"half of {area!r} is lesioned and {int(silent.sum())} of {units} are silent",
        )
        worst, size = farthest(found, of_trials(other, which))
        rule(
            size <= TOLERANCE,
            f"lesioned and silenced units of {area!r} give rates of {worst!r} that differ by {size:.1e}",
        )
    again = batch.run()
    rule(farthest(again, free)[1] == 0, "lesion() changes the model that it copies")


@CHECKS.register("gradients_pass_lesions")
def gradients_pass_lesions(subject: Subject) -> None:
    """Gradients of a lesioned model are finite, with every engine alike."""
    area = subject.model.areas[0]
    hurt = subject.without(area, units=[0])
    gradients = {}
    for engine in ("time_major", "auto", "checkpointed"):
        hurt.model.zero_grad()
        hurt.generator.manual_seed(1)
        found = hurt.run(hurt.shown(hurt.inputs(), STEPS), grad=True, engine=engine, seed=1)
        sum(value.sum() for value in found.rates.values()).backward()  # type: ignore[union-attr]
        given = {name: p.grad.clone() for name, p in hurt.model.named_parameters() if p.grad is not None}
        for name, gradient in given.items():
            rule(bool(torch.isfinite(gradient).all()), f"the gradient of {name!r} is not finite in a lesioned model")
        gradients[engine] = given
    for engine, given in gradients.items():
        worst, size = farthest(given, gradients["time_major"])
        rule(size <= TOLERANCE, f"gradients of a lesioned model differ under {engine!r} by {size:.1e} in {worst!r}")


@CHECKS.register("absent_parts_are_named")
def absent_parts_are_named(subject: Subject) -> None:
    """An intervention on a part that is not there is refused, and says what is."""
    protocol, area = subject.shown(subject.inputs()), subject.model.areas[0]
    most = subject.model.shapes[area][0]
    for what, wrong in (
        ("area", silence("nowhere")),
        ("pathway", scale(f"nowhere -> {area}", 0.0)),
        ("unit", silence(area, units=[most])),
        ("trial", silence(area, trials=[TRIALS])),
        ("time", silence(area, from_ms=subject.ms(STEPS + 1))),
    ):
        try:
            subject.run(protocol, interventions=wrong)
        except ValueError as error:
            rule(len(str(error)) > 20, f"an absent {what} is refused without a sentence")
        else:
            raise AssertionError(f"an intervention on an absent {what} is accepted")

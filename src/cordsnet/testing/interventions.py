"""Checks of interventions and lesions."""

import torch

from cordsnet.dynamics import clamp, inject, scale, silence
from cordsnet.models import lesion
from cordsnet.testing.check import CHECKS, rule
from cordsnet.testing.subject import STEPS, TOLERANCE, TRIALS, Subject, apart, farthest


@CHECKS.register("silence_acts_when_and_where_it_is_said")
def silence_acts_when_and_where_it_is_said(subject: Subject) -> None:
    """Silenced units have a rate of zero from when to when, in their trials, and nothing changes before."""
    protocol, ms = subject.shown(subject.inputs()), subject.ms
    free = subject.run(protocol)
    for area in subject.model.areas:
        found = subject.run(protocol, interventions=[silence(area, from_ms=ms(2), to_ms=ms(4), trials=[0])])
        rates = found.rates[area]
        rule(bool((rates[2:4, 0] == 0).all()), f"{area!r} is silenced from step 3 to 4, and its rates are not zero")
        rule(apart(rates[:2], free.rates[area][:2]) <= TOLERANCE, f"{area!r} changes before it is silenced")
        for other in subject.model.areas:
            size = apart(found.rates[other][:, 1:], free.rates[other][:, 1:])
            rule(size <= TOLERANCE, f"silencing {area!r} in one trial changes {other!r} in another by {size:.1e}")


@CHECKS.register("silence_of_an_area_is_seen_by_others")
def silence_of_an_area_is_seen_by_others(subject: Subject) -> None:
    """Areas that read a silenced area change."""
    protocol = subject.shown(subject.inputs())
    free = subject.run(protocol)
    for pathway in subject.system.pathways:
        source, target = pathway.split(" -> ")
        if source == target or source not in subject.model.areas:
            continue
        if float(free.rates[source].abs().max()) == 0:
            continue
        found = subject.run(protocol, interventions=silence(source))
        size = apart(found.rates[target], free.rates[target])
        rule(size > 0, f"{target!r} reads {source!r} by {pathway!r} and does not change when {source!r} is silenced")


@CHECKS.register("clamping_to_a_recording_reproduces_it")
def clamping_to_a_recording_reproduces_it(subject: Subject) -> None:
    """An area that follows its own recording leaves everything as it was."""
    protocol = subject.shown(subject.inputs())
    free = subject.run(protocol, seed=2)
    for area in subject.model.areas:
        found = subject.run(protocol, seed=2, interventions=clamp(area, free))
        worst, size = farthest(found.rates, free.rates)
        rule(size <= TOLERANCE, f"with {area!r} clamped to its own rates, {worst!r} changes by {size:.1e}")
    for area, shape in subject.model.shapes.items():
        found = subject.run(protocol, interventions=clamp(area, 0.25, units=[0]))
        first = found.rates[area][:, :, 0]
        rule(bool((first == 0.25).all()), f"unit or channel 0 of {area!r} {list(shape)} is clamped to 0.25 and is not")


@CHECKS.register("currents_act")
def currents_act(subject: Subject) -> None:
    """A current into an area changes its rates; none changes nothing."""
    protocol = subject.shown(subject.inputs())
    free = subject.run(protocol)
    for area in subject.model.areas:
        none = subject.run(protocol, interventions=inject(area, 0.0))
        rule(farthest(none.rates, free.rates)[1] <= TOLERANCE, f"a current of zero into {area!r} changes the rates")
        some = subject.run(protocol, interventions=inject(area, 3.0))
        rule(apart(some.rates[area], free.rates[area]) > 0, f"a current of 3 into {area!r} changes nothing")


@CHECKS.register("pathways_can_be_scaled")
def pathways_can_be_scaled(subject: Subject) -> None:
    """A factor of one changes nothing; a pathway that is cut is cut, by factor or for good."""
    protocol = subject.shown(subject.inputs())
    free = subject.run(protocol)
    rule(bool(subject.system.pathways), "the system names no pathways; name what each area reads")
    for pathway in subject.system.pathways:
        target = pathway.split(" -> ")[1]
        same = subject.run(protocol, interventions=scale(pathway, 1.0))
        rule(farthest(same.rates, free.rates)[1] <= TOLERANCE, f"{pathway!r} scaled by 1 changes the rates")
        none = subject.run(protocol, interventions=scale(pathway, 0.0))
        cut = subject.__class__(lesion(subject.model, pathway)).run(protocol)
        worst, size = farthest(none.rates, cut.rates)
        rule(size <= TOLERANCE, f"{pathway!r} scaled by 0 and lesioned differ in {worst!r} by {size:.1e}")
        part = subject.run(protocol, interventions=scale(pathway, 0.0, units=[0]))
        hurt = subject.__class__(lesion(subject.model, pathway, units=[0])).run(protocol)
        worst, size = farthest(part.rates, hurt.rates)
        rule(size <= TOLERANCE, f"unit 0 of {pathway!r} scaled by 0 and lesioned differ in {worst!r} by {size:.1e}")
        if float(free.rates[target].abs().max()) > 0 and pathway.split(" -> ")[0] not in subject.model.areas:
            rule(
                apart(none.rates[target], free.rates[target]) > 0,
                f"{pathway!r} scaled by 0 changes nothing in {target!r}",
            )


@CHECKS.register("lesions_are_for_good")
def lesions_are_for_good(subject: Subject) -> None:
    """Lesioned units stay silent, as silenced ones do; the model that was copied is whole."""
    protocol = subject.shown(subject.inputs())
    free = subject.run(protocol)
    for area in subject.model.areas:
        hurt = lesion(subject.model, area, fraction=0.5, seed=1)
        found = subject.__class__(hurt).run(protocol)
        silent = (found.rates[area] == 0).flatten(2).all(0).all(0)
        units = silent.numel()
        rule(
            int(silent.sum()) >= round(0.5 * units),
            f"half of {area!r} is lesioned and {int(silent.sum())} of {units} are silent",
        )
        other = subject.run(
            protocol, interventions=silence(area, units=hurt.lesions[0].gone(free.rates[area].shape[2:], "cpu"))
        )
        worst, size = farthest(found.rates, other.rates)
        rule(
            size <= TOLERANCE,
            f"lesioned and silenced units of {area!r} give rates of {worst!r} that differ by {size:.1e}",
        )
    again = subject.run(protocol)
    rule(farthest(again.rates, free.rates)[1] == 0, "lesion() changes the model that it copies")


@CHECKS.register("gradients_pass_lesions")
def gradients_pass_lesions(subject: Subject) -> None:
    """Gradients of a lesioned model are finite, with every engine alike."""
    area = subject.model.areas[0]
    hurt = subject.__class__(lesion(subject.model, area, units=[0]))
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

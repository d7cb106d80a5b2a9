"""A model that breaks the contract is refused with a sentence for each broken rule."""

import math
from typing import ClassVar

import pytest
import torch
from torch import nn

from cordsnet import Clock, Signal
from cordsnet.dynamics import NONE, System
from cordsnet.models.interface import VisionModel
from cordsnet.models.spec import ModelSpec
from cordsnet.testing import ContractError, broken_rules, check_model

pytestmark = pytest.mark.usefixtures("as_users_run_it")


class Leaky(VisionModel):
    """The smallest model that keeps the contract: leaky pixels and their mean."""

    kind = "leaky"
    about = "Leaky pixels."
    spec_type = ModelSpec
    shapes: ClassVar = {"area1": (1, 4, 4)}
    inputs: ClassVar = {"image": (1, 4, 4)}
    outputs: ClassVar = {"scores": ("class",)}
    clock = Clock(2.0)
    response_ms = 20.0
    num_classes = 2

    def __init__(self, system):
        super().__init__()
        self.gain, self.made_by = nn.Parameter(torch.ones(2)), system

    def bind(self, dt, stepper, precision):
        return self.made_by(self, dt)


class LeakySystem(System):
    """The system of `Leaky`; subclasses break one rule each."""

    pathways = ("image -> area1",)

    def __init__(self, model, dt):
        self.model, self.like, self.clock = model, model.gain, Clock(dt)
        self.signals = (Signal("area1", (1, 4, 4)),)
        self.outputs = dict(model.outputs)

    def hold(self, inputs):
        return inputs.get("image", self.like.new_zeros(1, 1, 4, 4)) * self.model.gain[0]

    def advance(self, state, context, effects=NONE):
        drive = effects.drive("area1", effects.pathway("image -> area1", context))
        rate = torch.lerp(state.values["area1"], drive.relu().expand_as(state.values["area1"]), self.clock.dt_ms / 10)
        return state.after({"area1": effects.rate("area1", rate)})

    def read(self, state):
        return {"scores": state.values["area1"].mean((1, 2, 3))[:, None] * self.model.gain}


class MissingArea(LeakySystem):
    def __init__(self, model, dt):
        super().__init__(model, dt)
        self.signals = (Signal("area2", (1, 4, 4)),)


class WrongShape(LeakySystem):
    def advance(self, state, context, effects=NONE):
        after = super().advance(state, context, effects)
        return after.with_values({"area1": after.values["area1"][:, :1].expand(-1, 2, -1, -1)})


class MutatesItsState(LeakySystem):
    def advance(self, state, context, effects=NONE):
        state.values["area1"].mul_(0.8)
        return state.after({"area1": effects.rate("area1", state.values["area1"] + 0.2 * context.relu())})


class MutatesItsModel(LeakySystem):
    def advance(self, state, context, effects=NONE):
        self.model.gain.data.mul_(0.9)
        return super().advance(state, context, effects)


class OutputWithoutAxes(LeakySystem):
    def __init__(self, model, dt):
        super().__init__(model, dt)
        self.outputs = {"scores": ()}


class NoiseOfTheBatch(LeakySystem):
    has_noise = True

    def advance(self, state, context, effects=NONE):
        after = super().advance(state, context, effects)
        noise = torch.randn(after.batch, 1, 4, 4, generator=torch.Generator().manual_seed(state.step)).to(self.like)
        return after.with_values({"area1": after.values["area1"] + 0.1 * noise})


class MixesTrials(LeakySystem):
    def hold(self, inputs):
        held = super().hold(inputs)
        return held - held.mean(0)


class ForgetsSteps(LeakySystem):
    def advance(self, state, context, effects=NONE):
        return state.with_values(super().advance(state, context, effects).values)


class IgnoresInterventions(LeakySystem):
    def advance(self, state, context, effects=NONE):
        return super().advance(state, context, NONE)


class IgnoresGradients(LeakySystem):
    def hold(self, inputs):
        return super().hold(inputs).detach()


class BlankIsNotZero(LeakySystem):
    def hold(self, inputs):
        return super().hold(inputs) if inputs else self.like.new_full((1, 1, 4, 4), 0.5)


SKIPPED = ("copies_are_the_same", "compiled_is_the_same")  # a kind that is not in the table cannot be loaded
BROKEN = {
    MissingArea: ("describes_itself", "area 'area1' of shapes has no signal of kind 'rate'"),
    WrongShape: ("states_have_their_shapes", r"must have the shape \[3, 1, 4, 4\], got \[3, 2, 4, 4\]"),
    MutatesItsState: ("steps_are_pure", "changes 'area1' of the state in place"),
    MutatesItsModel: ("steps_are_pure", "changes 'gain' of the model"),
    OutputWithoutAxes: ("outputs_have_axes", r"output 'scores' must be \[trials, nothing\]"),
    NoiseOfTheBatch: ("trials_are_independent", "a trial in a batch and the same trial alone differ"),
    MixesTrials: ("trials_are_independent", "a trial in a batch and the same trial alone differ"),
    ForgetsSteps: ("states_have_their_shapes", "two steps must count as 2, got 0"),
    IgnoresInterventions: ("silence_acts_when_and_where_it_is_said", "its rates are not zero"),
    IgnoresGradients: ("gradients_match_differences", "central difference"),
    BlankIsNotZero: ("a_missing_input_is_zero", "a blank and an input of zeros differ in 'area1'"),
}


def test_the_smallest_model_passes():
    check_model(Leaky(LeakySystem), skip=SKIPPED)


@pytest.mark.parametrize("system", BROKEN)
def test_a_broken_rule_is_named(system):
    rule, sentence = BROKEN[system]
    with pytest.raises(ContractError, match=sentence) as caught:
        check_model(Leaky(system), skip=SKIPPED)
    assert rule in caught.value.broken
    for text in caught.value.broken.values():
        assert len(text) > 15
        assert "\n" not in text


def test_rules_that_a_model_keeps_are_not_named():
    assert set(broken_rules(Leaky(BlankIsNotZero), skip=SKIPPED)) == {"a_missing_input_is_zero"}


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="must be a VisionModel, got Linear"):
        check_model(nn.Linear(2, 2))


def test_a_skipped_rule_must_be_one():
    with pytest.raises(ValueError, match="unknown check 'steps_are_pur'; did you mean 'steps_are_pure'"):
        check_model(Leaky(LeakySystem), skip=["steps_are_pur"])


def test_the_smallest_model_follows_its_closed_form():
    import cordsnet

    model = Leaky(LeakySystem).double()
    found = cordsnet.simulate(model, cordsnet.show(torch.ones(1, 1, 4, 4).double(), 20), record="all").rates["area1"]
    wanted = [1 - math.pow(0.8, k) for k in range(1, 11)]
    torch.testing.assert_close(found[:, 0, 0, 0, 0], torch.tensor(wanted, dtype=torch.float64))

"""Durations become steps in one place: exactly, or rounded and said, or refused by name."""

import pytest
import torch

import cordsnet
from cordsnet import Clock, Record, blank, show, simulate

pytestmark = pytest.mark.usefixtures("as_users_run_it")


@pytest.mark.parametrize("kind", ["continuous", "static"])
def test_a_step_that_can_be_changed_refuses_what_it_cannot_represent(kind):
    clock = Clock(2.0, kind)
    assert clock.steps(200, "duration") == 100
    with pytest.raises(ValueError, match=r"duration = 3 ms is not a whole number of steps of dt = 2 ms; use 4 ms"):
        clock.steps(3, "duration")


def test_a_clock_of_steps_rounds_and_says_so():
    notes = []
    assert Clock(33.0, "steps").steps(200, "duration of show()", notes) == 6
    assert notes == ["duration of show(): 200 ms is 6 steps of 33 ms, 198 ms"]
    with pytest.warns(UserWarning, match="200 ms is 6 steps of 33 ms"):
        Clock(33.0, "steps").steps(200, "duration")


def test_rounding_does_not_add_up():
    notes = []
    steps = Clock(33.0, "steps").cut([("frame", 50.0)] * 20, notes)
    assert sum(steps) == round(1000 / 33)
    ends = [sum(steps[: k + 1]) * 33.0 for k in range(20)]
    assert all(abs(end - 50.0 * (k + 1)) <= 16.5 for k, end in enumerate(ends))


def test_what_would_vanish_is_refused():
    with pytest.raises(ValueError, match=r"flash = 10 ms is too short for a step of 33 ms"):
        Clock(33.0, "steps").steps(10, "flash", [])


def test_times_are_exact_decimals():
    assert [Clock(0.1).time_ms(step) for step in (3, 6, 7)] == [0.3, 0.6, 0.7]


@pytest.mark.parametrize("dt", [0, -1, float("nan"), float("inf"), "2"])
def test_bad_steps_are_refused(dt):
    with pytest.raises(ValueError, match="dt must be a finite number above 0"):
        Clock(dt)


def test_a_bad_kind_is_refused():
    with pytest.raises(ValueError, match="'continuous', 'steps' or 'static', got 'discrete'"):
        Clock(1.0, "discrete")


def test_a_simulation_of_a_model_of_steps_says_what_was_rounded():
    model = cordsnet.create_model("convlstm_small", ms_per_step=33.0)
    images = torch.rand(2, *model.input_shape)
    found = simulate(model, blank(50) + show(images, 200), record=Record("all", every_ms=70))
    assert len(found.notes) >= 2
    assert any("duration of show(): 200 ms is" in note for note in found.notes)
    assert any("every_ms: 70 ms is 2 steps of 33 ms" in note for note in found.notes)
    assert found.time_ms.tolist() == [66.0, 132.0, 198.0, 264.0]
    assert "every_ms: 70 ms" in repr(found)
    assert "every_ms: 70 ms" in found.to_xarray().attrs["notes"]


def test_a_model_of_steps_has_no_stepper():
    model = cordsnet.create_model("convlstm_small")
    with pytest.raises(ValueError, match="stepper 'heun' needs a model in continuous time"):
        simulate(model, blank(100), stepper="heun")
    with pytest.raises(ValueError, match="needs a model that starts from spontaneous activity"):
        simulate(model, blank(100), initial_state="spontaneous")


def test_a_feedforward_network_answers_at_once_and_forgets():
    model = cordsnet.create_model("cnn_r2_small", num_classes=3, in_channels=1).eval()
    images = torch.rand(2, *model.input_shape)
    found = simulate(model, blank(4) + show(images, 6), record="all")
    with torch.no_grad():
        torch.testing.assert_close(found.logits[2], model(images))
    assert torch.equal(found.logits[2], found.logits[-1])
    assert torch.equal(found.logits[0], found.logits[1])

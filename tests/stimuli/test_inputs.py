"""Several inputs at once, onsets of each trial's own, and what a protocol says of its events."""

import pytest
import torch

import cordsnet
from cordsnet import Clock, blank, give, show, show_at, simulate, together, with_noise
from cordsnet.stimuli import Event

CLOCK = Clock(10.0)


def cue(value=1.0, trials=2):
    return torch.full((trials, 1), value)


def picture(trials=2):
    return torch.arange(trials * 4.0).view(trials, 1, 2, 2) + 1


def steps_of(protocol, clock=CLOCK):
    return [hold.inputs for hold in protocol.schedule(clock) for _ in range(hold.steps)]


def test_inputs_shown_together_change_each_at_its_own_time():
    shown = together(blank(20) + show(picture(), 30), give("fixation", cue(), 40) + blank(10))
    names = [sorted(inputs) for inputs in steps_of(shown)]
    assert names == [["fixation"]] * 2 + [["fixation", "image"]] * 2 + [["image"]]
    assert shown.events == [
        Event("onset", "image", 20.0),
        Event("offset", "image", 50.0),
        Event("onset", "fixation", 0.0),
        Event("offset", "fixation", 40.0),
    ]
    assert shown.times_ms("onset") == [20.0]


def test_noise_reaches_the_image_alone():
    shown = with_noise(together(show(picture(), 20), give("fixation", cue(), 20)), 1.0)
    steps = steps_of(shown)
    assert all(torch.equal(inputs["fixation"], cue()) for inputs in steps)
    assert not torch.equal(steps[0]["image"], steps[1]["image"])


def test_every_trial_has_its_own_onset():
    shown = show_at(picture(3), [0, 20, 30], 20, 60)
    on = [[bool(inputs["image"][k].any()) if inputs else False for k in range(3)] for inputs in steps_of(shown)]
    assert on == [
        [True, False, False],
        [True, False, False],
        [False, True, False],
        [False, True, True],
        [False, False, True],
        [False, False, False],
    ]
    assert shown.events == [Event("onset", "image", (0.0, 20.0, 30.0)), Event("offset", "image", (20.0, 40.0, 50.0))]
    with pytest.raises(ValueError, match="differ from trial to trial"):
        shown.times_ms()


def test_staggered_trials_equal_trials_one_by_one():
    model = cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=3, image_size=8, width=4).double()
    images = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    found = simulate(model, show_at(images, [0, 10, 20], 20, 60)).logits
    for k, onset in enumerate((0, 10, 20)):
        alone = simulate(model, blank(onset) + show(images[k : k + 1], 20) + blank(40 - onset)).logits
        torch.testing.assert_close(found[:, k], alone[:, 0], rtol=1e-12, atol=1e-14)


def test_a_task_network_reads_both_inputs():
    model = cordsnet.create_model("task_rnn_small", noise=0.0).double()
    images = torch.rand(2, *model.input_shape, dtype=torch.float64)
    fixed = give("fixation", cue().double(), 100)
    both = simulate(model, together(show(images, 100), fixed))
    assert set(both.outputs) == {"choice", "eye"}
    assert both.outputs["eye"].shape == (20, 2, 2)
    for other in (show(images, 100), fixed):
        assert not torch.equal(simulate(model, other).outputs["choice"], both.outputs["choice"])
    assert both.to_xarray()["eye"].dims == ("time", "trial", "eye_coordinate")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: together(blank(20), show(picture(), 30)), "must last equally long"),
        (lambda: together(show(picture(), 20), show(picture(), 20)), "'image' is shown by two"),
        (lambda: together(show(picture(), 20), give("fixation", cue(trials=3), 20)), "different numbers of trials"),
        (lambda: give("fixation", [1.0], 20), "must be a torch tensor"),
        (lambda: show_at(picture(), [0], 20, 40), "onset_ms must be 2 times"),
        (lambda: show_at(picture(), [0, 50], 20, 40), "lie within total_ms = 40 ms"),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_what_does_not_fit_together_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("sound", torch.zeros(2, 1), "input 'sound' is unknown to this model; it reads image, fixation"),
        ("fixation", torch.zeros(2, 3), r"input 'fixation' must have the shape \[B, 1\], got \[2, 3\]"),
        ("fixation", torch.zeros(2, 1).double(), "must be a tensor of torch.float32, got torch.float64"),
        ("fixation", torch.full((2, 1), torch.nan), "holds NaN"),
    ],
)
def test_an_input_that_the_model_cannot_read_is_refused_by_name(name, values, message):
    model = cordsnet.create_model("task_rnn_small")
    with pytest.raises((ValueError, TypeError), match=message):
        simulate(model, give(name, values, 20))


def test_rounding_is_that_of_the_whole_protocol():
    notes, clock = [], Clock(100.0, "steps")
    part = together(show(picture(), 120) + blank(80) + show(picture() + 10, 100), give("fixation", cue(), 300))
    steps = [hold.inputs for hold in (blank(170) + part).schedule(clock, notes) for _ in range(hold.steps)]
    assert len(steps) == round(470 / 100)
    seen = [float(inputs["image"].max()) if "image" in inputs else 0.0 for inputs in steps]
    assert seen == [0.0, 0.0, 8.0, 0.0, 18.0]  # edges at 170, 290, 370 and 470 ms
    assert notes


def test_events_are_read_at_the_steps_at_which_they_take_place():
    steps = Clock(33.0, "steps")
    shown = blank(40) + show(picture(), 100) + blank(60) + show(picture(), 50)
    assert shown.times_ms("onset") == [40.0, 200.0]
    onsets = [33.0, 198.0]
    assert shown.times_ms("onset", clock=steps) == onsets
    with pytest.warns(UserWarning, match="rounded"):
        lit = ["image" in inputs for inputs in steps_of(shown, steps)]
    changes = [33.0 * k for k in range(1, len(lit)) if lit[k] and not lit[k - 1]]
    assert changes == onsets

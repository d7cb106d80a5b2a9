"""Context-dependent decision: what counts, what does not, and dots that say so."""

import pytest
import torch

from cordsnet.tasks import create_task
from cordsnet.tasks.dots import marked_dots, moving_dots


def test_the_answer_follows_the_feature_that_counts_alone():
    plan = create_task("context_decision").plan(6000, seed=1)
    found, right = plan.conditions, create_task("context_decision").right(plan)
    signed = torch.where(found["context"] == 0, found["motion"], found["luminance"])
    assert torch.equal(right, (signed < 0).long())
    assert torch.equal(found["coherence"], signed.abs())
    assert abs(found["congruent"].double().mean() - 0.5) < 4 * 0.5 / 6000**0.5
    other = torch.where(found["context"] == 0, found["luminance"], found["motion"])
    for values in (found["coherence"], other, found["context"].double()):
        for value in values.unique():
            of = right[values == value].double()
            assert abs(of.mean() - 0.5) < 4 * 0.5 / len(of) ** 0.5


def test_vectors_hold_the_cue_and_the_evidence():
    task = create_task("context_decision", noise=0.0, coherences=(0.5,))
    trials = task.sample(50, seed=2)
    during = trials.inputs["vector"][trials.periods["stimulus"][0, 0]]
    assert (during[:, 0] == 1).all()
    assert torch.equal(during[:, 1:3].argmax(-1), trials.conditions["context"])
    for place, feature in ((3, "motion"), (5, "luminance")):
        assert torch.allclose((during[:, place] - during[:, place + 1]).double(), trials.conditions[feature])
        assert torch.allclose(during[:, place] + during[:, place + 1], torch.ones(50))
    start = trials.periods["decision"][:, 0]
    assert (trials.inputs["vector"][start, torch.arange(50)] == 0).all()


def light_of_dots(coherence):
    """Light that dots add in the stimulus [B], in pixels of full contrast, and luminance of the trials."""
    settings = {"coherences": (coherence,), "algorithm": "limited_lifetime", "timing": {"delay": 20}}
    trials = create_task("context_decision", rendering="image", **settings).sample(200, seed=3)
    start, end = trials.periods["stimulus"][0].tolist()
    added = trials.inputs["image"][start:end] - trials.inputs["image"][:1]
    return added.sum((0, 2, 3, 4)), trials.conditions["luminance"].sign()


def test_dots_are_bright_in_the_proportion_of_the_coherence():
    full, sign = light_of_dots(1.0)
    assert torch.equal(full.sign(), sign.float())
    dark, bright = full[sign < 0].mean(), full[sign > 0].mean()
    half, sign = light_of_dots(0.5)
    assert abs(half[sign > 0].mean() - (0.75 * bright + 0.25 * dark)) < 0.05 * bright
    assert abs(half[sign < 0].mean() - (0.25 * bright + 0.75 * dark)) < 0.05 * bright


def test_a_dot_keeps_its_mark_until_it_is_replotted():
    plan = create_task("context_decision", timing={"delay": 20}).plan(3)
    one, angle = torch.ones(3), torch.zeros(3)
    for algorithm in ("movshon", "random_walk"):
        places, marks = marked_dots(plan, one, angle, 5, 0.01, algorithm)
        assert torch.equal(places, moving_dots(plan, one, angle, 5, 0.01, algorithm))
        assert all(len(marks[0, :, k].unique()) == (3 if algorithm == "movshon" else 1) for k in range(5))
    _, marks = marked_dots(plan, 0 * one, angle, 5, 0.01, "movshon")
    assert len(marks[0, :, 0].unique()) == plan.frames


def test_the_context_is_told_outside_the_aperture():
    trials = create_task("context_decision", rendering="image", image_size=16).sample(40)
    first = trials.inputs["image"][0, :, 0]
    assert torch.equal(first[:, 0, 1] > 0.5, trials.conditions["context"] == 0)
    assert torch.equal(first[:, 15, 14] > 0.5, trials.conditions["context"] == 1)


def test_the_delay_is_drawn_and_kept():
    delay = create_task("context_decision").plan(3000).conditions["delay_ms"]
    assert delay.min() == 300
    assert delay.max() <= 3000
    assert abs((delay == 300).double().mean() - (1 - torch.tensor(-310 / 600).exp())) < 0.04


@pytest.mark.parametrize("coherences", [(), (1.5,), ("high",)])
def test_coherences_that_cannot_be_are_refused(coherences, as_users_run_it):
    with pytest.raises(ValueError, match="coherences must be"):
        create_task("context_decision", coherences=coherences)

"""Go / no-go, and integration over two patches of dots."""

import dataclasses

import pytest
import torch

from cordsnet.tasks import create_task


def test_going_in_every_trial_is_right_in_go_trials_and_withholding_in_the_others():
    task = create_task("go_nogo")
    trials = task.sample(200, seed=1)
    deciding = torch.arange(trials.frames)[:, None] >= trials.periods["decision"][:, 0]
    scores = torch.zeros(trials.frames, 200, 2)
    scores[..., 0] = 5.0
    withheld = task.answers(trials, {"choice": scores})
    scores[..., 1] = 10.0 * deciding
    gone = task.answers(trials, {"choice": scores})
    assert torch.equal(gone.correct, trials.answer == 1)
    assert torch.equal(withheld.correct, trials.answer == 0)
    assert not gone.early.any()
    assert task.answers(trials, {"choice": scores.flip(0)}).early.all()


@pytest.mark.parametrize("rendering", ["vector", "image"])
def test_only_the_stimulus_says_whether_to_go(rendering):
    task = create_task("go_nogo", rendering=rendering, image_size=16)
    plan = task.plan(4)
    other = dataclasses.replace(plan, conditions=plan.conditions | {"go": 1 - plan.conditions["go"]})
    one, two = (task.render(p).inputs[rendering] for p in (plan, other))
    differs = (one != two).flatten(2).any(2)
    assert torch.equal(differs, plan.during("stimulus").expand_as(differs))
    assert create_task("go_nogo", timing={"delay": 100.0}).sample(1).frames == 55


def test_a_share_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="go_share must be a number between 0 and 1"):
        create_task("go_nogo", go_share=1.0)


def test_two_patches_tell_more_than_one():
    task = create_task("multisensory")
    trials = task.sample(4000, seed=1)
    evidence = (trials.inputs["vector"] * (trials.targets["choice"] == 0)[..., None])[5:45, :, 1:3].sum((0, 2))
    right = (evidence < 0).long() == trials.answer
    source, weak = trials.conditions["source"], trials.conditions["coherence"] == 0.1
    share = [float(right[weak & (source == k)].double().mean()) for k in range(3)]
    # by addition of both channels, of which one may be noise: signal 2 c or c against noise of sqrt(2) either way
    noise = 0.5 * (2 * 100 / 800) ** 0.5
    normal = torch.distributions.Normal(0.0, 1.0)
    for k, signal in enumerate((0.1, 0.1, 0.2)):
        assert abs(share[k] - float(normal.cdf(torch.tensor(signal / noise)))) < 0.08
    assert share[2] > max(share[:2]) + 0.05


def test_patches_are_shown_where_the_source_is():
    task = create_task("multisensory", rendering="image", image_size=32)
    trials = task.sample(40, seed=2)
    movie = trials.inputs["image"][5:45, :, 0].clone()
    movie[..., 14:18, 14:18] = 0  # the fixation point
    left, right = movie[..., :16].sum((0, 2, 3)) > 0, movie[..., 16:].sum((0, 2, 3)) > 0
    source = trials.conditions["source"]
    assert torch.equal(left, source != 1)
    assert torch.equal(right, source != 0)


def test_dots_move_as_the_answer_says():
    task = create_task("multisensory", rendering="image", image_size=64, coherences=(1.0,), algorithm="random_walk")
    trials = task.sample(16, seed=3)
    movie = trials.inputs["image"][5:45, :, 0].double()
    up = (movie[1:, :, :-1] * movie[:-1, :, 1:]).sum((0, 2, 3))  # what was a row below a frame ago
    down = (movie[1:, :, 1:] * movie[:-1, :, :-1]).sum((0, 2, 3))
    assert torch.equal((down > up).long(), trials.answer)

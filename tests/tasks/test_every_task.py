"""What holds for every task of the table. A new row is tested here without another line."""

import json

import pytest
import torch
from torch.nn import functional

from cordsnet.tasks import TASKS, create_task, list_tasks

RENDERINGS = ("vector", "image")


def perfect(task, trials):
    """Outputs that are exactly what is wanted; scores as large logits."""
    made = {}
    for name, axis, size in task.outputs:
        target = trials.targets[name]
        made[name] = 20 * functional.one_hot(target, size).float() if axis == "option" else target.clone()
    return made


@pytest.fixture(params=list_tasks())
def name(request):
    return request.param


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_trials_have_the_shapes_that_the_task_says(name, rendering):
    task = create_task(name, rendering=rendering, image_size=16)
    trials = task.sample(6, seed=1)
    frames = trials.frames
    size = (1, 16, 16) if rendering == "image" else (len(task.vector_channels),)
    assert {k: tuple(v.shape) for k, v in trials.inputs.items()} == {rendering: (frames, 6, *size)}
    assert all(v.dtype == torch.float32 and torch.isfinite(v).all() for v in trials.inputs.values())
    assert {n for n, _, _ in task.outputs} == set(trials.targets) == set(trials.mask)
    for output, axis, units in task.outputs:
        target = trials.targets[output]
        if axis == "option":
            assert target.shape == (frames, 6)
            assert target.dtype == torch.long
            assert 0 <= target.min() <= target.max() < units
        else:
            assert target.shape == (frames, 6, units)
            assert target.dtype == torch.float32
        assert trials.mask[output].shape == (frames, 6)
        assert (trials.mask[output].sum(0) > 0).all()
    assert trials.lengths.max() == frames
    assert frames * task.frame_ms <= task.longest_ms + task.frame_ms * len(task.periods)


def test_both_renderings_are_of_the_same_trials(name):
    vector, image = (create_task(name, rendering=r, image_size=16).sample(8, seed=3) for r in RENDERINGS)
    for part in ("targets", "mask", "periods", "conditions"):
        one, other = getattr(vector, part), getattr(image, part)
        assert set(one) == set(other)
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert torch.equal(vector.answer, image.answer)


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_a_trial_does_not_depend_on_the_batch(name, rendering):
    task = create_task(name, rendering=rendering, image_size=16)
    whole, part = task.sample(9, seed=5), task.sample(3, seed=5, first=4)
    shared = min(whole.frames, part.frames)
    for kind in ("inputs", "targets", "mask"):
        for key, values in getattr(part, kind).items():
            assert torch.equal(values[:shared], getattr(whole, kind)[key][:shared, 4:7]), (kind, key)
    assert torch.equal(part.answer, whole.answer[4:7])
    assert not torch.equal(part.inputs[rendering][:shared], task.sample(3, seed=6).inputs[rendering][:shared])


def test_periods_follow_one_another_and_last_what_the_timing_says(name):
    task = create_task(name)
    trials = task.sample(40, seed=2)
    assert tuple(trials.periods) == tuple(task.periods)
    for edges in trials.periods.values():
        assert (edges[:, 0] <= edges[:, 1]).all()
        assert (edges[:, 1] <= trials.lengths).all()
    assert all((trials.periods[p][:, 0] == 0).any() for p in list(task.periods)[:1])


def test_the_right_answers_are_right_and_no_answer_is_wrong(name):
    task = create_task(name)
    trials = task.sample(50, seed=4)
    found = task.answers(trials, perfect(task, trials))
    assert found.correct.all()
    assert not found.early.any()
    nothing = {n: torch.zeros(trials.frames, 50, size) for n, _, size in task.outputs}
    for n, axis, _ in task.outputs:
        if axis == "option":
            nothing[n][..., 0] = 20.0
    found = task.answers(trials, nothing).correct
    if all(axis == "option" for _, axis, _ in task.outputs):  # right to withhold is only what never asks for an answer
        asked = torch.stack([(trials.targets[n] != 0).any(0) for n, _, _ in task.outputs]).any(0)
        assert torch.equal(found, ~asked)
        assert asked.float().mean() > 0.3
    else:
        assert found.float().mean() < 0.2


def test_nothing_is_shown_and_nothing_counts_after_a_trial_ends(name):
    for rendering in RENDERINGS:
        task = create_task(name, rendering=rendering, image_size=16)
        trials = task.sample(30, seed=7)
        after = torch.arange(trials.frames)[:, None] >= trials.lengths
        assert all((values[after] == 0).all() for values in trials.inputs.values())
        assert all((weights[after] == 0).all() for weights in trials.mask.values())


def test_movies_are_grey_values(name):
    movie = create_task(name, rendering="image").sample(8, seed=8).inputs["image"]
    assert movie.min() >= 0
    assert 0.5 < movie.max() <= 1
    assert movie.flatten(2).std(2).max() > 0.02


def test_settings_are_plain_data(name):
    task = create_task(name, frame_ms=10.0, noise=0.2)
    assert create_task(name, **json.loads(json.dumps(task.to_dict()))) == task
    assert create_task(name) == create_task(name) != task
    assert task.source
    assert task.about.endswith(".")


def test_conditions_are_named_and_drawn(name):
    trials = create_task(name).sample(200, seed=9)
    assert trials.conditions
    assert all(len(values) == 200 for values in trials.conditions.values())
    assert any(
        len(values.flatten(1).unique(dim=0) if values.ndim > 1 else values.unique()) > 1
        for values in trials.conditions.values()
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"frame_ms": 0.0}, "frame_ms must be"),
        ({"frame_ms": 7.0}, "must be a whole number of frames of 7 ms"),
        ({"image_size": 4}, "image_size must be"),
        ({"noise": -1.0}, "noise must be a finite number of at least 0"),
        ({"rendering": "audio"}, "rendering must be 'vector' or 'image'"),
        ({"timing": {"lunch": 100}}, "timing names 'lunch'; periods of"),
        ({"timing": 3}, "timing must"),
        ({"coffee": 1}, "has no setting 'coffee'; it has"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_a_sentence(name, settings, said, as_users_run_it):
    with pytest.raises((ValueError, TypeError), match=said) as caught:
        create_task(name, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [-5, "long", [], [100, -1], ["uniform", 300, 100], ["exponential", 0, 1, 2], [["a"]]])
def test_durations_that_cannot_be_are_refused(name, value, as_users_run_it):
    period = next(iter(TASKS[name].periods))
    with pytest.raises(ValueError, match=f"timing of {period!r} must be a number of ms"):
        create_task(name, timing={period: value})


def test_a_name_that_there_is_not_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="random_dots"):
        create_task("random_dot")

"""Tasks as environments: episodes are trials, rewards are as said, and nothing leaks from one to the next."""

import gc
import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from cordsnet import create_model
from cordsnet.tasks import create_task, list_tasks, run_trials
from cordsnet.tasks.environment import TaskEnvironment, looked_at, play
from cordsnet.tasks.kinds.flip_flop import FlipFlop

SHORT = {"fixation": 40.0, "stimulus": 100.0, "decision": 60.0}

GROWTH = 64 * 1024
"""Bytes by which memory may grow in 900 episodes; a trial that was kept would take 2 KiB beside its tensors."""


BRIEFEST = {
    "go_nogo": {"timing": {"stimulus": 20.0, "delay": 20.0, "decision": 20.0}},
    "delayed_saccade": {"timing": {"fixation": 20.0, "stimulus": 20.0, "delay": 20.0, "go": 20.0}},
    "flip_flop": {"timing": {"hold": 60.0}, "rate_hz": 20.0, "pulse_ms": 20.0},
}

BRIEF = {"fixation": 60.0, "stimulus": 60.0, "delay": 40.0, "go": 160.0}


def dots(**settings):
    return create_task("random_dots", **({"timing": SHORT, "image_size": 16} | settings))


@pytest.mark.parametrize("settings", [{}, {"rendering": "image"}, {"rendering": "image", "gaze": True}])
def test_gymnasium_finds_nothing_wrong(settings):
    gaze = settings.pop("gaze", False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(infinity|spec).*")
        check_env(TaskEnvironment(dots(**settings), gaze=gaze), skip_render_check=True)


def test_answers_are_rewarded_as_said():
    environment = TaskEnvironment(dots(), seed=3)
    for waits, reward in ((3, -0.1), (7, 1.0)):
        _, info = environment.reset()
        for _ in range(waits):
            _, got, ended, _, info = environment.step(0)
            assert (got, ended) == (0, False)
        assert info["period"] == ("stimulus" if waits == 3 else "decision")
        right = 1 + int(info["conditions"]["direction_deg"] == 180)
        _, got, ended, truncated, _ = environment.step(right)
        assert (got, ended, truncated) == (reward, True, False)
        with pytest.raises(ValueError, match="call reset"):
            environment.step(0)
    _, info = environment.reset()
    for _ in range(7):
        environment.step(0)
    assert environment.step(1 + int(info["conditions"]["direction_deg"] == 0))[1:3] == (0.0, True)
    environment.reset()
    with pytest.raises(ValueError, match="action must be one of"):
        environment.step(9)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("name", BRIEFEST)
def test_a_thousand_episodes_leave_nothing_behind(name):
    task = create_task(name, grace_ms=0.0, noise=0.0, **BRIEFEST[name])
    environment, generator = TaskEnvironment(task, seed=5), np.random.default_rng(0)
    environment.action_space.seed(0)
    held = dict[int, tuple[int, int]]()
    tracemalloc.start()
    for k in range(1000):
        seen, info = environment.reset()
        assert info["episode"] == k
        for _ in range(generator.integers(0, 3)):
            if environment.step(environment.action_space.sample())[2]:
                break
        if k in (99, 999):
            gc.collect()
            tensors = sum(type(one) is torch.Tensor for one in gc.get_objects())
            held[k] = (tracemalloc.get_traced_memory()[0], tensors)
    tracemalloc.stop()
    assert held[999][0] - held[99][0] < GROWTH
    assert held[999][1] == held[99][1]
    fresh, told = TaskEnvironment(task, seed=5).reset(options={"episode": 999})
    assert np.array_equal(seen, fresh)
    assert info == told  # with numbers that no other trial has
    assert np.array_equal(environment.reset(seed=5)[0], TaskEnvironment(task, seed=5).reset()[0])
    other = TaskEnvironment(task)
    other.reset(seed=1)
    assert set(vars(environment)) == set(vars(other))
    assert len(environment.trials) == 1


def test_a_late_episode_is_made_without_those_before_it():
    environment = TaskEnvironment(dots(), seed=5)
    seen, info = environment.reset(options={"episode": 10**12})
    assert info["episode"] == 10**12
    assert np.array_equal(seen, dots().sample(1, 5, 10**12).inputs["vector"][0, 0].numpy())
    with pytest.raises(ValueError, match="must be at most 4,611"):
        environment.reset(options={"episode": 2**63})


def test_the_gaze_moves_the_picture_by_parts_of_a_pixel():
    movie = torch.rand(1, 1, 8, 8)
    assert torch.allclose(looked_at(movie, torch.zeros(1, 2)), movie, atol=1e-6)
    right = looked_at(movie, torch.tensor([[0.25, 0.0]]))[0, 0]  # a pixel of eight
    assert torch.allclose(right[:, :-1], movie[0, 0, :, 1:], atol=1e-6)
    assert (right[:, -1] == 0).all()
    up = looked_at(movie, torch.tensor([[0.0, 0.125]]))[0, 0]
    assert torch.allclose(up[1:], (movie[0, 0, 1:] + movie[0, 0, :-1]) / 2, atol=1e-6)


def test_a_network_plays_what_it_does_on_trials():
    task = dots(noise=0.0)
    model = create_model("vector_rnn_dense_small", vector_size=len(task.vector_channels), outputs=task.outputs)
    trials = task.sample(4, 2)
    whole = run_trials(model, trials)["choice"]
    for found in play(model, TaskEnvironment(task, seed=2), 4):
        assert torch.allclose(found["outputs"], whole[: found["frames"], found["episode"]], atol=1e-5)
        assert found["frames"] == trials.frames or found["option"] > 0


def saccade(**settings):
    return TaskEnvironment(create_task("delayed_saccade", timing=BRIEF, **settings), seed=2)


@pytest.mark.parametrize("name", ["delayed_saccade", "sequence"])
def test_an_angle_is_an_action(name):
    environment = TaskEnvironment(create_task(name), seed=4)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(infinity|spec|symmetric).*")
        check_env(environment, skip_render_check=True)
    for turned, reward in ((0, 1.0), (8, 0.0)):
        _, info = environment.reset()
        ended, got = False, 0.0
        while not ended:
            assert got == 0
            wanted = np.array(info["ground_truth"], np.float32)
            wanted[1:] = np.roll(wanted[1:], turned)
            _, got, ended, _, info = environment.step(wanted)
        assert got == reward


def test_fixation_may_begin_late_and_must_not_break():
    up, down = np.full(33, 0.05, np.float32), np.full(33, 0.05, np.float32)
    up[0] = 0.85
    for given, rewards in (
        ([down] * 3 + [up] * 5, [0.0] * 8),
        ([up, down], [0.0, -0.1]),
        ([down] * 8, [0.0] * 7 + [-0.1]),
    ):
        environment = saccade()
        environment.reset()
        found = [environment.step(action)[1:3] for action in given]
        assert found == [(reward, reward < 0) for reward in rewards]
    environment = saccade()
    environment.reset()
    for wrong in (np.full(33, np.nan, np.float32), np.full(33, 11, np.float32), np.zeros(32, np.float32), 3):
        with pytest.raises(ValueError, match="action must be one of Box"):
            environment.step(wrong)


def test_a_network_points_as_it_does_on_trials():
    environment = saccade(noise=0.0)
    task = environment.task
    model = create_model("vector_rnn_dense_small", vector_size=len(task.vector_channels), outputs=task.outputs)
    trials = task.sample(4, 2)
    whole = run_trials(model, trials)["ring"]
    early = task.answers(trials, {"ring": whole}).early
    for found in play(model, environment, 4):
        k = found["episode"]
        assert torch.allclose(found["outputs"], whole[: found["frames"], k], atol=1e-5)
        assert found["reward"] == -0.1 if early[k] else found["frames"] <= trials.frames
        assert "option" not in found


def test_held_bits_are_rewarded_where_the_task_takes_them_for_right():
    environment = TaskEnvironment(create_task("flip_flop", timing={"hold": 1000.0}), seed=4)
    assert environment.action_space.shape == (3,)
    for size, late, reward in ((1.0, 0, 1.0), (0.1, 0, 1.0), (-1.0, 0, 0.0), (1.0, 40, 0.0)):
        _, info = environment.reset()
        for frame in range(50):
            held = np.array(info["ground_truth"], np.float32) * (size if frame >= late else 0.0)
            _, got, ended, truncated, info = environment.step(held)
            assert (ended, truncated) == (frame == 49, False)
            assert got == (reward if ended else 0.0)
        with pytest.raises(ValueError, match="call reset"):
            environment.step(held)


@pytest.mark.parametrize("rendering", ["vector", "image"])
@pytest.mark.parametrize("name", list_tasks())
def test_every_task_is_an_environment(name, rendering):
    environment = TaskEnvironment(create_task(name, rendering=rendering, image_size=16), seed=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(infinity|spec|symmetric).*")
        check_env(environment, skip_render_check=True)
    done = 0
    for _ in range(6):  # whoever does what is wanted is rewarded
        _, info = environment.reset()
        ended, frames = False, 0
        while not ended:
            wanted = info["ground_truth"]
            action = wanted if isinstance(wanted, int) else np.array(wanted, np.float32)
            _, reward, ended, _, info = environment.step(action)
            frames += 1
        assert frames <= environment.trials.frames
        done += reward == 1
    assert done == 6


@pytest.mark.parametrize("name", list_tasks())
def test_a_network_plays_every_task_as_it_does_on_trials(name):
    task = create_task(name)
    model = create_model("vector_rnn_dense_small", vector_size=len(task.vector_channels), outputs=task.outputs)
    ((output, _, _),) = task.outputs
    trials = task.sample(2, 2)
    whole = run_trials(model, trials)[output]  # the noise of a trial is the same, frame by frame or not
    answers = task.answers(trials, {output: whole})
    for found in play(model, TaskEnvironment(task, seed=2), 2):
        k = found["episode"]
        assert torch.allclose(found["outputs"], whole[: found["frames"], k], atol=1e-5)
        if found["frames"] == trials.lengths[k] and "option" not in found and not answers.early[k]:
            assert found["reward"] == float(answers.correct[k])


class TwoOutputs(FlipFlop):
    @property
    def outputs(self):
        return (*super().outputs, ("more", "bit", 1))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="task must end with a choice or have one output of values, got 'flip_flop'"):
        TaskEnvironment(TwoOutputs())
    with pytest.raises(ValueError, match="gaze = True needs a task with a choice, got 'sequence'"):
        TaskEnvironment(create_task("sequence", rendering="image"), gaze=True)
    with pytest.raises(ValueError, match="gaze = True needs rendering='image'"):
        TaskEnvironment(dots(), gaze=True)

"""Trials of environments with the interface of neurogym, without neurogym."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cordsnet import create_model
from cordsnet.tasks import from_neurogym, run_trials

CUE, PAIR = {"fixation": 0, "stimulus": [1, 2]}, {"fixation": 0, "choice": [1, 2]}


class Louder:
    """Two tones at once for 60, 100 or 140 ms, after 40 ms of fixation: choose the louder one within 40 ms."""

    dt = 20
    observation_space = SimpleNamespace(name=CUE, shape=(3,))
    action_space = SimpleNamespace(name=PAIR, n=3)

    def __init__(self, **changed):
        self.changed, self.made = changed, []

    def seed(self, seed=None):
        self.rng = np.random.RandomState(seed)

    def new_trial(self):
        side, stimulus = self.rng.choice(2), self.rng.choice([3, 5, 7])
        trial = {"side": side, "loud": 0.5 + self.rng.rand(), "word": "high", "frames": int(stimulus)}
        ends = np.cumsum([2, stimulus, 2])
        self.ob, self.gt = np.zeros((ends[-1], 3), np.float32), np.zeros(ends[-1], np.int64)
        self.ob[: ends[1], 0] = 1
        self.ob[2 : ends[1], 1:] = 0.2
        self.ob[2 : ends[1], 1 + side] = trial["loud"]
        self.gt[ends[1] :] = 1 + side
        names = ("fixation", "stimulus", "decision")
        self.start_t = dict(zip(names, [0, *(20 * ends[:-1])], strict=True))
        self.end_t = dict(zip(names, 20 * ends, strict=True))
        self.made.append((self.ob.copy(), self.gt.copy(), trial))
        for name, change in self.changed.items():
            setattr(self, name, change(getattr(self, name, None)))
        return trial


def test_every_trial_is_as_the_environment_made_it():
    env = Louder()
    trials = from_neurogym(env, 20, seed=3)
    assert set(trials.lengths.tolist()) == {7, 9, 11}
    assert trials.inputs["vector"].shape == (11, 20, 3)
    for k, (seen, wanted, trial) in enumerate(env.made):
        length = len(wanted)
        assert trials.lengths[k] == length
        assert np.array_equal(trials.inputs["vector"][:length, k].numpy(), seen)
        assert np.array_equal(trials.targets["choice"][:length, k].numpy(), wanted)
        assert trials.conditions["side"][k] == trial["side"] == trials.answer[k] - 1
        assert trials.conditions["loud"][k] == trial["loud"]
        assert trials.periods["decision"][k].tolist() == [length - 2, length]
    assert set(trials.conditions) == {"side", "loud", "frames"}
    assert trials.conditions["side"].dtype == torch.long
    assert trials.edges_ms("stimulus")[:, 0].tolist() == [40] * 20
    assert trials.frame_ms == 20


def test_nothing_is_shown_and_nothing_counts_after_a_trial():
    trials = from_neurogym(Louder(), 20)
    after = torch.arange(trials.frames)[:, None] >= trials.lengths
    assert after.any()
    assert (trials.inputs["vector"][after] == 0).all()
    assert (trials.targets["choice"][after] == 0).all()
    assert torch.equal(trials.mask["choice"], (~after).float())


def test_a_seed_gives_the_same_trials_and_none_goes_on():
    one, same, other = (from_neurogym(Louder(), 5, seed=seed).conditions["loud"] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    env = Louder()
    env.seed(1)
    assert torch.equal(from_neurogym(env, 3, seed=None).conditions["loud"], one[:3])
    assert torch.equal(from_neurogym(env, 2, seed=None).conditions["loud"], one[3:])


def test_names_of_channels_and_options_are_kept():
    trials = from_neurogym(Louder(), 3)
    assert trials.channels == ("fixation", "stimulus 1", "stimulus 2")
    assert trials.options == ("fixation", "choice 1", "choice 2")
    assert trials.to(torch.zeros(1).double()).channels == trials.channels
    bare = Louder()
    bare.observation_space, bare.action_space = None, None
    assert from_neurogym(bare, 3).channels == from_neurogym(bare, 3).options == ()


def test_a_renderer_makes_movies():
    def bars(seen):
        image = np.zeros((8, 8))
        image[:, 2], image[:, 5] = np.minimum(seen[1:] / 2, 1)
        return image

    trials = from_neurogym(Louder(), 6, bars, seed=4)
    vectors = from_neurogym(Louder(), 6, seed=4).inputs["vector"]
    assert trials.inputs["image"].shape == (trials.frames, 6, 1, 8, 8)
    assert torch.allclose(trials.inputs["image"][:, :, 0, 3, [2, 5]], vectors[..., 1:] / 2)
    with pytest.raises(ValueError, match="renderer must return pixels from 0 to 1, got"):
        from_neurogym(Louder(), 6, lambda seen: bars(seen) * 9)
    with pytest.raises(ValueError, match=r"renderer must return an image \[S, S\] or \[C, S, S\], got shape \[3\]"):
        from_neurogym(Louder(), 6, lambda seen: seen)


def test_a_network_runs_on_them():
    trials = from_neurogym(Louder(), 4)
    model = create_model("vector_rnn_dense_small", vector_size=3, outputs=(("choice", "option", 3),))
    assert run_trials(model, trials)["choice"].shape == (trials.frames, 4, 3)


def nan_in_frame_3(ob):
    ob = ob.copy()
    ob[3, 1] = np.nan
    return ob


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ob": nan_in_frame_3}, "env.ob must be finite, got nan in frame 3 of trial 0"),
        ({"ob": lambda ob: np.full(ob.shape, 1e300)}, "env.ob must be finite, got inf"),
        ({"ob": lambda ob: ob[:-1]}, "env.ob and env.gt must have as many frames"),
        ({"ob": lambda ob: ob[:, 0]}, "env.ob must be vectors"),
        ({"ob": lambda ob: None}, "env.ob must be an array after new_trial"),
        ({"ob": lambda ob: np.array(["a"] * len(ob))}, "env.ob must hold numbers"),
        ({"gt": lambda gt: gt + 0.5}, "env.gt must be whole numbers of at least 0, got 0.5 in trial 0"),
        ({"gt": lambda gt: gt - 1}, "env.gt must be whole numbers of at least 0, got -1"),
        ({"gt": lambda gt: gt * np.nan}, "env.gt must be whole numbers of at least 0, got nan"),
        ({"gt": lambda gt: gt + 2}, "env.gt must be one of 3 actions, got 4|got 3"),
        ({"gt": lambda gt: gt[:, None]}, "env.gt must be one whole number per frame"),
        ({"end_t": lambda end: end | {"decision": 1e4}}, "period 'decision' must lie within its trial"),
        ({"end_t": lambda end: end | {"decision": np.nan}}, "period 'decision' must begin and end at a time in ms"),
        (
            {"start_t": lambda start: start | {"decision": "now"}},
            "period 'decision' must begin and end at a time in ms",
        ),
        ({"end_t": lambda end: {}}, "env.start_t and env.end_t must map the same periods"),
    ],
)
def test_trials_that_cannot_be_are_refused(changed, said):
    with pytest.raises((TypeError, ValueError), match=said) as caught:
        from_neurogym(Louder(**changed), 2)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("as_users_run_it")
def test_environments_and_numbers_that_cannot_be_are_refused():
    with pytest.raises(TypeError, match="env must have a method new_trial"):
        from_neurogym(object(), 2)
    with pytest.raises(ValueError, match="trials must be at least 1"):
        from_neurogym(Louder(), 0)
    timeless, free = Louder(), Louder()
    timeless.dt = None
    with pytest.raises(TypeError, match=r"env.dt must be a number, got None"):
        from_neurogym(timeless, 2)
    free.seed = None
    with pytest.raises(TypeError, match="give seed=None"):
        from_neurogym(free, 2)
    first = np.zeros(9, np.int64)
    stale = {"gt": lambda gt: first, "ob": lambda ob: np.zeros((9, 3)), "start_t": lambda t: {}, "end_t": lambda t: {}}
    with pytest.raises(ValueError, match=r"env\.gt must be set by new_trial\(\), and trial 1 left it"):
        from_neurogym(Louder(**stale), 2)


def test_neurogym_itself():
    neurogym = pytest.importorskip("neurogym", reason="neurogym is not installed")
    trials = from_neurogym(neurogym.make("PerceptualDecisionMaking-v0", dt=20), 8, seed=1)
    assert trials.inputs["vector"].shape == (110, 8, 3)
    assert trials.periods["decision"].tolist() == [[105, 110]] * 8
    env = neurogym.make("PerceptualDecisionMaking-v0", dt=20).unwrapped
    env.seed(1)
    for k in range(8):
        made = env.new_trial()
        assert np.array_equal(trials.inputs["vector"][:, k].numpy(), env.ob)
        assert np.array_equal(trials.targets["choice"][:, k].numpy(), env.gt)
        assert made["coh"] == trials.conditions["coh"][k]

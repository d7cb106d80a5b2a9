"""What cannot be is refused in a sentence that names it: tasks, trials, environments, networks and what is asked."""

import math

import numpy as np
import pytest
from PIL import Image

from cordsnet import create_model, save_model
from cordsnet.analysis import fit_chronometric, fit_psychometric
from cordsnet.cli import main
from cordsnet.data.people.roitman2002 import load_dots
from cordsnet.errors import DataError
from cordsnet.tasks import (
    TASKS,
    TaskEnvironment,
    TaskSource,
    behaviour_curves,
    create_task,
    evaluate_task,
    from_neurogym,
    list_tasks,
    play,
    run_trials,
    task_attractor,
    task_onsets,
    task_recipe,
    trained_task,
)
from cordsnet.training import Criterion

SHORT = {"fixation": 40.0, "stimulus": 60.0, "decision": 100.0}
DOTS = create_task("random_dots", timing=SHORT)


def network(task=DOTS):
    sizes = {"vector_size": len(task.vector_channels), "outputs": task.outputs}
    return create_model("vector_rnn_dense_small", units=4, seed=0, **sizes)


def refused(said, call, kind=ValueError):
    with pytest.raises(kind, match=said):
        call()


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("random_dots", {"density": 1e12}, "density and field_deg must give 10,000 dots in a frame at most"),
        (
            "random_dots",
            {"field_deg": 1e300},
            "density and field_deg must give 10,000 dots in a frame at most, got inf",
        ),
        ("context_decision", {"field_deg": 1e9}, "density and field_deg must give 10,000 dots"),
        ("multisensory", {"dots": 10**9}, "dots must be at most 10,000"),
        ("random_dots", {"speed_deg_s": 1e308}, "speed_deg_s must move dots by a field in a frame at most"),
        ("multisensory", {"speed": 51.0}, "speed must move dots by a field in a frame at most, got 1.02 fields"),
        ("delayed_saccade", {"timing": {"go": 0}}, "grace_ms must leave a frame of 'go', got 100 ms of 0 ms"),
        ("random_dots", {"frame_ms": 1e9}, "take 1e.09 ms"),
    ],
)
def test_tasks_that_no_trial_can_show(name, settings, said):
    refused(said, lambda: create_task(name, **settings))


@pytest.mark.parametrize("name", list(TASKS))
def test_trials_of_a_seed_device_or_number_that_cannot_be(name):
    task = create_task(name)
    refused("seed must be at most 9,223,372,036,854,775,807", lambda: task.sample(1, 2**63))
    refused("batch must be at most 1,000,000", lambda: task.sample(10**9))
    refused("device must be 'cpu', or 'cuda'", lambda: task.sample(1, device="nowhere"))


def test_arguments_of_another_type():
    model = network()
    refused("name must be a text", lambda: create_task(["random_dots"]))
    refused("pattern must be a text", lambda: list_tasks(None))
    refused("task must be a Task", lambda: task_recipe("random_dots"))
    refused("effort must be a Effort or None", lambda: task_recipe(DOTS, effort=3))
    refused("test_trials must be a whole number", lambda: task_recipe(DOTS, test_trials=math.nan))
    refused("task must be a Task", lambda: TaskSource("random_dots"))
    refused("task must be a Task", lambda: TaskEnvironment("random_dots"))
    refused("environment must be a TaskEnvironment", lambda: play(model, DOTS, 1))
    refused("trials must be a Trials", lambda: run_trials(model, DOTS))


@pytest.mark.parametrize("given", [3, "net", None, type(network())])
def test_what_is_no_network(given):
    calls = [
        lambda: run_trials(given, DOTS.sample(1)),
        lambda: evaluate_task(given, DOTS, 1),
        lambda: trained_task(given, "random_dots"),
        lambda: behaviour_curves(given, DOTS, 1),
        lambda: task_attractor(given, DOTS),
        lambda: task_onsets(given, DOTS, "coherence"),
        lambda: play(given, TaskEnvironment(DOTS), 1),
    ]
    for call in calls:
        refused("model must be a network, as create_model makes them, got ", call, TypeError)


def test_more_trials_than_anyone_could_wait_for():
    model, many = network(), 10**9
    refused("trials must be at most 10,000,000", lambda: evaluate_task(model, DOTS, many))
    refused("trials must be at most 10,000,000", lambda: behaviour_curves(model, DOTS, many))
    refused("trials must be at most 10,000,000", lambda: task_onsets(model, DOTS, "coherence", many))
    refused("trials must be at most 10,000, got", lambda: task_attractor(model, DOTS, trials=many))
    refused("episodes must be at most 10,000,000", lambda: play(model, TaskEnvironment(DOTS), many))
    refused("test_trials must be at most 10,000,000", lambda: TaskSource(DOTS, many))
    refused("draws must be at most 100,000", lambda: fit_psychometric([0.0, 1.0], [1, 2], [2, 2], draws=many))
    refused("strengths must be numbers", lambda: fit_psychometric(10**400, [1, 2], [2, 2]))
    refused("seed must be at least 0", lambda: fit_chronometric([0.1, 0.2], [1.0, 1.0], [300.0, 310.0], seed=-1))


def test_a_task_with_another_number_of_options():
    """Both tasks have three channels and an output "choice", and only one of them has three options."""
    other = create_task("go_nogo")
    said = "task 'go_nogo' needs 2 values along 'option' of output 'choice', got .3."
    refused(said, lambda: evaluate_task(network(), other, 2))
    refused(said, lambda: play(network(), TaskEnvironment(other), 1))
    assert evaluate_task(network(other), other, 2).answers.correct.shape == (2,)


def test_conditions_that_have_no_curve_onset_or_starts():
    traced, saying = create_task("contour_tracing"), create_task("go_nogo")
    curved = network(traced)
    refused("strength must be a condition of one number", lambda: behaviour_curves(curved, traced, 4, "curve"))
    refused("has one option, so that it has no such", lambda: behaviour_curves(network(saying), saying, 4, "grey"))
    refused("only must map conditions of one", lambda: task_attractor(curved, traced, "decision", only={"curve": 0.0}))
    only = {"coherence": math.nan}
    refused("and 0 have coherence nan", lambda: task_attractor(network(), DOTS, "decision", slow_ms=200.0, only=only))
    refused("no setting 'fold'; it has consecutive", lambda: task_onsets(network(), DOTS, "coherence", 20, fold=3))
    refused("take more trials", lambda: task_onsets(network(), DOTS, "coherence", 12))


class Bad(TaskEnvironment):
    """Random dots, of which one part of every step is changed."""

    def __init__(self, **changed):
        super().__init__(DOTS)
        self.changed = changed

    def step(self, action):
        found = dict(zip(("seen", "reward", "ended", "cut", "info"), super().step(action), strict=True))
        return tuple((found | {k: change(found[k]) for k, change in self.changed.items()}).values())


def test_environments_of_gymnasium_that_answer_with_nan_or_never_end():
    refused("'vector' holds NaN", lambda: play(network(), Bad(seen=lambda seen: seen * np.nan, ended=bool), 1))
    refused("finite rewards, got nan in frame 0", lambda: play(network(), Bad(reward=lambda _: math.nan), 1))
    eager = network()
    steps = lambda: play(eager, Endless(DOTS), 1)  # noqa: E731
    refused("environment must end an episode after its 10 frames", steps)
    assert play(eager, TaskEnvironment(DOTS), 1)[0]["frames"] <= 10


class Endless(TaskEnvironment):
    """An environment that shows the same frame for ever."""

    def step(self, action):
        return self._observation(), 0.0, False, False, self._info()


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "a"])
def test_an_environment_is_reset_to_seeds_and_episodes_alone(seed, as_users_run_it):
    environment = TaskEnvironment(DOTS)
    refused("seed must be ", lambda: environment.reset(seed=seed))
    refused("options must be None or {'episode': k}, got {'trial': 3}", lambda: environment.reset(options={"trial": 3}))
    refused("options must be None or {'episode': k}", lambda: environment.reset(options=[1]))
    assert environment.reset(seed=3)[1]["episode"] == 0


class Tones:
    """An environment with the interface of neurogym."""

    dt = 20

    def seed(self, seed=None):
        self.ob, self.gt = None, None

    def new_trial(self):
        self.ob, self.gt = np.zeros((4, 3)), np.zeros(4, int)
        return {}


def changed(**parts):
    made = Tones()

    def trial():
        Tones.new_trial(made)
        for name, value in parts.items():
            setattr(made, name, value)

    made.new_trial = trial
    return made


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (changed(ob=[[1, 2], [3]]), "env.ob must have rows of one length, and has several in trial 0"),
        (changed(ob=np.zeros((4, 0))), "env.ob must be vectors .frames, n., got shape .4, 0."),
        (changed(ob=np.full((4, 3), np.nan)), "env.ob must be finite, got nan in frame 0 of trial 0"),
        (changed(gt=np.full(4, np.nan)), "env.gt must be whole numbers of at least 0, got nan"),
    ],
)
def test_environments_of_neurogym(env, said):
    refused(said, lambda: from_neurogym(env, 1))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("a", "renderer must return an image .* of numbers, got str"),
        (np.full((4, 4), 1j), "renderer must return an image .* of numbers"),
        ([[1, 2], [3]], "renderer must return an image, whose rows have one length"),
        (np.full((4, 4), np.nan), "renderer must return pixels from 0 to 1, got nan"),
    ],
)
def test_images_that_a_renderer_cannot_return(image, said):
    refused(said, lambda: from_neurogym(Tones(), 1, lambda _: image))


def test_a_renderer_returns_images_of_one_shape():
    sizes = iter(range(2, 9))
    refused("images of one shape", lambda: from_neurogym(Tones(), 1, lambda _: np.zeros((next(sizes),) * 2)))


def test_a_criterion_that_is_reached_never_or_at_once():
    refused("at_least must be finite, got inf", lambda: Criterion(at_least=math.inf))
    refused("at_most must be finite, got inf", lambda: Criterion(at_most=math.inf))


def test_a_picture_is_no_file_of_monkeys(tmp_path, capsys):
    picture = tmp_path / "monkeys.csv"
    Image.new("L", (4, 4)).save(picture, format="PNG")
    refused("is no CSV file", lambda: load_dots(picture), DataError)
    net = str(save_model(network(), tmp_path / "net"))
    assert main(["tasks", "curves", "random_dots", net, "--monkeys", str(picture)]) == 2
    assert "is no CSV file" in capsys.readouterr().err


def test_the_command_says_what_a_network_cannot_read(tmp_path, capsys):
    vectors = ["--task.rendering", "image", "--model", "vector_rnn_dense_small", "--output", str(tmp_path / "run")]
    assert main(["tasks", "train", "random_dots", *vectors]) == 2
    assert "a VectorSpec has no images, which task 'random_dots' needs" in capsys.readouterr().err
    digits = str(save_model(create_model("cordsnet_r2_small"), tmp_path / "digits"))
    assert main(["tasks", "evaluate", "random_dots", digits]) == 2
    assert "task 'random_dots' reads output 'choice'; the model has scores" in capsys.readouterr().err

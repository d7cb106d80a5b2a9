"""Curricula: stages that train on an easier task, and are measured on the task of the recipe."""

import dataclasses
import json
import math

import pytest
import torch

from cordsnet.cli import main
from cordsnet.errors import RunError
from cordsnet.tasks import TaskSource, create_task, evaluate_task, task_recipe
from cordsnet.tasks.recipe import EFFORTS, Effort, Lesson
from cordsnet.tasks.source import TEST_SEED
from cordsnet.training import Criterion, ModelChoice, Recipe, Teachable, Train, as_source, fit, with_setting
from cordsnet.training.dry_run import dry_run

TIMING = {"fixation": 40.0, "stimulus": 100.0, "decision": 100.0}
DOTS = create_task("random_dots", timing=TIMING, coherences=(0.1, 0.2))
CLEAR = {"coherences": [1.0], "noise": 0.0}
LESSONS = (
    Lesson("clear", CLEAR, 30, Criterion("choice/accuracy", at_least=0.7, over=2)),
    Lesson("weaker", {"coherences": [0.5]}, 2),
)


def one_stage(task, **changes):
    """Two updates of a network of eight units."""
    recipe = with_setting(task_recipe(task, test_trials=30, units=8), "train.optimisation.updates", 2)
    stage = recipe.stages[0]
    stage = dataclasses.replace(stage, optimisation=dataclasses.replace(stage.optimisation, batch=8), **changes)
    return dataclasses.replace(recipe, stages=(stage,))


def test_a_lesson_trains_on_the_other_task_and_measures_on_its_own(tmp_path):
    report = fit(one_stage(DOTS, lesson=CLEAR), tmp_path / "lesson", progress=False)["train"]
    other = fit(one_stage(DOTS.changed(coherences=(1.0,), noise=0.0)), tmp_path / "other", progress=False)["train"]
    plain = fit(one_stage(DOTS), tmp_path / "plain", progress=False)["train"]
    found, wanted, without = (one.model().state_dict() for one in (report, other, plain))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert any(not torch.equal(found[name], without[name]) for name in without)
    assert report.metrics["task_accuracy"] == evaluate_task(report.model(), DOTS, 30, TEST_SEED).accuracy
    assert report.model().metadata["data"]["task"] == DOTS.to_dict()


def test_a_lesson_is_a_setting_of_its_stage(tmp_path):
    fit(one_stage(DOTS, lesson=CLEAR), tmp_path, progress=False)
    again = fit(one_stage(DOTS, lesson={"coherences": (1.0,), "noise": 0.0}), tmp_path, progress=False)
    assert json.loads((tmp_path / "recipe.json").read_text())["stages"][0]["lesson"] == CLEAR
    assert "task_accuracy" in again["train"].metrics
    with pytest.raises(RunError, match=r"finished with other settings \(lesson.coherences was \[1.0\], is \[0.5\]\)"):
        fit(one_stage(DOTS, lesson=CLEAR | {"coherences": [0.5]}), tmp_path, progress=False)
    assert "lesson" not in Train().to_dict()
    assert hash(Train(lesson=CLEAR)) == hash(Train(lesson=CLEAR))


REFUSED = {
    "rendering": ({"rendering": "image"}, "'rendering' is that of the network's inputs, and stays as it is"),
    "image_size": ({"image_size": 16}, "'image_size' is that of the network's inputs"),
    "frame_ms": ({"frame_ms": 10.0}, "'frame_ms' is that of the network's inputs"),
    "outputs": (
        {"directions": [0.0, 90.0, 180.0]},
        r"directions would change vector_size of the network from 3 to 4; leave it out",
    ),
    "unknown": ({"coherence": [1.0]}, "no setting 'coherence' to change; it has timing, noise, .*coherences"),
    "value": ({"coherences": [2.0]}, r"coherences must be numbers from 0 to 1, got \(2.0,\)"),
    "type": ({"coherences": "clear"}, "coherences must be a sequence"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_lesson_that_cannot_be_is_refused_before_anything_is_trained(case, tmp_path):
    lesson, said = REFUSED[case]
    first = one_stage(DOTS)
    second = dataclasses.replace(first.stages[0], name="second", start="train", lesson=lesson)
    both = dataclasses.replace(first, stages=(*first.stages, second))
    with pytest.raises(RunError, match=f"^lesson of stage 'second': .*{said}") as caught:
        fit(both, tmp_path, progress=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "train").exists()


def test_labelled_images_have_no_lessons(tmp_path):
    images = Recipe("images", (Train(lesson=CLEAR),), ModelChoice("cnn_r2_small", image_size=12, width=4))
    assert isinstance(TaskSource(DOTS), Teachable)
    assert not isinstance(as_source(images.load_data()), Teachable)
    for check in (lambda: fit(images, tmp_path, progress=False), lambda: dry_run(images)):
        with pytest.raises(RunError, match="stage 'train' has a lesson, and data 'digits' have no settings that it"):
            check()
    assert not (tmp_path / "train").exists()


@pytest.mark.parametrize("wrong", [{"coherences": torch.ones(1)}, {"noise": float("nan")}, {"a": {1, 2}}])
def test_a_lesson_is_plain_data(wrong):
    with pytest.raises(ValueError, match="lesson must have finite numbers, texts and lists or mappings of them"):
        Train(lesson=wrong)


def test_lessons_of_a_task_are_stages_one_after_the_other(monkeypatch):
    plain = task_recipe(DOTS)
    monkeypatch.setitem(EFFORTS, "random_dots", Effort(9, 8, 0.5, lessons=LESSONS))
    recipe = task_recipe(DOTS)
    assert [(one.name, one.start) for one in recipe.stages] == [
        ("clear", ""),
        ("weaker", "clear"),
        ("train", "weaker"),
    ]
    assert [one.lesson for one in recipe.stages] == [CLEAR, {"coherences": [0.5]}, {}]
    assert [one.optimisation.updates for one in recipe.stages] == [30, 2, 9]
    assert [one.until for one in recipe.stages] == [LESSONS[0].until, None, None]
    assert {(one.optimisation.lr, one.optimisation.batch) for one in recipe.stages} == {(0.5, 8)}
    assert dataclasses.replace(recipe, stages=plain.stages) == plain


def test_random_dots_has_lessons_as_movies_alone():
    assert [one.name for one in task_recipe(create_task("random_dots")).stages] == ["train"]
    movies = create_task("random_dots", rendering="image")
    walk, strong, last = task_recipe(movies).stages
    assert [one.name for one in (walk, strong, last)] == ["walk", "strong", "train"]
    assert (walk.start, strong.start, last.start, last.lesson) == ("", "walk", "strong", {})
    for lesson in (walk, strong):
        lesson.check_data(TaskSource(movies))
    assert walk.optimisation.lr > strong.optimisation.lr > last.optimisation.lr
    trials = TaskSource(movies).taught(walk.lesson).task.sample(200, seed=3)
    mask, answering = trials.mask["choice"], trials.targets["choice"] > 0
    guessing = float((mask * ~answering).sum() + (mask * answering).sum() / 2) / float(mask.sum())
    assert 0.5 < guessing < walk.until.at_least - 0.3  # fixating, and then a guess


@pytest.mark.parametrize("frame_ms", [10.0, 1000 / 75, 25.0, 50.0])
def test_lessons_have_whole_frames_of_any_duration(frame_ms):
    timing = dict.fromkeys(("fixation", "stimulus", "decision"), 20 * frame_ms)
    movies = create_task(
        "random_dots", rendering="image", image_size=16, frame_ms=frame_ms, timing=timing, grace_ms=90.0
    )
    for lesson in task_recipe(movies).stages[:2]:
        taught = TaskSource(movies).taught(lesson.lesson).task
        assert taught.sample(2, 0).frames == sum(math.ceil(ms / frame_ms - 1e-6) for ms in (40, 400, 60))


def test_the_command_trains_lesson_after_lesson(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(EFFORTS, "random_dots", Effort(2, 8, 1e-2, lessons=LESSONS))
    words = ["tasks", "train", "random_dots", "--output", str(tmp_path), "--quiet", "--json"]
    words += ["--task.timing", json.dumps(TIMING), "--model.options.units", "8"]
    words += ["--clear.lesson.coherences", "[0.9]", "--clear.until.at_least", "0.6"]
    words += ["--weaker.lesson", '{"noise": 0.05}', "--weaker.until.measure", "loss", "--weaker.until.at_most", "9"]
    words += ["--weaker.until.over", "1"]
    assert main(words) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert list(stages) == ["clear", "weaker", "train"]
    assert (stages["weaker"]["metrics"]["updates"], stages["weaker"]["metrics"]["criterion_reached"]) == (1, 1)
    assert "criterion_reached" not in stages["train"]["metrics"]
    written = json.loads((tmp_path / "recipe.json").read_text())["stages"]
    assert written[0]["lesson"] == CLEAR | {"coherences": [0.9]}
    assert written[0]["until"] == {"measure": "choice/accuracy", "at_least": 0.6, "at_most": None, "over": 2}
    assert written[1]["lesson"] == {"noise": 0.05}
    assert main([*words, "--clear.lesson.coherence", "[0.9]"]) != 0
    assert "no setting 'coherence' to change" in capsys.readouterr().err
    assert main([*words, "--clear.until.at_most", "0.5"]) != 0
    said = capsys.readouterr().err
    assert said == "cordsnet: error: a criterion is exactly one of at_least and at_most, got both\n"


def test_the_help_of_the_command_says_what_a_lesson_is(capsys):
    with pytest.raises(SystemExit):
        main(["tasks", "train", "random_dots", "--task.rendering", "image", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "--walk.lesson" in said
    assert "Setting of the data -> its value in the training of this stage alone" in said
    assert "The stage ends at the update at which a measure reaches a bound, or with its last one." in said
    assert "--walk.until.help" in said
    assert "--train.lesson" in said


def test_durations_of_a_lesson_become_whole_frames_and_distributions_stay():
    timing = {"stimulus": 90.0, "fixation": ["uniform", 50.0, 130.0]}
    effort = Effort(1, lessons=(Lesson("drawn", {"timing": timing}, 1),))
    recipe = task_recipe(DOTS.changed(frame_ms=20.0), effort=effort)
    assert recipe.stages[0].lesson == {"timing": {"stimulus": 100.0, "fixation": ["uniform", 50.0, 130.0]}}

"""`cordsnet tasks` as it is used."""

import json

import pytest
from PIL import Image

from cordsnet.cli import main
from cordsnet.models import create_model
from cordsnet.tasks import create_task, list_tasks

SHORT = ["--task.timing", '{"fixation": 40, "stimulus": 100, "decision": 100}', "--task.coherences", "[0.5, 1.0]"]


def told(capsys):
    out = capsys.readouterr()
    return out.out + out.err


def test_list_names_every_task_with_its_source(capsys):
    assert main(["tasks", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list_tasks()
    assert all(row["source"] and row["periods_ms"] and row["outputs"] for row in rows)
    assert main(["tasks"]) == 0
    assert "random_dots" in told(capsys)


def test_show_writes_a_movie_and_a_timing_diagram(tmp_path, capsys):
    assert main(["tasks", "show", "random_dots", "--output", str(tmp_path), "--task.image_size", "16", *SHORT]) == 0
    assert "timing.png" in told(capsys)
    with Image.open(tmp_path / "trial.gif") as movie:
        assert movie.size == (256, 256)
        assert movie.n_frames > 1
    with Image.open(tmp_path / "timing.png") as figure:
        assert figure.size[0] > 600


def test_train_then_evaluate(tmp_path, capsys):
    run = str(tmp_path / "run")
    few = ["--train.optimisation.updates", "2", "--train.optimisation.batch", "4", "--model.options.units", "8"]
    assert main(["tasks", "train", "random_dots", "--output", run, "--quiet", *SHORT, *few]) == 0
    assert "task_accuracy" in told(capsys)
    assert main(["tasks", "evaluate", "random_dots", run, "--trials", "20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["task"]["coherences"] == [0.5, 1.0]
    assert found["rows"][0]["trials"] == 20
    changed = ["--task.coherences", "[0.25]"]
    assert main(["tasks", "evaluate", "random_dots", run, "--trials", "10", "--json", *changed]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["task"]["coherences"] == [0.25]
    assert again["task"]["timing"] == found["task"]["timing"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["juggle"], "tasks has no command 'juggle'; it has list, show, train, evaluate"),
        (["train"], "tasks train needs a task first; known: "),
        (["train", "random_dot"], "random_dots"),
        (["train", "random_dots", "--model", "cordsnet_r2_smal"], "cordsnet_r2_small"),
        (["evaluate", "random_dots", "no/such/run"], "no/such/run"),
        (["show", "random_dots", "--task.frame_ms", "7"], "must be a whole number of frames of 7 ms"),
    ],
)
def test_bad_requests_are_refused_in_a_sentence(words, said, capsys):
    assert main(["tasks", *words]) == 2
    out = told(capsys)
    assert said in out
    assert len(out.strip().splitlines()) == 1


def test_movies_have_the_size_that_the_task_is_given(tmp_path):
    run = str(tmp_path / "run")
    words = ["tasks", "train", "random_dots", "--task.rendering", "image", "--task.image_size", "24", *SHORT, "--quiet"]
    few = ["--model", "cnn_pfc_small"]
    for stage in ("walk", "strong", "train"):
        few += [f"--{stage}.optimisation.updates", "1", f"--{stage}.optimisation.batch", "2"]
    assert main([*words, *few, "--output", run]) == 0
    assert json.loads((tmp_path / "run" / "train" / "model.json").read_text())["spec"]["image_size"] == [24, 24]


def test_a_network_of_another_task_is_measured_with_a_word(tmp_path, capsys):
    task = create_task("random_dots")
    model = create_model("vector_rnn_dense_small", vector_size=3, outputs=task.outputs, dt_ms=20.0)
    model.save_pretrained(tmp_path / "net")
    assert main(["tasks", "evaluate", "random_dots", str(tmp_path / "net"), "--trials", "4", *SHORT]) == 0
    assert "note: the network was trained on nothing that it names" in told(capsys)

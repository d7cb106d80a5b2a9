"""Evaluation of trained networks: numbers against hand counts, own data, refusals, and what is written."""

import csv
import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from cordsnet.cli import main
from cordsnet.data import VisionData, load_data
from cordsnet.data.split import Split
from cordsnet.dynamics import simulate
from cordsnet.errors import CheckpointError, DataError, DataWarning, RunError
from cordsnet.experiments import evaluate, find_checkpoint
from cordsnet.models import create_model, save_model
from cordsnet.report.evaluation import write_evaluation
from cordsnet.stimuli import show
from cordsnet.training import Fold, ModelChoice, Optimisation, Recipe, TrainCNN, fit
from cordsnet.training.evaluate import accuracy

pytestmark = pytest.mark.usefixtures("as_users_run_it")

SIZE = 12
DIGITS = "cordsnet_r2_small@digits"
CLASSES = ("cat", "dog", "owl")


def draw(root, classes=CLASSES, train=6, test=4, splits=("train", "test"), shade=60):
    """Folders of small pictures, one level of grey for each class with some noise."""
    rng = np.random.default_rng(0)
    for split, count in zip(splits, (train, test), strict=True):
        for k, name in enumerate(classes):
            folder = root / split / name
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(count):
                pixels = rng.integers(0, 40, (SIZE, SIZE, 3)) + shade * k
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{index}.png")
    return root


def network(classes=CLASSES, data=None, name="cordsnet_r2_small", channels=3, **known):
    model = create_model(name, num_classes=len(classes), in_channels=channels, image_size=SIZE, width=4)
    if data is not None:
        known = {"name": data.name, "mean": list(data.mean), "std": list(data.std), "classes": list(classes), **known}
    model.metadata = {"data": known} if known else {}
    return model


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def data(photos):
    return load_data(photos, SIZE)


@pytest.fixture(scope="module")
def run(tmp_path_factory, photos):
    """A run of two short stages on the photographs."""
    folder = tmp_path_factory.mktemp("runs") / "own"
    how = Optimisation("sgd", 0.05, updates=4, batch=8)
    stages = (TrainCNN(optimisation=how), Fold())
    fit(Recipe("own", stages, ModelChoice(image_size=SIZE, width=4), data=str(photos)), folder, progress=False)
    return folder


def test_numbers_are_those_of_a_count_by_hand(data):
    model = network(data=data)
    found = evaluate(model, data)
    scores = simulate(model, show(data.test.images, model.response_ms)).logits[-1]
    answers, labels = scores.argmax(1).tolist(), data.test.labels.tolist()
    right = sum(a == b for a, b in zip(answers, labels, strict=True))
    assert found.accuracy.n == len(labels) == 12
    assert found.accuracy.value == right / 12 == accuracy(model, data.test)
    low, high = stats.binomtest(right, 12).proportion_ci(0.95, method="wilson")
    assert found.accuracy.interval == pytest.approx((low, high))
    for row in range(3):
        for column in range(3):
            assert found.confusion[row, column] == sum(
                (b, a) == (row, column) for a, b in zip(answers, labels, strict=True)
            )
    assert [row.images for row in found.classes] == [4, 4, 4]
    assert [row.answered for row in found.classes] == [answers.count(k) for k in range(3)]
    assert [answer.answer for answer in found.answers] == [CLASSES[k] for k in answers]
    assert [answer.file for answer in found.answers][:2] == ["test/cat/0.png", "test/cat/1.png"]
    assert found.commonest == pytest.approx(1 / 3)
    sure = scores.softmax(1).amax(1).tolist()
    assert [answer.probability for answer in found.answers] == pytest.approx(sure)


def test_the_course_is_that_of_a_simulation(data):
    model = network(data=data)
    found = evaluate(model, data, until_ms=300)
    run = simulate(model, show(data.test.images, 300))
    hits = (run.logits.argmax(-1) == data.test.labels).double().mean(1)
    at = [round(ms / model.dt_ms) - 1 for ms in found.course.time_ms]
    assert found.course.accuracy == pytest.approx(hits[at].tolist())
    assert found.read_ms == model.response_ms
    assert found.course.accuracy[found.course.time_ms.index(found.read_ms)] == found.accuracy.value
    assert found.course.time_ms[-1] == 300


@pytest.mark.parametrize(
    ("curve", "settled"),
    [
        ([0.1, 0.5, 0.9, 0.9, 0.9], 3.0),
        ([0.9] * 5, 1.0),
        ([0.1, 0.9, 0.1, 0.5, 0.9], None),
        ([0.5, 0.89, 0.9, 0.88, 0.9], 2.0),
    ],
)
def test_settling_is_the_time_after_which_accuracy_stays(curve, settled):
    from cordsnet.experiments.evaluation import _course

    class Reader:
        system, time_ms, at = "any", (1.0, 2.0, 3.0, 4.0, 5.0), 2

    n = 100
    answers = np.array([[0] * round(share * n) + [1] * (n - round(share * n)) for share in curve])
    found = _course(Reader(), answers, np.zeros(n, int))
    assert found.settled_ms == settled
    assert found.accuracy == pytest.approx(curve)


@pytest.mark.parametrize(
    ("name", "size"), [("cnn_r2_small", 12), ("cordsnet_r4_small", 12), ("convlstm_small", 16), ("cornet_s_small", 32)]
)
def test_every_kind_of_model_is_evaluated(name, size, data):
    model = create_model(name, num_classes=3, in_channels=3, image_size=size)
    shown = load_data(data.source, size)
    with pytest.warns(DataWarning):
        found = evaluate(model, shown)
    assert found.accuracy.value == accuracy(model, shown.test)
    is_static = model.clock.kind == "static"
    assert (found.course is None) is is_static
    assert any("static" in note for note in found.notes) is is_static


@pytest.mark.parametrize("what", ["run", "stage", "file"])
def test_a_run_knows_its_own_data(what, run, data):
    source = {"run": run, "stage": run / "fold", "file": run / "fold" / "model.safetensors"}[what]
    found = evaluate(source)
    assert found.accuracy.n == 12
    assert found.accuracy.value == json.loads((run / "fold" / "result.json").read_text())["metrics"]["test_accuracy"]
    assert any("'fold' of cnn, fold" in note for note in found.notes) is (what == "run")
    assert any("trained on" in note for note in found.notes)


def test_data_that_changed_since_training_give_a_warning(run, photos, tmp_path):
    moved = shutil.copytree(photos, tmp_path / "photos")
    (moved / "test" / "cat" / "0.png").unlink()
    copy = shutil.copytree(run, tmp_path / "run")
    recipe = json.loads((copy / "recipe.json").read_text())
    (copy / "recipe.json").write_text(json.dumps(recipe | {"data": str(moved)}))
    with pytest.warns(DataWarning, match="have changed since"):
        assert evaluate(copy).accuracy.n == 11


def test_data_that_are_gone_are_asked_for(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    recipe = json.loads((copy / "recipe.json").read_text())
    (copy / "recipe.json").write_text(json.dumps(recipe | {"data": "./nowhere"}))
    with pytest.raises(DataError, match=r"'\./nowhere', which are not there .*--data"):
        evaluate(copy)


@pytest.mark.parametrize(
    ("source", "error", "part"),
    [
        ("absent", CheckpointError, "there is no checkpoint 'absent'.*cordsnet_r2_small@digits"),
        ("cordsnet_r2_small", CheckpointError, "@digits"),
        ("cordsnet_r2_small@digts", ValueError, "did you mean 'digits'"),
        (".", CheckpointError, "holds no model"),
    ],
)
def test_what_is_no_checkpoint_is_refused(source, error, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=part):
        find_checkpoint(source)


DAMAGED = (
    "",
    "[]",
    "{}",
    '{"data": 3, "stages": []}',
    '{"data": "x", "stages": [1]}',
    '{"data": "x", "stages": [], "reading": {"y": 1}}',
)


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_recipe_is_refused(content, tmp_path):
    (tmp_path / "recipe.json").write_text(content)
    with pytest.raises(RunError, match=r"recipe\.json is damaged"):
        find_checkpoint(tmp_path)


def test_a_run_without_a_finished_stage_is_refused(tmp_path):
    stages = [{"name": "cnn"}, {"name": "../cnn"}]
    (tmp_path / "recipe.json").write_text(json.dumps({"data": "digits", "stages": stages}))
    with pytest.raises(RunError, match="no finished stage"):
        find_checkpoint(tmp_path)


@pytest.mark.parametrize("other", [("cat", "cow", "owl"), ("cat", "dog", "owl", "yak"), ("Cat", "Dog", "Owl")])
def test_classes_that_the_network_does_not_know_are_named(other, data, tmp_path):
    unknown = next(name for name in other if name not in CLASSES)
    with pytest.raises(DataError, match=f"does not know: .*{unknown}"):
        evaluate(network(data=data), draw(tmp_path, other))


@pytest.mark.parametrize("own", [("owl", "dog", "cat"), ("ant", "cat", "dog", "owl"), ("owl", "yak", "dog", "cat")])
def test_classes_are_matched_by_name(own, data):
    model = network(own, data)
    found = evaluate(model, data)
    scores = simulate(model, show(data.test.images, model.response_ms)).logits[-1]
    names = [own[k] for k in scores.argmax(1).tolist()]
    truth = [data.classes[k] for k in data.test.labels.tolist()]
    assert [answer.label for answer in found.answers] == truth
    assert [answer.answer for answer in found.answers] == names
    assert found.accuracy.value == np.mean([a == b for a, b in zip(names, truth, strict=True)])
    assert any("matched by name" in note for note in found.notes)


def test_another_normalisation_gives_a_warning_and_that_of_the_network_counts(data):
    model = network(data=data, mean=[0.5] * 3, std=[0.1] * 3)
    with pytest.warns(DataWarning, match="normalised as in training, mean 0.5"):
        found = evaluate(model, data)
    split = dataclasses.replace(data.test, normalise=type(data.test.normalise)((0.5,) * 3, (0.1,) * 3))
    assert found.accuracy.value == accuracy(model, split)


def test_a_network_that_says_nothing_of_its_data_gives_a_warning(data):
    with pytest.warns(DataWarning, match="does not say how its images were normalised"):
        found = evaluate(network(), data)
    assert found.classes[0].name == "cat"
    with pytest.raises(DataError, match="does not say on what"):
        evaluate(network())


def test_a_draw_is_over_classes_and_repeats(data):
    model = network(data=data)
    first, again, other = (evaluate(model, data, images=6, seed=seed) for seed in (0, 0, 1))
    assert [row.images for row in first.classes] == [2, 2, 2]
    assert [answer.file for answer in first.answers] == [answer.file for answer in again.answers]
    assert [answer.file for answer in first.answers] != [answer.file for answer in other.answers]
    assert any("6 of 12 test images, drawn from all classes with seed 0" in note for note in first.notes)
    with pytest.raises(DataError, match="images must be at least 1, got 0"):
        evaluate(model, data, images=0)


def test_images_of_other_channels(data):
    grey = dataclasses.replace(
        data,
        train=Split(data.train.pixels[:, :1], data.train.labels),
        test=Split(data.test.pixels[:, :1], data.test.labels),
        mean=data.mean[:1],
        std=data.std[:1],
    )
    model = network(data=data)
    with pytest.warns(DataWarning):
        found = evaluate(model, grey)
    assert any("three equal channels" in note for note in found.notes)
    with pytest.raises(DataError, match=r"have 3 channels and network .* reads 1"):
        evaluate(network(data=grey, channels=1), data)


def test_images_decoded_on_access_give_the_same(photos, data, monkeypatch):
    from cordsnet.data import split

    want = evaluate(network(data=data), data)
    monkeypatch.setattr(split, "MAX_BYTES_IN_MEMORY", 0)
    lazy = load_data(photos, SIZE)
    assert not isinstance(lazy.test.pixels, torch.Tensor)
    found = evaluate(network(data=data), lazy)
    assert [answer.file for answer in found.answers] == [answer.file for answer in want.answers]
    assert (found.confusion == want.confusion).all()


def test_what_is_written(data, tmp_path):
    found = evaluate(network(data=data), data)
    page = write_evaluation(found, tmp_path)
    rows = list(csv.reader(io.StringIO((tmp_path / "confusion.csv").read_text())))
    assert rows[0][1:] == list(CLASSES)
    assert [[int(cell) for cell in row[1:]] for row in rows[1:]] == found.confusion.tolist()
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["accuracy"]["value"] == found.accuracy.value
    assert record["notes"] == list(found.notes)
    assert record["process"]["versions"]["torch"]
    with Image.open(tmp_path / "figures" / "confusion.png") as drawn:
        assert drawn.format == "PNG"
    text = page.read_text()
    assert text.count("<li>") == len(found.errors) == len(found.pictures)
    assert 'src="http' not in text
    assert found.errors[0].file in text


HOSTILE = ("<script>alert(1)</script>", "=cmd|' /C calc'!A0", "$\\frac{1}$", "a&b\"'")


def test_names_of_classes_and_files_are_shown_as_they_are(tmp_path):
    images = torch.rand(8, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(8) % 4
    mean = std = (0.5,) * 3
    data = VisionData("<b>x</b>", Split(images, labels), Split(images, labels), HOSTILE, mean, std, "none", "<i>y</i>")
    model = network(HOSTILE, data)
    found = dataclasses.replace(evaluate(model, data), source="<script>s</script>", notes=("<u>n</u>",))
    found = dataclasses.replace(
        found, answers=tuple(dataclasses.replace(answer, file="<script>f</script>.png") for answer in found.answers)
    )
    text = write_evaluation(found, tmp_path).read_text()
    for tag in ("<script", "<b>", "<i>", "<u>"):
        assert tag not in text
    assert "&lt;script&gt;alert(1)" in text
    head = next(csv.reader(io.StringIO((tmp_path / "confusion.csv").read_text())))
    assert head[2].startswith("'=")


def test_the_command_prints_the_result_or_json(run, photos, tmp_path, capsys):
    words = ["evaluate", str(run), "--quiet", "--output", str(tmp_path / "e")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "of 12 test images of" in said
    assert "| cat | 4 |" in said
    assert "The model is static" in said
    assert (tmp_path / "e" / "report.html").is_file()
    assert main([*words, "--json", "--images", "6"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy"]["n"] == 6
    assert [row["name"] for row in found["classes"]] == list(CLASSES)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["absent"], "absent"),
        ([DIGITS, "--data", "absent"], "absent"),
        ([DIGITS, "--images", "0"], "images"),
        ([DIGITS, "--until_ms", "5"], "until_ms"),
        ([DIGITS, "--device", "abacus"], "abacus"),
        ([], "CHECKPOINT"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(words, part, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *words]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("cordsnet: error: ")
    assert part.lower() in said.lower()


def test_a_saved_model_of_a_data_set_of_the_package(tmp_path):
    save_model(create_model("cordsnet_r2_small", pretrained="digits"), tmp_path / "mine")
    found = evaluate(tmp_path / "mine", images=20)
    assert found.data == "digits"
    assert found.accuracy.value > 0.8

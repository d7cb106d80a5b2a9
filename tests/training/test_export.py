"""From a finished stage to weights with a card."""

import json
import re
import shutil

import pytest
import torch
from tiny import tiny_recipe

import cordsnet
from cordsnet.cli import main
from cordsnet.models import pretrained, write_model_card
from cordsnet.training import fit

pytestmark = pytest.mark.usefixtures("as_users_run_it")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    fit(tiny_recipe(), folder, progress=False)
    return folder


def refused(capsys, *words):
    assert main(["export", *map(str, words)]) == 2
    return capsys.readouterr().err


def test_an_exported_stage_is_loaded_by_name(run, tmp_path, monkeypatch, capsys):
    assert main(["export", str(run / "finetune"), "--regime", "monostable", "--output", str(tmp_path)]) == 0
    folder = tmp_path / "cordsnet_r2_small-digits"
    assert str(folder) in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "model.json", "README.md"}
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    model, trained = (
        cordsnet.create_model("cordsnet_r2_small", pretrained="digits"),
        cordsnet.load_model(run / "finetune"),
    )
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in model.state_dict().items())
    assert model.preprocessing.classes == tuple("0123456789")
    card = (folder / "README.md").read_text()
    measured = json.loads((run / "finetune" / "result.json").read_text())["metrics"]["test_accuracy"]
    assert f"| test accuracy | {measured:.4g} |" in card
    for said in ("1,437 images", "recipe `tiny`", "stage `finetune`", "seed `0`", "Regime: monostable", "torch 2."):
        assert said in card


def test_the_card_names_what_else_a_run_was_made_with(run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(run, other)
    record = json.loads((other / "record.json").read_text())
    (last,) = record["attempts"]
    gpu = last | {"machine": last["machine"] | {"gpu": "a GPU"}, "started": "2001"}
    record["attempts"] = [gpu, gpu | {"started": "2002"}, last | {"started": "2003"}, last]
    (other / "record.json").write_text(json.dumps(record))
    assert main(["export", str(other / "finetune"), "--output", str(tmp_path)]) == 0
    card = (tmp_path / "cordsnet_r2_small-digits" / "README.md").read_text()
    assert card.count("a GPU") == card.count("begun 2001") == 1
    assert "begun 2002" not in card
    assert "begun 2003" not in card


def test_exported_again_the_card_is_new(run, tmp_path):
    for regime in ("unstable", "monostable"):
        assert main(["export", str(run / "direct"), "--regime", regime, "--output", str(tmp_path)]) == 0
    assert "unstable" not in (tmp_path / "cordsnet_r2_small-digits" / "README.md").read_text()


@pytest.mark.parametrize(
    ("stage", "words", "said"),
    [
        ("cnn", [], "ended with a model of kind 'cnn'"),
        ("none", [], "there is no folder"),
        ("finetune", ["--data", "mnist"], "was trained on 'digits', not on 'mnist'"),
        ("finetune", ["--name", "cordsnet_r4_small"], "was trained as 'cordsnet_r2_small'"),
        ("finetune", ["--name", "cordsnet_r2_smal"], "did you mean 'cordsnet_r2_small'"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_sentence(run, tmp_path, capsys, stage, words, said):
    assert said in refused(capsys, run / stage, *words, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_stage_that_did_not_write_down_its_data_needs_their_name(run, tmp_path, capsys):
    old = tmp_path / "old" / "finetune"
    shutil.copytree(run / "finetune", old)
    described = json.loads((old / "model.json").read_text())
    del described["metadata"]["data"]
    (old / "model.json").write_text(json.dumps(described))
    assert "name the data set with --data" in refused(capsys, old, "--output", tmp_path / "out")
    assert main(["export", str(old), "--data", "digits", "--output", str(tmp_path / "out")]) == 0
    card = (tmp_path / "out" / "cordsnet_r2_small-digits" / "README.md").read_text()
    assert "1,437 images" in card
    assert "torch 2." not in card  # no record of that run, so nothing is said


HOSTILE = (
    "<script>alert(1)</script>",
    "a\n---\nlicense: gpl",
    "![x](http://evil)",
    "[click](javascript:x)",
    "`code`",
    "| a |",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_file_becomes_more_than_text_on_the_card(text, run, tmp_path):
    stage = tmp_path / "run" / "direct"
    shutil.copytree(run / "direct", stage)
    described = json.loads((stage / "model.json").read_text())
    data = described["metadata"]["data"]
    data |= {"source": text, "fingerprint": text, "classes": [text] * 10}
    described["metadata"] |= {"recipe": text, "stage": text}
    (stage / "model.json").write_text(json.dumps(described))
    model = cordsnet.load_model(stage)
    record = {"versions": {"torch": text}, "gpu": text, "commit": {"hash": text, "dirty": False}, "started": text}
    facts = model.metadata | {"name": text, "regime": text, "record": record, "metrics": {text: 0.5}}
    card = write_model_card(tmp_path, model.summary(), facts, where=text).read_text()
    front, _, prose = card.removeprefix("---\n").partition("\n---\n")
    keys = [line.partition(":")[0] for line in front.splitlines()]
    assert keys == ["license", "library_name", "pipeline_tag", "tags", "datasets"]
    outside = re.sub(r"`[^`\n]*`", "", re.sub(r"```.*?```", "", prose, flags=re.DOTALL))
    assert "<script" not in outside
    assert not re.search(r"(?<!\\)\]\((http://evil|javascript)", outside)
    assert "\n---" not in prose
    assert "license: gpl" not in prose.splitlines()
    assert prose.count("```") == 2


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "a/b", "a\\b", "a\x00b", "..", "x" * 300, "a\nb"])
def test_an_export_stays_in_its_folder(name, run, tmp_path, capsys):
    stage = tmp_path / "run" / "direct"
    shutil.copytree(run / "direct", stage)
    described = json.loads((stage / "model.json").read_text())
    described["metadata"]["data"]["name"] = name
    (stage / "model.json").write_text(json.dumps(described))
    before = sorted(path for path in tmp_path.rglob("*"))
    assert "cannot name a folder" in refused(capsys, stage, "--output", tmp_path / "out" / "deep")
    assert sorted(path for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("edit", ["metric", "weights", "gone", "torn"])
def test_a_stage_that_was_changed_after_its_end_is_not_exported(edit, run, tmp_path, capsys):
    stage = tmp_path / "run" / "direct"
    shutil.copytree(run / "direct", stage)
    result, weights = stage / "result.json", stage / "model.safetensors"
    if edit == "metric":
        content = json.loads(result.read_text())
        content["metrics"]["test_accuracy"] = 0.999
        result.write_text(json.dumps(content))
    elif edit == "weights":
        shutil.copy(run / "finetune" / "model.safetensors", weights)
    elif edit == "gone":
        weights.unlink()
    else:
        result.write_bytes(result.read_bytes()[:50])
    said = refused(capsys, stage, "--output", tmp_path / "out")
    assert {"metric": "was changed", "weights": "was changed", "gone": "is gone", "torn": "damaged"}[edit] in said
    assert not (tmp_path / "out").exists()

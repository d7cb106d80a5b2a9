"""From a finished stage to weights with a card."""

import json
import shutil

import pytest
import torch
from tiny import tiny_recipe

import cordsnet
from cordsnet.cli import main
from cordsnet.models import pretrained
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
        ("none", [], "is no folder of a finished stage"),
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

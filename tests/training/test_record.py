"""The run record: what it contains, and what it must not contain."""

import dataclasses
import json
import platform
import subprocess
import sys

import pytest
import torch
from tiny import tiny_recipe

import cordsnet
from cordsnet.data import load_data
from cordsnet.errors import RunError
from cordsnet.training import fit, record


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Finish the first stage of a run in an environment with secrets."""
    for name in ("SLURM_JWT", "CORDSNET_HUB_TOKEN", "SLURM_DB_PASSWORD", "HF_TOKEN", "UNRELATED"):
        monkeypatch.setenv(name, "hidden-value")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    fit(tiny_recipe(), tmp_path, only="cnn", progress=False)
    return tmp_path


def attempts(folder):
    return json.loads((folder / "record.json").read_text())["attempts"]


def test_the_record_names_software_machine_and_data(run):
    (attempt,) = attempts(run)
    assert attempt["versions"]["cordsnet"] == cordsnet.__version__
    assert attempt["versions"]["python"] == platform.python_version()
    assert attempt["versions"]["torch"] == torch.__version__
    assert all(attempt["versions"][name] for name in ("lightning", "kornia", "datasets", "numpy"))
    assert attempt["command"] == sys.argv
    assert attempt["seed"] == 0
    assert attempt["started"].endswith("+00:00")
    assert attempt["machine"]["cores"] >= 1
    assert attempt["machine"]["processor"]
    assert attempt["torch_threads"] == torch.get_num_threads()
    assert attempt["data"]["fingerprint"] == load_data("digits", 12).fingerprint


def test_relevant_environment_variables_are_recorded_and_secrets_are_not(run):
    (attempt,) = attempts(run)
    assert attempt["environment"]["SLURM_JOB_ID"] == "17"
    assert attempt["environment"]["OMP_NUM_THREADS"] == "1"
    assert "hidden-value" not in (run / "record.json").read_text()


def test_attempts_that_train_something_are_recorded(run):
    fit(tiny_recipe(), run, only="cnn", progress=False)
    assert len(attempts(run)) == 1
    fit(tiny_recipe(), run, only="fold", progress=False)
    assert len(attempts(run)) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"attempts": 3}', '{"attempts": [1]}', "[" * 100_000])
def test_a_damaged_record_is_moved_aside_and_named(content, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(content)
    with pytest.raises(RunError, match=r"record.json is damaged"):
        record.read_attempts(tmp_path)
    with pytest.warns(UserWarning, match=r"record.json is damaged.*kept as record_damaged_1.json"):
        record.add_attempt(tmp_path, "r", 0, {})
    assert (tmp_path / "record_damaged_1.json").read_text() == content
    (attempt,) = attempts(tmp_path)
    assert "record.json is damaged" in attempt["notes"][0]


def test_a_record_that_was_changed_by_hand_says_so(tmp_path):
    record.add_attempt(tmp_path, "r", 0, {})
    record.add_attempt(tmp_path, "r", 1, {})
    assert [attempt["seed"] for attempt in attempts(tmp_path)] == [0, 1]
    assert all("notes" not in attempt for attempt in attempts(tmp_path))
    path = tmp_path / "record.json"
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    assert not record.is_unchanged(tmp_path)
    with pytest.warns(UserWarning, match=r"record.json was changed since it was written"):
        record.add_attempt(tmp_path, "r", 3, {})
    assert "was changed since" in attempts(tmp_path)[-1]["notes"][0]


def test_the_commit_is_that_of_the_checkout_or_none(tmp_path, monkeypatch):
    def git(*words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    package = tmp_path / "package" / "training"
    package.mkdir(parents=True)
    own = package / "record.py"
    own.write_text("1")
    monkeypatch.setattr(record, "__file__", str(own))
    assert record.commit() is None
    git("init", "--quiet")
    assert record.commit() is None  # an installed package inside an unrelated repository
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    found = record.commit()
    assert len(found["hash"]) == 40
    assert found["dirty"] is False
    own.write_text("2")
    assert record.commit() == found | {"dirty": True}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert record.commit() is None


@pytest.mark.parametrize("change", ["pixel", "label", "order"])
def test_the_data_fingerprint_changes_with_every_pixel_and_label(change):
    data = load_data("digits", 8)
    pixels, labels = data.test.pixels.clone(), data.test.labels.clone()
    same = dataclasses.replace(data.test, pixels=pixels, labels=labels)
    assert dataclasses.replace(data, test=same).fingerprint == data.fingerprint
    if change == "pixel":
        pixels[3, 0, 2, 2] += 1e-3
    elif change == "label":
        labels[5] = (labels[5] + 1) % 10
    else:
        pixels, labels = pixels.flip(0), labels.flip(0)
    other = dataclasses.replace(data.test, pixels=pixels, labels=labels)
    assert dataclasses.replace(data, test=other).fingerprint != data.fingerprint

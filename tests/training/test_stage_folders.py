"""Folders of stages: links are read and never written to, and what killed attempts have left is removed."""

import shutil

import pytest

from cordsnet.errors import RunError
from cordsnet.training import Fold, ModelChoice, Optimisation, RandomInit, Recipe, TrainCNN, fit

MODEL = ModelChoice(image_size=12, width=2)
RECIPE = Recipe("links", (RandomInit(), TrainCNN(optimisation=Optimisation(updates=1, batch=8)), Fold()), MODEL)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    fit(RECIPE, folder, progress=False)
    return folder


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("target", ["folder", "empty", "absent", "file"])
@pytest.mark.parametrize("stage", ["random", "cnn", "fold"])
def test_a_link_in_place_of_a_stage_is_not_written_to(stage, target, finished, tmp_path):
    victim = tmp_path / "victim"
    if target in ("folder", "empty"):
        (victim / "checkpoints").mkdir(parents=True)
    if target == "folder":
        (victim / "precious.txt").write_text("kept")
        (victim / ".precious.txt.1.part").write_text("kept")
        (victim / "checkpoints" / "old.ckpt").write_text("kept")
    if target == "file":
        victim.write_text("kept")
    shutil.copytree(finished, tmp_path / "run")
    for name in {"random": ["random"], "cnn": ["cnn", "fold"], "fold": ["fold"]}[stage]:
        shutil.rmtree(tmp_path / "run" / name)
    (tmp_path / "run" / stage).symlink_to(victim)
    before = content(victim) if victim.is_dir() else None
    for options in ({}, {"restart": stage}, {"only": stage}):
        with pytest.raises(RunError, match=rf"run/{stage} is a link to .*victim, outside the run"):
            fit(RECIPE, tmp_path / "run", progress=False, **options)
    assert before is None or content(victim) == before
    assert victim.exists() == (target != "absent")


def test_a_finished_stage_may_be_read_through_a_link(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "other")
    (tmp_path / "other" / "cnn" / ".model.json.77.part").write_text("of another run")
    before = content(tmp_path / "other")
    (tmp_path / "run").mkdir()
    for name in ("random", "cnn"):
        (tmp_path / "run" / name).symlink_to(tmp_path / "other" / name)
    reports = fit(RECIPE, tmp_path / "run", progress=False)
    assert list(reports) == ["random", "cnn", "fold"]
    assert content(tmp_path / "other") == before
    assert (tmp_path / "run/fold/model.safetensors").read_bytes() == (finished / "fold/model.safetensors").read_bytes()
    with pytest.raises(RunError, match="run/cnn is a link to"):
        fit(RECIPE, tmp_path / "run", restart="cnn", progress=False)
    assert content(tmp_path / "other") == before


def test_what_killed_attempts_have_left_is_removed_and_nothing_else(finished, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    shutil.rmtree(run / "fold")
    (run / "fold").mkdir()
    left = [".record.json.12.part", "cnn/.model.safetensors.9999.part", "fold/.started.txt.3.part"]
    kept = ["notes.12.part", "cnn/.mine.part", "cnn/.mine.x.part", "random/plot.png", "fold/notes.txt"]
    for name in (*left, *kept, "cnn/checkpoints/update_000000001_0123456789abcdef.ckpt"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text("?")
    fit(RECIPE, run, progress=False)
    assert [name for name in left if (run / name).exists()] == []
    assert [name for name in kept if not (run / name).exists()] == []
    assert not (run / "cnn" / "checkpoints").exists()

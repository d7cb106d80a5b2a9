"""Stages notice that their data were corrected, and not that the path of the data is written another way."""

import json
import shutil

import datasets
import pytest
import torch
from picture_files import image_folder, parquet_file, pictures

from cordsnet.data import Reading
from cordsnet.errors import RunError
from cordsnet.models import load_model
from cordsnet.training import ModelChoice, Optimisation, Recipe, TrainCNN, fit
from cordsnet.training.loop import TrainingModule


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def recipe(data, updates=4, **reading):
    stage = TrainCNN(optimisation=Optimisation("sgd", 0.05, updates=updates, batch=8), augmentation="none")
    model = ModelChoice(image_size=12, width=4, in_channels=3, num_classes=2)
    return Recipe("changes", (stage,), model, data=data, reading=Reading(**reading))


def swap(root):
    shutil.move(root / "train" / "cat", root / "x")
    shutil.move(root / "train" / "dog", root / "train" / "cat")
    shutil.move(root / "x", root / "train" / "dog")


def repaint(root):
    (root / "train" / "cat" / "003.png").write_bytes(pictures(1, seed=8)[1][0])


def repaint_test(root):
    (root / "val" / "cat" / "001.png").write_bytes(pictures(1, seed=8)[1][0])


@pytest.mark.parametrize("change", [swap, repaint, repaint_test])
def test_a_finished_stage_refuses_other_data(change, tmp_path):
    image_folder(tmp_path / "pets")
    fit(recipe(str(tmp_path / "pets")), tmp_path / "run", progress=False)
    change(tmp_path / "pets")
    with pytest.raises(RunError, match=r"stage 'cnn' in .* was finished on other data"):
        fit(recipe(str(tmp_path / "pets")), tmp_path / "run", progress=False)


def test_another_spelling_of_the_path_is_the_same_data(tmp_path, monkeypatch):
    image_folder(tmp_path / "pets")
    fit(recipe(str(tmp_path / "pets")), tmp_path / "run", progress=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for spelling in ("pets", "./pets", "~/pets", "pets/"):
        fit(recipe(spelling), tmp_path / "run", progress=False)
    attempts = json.loads((tmp_path / "run" / "record.json").read_text())["attempts"]
    assert len(attempts) == 1
    assert any("pictures are read as RGB" in note for note in attempts[0]["data"]["notes"])


def test_a_half_finished_stage_begins_anew_on_other_data(tmp_path):
    image_folder(tmp_path / "pets")
    real = TrainingModule.check_loss

    def stop(module, loss):
        if module.global_step == 3:
            raise KeyboardInterrupt
        return real(module, loss)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "check_loss", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(recipe(str(tmp_path / "pets")), tmp_path / "run", progress=False)
    swap(tmp_path / "pets")
    for folder in ("run", "fresh"):
        fit(recipe(str(tmp_path / "pets")), tmp_path / folder, progress=False)
    found, wanted = (load_model(tmp_path / folder / "cnn").state_dict() for folder in ("run", "fresh"))
    assert all(torch.equal(found[name], wanted[name]) for name in found)


def test_the_columns_of_a_table_are_a_setting_of_the_recipe(tmp_path):
    for seed, split in enumerate(("train", "test")):
        parquet_file(tmp_path / "set" / f"{split}.parquet", pictures(8, seed=seed)[1], ["a", "b"] * 4, "photo", "kind")
    columns = {"image_column": "photo", "label_column": "kind"}
    fit(recipe(str(tmp_path / "set"), **columns), tmp_path / "run", progress=False)
    written = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert written["reading"]["label_column"] == "kind"
    assert load_model(tmp_path / "run" / "cnn").preprocessing.classes == ("a", "b")

"""How training is fed: soft labels, images decoded by workers, streams, and what it waits for."""

import dataclasses
import json
import time

import datasets
import pytest
import torch
from picture_files import image_folder, parquet_file, pictures
from tiny import tiny_recipe

from cordsnet.data import Reading
from cordsnet.data import split as split_module
from cordsnet.data.hub import DATA_FOLDER
from cordsnet.errors import DataError, DataWarning
from cordsnet.models import load_model
from cordsnet.training import ModelChoice, Optimisation, Recipe, TrainCNN, TrainSettled, fit
from cordsnet.training.evaluate import read_correctly
from cordsnet.training.logs import read_curve
from cordsnet.training.loop import TrainingModule, WatchedLoader

MODEL = ModelChoice(image_size=12, width=4)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def weights(folder):
    return load_model(folder).state_dict()


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def cnn_on(data, classes=2, augmentation="shift_flip_mixing", updates=6):
    stage = TrainCNN(optimisation=Optimisation("sgd", 0.05, updates=updates, batch=8), augmentation=augmentation)
    model = dataclasses.replace(MODEL, in_channels=3, num_classes=classes)
    return Recipe("fed", (stage,), model, data=str(data))


def test_every_kind_of_stage_trains_on_mixed_images(tmp_path):
    recipe = tiny_recipe(2, "small_affine_mixing")
    settled = TrainSettled(
        start="inverse", augmentation="mixing", optimisation=Optimisation(lr=1e-3, updates=2, batch=16)
    )
    recipe = dataclasses.replace(recipe, stages=(*recipe.stages, settled))
    labels = []

    real = TrainingModule.on_after_batch_transfer

    def watched(module, batch, index):
        found = real(module, batch, index)
        labels.append(found.targets["scores"])
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "on_after_batch_transfer", watched)
        reports = fit(recipe, tmp_path, progress=False)
    assert len(reports) == 8
    assert len(labels) == 7 * 2
    for soft in labels:
        assert soft.shape == (16, 10)
        torch.testing.assert_close(soft.sum(1), torch.ones(16))
    for name, report in reports.items():
        if name != "fold":
            assert all(0 < loss < 1e3 for loss in read_curve(report.folder, "loss")[1])
            assert 0 < report.metrics["waiting_share"] < 1


def test_soft_labels_are_read_correctly_where_their_largest_share_is():
    scores = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]])
    hard = read_correctly(scores, torch.tensor([1, 1]))
    soft = read_correctly(scores, torch.tensor([[0.3, 0.6, 0.1], [0.0, 0.7, 0.3]]))
    assert hard.tolist() == soft.tolist() == [True, False]


def test_weights_are_the_same_in_memory_on_access_and_with_workers(tmp_path, monkeypatch):
    image_folder(tmp_path / "pets")
    fit(cnn_on(tmp_path / "pets"), tmp_path / "held", progress=False)
    monkeypatch.setattr(split_module, "MAX_BYTES_IN_MEMORY", 0)
    for workers in ("0", "2"):
        monkeypatch.setenv("CORDSNET_WORKERS", workers)
        report = fit(cnn_on(tmp_path / "pets"), tmp_path / workers, progress=False)["cnn"]
        assert same(weights(tmp_path / workers / "cnn"), weights(tmp_path / "held" / "cnn"))
        held = fit(cnn_on(tmp_path / "pets"), tmp_path / "held", progress=False)["cnn"]
        assert report.metrics["test_accuracy"] == held.metrics["test_accuracy"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_run_interrupted_while_workers_decode_ends_with_the_same_bits(streamed, tmp_path, monkeypatch):
    monkeypatch.setenv("CORDSNET_WORKERS", "2")
    monkeypatch.setattr(split_module, "MAX_BYTES_IN_MEMORY", 0)
    monkeypatch.setenv(DATA_FOLDER, str(tmp_path / "data"))
    _, images = pictures(16)
    for split in ("train", "validation"):
        for shard in range(2):
            part = images[8 * shard : 8 * shard + 8]
            parquet_file(tmp_path / "data" / "imagenet" / f"{split}-{shard}.parquet", part, [0, 1] * 4)
    recipe = cnn_on("imagenet_streamed" if streamed else "imagenet", updates=10)
    fit(recipe, tmp_path / "whole", progress=False)
    real = TrainingModule.check_loss

    def stop(module, loss):
        if module.global_step == 7:
            raise KeyboardInterrupt
        return real(module, loss)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "check_loss", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, tmp_path / "torn", progress=False)
    fit(recipe, tmp_path / "torn", progress=False)
    assert len(list((tmp_path / "torn" / "cnn").glob("logs_*"))) == 2
    assert same(weights(tmp_path / "torn" / "cnn"), weights(tmp_path / "whole" / "cnn"))


def test_training_stops_when_too_many_images_cannot_be_read(tmp_path, monkeypatch):
    image_folder(tmp_path / "pets", damaged=(5, 6))
    monkeypatch.setattr(split_module, "MAX_BYTES_IN_MEMORY", 0)
    monkeypatch.setattr(split_module, "SAMPLE_SIZE", 1)
    with pytest.raises(DataError, match=r"2 of 16 images of data set 'pets' \(train\) cannot be read, more than 0.1 %"):
        fit(cnn_on(tmp_path / "pets"), tmp_path / "run", progress=False)
    tolerant = dataclasses.replace(cnn_on(tmp_path / "pets"), reading=Reading(max_unreadable_share=0.2))
    with pytest.warns(DataWarning, match=r"train/cat/005.png"):
        fit(tolerant, tmp_path / "run", progress=False)
    written = json.loads((tmp_path / "run" / "record.json").read_text())["attempts"][-1]["data"]
    assert sorted(one["file"] for one in written["unreadable"]) == ["train/cat/005.png", "train/cat/006.png"]
    assert "unreadable" not in load_model(tmp_path / "run" / "cnn").metadata["data"]


def test_what_a_loader_is_waited_for_is_noted():
    class Slow(torch.utils.data.Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, k):
            time.sleep(0.05)
            return k

    watched = WatchedLoader(torch.utils.data.DataLoader(Slow()))
    started = time.perf_counter()
    for _ in watched:
        time.sleep(0.1)
    assert 0.15 <= watched.waited <= time.perf_counter() - started - 0.29
    assert len(watched) == 3

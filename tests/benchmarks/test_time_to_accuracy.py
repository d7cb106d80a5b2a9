"""Models compared by the time in which they learn: one search for all, one table."""

import json

import pytest

from cordsnet.benchmarks import time_to_accuracy as timing
from cordsnet.benchmarks.time_to_accuracy import Race, time_to_accuracy
from cordsnet.cli import main


def test_a_row_says_when_the_target_was_reached():
    lines = []
    race = Race(target=0.05, images=64, every=1, batch=32, rates=(1e-2, 1e-3))
    found = time_to_accuracy(["cnn_r2_small"], race, lines.append)
    (row,) = found["rows"]
    assert [run["lr"] for run in row["runs"]] == [1e-2, 1e-3]
    assert len(row["runs"][0]["course"]) == 2
    assert row["images"] in (32, 64)
    assert 0 < row["seconds"] <= row["runs"][0]["training_seconds"] + row["runs"][1]["training_seconds"]
    assert row["accuracy"] == max(run["accuracy"] for run in row["runs"])
    assert row["flops_per_image"] > 0
    assert len(lines) == 2


def test_a_target_out_of_reach_is_never_reached(tmp_path, capsys):
    words = ["bench", "cnn_r2_small", "--time-to-accuracy", "--images", "32", "--batch", "32", "--target", "1"]
    assert main([*words, "--rates", "1e-3", "--output", str(tmp_path / "race.json")]) == 0
    assert "never" in capsys.readouterr().out
    assert json.loads((tmp_path / "race.json").read_text())["rows"][0]["seconds"] is None


def run(lr, seed, seconds, accuracy):
    return {"lr": lr, "seed": seed, "seconds": seconds, "cpu_seconds": seconds, "images": seconds, "accuracy": accuracy}


def test_the_rate_is_chosen_over_all_seeds_and_not_seed_by_seed():
    fast, sure = (run(1.0, 0, 1.0, 0.9), run(1.0, 1, None, 0.5)), (run(0.1, 0, 6.0, 0.8), run(0.1, 1, 8.0, 0.8))
    found = timing._chosen([*fast, *sure], (1.0, 0.1))
    assert (found["lr"], found["seconds"], found["reached"], found["accuracy"]) == (0.1, 7.0, 2, 0.8)
    found = timing._chosen([*fast, run(0.1, 0, None, 0.3), run(0.1, 1, None, 0.3)], (1.0, 0.1))
    assert (found["lr"], found["seconds"], found["reached"], found["accuracy"]) == (1.0, None, 1, 0.7)
    quicker = (run(1.0, 0, 1.0, 0.9), run(1.0, 1, 3.0, 0.9))
    assert timing._chosen([*sure, *quicker], (0.1, 1.0))["lr"] == 1.0
    never = [run(1.0, 0, None, 0.2), run(0.1, 0, None, 0.6)]
    assert timing._chosen(never, (1.0, 0.1))["lr"] == 0.1


def test_every_seed_draws_its_own_weights_heads_and_order(monkeypatch):
    made = []

    class Module(timing.TrainedModule):
        def __init__(self, model, stage, seed=0):
            super().__init__(model, stage, seed)
            made.append((seed, next(model.parameters()).detach().clone()))

    monkeypatch.setattr(timing, "TrainedModule", Module)
    race = Race(target=1.0, images=32, every=1, batch=32, rates=(1e-3,), seed=3, seeds=2)
    (row,) = time_to_accuracy(["cnn_r2_small"], race, lambda line: None)["rows"]
    assert [seed for seed, _ in made] == [run["seed"] for run in row["runs"]] == [3, 4]
    assert not made[0][1].equal(made[1][1])
    assert row["accuracy"] == pytest.approx(sum(run["accuracy"] for run in row["runs"]) / 2)
    alone = Race(target=1.0, images=32, every=1, batch=32, rates=(1e-3,), seed=4)
    (other,) = time_to_accuracy(["cnn_r2_small"], alone, lambda line: None)["rows"]
    assert other["runs"][0]["accuracy"] == row["runs"][1]["accuracy"]


def test_a_size_that_a_model_cannot_read_is_said():
    lines = []
    race = Race(target=0.01, images=32, every=1, batch=32, rates=(1e-3,), size=8)
    (row,) = time_to_accuracy(["blt_sync_blt_small"], race, lines.append)["rows"]
    assert row["image_size"] == [32, 32]
    assert row["said"] == ["blt_sync_blt_small: no images of 8 px can be read, so it is trained on 32 px"] == lines[1:2]


def test_what_cannot_be_raced_is_refused(capsys):
    with pytest.raises(ValueError, match="target must be a proportion"):
        Race(target=1.5)
    assert main(["bench", "--time-to-accuracy"]) == 2
    assert "needs the names of models" in capsys.readouterr().err

"""Models compared by the time in which they learn: one search for all, one table."""

import json

import pytest

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


def test_what_cannot_be_raced_is_refused(capsys):
    with pytest.raises(ValueError, match="target must be a proportion"):
        Race(target=1.5)
    assert main(["bench", "--time-to-accuracy"]) == 2
    assert "needs the names of models" in capsys.readouterr().err

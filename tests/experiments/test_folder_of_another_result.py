"""A folder that held another result holds no table or array of it afterwards, and all that a user put there."""

import json

import numpy as np
import pytest
from leaky_networks import leaky_readers, lit_channels

from cordsnet.experiments import EXPERIMENTS, Axis, LabelledArray, Result, Setting, read_result, write_data
from cordsnet.experiments.noise import NoiseOptions
from cordsnet.report import write_result


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_another_result_holds_the_new_one_alone(tmp_path):
    model, cnn = leaky_readers(bias=0.5)
    setting = Setting({"net": model, "cnn": cnn}, lit_channels())
    result = EXPERIMENTS["noise"](setting, NoiseOptions(trials=8, sigmas=(0.0, 1.0)))
    write_result(result, tmp_path / "alone")
    other = Result({"old": ({"a": 1},)}, {"old": LabelledArray(np.ones(2), (Axis("x"),))}, (), {"experiment": "other"})
    write_result(other, tmp_path / "both")
    for name in ("old.png", "old.pdf", "mine.png"):
        (tmp_path / "both" / "figures" / name).write_bytes(b"")
    (tmp_path / "both" / "tables" / "mine.parquet").write_bytes(b"")
    _, said = write_result(result, tmp_path / "both")
    assert said == (
        f"{tmp_path / 'both' / 'figures' / 'mine.png'} and 2 more are not of this result; remove what you do not need",
    )
    mine = {"figures/mine.png", "figures/old.png", "figures/old.pdf", "tables/mine.parquet"}
    assert files(tmp_path / "both") == files(tmp_path / "alone") | mine
    assert read_result(tmp_path / "both") == result


@pytest.mark.parametrize("content", [b"", b"[]", b"[" * 100_000, json.dumps({"tables": 3, "arrays": []}).encode()])
def test_what_is_no_result_is_replaced(content, tmp_path):
    (tmp_path / "result.json").write_bytes(content)
    write_data(Result({"new": ({"a": 1},)}), tmp_path)
    assert read_result(tmp_path).rows("new") == ({"a": 1},)


def test_no_file_outside_the_folder_is_removed(tmp_path):
    (tmp_path / "victim.parquet").write_bytes(b"")
    folder = tmp_path / "result"
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps({"tables": {"../../victim": []}, "arrays": []}))
    write_data(Result({"new": ({"a": 1},)}), folder)
    assert (tmp_path / "victim.parquet").is_file()

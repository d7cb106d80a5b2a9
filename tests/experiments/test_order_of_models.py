"""What an experiment finds about a model depends neither on the order of models nor on how trials are batched.

That two workers find what one does is tested with the comparison.
"""

import dataclasses
import math
from collections import Counter

import numpy as np
import pytest
from test_results import CHANGES, small_setting

from answers_by_hand import write_challenge, write_images, write_objects, write_trials
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.table import MEETING, RECORDINGS, STORED, TRAINED
from cordsnet.models import create_model
from recordings_by_hand import write_frames, write_movies, write_recording

GIVEN = [name for name in EXPERIMENTS if name not in (*TRAINED, *STORED) and name != "neural_decoding"]
"""Experiments on given models; `neural_decoding` takes none."""

SECONDS = "seconds"
"""Ending of the names of cells that hold how long something took."""


def network(seed):
    return create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=2, image_size=8, seed=seed)


def options_of(name, folder):
    """The smallest options, with files of people or neurons where an experiment reads them."""
    options = dataclasses.replace(EXPERIMENTS[name].presets["smoke"].options, **CHANGES.get(name, {}))
    found = {}
    if name in MEETING:
        write_images(write_objects(write_challenge(write_trials(folder))))
        found["people"] = str(folder)
    if name in RECORDINGS:
        found |= dict(zip(("recording", "pictures"), map(str, write_recording(folder, network(0))), strict=True))
        if hasattr(options, "frames"):
            path, pixels = write_frames(folder)
            movies = pixels.reshape(*pixels.shape[:2], -1)[..., ::20] / 50
            found = {"recording": str(write_movies(folder, (movies, movies[::-1]))), "frames": str(path)}
        if name == "neural_between":
            other = write_recording(folder / "other", network(0), seed=1)[0]
            found = {"recording": (found["recording"], str(other)), "pictures": (found["pictures"],)}
    return dataclasses.replace(options, **{key: value for key, value in found.items() if hasattr(options, key)})


def comparable(cell):
    """NaN equals itself."""
    return "NaN" if isinstance(cell, float) and math.isnan(cell) else cell


def rows_of(result):
    """Rows of every table, how often each is there, without times."""
    return {
        table: Counter(
            tuple(sorted((key, comparable(cell)) for key, cell in row.items() if not key.endswith(SECONDS)))
            for row in rows
        )
        for table, rows in result.tables.items()
    }


def claims_of(result):
    return Counter(repr(claim) for claim in result.claims)


@pytest.mark.parametrize("name", GIVEN)
def test_the_order_of_models_changes_no_bit(name, tmp_path):
    first = small_setting(tmp_path / "run", EXPERIMENTS[name])
    models = {"net": first.models["net"], "other": network(1), **first.models}
    options = options_of(name, tmp_path)
    one = EXPERIMENTS[name](Setting(models, first.data), options)
    turned = EXPERIMENTS[name](Setting(dict(reversed(models.items())), first.data), options)
    assert rows_of(turned) == rows_of(one)
    assert claims_of(turned) == claims_of(one)
    assert turned.arrays.keys() == one.arrays.keys()
    for label, array in one.arrays.items():
        assert np.array_equal(np.asarray(turned.arrays[label].values), np.asarray(array.values), equal_nan=True), label


BATCHED = {
    "attribution": "cordsnet.experiments.effects.evidence.TOGETHER",
    "mixtures": "cordsnet.experiments.effects.oscillation.CHUNK",
    "challenge_models": "cordsnet.experiments.people.challenge_trials.CHUNK",
    "masking_models": "cordsnet.experiments.people.masking_trials.CHUNK",
    "reaction_time": "cordsnet.experiments.people.reaction_time.CHUNK",
}
"""Experiment -> how many trials it runs at once; the others are tested beside their own files, or run all at once."""


@pytest.mark.parametrize("name", BATCHED)
def test_trials_that_run_at_once_change_numbers_by_rounding_alone(name, tmp_path, monkeypatch):
    setting, options = small_setting(tmp_path / "run", EXPERIMENTS[name]), options_of(name, tmp_path)
    one = EXPERIMENTS[name](setting, options)
    monkeypatch.setattr(BATCHED[name], 3)
    other = EXPERIMENTS[name](setting, options)
    assert other.tables.keys() == one.tables.keys()
    for table, rows in one.tables.items():
        for row, again in zip(rows, other.tables[table], strict=True):
            assert comparable_row(again) == pytest.approx(comparable_row(row), rel=1e-3, abs=1e-5, nan_ok=True), table


def comparable_row(row):
    """Numbers of a row, without times; words as their own keys, since they must be the same."""
    kept = {key: cell for key, cell in row.items() if not key.endswith(SECONDS)}
    words = {f"{key} {cell}": 1.0 for key, cell in kept.items() if isinstance(cell, str)}
    return {key: float(cell) for key, cell in kept.items() if isinstance(cell, int | float)} | words

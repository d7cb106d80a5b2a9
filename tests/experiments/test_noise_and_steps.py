"""Noise that is not redrawn, since a step of the model lasts as long as the image, decides nothing."""

import pytest

from cordsnet.data import load_data
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.noise import NoiseOptions
from cordsnet.models import create_model


@pytest.mark.parametrize(("image_ms", "measured"), [(80.0, False), (100.0, False), (200.0, True)])
def test_noise_that_is_not_redrawn_decides_nothing(image_ms, measured):
    models = {name: create_model(f"{name}_small", pretrained="digits") for name in ("rcnn", "cnn_r2")}
    setting = Setting(models, load_data("digits", 16).test)
    found = EXPERIMENTS["noise"](setting, NoiseOptions(trials=20, sigmas=(0.0, 1.0), image_ms=image_ms))
    assert all((claim.value is not None) == measured for claim in found.claims)
    notes = [row["note"] for row in found.tables.get("notes", ()) if "the noise is not redrawn" in row["note"]]
    assert len(notes) == (0 if measured else 2)

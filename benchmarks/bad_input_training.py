"""Good calls of the public functions and classes for data, training and experiments, and uses of their results."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bad_input_networks import CLASSES, images, model, saved

from cordsnet import data, experiments, training


def split(n: int = 6) -> data.Split:
    """Return images with values from 0 to 1 and their labels."""
    pixels = images(n).sigmoid()
    return data.Split(pixels, torch.arange(n) % CLASSES, normalise=None)


def vision() -> data.VisionData:
    """Return a data set of a few images."""
    return data.VisionData("few", split(), split(), ("a", "b", "c"), (0.5,), (0.5,), "none", "made here")


def recipe() -> training.Recipe:
    """Return a recipe that only draws weights."""
    choice = training.ModelChoice("cordsnet_r2_small", width=8)
    return training.Recipe("small", (training.RandomInit(),), choice, "digits")


def written() -> Path:
    """Return the folder of a result."""
    result = experiments.Result(tables={"t": ({"a": 1},)})
    experiments.write_data(result, "results")
    return Path("results")


GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    "BatchShare": lambda: {"first": 0, "parts": 2},
    "Reading": lambda: {"label_column": "label"},
    "Split": lambda: {"pixels": images(6).sigmoid(), "labels": torch.arange(6) % CLASSES},
    "Tolerance": lambda: {"count": 1, "share": 0.1},
    "VisionData": lambda: {n: getattr(vision(), n) for n in inspect.signature(data.VisionData).parameters},
    "check_unreadable": lambda: {"unreadable": (), "total": 5, "name": "few"},
    "is_path": lambda: {"name": "digits"},
    "load_data": lambda: {"name": "digits", "image_size": 8},
    "to_unit_range": lambda: {"pixels": torch.zeros(2, 1, 4, 4, dtype=torch.uint8)},
    "warn_unreadable": lambda: {"unreadable": (), "total": 5, "name": "few"},
    "Axis": lambda: {"name": "time", "values": (1.0, 2.0), "units": "ms"},
    "Expected": lambda: {"low": 0.0, "high": 1.0},
    "LabelledArray": lambda: {"values": np.zeros(2), "axes": (experiments.Axis("time", (1.0, 2.0), "ms"),)},
    "evaluate": lambda: {"checkpoint": model(), "data": vision()},
    "find_checkpoint": lambda: {"source": saved()},
    "read_result": lambda: {"folder": written()},
    "write_data": lambda: {"result": experiments.Result(tables={"t": ({"a": 1},)}), "folder": "out"},
    "Criterion": lambda: {"measure": "loss", "at_most": 0.5, "over": 5},
    "Contraction": dict,
    "Skips": dict,
    "EveryStep": lambda: {"ms": 20.0},
    "Fold": dict,
    "GaussNewton": dict,
    "Imitate": dict,
    "InverseInit": dict,
    "LabelledImages": lambda: {"data": vision()},
    "LastStep": lambda: {"ms": 20.0},
    "ModelChoice": dict,
    "NextFrame": dict,
    "Objective": dict,
    "Optimisation": dict,
    "RandomInit": dict,
    "Recipe": lambda: {"name": "small", "stages": (training.RandomInit(),), "data": "digits"},
    "Settled": dict,
    "Train": dict,
    "TrainCNN": dict,
    "TrainDynamics": dict,
    "TrainSettled": dict,
    "Trial": dict,
    "accuracy": lambda: {"model": model(), "split": split(), "image_ms": 8.0},
    "as_source": lambda: {"data": vision()},
    "compare_gradients": lambda: {"model": model(), "inputs": images(), "targets": torch.tensor([0, 1]), "ms": 8.0},
    "find_recipe": lambda: {"name": "digits"},
    "fit": lambda: {"recipe": recipe(), "output": "run", "progress": False},
    "grid": lambda: {"recipe": recipe(), "choices": {"random.gain": [0.5, 0.4]}, "seeds": 2},
    "objective": lambda: {"model": model(), "images": images(), "labels": torch.tensor([0, 1])},
    "summary": lambda: {"rows": [{"a": "x", "b": b, "status": "done"} for b in (1.0, 2.0)], "by": ["a"], "of": "b"},
    "with_setting": lambda: {"recipe": recipe(), "path": "random.gain", "value": 0.3},
}

USE: dict[str, Callable[[Any], Any]] = {
    "Split": lambda s: s.images,
}

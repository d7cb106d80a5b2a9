"""From what users write to a trained network and the data that it was trained on."""

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordsnet._arguments import check_arguments
from cordsnet.data import DATASETS, Reading, is_path
from cordsnet.errors import CheckpointError, DataError, RunError
from cordsnet.models import create_model, list_pretrained, load_model
from cordsnet.models.files import DESCRIPTION, WEIGHTS

RECIPE, RESULT = "recipe.json", "result.json"
LARGEST = 16 * 2**20
"""Bytes of the description of a run; larger ones are refused."""


@dataclass(frozen=True)
class OwnData:
    """The data that a network was trained on.

    Attributes
    ----------
    name : name of the data set, or the path that was given in training; "" where nothing says it.
    reading : how data by path are read.
    identity : digest of the content of the data (`VisionData.identity`); "" where it was not kept.
    is_of_run : True if the run says so, with the path; the model itself keeps the name of its data set alone.
    """

    name: str = ""
    reading: Reading = dataclasses.field(default_factory=Reading)
    identity: str = ""
    is_of_run: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """A trained network as it was asked for.

    Attributes
    ----------
    source : what was asked for.
    model : the network.
    own : the data that it was trained on.
    notes : what was chosen.
    """

    source: str
    model: Any
    own: OwnData
    notes: tuple[str, ...] = ()

    def own_data(self) -> OwnData:
        """The data it was trained on. Raises DataError where they are not known, or not there any more."""
        own = self.own
        if not own.name:
            raise DataError(
                f"network {self.source!r} was trained and does not say on what; give its images with --data PATH"
            )
        if own.name in DATASETS:
            return own
        if not own.is_of_run or not is_path(own.name):  # else a folder of that name here may be another one
            raise DataError(
                f"network {self.source!r} was trained on {own.name!r}, which does not come with the package; "
                "give its images with --data PATH"
            )
        if not Path(os.path.expanduser(own.name)).exists():
            raise DataError(
                f"network {self.source!r} was trained on images in {own.name!r}, which are not there (from "
                f"{os.getcwd()}); give its images with --data PATH"
            )
        return own


@check_arguments
def find_checkpoint(source: str | Path) -> Checkpoint:
    """Find a trained network.

    Parameters
    ----------
    source : folder of a finished stage or of a run, whose last finished stage is taken; a saved model, as a folder or
        one of its files; or NAME@DATA, for weights that come with the package.

    Raises
    ------
    CheckpointError : there is no such network, or its files are damaged.
    RunError : the folder of a run has no finished stage, or its description is damaged.
    """
    name = os.fspath(source)
    path = Path(os.path.expanduser(name))
    if path.name in (WEIGHTS, DESCRIPTION) and path.is_file():
        path = path.parent
    if (path / DESCRIPTION).is_file():
        model = load_model(path)
        return Checkpoint(name, model, _own_data(path, model), tuple(model.notes))
    if (path / RECIPE).is_file():
        return _last_stage(name, path)
    model_name, at, trained_on = name.partition("@")
    if at and not path.exists():
        model = create_model(model_name, pretrained=trained_on)
        return Checkpoint(name, model, OwnData(trained_on), tuple(model.notes))
    if path.exists():
        raise CheckpointError(
            f"{name!r} holds no model: no {DESCRIPTION} of a saved model or finished stage, and no {RECIPE} of a run"
        )
    known = ", ".join("@".join(pair) for pair in list_pretrained())
    raise CheckpointError(
        f"there is no checkpoint {name!r}: give the folder of a run, of a stage or of a saved model, or one of {known}"
    )


def _last_stage(name: str, run: Path) -> Checkpoint:
    """The last stage of a run that is finished."""
    stages = [str(stage.get("name")) for stage in _recipe(run)["stages"]]
    finished = [
        stage
        for stage in stages
        if Path(stage).name == stage and (run / stage / RESULT).is_file() and (run / stage / DESCRIPTION).is_file()
    ]
    if not finished:
        raise RunError(f"run {name!r} has no finished stage yet; train it first (stages: {', '.join(stages)})")
    folder = run / finished[-1]
    model = load_model(folder)
    left = f", though the run goes on to {stages[-1]!r}" if finished[-1] != stages[-1] else ""
    others = f" of {', '.join(finished)}" if len(finished) > 1 else ""
    note = f"{name!r} is a run; its last finished stage, {finished[-1]!r}{others}, is used{left}"
    return Checkpoint(f"{name.rstrip(os.sep)}/{finished[-1]}", model, _own_data(folder, model), (note, *model.notes))


def _own_data(folder: Path, model: Any) -> OwnData:
    """The data of the run that a stage belongs to, or else those that the metadata of the model name."""
    run = folder.resolve().parent
    if (folder / RESULT).is_file() and (run / RECIPE).is_file():
        recipe = _recipe(run)
        identity = _table(folder / RESULT).get("data")
        return OwnData(recipe["data"], recipe["reading"], identity if isinstance(identity, str) else "", True)
    known = model.metadata.get("data")
    name = known.get("name") if isinstance(known, dict) else None
    return OwnData(name if isinstance(name, str) else "")


def _recipe(run: Path) -> dict[str, Any]:
    """Data, reading and stages of the recipe of a run."""
    path = run / RECIPE
    found = _table(path)
    data, reading, stages = found.get("data"), found.get("reading", {}), found.get("stages")
    if not isinstance(data, str) or not isinstance(stages, list) or not all(isinstance(row, dict) for row in stages):
        raise RunError(f"{path} is damaged (it names no data or no stages); give the folder of a stage, and --data")
    try:
        return {"data": data, "reading": Reading(**reading), "stages": stages}
    except TypeError as error:
        raise RunError(f"{path} is damaged ({error}); give the folder of a stage, and --data") from error


def _table(path: Path) -> dict[str, Any]:
    """A JSON file that holds a table. Raises RunError for any other."""
    if path.stat().st_size > LARGEST:
        raise RunError(f"{path} is larger than {LARGEST} bytes, so it describes no run")
    try:
        found = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}); train the stage again") from error
    if not isinstance(found, dict):
        raise RunError(f"{path} is damaged (a {type(found).__name__} in place of a table); train the stage again")
    return found

"""From a finished stage to weights that can be shared: a folder with weights, description and model card."""

from pathlib import Path
from typing import Any

from cordsnet._files import check_name, read_json, writable_folder
from cordsnet.data import load_data
from cordsnet.errors import RunError
from cordsnet.models import MODELS, SavedModel, load_model, write_model_card
from cordsnet.training.loop import MACHINE
from cordsnet.training.record import is_unchanged, read_attempts
from cordsnet.training.result import RESULT, read_result
from cordsnet.training.sources import as_source


def export_stage(
    stage: str | Path, output: str | Path, name: str | None = None, data: str | None = None, regime: str = ""
) -> Path:
    """Write `output/NAME-DATA` from the folder of a finished stage; an earlier export there is replaced.

    Parameters
    ----------
    stage : `runs/RUN/STAGE`; its numbers are taken from its `result.json` and the run's `record.json`.
    output : folder for exports; `src/cordsnet/pretrained` for those that come with the package.
    name : of the model in the table of models; None is the one that was trained.
    data : name of the data set; needed only for runs that did not write it down.
    regime : what the dynamics do, in words, for the card.

    Raises
    ------
    RunError : the stage is not finished, ended with a model of another kind, or was trained on other data.
    """
    stage = Path(stage)
    metrics = _finished(stage)
    model = load_model(stage)
    trained = model.summary().name
    name = name or trained
    row = MODELS[name]
    if model.description()["kind"] != row.kind:
        ended = model.description()["kind"]
        raise RunError(
            f"{stage} ended with a model of kind {ended!r}, and {name!r} is of kind {row.kind!r}; export "
            "another stage, or name a model of that kind with --name"
        )
    if name != trained and not model.spec.is_sized(row.spec):
        raise RunError(f"{stage} was trained as {trained!r}, which is no {name!r}; leave out --name")
    described = _data(stage, model, data)
    model.metadata = model.metadata | {"name": name, "data": described, "metrics": metrics}
    if record := _record(stage.parent):
        model.metadata["record"] = record
    if regime:
        model.metadata["regime"] = regime
    place = check_name(f"{name}-{described.get('name')}", "export")
    folder = model.save_pretrained(writable_folder(Path(output) / place))
    write_model_card(folder, model.summary(), model.metadata)  # also where there was one
    return folder


def _record(run: Path) -> dict[str, Any]:
    """Versions, commit and machine of the last attempt at a run; in "earlier" those of attempts that differed."""
    made = [
        {key: attempt.get(key) for key in ("versions", "commit", "started")}
        | {"gpu": dict(attempt.get("machine") or {}).get("gpu")}
        for attempt in read_attempts(run)
    ]
    kinds = [one | {"started": None} for one in made]
    earlier = [one for k, one in enumerate(made) if kinds[k] != kinds[-1] and kinds[k] not in kinds[:k]]
    if not made:
        return {}
    changed = {} if is_unchanged(run) else {"changed": True}
    return made[-1] | ({"earlier": earlier} if earlier else {}) | changed


def _finished(stage: Path) -> dict[str, Any]:
    """Numbers of a finished stage. Raises RunError when it is not finished, or was changed since."""
    written = read_result(stage)
    if written is None:
        raise RunError(f"{stage} is no folder of a finished stage, it has no {RESULT}; train it to its end")
    if not isinstance(written["metrics"], dict):
        raise RunError(f"{stage / RESULT} is damaged (metrics are no table); train the stage again")
    # how long images were waited for, and processor time, are the machine's, not the model's
    return {name: value for name, value in written["metrics"].items() if name not in MACHINE}


def _data(stage: Path, model: SavedModel, name: str | None) -> dict[str, Any]:
    """Description of the data: as the stage wrote it, else of the data set that its run or `name` names."""
    written = model.metadata.get("data")
    recipe = stage.parent / "recipe.json"
    known = written["name"] if written else read_json(recipe)["data"] if recipe.is_file() else name
    if known is None:
        raise RunError(f"{stage} does not say on which data it was trained; name the data set with --data")
    if name not in (None, known):
        raise RunError(f"{stage} was trained on {known!r}, not on {name!r}; leave out --data")
    if written:
        return dict(written)
    return as_source(load_data(known, model.summary().inputs["image"][-1])).describe()

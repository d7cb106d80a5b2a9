"""Running a recipe: stage after stage into one folder, a finished stage never twice."""

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordsnet._files import writable_folder, write_whole
from cordsnet.errors import RunError
from cordsnet.models import load_model, save_model
from cordsnet.training.divergence import LAST_GOOD
from cordsnet.training.launch import is_main_process, is_single_process, wait_until
from cordsnet.training.recipe import Recipe
from cordsnet.training.record import add_attempt, add_unreadable
from cordsnet.training.sources import Source, as_source
from cordsnet.training.stage import Context, Stage

RESULT, STARTED = "result.json", "started.txt"

NOT_SHARED = ("identity", "notes", "unreadable")
"""Parts of the description of data that stay in the run record, and are not written into the model."""


@dataclass(frozen=True)
class StageReport:
    """Content of `result.json` of a finished stage.

    Attributes
    ----------
    stage : its name.
    folder : where its model, logs and checkpoints are.
    metrics : accuracy on the test images and whatever else the stage measures.
    seconds : how long it took.
    """

    stage: str
    folder: Path
    metrics: dict[str, float]
    seconds: float

    def model(self) -> Any:
        """The model with which the stage ended."""
        return load_model(self.folder)


def fit(
    recipe: Recipe,
    output: str | Path | None = None,
    *,
    only: str | None = None,
    restart: str | None = None,
    progress: bool = True,
) -> dict[str, StageReport]:
    """Run a recipe's stages into `output / stage name`; stages that are finished are not repeated.

    Parameters
    ----------
    recipe : what to run.
    output : folder of the run; created when it is not there. None is `runs/` and the recipe's name.
    only : name of the one stage to run, from the results of those before it.
    restart : name of a stage to discard and run again, with all that build on it.
    progress : draw progress bars.

    Returns
    -------
    Stage name -> report, for every stage that is finished now.

    Raises
    ------
    RunError : the folder holds a stage finished with other settings, or a stage's start is missing.
    DivergedError, TrainingDivergedError : rates, loss, gradients or weights stopped being finite; finished stages are
        kept, and the last good weights are in `output / stage name / last_good`.
    """
    output = writable_folder(Path("runs") / recipe.name if output is None else output)
    if only is not None:
        recipe.stage(only)
    source = as_source(recipe.load_data())
    recipe = recipe.resolved(source)
    spec = recipe.model.spec()
    source.check(spec)
    context = Context(spec, source, output, recipe.seed, progress, recipe.model.kind)
    data = identity(source)
    if restart is not None:  # last, so that a request that is refused discards nothing
        if not is_single_process():
            raise RunError("restart discards results, which only one process can do; restart without a launcher")
        _discard(recipe, recipe.stage(restart), output)
    waiting = [s.name for s in recipe.stages if only in (None, s.name) and read_report(recipe, s, output, data) is None]
    if is_main_process():
        if waiting:
            add_attempt(output, recipe.name, recipe.seed, source.describe())
        write_whole(output / "recipe.json", json.dumps(recipe.to_dict(), indent=1).encode())
    reports = {}
    for stage in recipe.stages:
        report = read_report(recipe, stage, output, data)
        if report is None and only in (None, stage.name):
            report = _run_stage(recipe, stage, context, data)
        if report is not None:
            reports[stage.name] = report
    return reports


def read_report(recipe: Recipe, stage: Stage, output: Path, data: str | None = None) -> StageReport | None:
    """The report of a finished stage, or None when it is not finished.

    Raises RunError when its settings differ, or its data, whose `identity` is given, unless `data` is None.
    """
    path = output / stage.name / RESULT
    if not path.is_file():
        return None
    try:
        written = json.loads(path.read_text())
        report = StageReport(stage.name, path.parent, written["metrics"], written["seconds"])
        mark, _ = written["fingerprint"], written["stage"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error!r}); restart the stage (--restart {stage.name})") from error
    if mark != fingerprint(recipe, stage):
        raise RunError(
            f"stage {stage.name!r} in {output} was finished with other settings ({_difference(written, stage)}); "
            f"restart from it (cordsnet train {recipe.name} --restart {stage.name} --output {output}) "
            "or choose another output folder"
        )
    if None not in (data, written.get("data")) and written["data"] != data:
        raise RunError(
            f"stage {stage.name!r} in {output} was finished on other data: images, labels or classes of "
            f"{recipe.data!r} have changed since; restart from it (cordsnet train {recipe.name} --restart "
            f"{stage.name} --output {output}) or choose another output folder"
        )
    return report


def identity(source: Source) -> str:
    """A digest of the content of the data: of what their description says, or of their images and labels."""
    described = source.describe()
    return str(described.get("identity") or _digest(described))


def fingerprint(recipe: Recipe, stage: Stage) -> str:
    """A digest of a stage's settings, its start's, the network, the seed, and the name of data that have one.

    The content of the data is kept beside it (`identity`).
    """
    below = fingerprint(recipe, recipe.stage(stage.start)) if stage.start else ""
    recipe = recipe.resolved()
    spec, kind = recipe.model.spec(), recipe.model.kind
    network = spec.to_dict() if kind == spec.kind else {"kind": kind, **spec.to_dict()}
    return _digest([stage.to_dict(), network, recipe.data_name, recipe.seed, below])


def _digest(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _run_stage(recipe: Recipe, stage: Stage, context: Context, data: str) -> StageReport:
    if stage.start and is_main_process() and not (context.run / stage.start / RESULT).is_file():
        raise RunError(f"stage {stage.name!r} starts from {stage.start!r}, which is not finished; run that stage first")
    folder, mark = context.run / stage.name, fingerprint(recipe, stage)
    claim = f"{mark} {data}"
    if is_main_process():
        _claim(folder, claim)
    wait_until(lambda: _is_claimed(folder, claim))
    started = time.perf_counter()
    result = stage.run(context)
    if not is_main_process():
        wait_until((folder / RESULT).is_file)
        report = read_report(recipe, stage, context.run, data)
        assert report is not None
        return report
    seconds = time.perf_counter() - started
    metadata = {"recipe": recipe.name, "stage": stage.name, "metrics": result.metrics, "seed": recipe.seed}
    described = context.source.describe()
    add_unreadable(context.run, described)
    shared = {name: value for name, value in described.items() if name not in NOT_SHARED}
    save_model(result.model, folder, metadata | {"data": shared})
    content: dict[str, Any] = {
        "stage": stage.to_dict(),
        "fingerprint": mark,
        "data": data,
        "metrics": result.metrics,
        "seconds": seconds,
    }
    write_whole(folder / RESULT, json.dumps(content, indent=1).encode())
    for left in ("checkpoints", LAST_GOOD):  # only needed while a stage is not finished
        shutil.rmtree(folder / left, ignore_errors=True)
    return StageReport(stage.name, folder, result.metrics, seconds)


def _claim(folder: Path, mark: str) -> None:
    """Write down which stage is trained in `folder`; remove checkpoints and logs of one with other settings."""
    if not _is_claimed(folder, mark):
        for left in (folder / "checkpoints", *folder.glob("logs_*"), *folder.glob("tensorboard_*")):
            shutil.rmtree(left, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / STARTED, mark.encode())


def _is_claimed(folder: Path, mark: str) -> bool:
    note = folder / STARTED
    return note.is_file() and note.read_text() == mark


def _discard(recipe: Recipe, stage: Stage, output: Path) -> None:
    """Remove a stage and every stage that builds on it."""
    gone = {stage.name}
    for later in recipe.stages:
        if later.start in gone:
            gone.add(later.name)
    for name in gone:
        if (output / name).is_dir():
            shutil.rmtree(output / name)


def _difference(written: dict[str, Any], stage: Stage) -> str:
    """The first setting in which a finished stage differs from what is asked now."""
    then, now = _flat(written["stage"]), _flat(json.loads(json.dumps(stage.to_dict())))
    for key in {**then, **now}:
        if then.get(key) != now.get(key):
            return f"{key} was {then.get(key)!r}, is {now.get(key)!r}"
    return "network, data, seed or an earlier stage"


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {prefix.rstrip("."): tree}
    return {k: v for name, part in tree.items() for k, v in _flat(part, f"{prefix}{name}.").items()}

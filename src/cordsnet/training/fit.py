"""Running a recipe: stage after stage into one folder, a finished stage never twice."""

import dataclasses
import hashlib
import json
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from cordsnet._arguments import check_arguments
from cordsnet._files import check_name, remove_parts, writable_folder, write_whole
from cordsnet._processes import check_main_guard
from cordsnet.errors import RunError
from cordsnet.models import load_model, save_model
from cordsnet.training.heads import read_head, write_head
from cordsnet.training.launch import Processes, find_processes, is_main_process
from cordsnet.training.lock import run_lock
from cordsnet.training.loss import Loss
from cordsnet.training.meeting import joined, wait_until
from cordsnet.training.recipe import Recipe
from cordsnet.training.record import add_attempt, add_unreadable
from cordsnet.training.result import RESULT, read_result, write_result
from cordsnet.training.sources import LabelledImages, Source, as_source
from cordsnet.training.stage import Context, Stage
from cordsnet.training.stage_folder import claim, discard, is_claimed, remove_unneeded, stage_folder, tidy

NOT_SHARED = ("identity", "notes", "unreadable")
"""Parts of the description of data that stay in the run record, and are not written into the model."""


@dataclass(frozen=True)
class StageReport:
    """Content of `result.json` of a finished stage.

    Attributes
    ----------
    stage : name of the stage.
    folder : folder of its model, logs and checkpoints.
    metrics : accuracy on the test images and whatever else the stage measures.
    seconds : time that it took.
    """

    stage: str
    folder: Path
    metrics: dict[str, float]
    seconds: float

    def model(self) -> Any:
        """The model with which the stage ended."""
        return load_model(self.folder)

    def head(self, loss: Loss, model: Any) -> nn.Module:
        """The layers that the loss of the stage had put on top of that model; errors as in `read_head`."""
        return read_head(loss, model, self.folder)


@check_arguments
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
    recipe : the recipe to run.
    output : folder of the run; created when it is not there. None is `runs/` and the recipe's name.
    only : name of the one stage to run, from the results of those before it.
    restart : name of a stage to discard and run again, with all that build on it.
    progress : draw progress bars on a terminal; elsewhere a line for each stage that trains, on standard error.

    Returns
    -------
    Stage name -> report, for every stage that is finished now.

    Raises
    ------
    RunError : the folder holds a stage finished with other settings, or a stage's start is missing.
    DivergedError, TrainingDivergedError : rates, loss, gradients or weights stopped being finite; finished stages are
        kept, and the last good weights are in `output / stage name / last_good`.
    """
    check_main_guard("a script that trains")
    recipe.check()
    for name in (only, restart):
        if name is not None:
            recipe.stage(name)
    processes = find_processes()
    if restart is not None and processes.count > 1:
        raise RunError("restart discards results, which only one process can do; restart without a launcher")
    output = writable_folder(Path("runs") / recipe.name if output is None else output)
    main = processes.rank == 0
    with run_lock(output) if main else nullcontext(), joined(processes):
        source = as_source(recipe.load_data())
        recipe = recipe.resolved(source)
        spec = recipe.model.spec()
        source.check(spec)
        _check_batches(recipe, source, only)
        for stage in recipe.stages:
            stage.check_data(source)
        context = Context(spec, source, output, recipe.seed, progress, recipe.model.kind)
        data = identity(source)
        if restart is not None:  # last, so that a request that is refused discards nothing
            discard(recipe, recipe.stage(restart), output)
        if main:
            remove_parts(output)
            _write_down(recipe, source, data, output, only, processes)
        return _run_stages(recipe, context, data, only)


def _write_down(
    recipe: Recipe, source: Source, data: str, output: Path, only: str | None, processes: Processes
) -> None:
    """Record this attempt, if it has anything to do, and the recipe."""
    if any(only in (None, stage.name) and read_report(recipe, stage, output, data) is None for stage in recipe.stages):
        add_attempt(output, recipe.name, recipe.seed, source.describe(), [processes.note] if processes.note else [])
    write_whole(output / "recipe.json", json.dumps(recipe.to_dict(), indent=1).encode())


def _run_stages(recipe: Recipe, context: Context, data: str, only: str | None) -> dict[str, StageReport]:
    reports = {}
    for stage in recipe.stages:
        report = read_report(recipe, stage, context.run, data)
        if is_main_process():
            tidy(context.run / stage.name, finished=report is not None)
        if report is None and only in (None, stage.name):
            report = _run_stage(recipe, stage, context, data)
        if report is not None:
            reports[stage.name] = report
    return reports


def _check_batches(recipe: Recipe, source: Source, only: str | None) -> None:
    """Raise RunError for batches larger than the set of training images, before anything is trained."""
    if not isinstance(source, LabelledImages):
        return
    images = len(source.data.train)
    for stage in recipe.stages if only is None else (recipe.stage(only),):
        batch = getattr(getattr(stage, "optimisation", None), "batch", 0)
        if batch > images:
            raise RunError(
                f"batch = {batch} of stage {stage.name!r} is more than the {images} training images of "
                f"{source.name!r}; lower it (--{stage.name}.optimisation.batch {images})"
            )


def read_report(recipe: Recipe, stage: Stage, output: Path, data: str | None = None) -> StageReport | None:
    """The report of a finished stage, or None when it is not finished.

    Raises RunError when its settings differ, or its data, whose `identity` is given, unless `data` is None; and when
    its result or its weights are damaged or were changed.
    """
    folder = output / check_name(stage.name, "stage")
    written = read_result(folder)
    if written is None:
        return None
    try:
        report = StageReport(stage.name, folder, dict(written["metrics"]), float(written["seconds"]))
    except (ValueError, TypeError) as error:
        raise RunError(
            f"{folder / RESULT} is damaged ({error!r}); restart the stage (--restart {stage.name})"
        ) from error
    if written["fingerprint"] != fingerprint(recipe, stage):
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
    folder, mark = stage_folder(context.run, stage), fingerprint(recipe, stage)
    whole = _digest([mark, data])  # a checkpoint of the same settings on other data is not gone on with
    if is_main_process():
        claim(folder, whole)
    wait_until(lambda: is_claimed(folder, whole))
    started = time.perf_counter()
    result = stage.run(dataclasses.replace(context, fingerprint=whole))
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
    if result.head is not None:
        write_head(result.head, folder)
    content: dict[str, Any] = {
        "stage": stage.to_dict(),
        "fingerprint": mark,
        "data": data,
        "metrics": result.metrics,
        "seconds": seconds,
    }
    write_result(folder, content)
    remove_unneeded(folder)
    return StageReport(stage.name, folder, result.metrics, seconds)


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

"""Sweeps: many runs, one after another or at once, gathered in one table."""

import dataclasses
import importlib
import io
import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch

from cordsnet._files import writable_folder, write_whole
from cordsnet.errors import InterruptionError, RunError
from cordsnet.training.fit import StageReport, fit, read_report
from cordsnet.training.grid import Cell, Run
from cordsnet.training.launch import is_first
from cordsnet.training.recipe import Recipe

TABLE = "table.parquet"

Measure: TypeAlias = Callable[[Recipe, Mapping[str, StageReport]], Mapping[str, Cell]]
"""Extra columns of a finished run, from its recipe and reports; a top-level function, so that it travels to workers."""

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class _Task:
    """What a worker is given besides the run."""

    output: Path
    measure: Measure | None
    progress: bool = False
    threads: int | None = None
    gpus: float = 0.0


def sweep(
    runs: Sequence[Run],
    output: str | Path,
    *,
    measure: Measure | None = None,
    workers: int = 1,
    cpus: float = 1.0,
    gpus: float = 0.0,
    address: str | None = None,
    retries: int = 2,
    progress: bool = True,
) -> list[Row]:
    """Train every run into `output / run.name` and gather the results in `output / table.parquet`.

    Stages that are finished are not repeated, so a sweep that was interrupted goes on by itself. One worker without an
    address is this process; else Ray runs them, on this machine or on the cluster at `address`, which must share
    `output`. A run whose worker was killed goes on from its checkpoint on another.

    Parameters
    ----------
    runs : what to train; see `grid`.
    output : folder of the sweep.
    measure : extra columns, measured once a run is finished.
    workers : runs at once on this machine; a cluster takes as many as it has room for.
    cpus, gpus : what a worker takes; fractions let several share one. A worker without GPUs trains on the processor.
    address : of a Ray cluster, such as "auto"; None is this machine.
    retries : how often a run is taken up again after its worker was killed.
    progress : draw progress bars: of stages in this process, else of runs.

    Returns
    -------
    One row per run, in order: columns, seed, status ("finished" or "failed"), error (one sentence, or ""), metrics as
    "STAGE.METRIC", "STAGE.seconds" and what was measured. Runs that diverge or whose settings do not go together fail;
    the others go on.

    Raises
    ------
    RunError : names of runs clash, the folder cannot be written to, or there is no such GPU.
    InterruptionError : a signal asked this process to stop; finished runs and checkpoints stay.
    """
    import pandas  # here and now, so that it is not missed after the first run  # noqa: F401
    import pyarrow  # noqa: F401

    _check(runs, workers, cpus, gpus)
    output = writable_folder(output).resolve()
    task = _Task(output, measure, progress)
    if workers == 1 and address is None:
        finished: Iterator[tuple[int, Row]] = ((k, _row(run, task)) for k, run in enumerate(runs))
    else:
        task = dataclasses.replace(task, progress=False, threads=max(1, int(cpus)), gpus=gpus)
        places = None if address else math.ceil(workers * cpus)
        finished = _on_ray(runs, task, cpus, places, address, retries, progress)
    rows: dict[int, Row] = {}
    for k, row in finished:
        rows[k] = row
        if is_first():
            _write_table([rows[k] for k in sorted(rows)], output / TABLE)
    return [rows[k] for k in sorted(rows)]


def _check(runs: Sequence[Run], workers: int, cpus: float, gpus: float) -> None:
    if workers < 1 or not cpus > 0 or not gpus >= 0:
        raise ValueError(f"workers and cpus must be above 0, gpus at least 0, got {workers}, {cpus:g} and {gpus:g}")
    names = [Path(run.name) for run in runs]
    for name in names:
        if name.is_absolute() or ".." in name.parts or not name.parts or name.parts[0] == TABLE:
            raise RunError(f"run {str(name)!r} must be named as a folder below the sweep's")
        if names.count(name) > 1 or any(name in other.parents for other in names):
            raise RunError(f"run {str(name)!r} shares its folder with another; give each a name of its own")


def _row(run: Run, task: _Task) -> Row:
    """Train and measure one run."""
    folder, reports, measured = task.output / run.name, {}, {}
    status, reason = "finished", ""
    try:
        reports = fit(run.recipe, folder, progress=task.progress)
        measured = dict(task.measure(run.recipe, reports)) if task.measure else {}
    except (ArithmeticError, ValueError) as error:
        status, reason = "failed", _sentence(error)
        if isinstance(error, ArithmeticError):
            stages = [read_report(run.recipe, stage, folder) for stage in run.recipe.stages]
            reports = {report.stage: report for report in stages if report is not None}
    row: Row = {**run.columns, "run": run.name, "seed": run.recipe.seed, "status": status, "error": reason}
    for name, report in reports.items():
        row |= {f"{name}.{metric}": value for metric, value in report.metrics.items()}
        row[f"{name}.seconds"] = report.seconds
    return row | measured


def _sentence(error: BaseException) -> str:
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return " ".join(f"{error}{notes}".split())


def _write_table(rows: list[Row], path: Path) -> None:
    import pandas

    content = io.BytesIO()
    pandas.DataFrame(rows).to_parquet(content, index=False)
    write_whole(path, content.getvalue())


def _on_ray(
    runs: Sequence[Run],
    task: _Task,
    cpus: float,
    places: int | None,
    address: str | None,
    retries: int,
    progress: bool,
) -> Iterator[tuple[int, Row]]:
    """Rows as they come in, with the positions of their runs."""
    with _ray(address, places, task.gpus) as ray:
        work = ray.remote(num_cpus=cpus, num_gpus=task.gpus, max_retries=retries, retry_exceptions=[InterruptionError])(
            _work
        )
        waiting = {work.remote(run, task): k for k, run in enumerate(runs)}
        try:
            while waiting:
                (done,), _ = ray.wait(list(waiting), num_returns=1)
                k = waiting.pop(done)
                yield k, _result(ray, done, runs[k], retries)
        finally:
            for left in waiting:
                ray.cancel(left)


def _result(ray: Any, done: Any, run: Run, retries: int) -> Row:
    """The row of a run; of a failed one when its worker was killed too often."""
    try:
        row: Row = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        reason = f"its worker was lost {retries + 1} times ({type(error).__name__})"
        return {**run.columns, "run": run.name, "seed": run.recipe.seed, "status": "failed", "error": reason}
    return row


def _work(run: Run, task: _Task) -> Row:
    """A run in a process of Ray's: alone, whatever launcher started the cluster, on its share of the machine."""
    for name in ("RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS"):
        os.environ.pop(name, None)
    if not task.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(task.threads or 1)
    return _row(run, task)


@contextmanager
def _ray(address: str | None, places: int | None, gpus: float) -> Iterator[Any]:
    """Ray: that of this process if there is one, else started, and stopped at the end."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is to be sent anywhere
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise RunError("several workers, or a cluster, need Ray: pip install 'cordsnet[sweep]'") from error
    ours = not ray.is_initialized()
    if ours:
        local = {"num_cpus": places, "include_dashboard": False, "object_store_memory": STORE}
        here = {"address": "local", "_node_ip_address": "127.0.0.1", **local}  # not to be reached from outside
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **({"address": address} if address else here))
    try:
        if gpus and not ray.cluster_resources().get("GPU"):
            raise RunError(f"gpus = {gpus:g}, but Ray finds no GPU; leave it out to train on processors")
        yield ray
    finally:
        if ours:
            ray.shutdown()


STORE = 128 * 2**20
"""Bytes of shared memory for what workers return: rows."""

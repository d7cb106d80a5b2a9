"""Sweeps: many runs, one after another or in parallel, with one table of results."""

import importlib
import io
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeAlias

from cordsnet._arguments import check_arguments
from cordsnet._checks import is_number
from cordsnet._files import check_name, writable_folder, write_whole
from cordsnet._processes import check_main_guard
from cordsnet.errors import RunError
from cordsnet.registry import Registry
from cordsnet.training.fit import StageReport, fit, read_report
from cordsnet.training.grid import Run, TableValue
from cordsnet.training.launch import is_main_process
from cordsnet.training.lock import run_lock
from cordsnet.training.recipe import Recipe
from cordsnet.training.workers import LostCall, Workers, call_on_workers

TABLE = "table.parquet"

Row: TypeAlias = dict[str, Any]

Measure: TypeAlias = Callable[[Recipe, Mapping[str, StageReport]], Mapping[str, TableValue]]
"""Computes extra columns of a finished run. A top-level function, so that it can be pickled."""


@check_arguments
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
    """Train every run in `output / run.name` and write the results to `output / table.parquet`.

    Finished stages are not repeated, so an interrupted sweep continues when it is started again. With one worker and no
    address the runs are trained in this process. Otherwise Ray trains them, on this machine or on the cluster at
    `address`, where `output` must be a shared folder. A run whose worker was killed continues from its checkpoint in
    another worker.

    Parameters
    ----------
    runs : runs to train; see `grid`.
    output : folder of the sweep.
    measure : computes extra columns when a run is finished; None adds none.
    workers : number of parallel runs on this machine; a cluster runs as many as fit.
    cpus, gpus : CPU cores and GPUs per worker of Ray; fractions let several share one. With 0 GPUs, training uses CPUs.
    address : address of a Ray cluster, such as "auto"; None is this machine.
    retries : number of times that a run is started again after its worker was killed.
    progress : show progress bars: of stages in this process, of runs with Ray.

    Returns
    -------
    One row per run, in order: its columns, "run", "seed", "status" ("finished", "diverged" or "failed"), "error"
    (one sentence, or ""), every metric as "STAGE.METRIC", "STAGE.seconds", and the columns of `measure`. A run fails
    when its settings contradict each other or its worker is lost more often than `retries`; the other runs continue.

    Raises
    ------
    RunError : two runs share a folder, the folder cannot be written to, Ray is not installed, or it does not have the
        resources of a worker.
    InterruptionError : a signal asked this process to stop; finished runs and checkpoints are kept.
    """
    for library in ("pandas", "pyarrow"):  # so that a missing one is noticed before the first run and not after it
        importlib.import_module(library)
    check_main_guard("a script that sweeps")
    _check_names(runs)
    places, output = Workers(workers, cpus, gpus, address, retries), writable_folder(output).resolve()
    finished: Iterable[tuple[int, Row | LostCall]]
    if places.is_this_process:
        finished = ((k, _row(run, output, measure, progress)) for k, run in enumerate(runs))
    else:
        finished = call_on_workers(_row, [(run, output, measure, False) for run in runs], places)
        finished = _with_bar(finished, len(runs)) if progress else finished
    rows: dict[int, Row] = {}
    with run_lock(output) if is_main_process() else nullcontext():
        for k, row in finished:
            rows[k] = _lost(runs[k], row) if isinstance(row, LostCall) else row
            if is_main_process():
                _write_table([rows[k] for k in sorted(rows)], output / TABLE)
    return [rows[k] for k in sorted(rows)]


@check_arguments
def summary(rows: Sequence[Row], by: Sequence[str], of: str) -> list[Row]:
    """Mean and standard error of one column over the finished runs of every point of a grid.

    Parameters
    ----------
    rows : rows of a sweep.
    by : columns whose values identify a point of the grid.
    of : column to average, such as "finetune.test_accuracy". Where no run has finished it need not exist.

    Raises
    ------
    ValueError : the rows lack a column, or its values are no numbers.

    Returns
    -------
    One row per point, in order: the columns `by`, "mean", "standard_error" (NaN for a single run), "finished" (number
    of finished runs) and "failed" (number of other runs, including those that diverged).
    """
    _check_columns(rows, [*by, "status"])
    _check_columns([row for row in rows if row["status"] == "finished"], [of])
    points: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        points.setdefault(tuple(row[name] for name in by), []).append(row)
    result = []
    for point, group in points.items():
        values = [row[of] for row in group if row["status"] == "finished"]
        if wrong := [value for value in values if not is_number(value)]:
            raise ValueError(f"column {of!r} must hold numbers to be averaged, got {wrong[0]!r}")
        error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        counts = {"finished": len(values), "failed": len(group) - len(values)}
        mean = statistics.fmean(values) if values else math.nan
        result.append({**dict(zip(by, point, strict=True)), "mean": mean, "standard_error": error, **counts})
    return result


def _check_columns(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Raise ValueError, with the nearest names, for a column that a row lacks."""
    for row in rows:
        known: Registry[None] = Registry("column")
        for column in row:
            known.add(column, None)
        for name in names:
            known[name]


def _check_names(runs: Sequence[Run]) -> None:
    for run in runs:
        for part in Path(run.name).parts:
            if part != ".." and not Path(part).is_absolute():
                check_name(part, "run")
    names = [Path(run.name) for run in runs]
    taken, parents = set[Path](), {parent for name in names for parent in name.parents}
    for name in names:
        if name.is_absolute() or ".." in name.parts or name in (Path(), Path(TABLE)):
            raise RunError(f"run {str(name)!r} must be named as a folder below the folder of the sweep")
        if name in taken or name in parents:
            raise RunError(f"run {str(name)!r} shares its folder with another run; give every run its own name")
        taken.add(name)


def _row(run: Run, output: Path, measure: Measure | None, progress: bool) -> Row:
    """Train and measure one run."""
    folder = output / run.name
    reports: dict[str, StageReport] = {}
    measured: Mapping[str, TableValue] = {}
    status, error = "finished", ""
    try:
        reports = fit(run.recipe, folder, progress=progress)
        measured = measure(run.recipe, reports) if measure else {}
    except ArithmeticError as problem:
        stages = [read_report(run.recipe, stage, folder) for stage in run.recipe.stages]
        reports, error = {report.stage: report for report in stages if report is not None}, _sentence(problem)
        status = "diverged"
    except ValueError as problem:
        status, error = "failed", _sentence(problem)
    numbers: Row = {}
    for name, report in reports.items():
        numbers |= {f"{name}.{metric}": value for metric, value in report.metrics.items()}
        numbers[f"{name}.seconds"] = report.seconds
    return _head(run, status, error) | numbers | dict(measured)


def _lost(run: Run, error: LostCall) -> Row:
    return _head(run, "failed", f"its worker was lost each time ({error.reason}); start the sweep again to continue")


def _head(run: Run, status: str, error: str) -> Row:
    return {**run.columns, "run": run.name, "seed": run.recipe.seed, "status": status, "error": error}


def _sentence(error: Exception) -> str:
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return " ".join(f"{error}{notes}".split())


def _write_table(rows: list[Row], path: Path) -> None:
    import pandas

    content = io.BytesIO()
    pandas.DataFrame(rows).to_parquet(content, index=False)
    write_whole(path, content.getvalue())


def _with_bar(rows: Iterable[Any], total: int) -> Iterable[Any]:
    from rich.progress import track

    return track(rows, "runs", total)

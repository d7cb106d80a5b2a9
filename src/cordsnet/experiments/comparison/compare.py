"""`cordsnet compare`: every model through every experiment, as one table of claims."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from cordsnet._arguments import check_arguments
from cordsnet._files import writable_folder
from cordsnet.errors import RunError
from cordsnet.experiments.claims import Claim
from cordsnet.experiments.comparison.cells import Cell, Plan, code_version, place_of, read_cell, run_cells
from cordsnet.experiments.comparison.pooling import pooled
from cordsnet.experiments.comparison.rows import Row, rows_of
from cordsnet.experiments.experiment import Tell, describe_model, silent
from cordsnet.experiments.multiplicity import corrected, p_value
from cordsnet.experiments.needs import is_dynamical
from cordsnet.experiments.result import Result
from cordsnet.experiments.subjects import Subject, load_subjects
from cordsnet.experiments.table import EXPERIMENTS, MEETING, RECORDINGS, STORED, TRAINED, needs_files
from cordsnet.training.record import describe_process
from cordsnet.training.workers import LostCall, Workers, call_on_workers

SMOKE = "smoke"


def experiments_of(names: Sequence[str] | str, preset: str) -> tuple[str, ...]:
    """Names of experiments that measure given models; "all" are those that have the preset.

    Raises ValueError for unknown names, presets that one does not have, and experiments that train their own networks
    or need the folder of people's answers.
    """
    if names == "all":
        every = [name for name in EXPERIMENTS if name not in (*TRAINED, *STORED, *MEETING, *RECORDINGS)]
        if not (able := tuple(name for name in every if preset in EXPERIMENTS[name].presets)):
            EXPERIMENTS[every[0]].preset(preset)  # which names those that there are
        return able
    found = (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
    if not found:
        raise ValueError('a comparison needs an experiment; give names, or "all"')
    for name in found:
        if EXPERIMENTS[name].trains:
            raise ValueError(f"experiment {name!r} trains its own networks and compares no models; leave it out")
        if EXPERIMENTS[name].stored:
            raise ValueError(f"experiment {name!r} measures stored answers and compares no models; leave it out")
        if name in (*MEETING, *RECORDINGS):
            raise ValueError(needs_files(name))
        EXPERIMENTS[name].preset(preset)
    return found


@check_arguments
def compare(
    models: Sequence[str],
    experiments: Sequence[str] | str = "all",
    *,
    output: str | Path,
    preset: str = SMOKE,
    data: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    workers: Workers | None = None,
    tell: Tell = silent,
) -> Result:
    """Run models through experiments and gather the claims in one table.

    Each cell, one model in one experiment, is kept below `output` and found again as long as weights, images, options,
    seed and code are the same. A cell does not depend on which other models are compared, but for experiments whose
    claims are about a pair: there every dynamical model meets the first static one that is shown the same data, its
    first network the first of them, its second the second.

    Parameters
    ----------
    models : folders of runs or checkpoints, NAME@DATA, or names of models with random weights; a sweep's folder stands
        for all its finished runs. Runs whose paths differ in `seed=K` alone are one row, and its values are means
        over networks with intervals over networks.
    experiments : names, or "all" that measure given models.
    output : folder of the comparison.
    preset : row of options of all experiments, such as "smoke" or "desk".
    data : data set that all are shown; None is what each was trained on.
    seed : of everything that is drawn.
    device : "cpu" or "cuda".
    workers : processes in which models are run, as of `cordsnet sweep`; None is this process.
    tell : called as models begin or are finished.

    Returns
    -------
    Result with the tables "cells" (model, experiment, claim, value, interval, n, verdict, the adjusted probability of
    Holm's procedure over the whole page, and the verdict with it), "skipped" and "models"; and the pooled claims.

    Raises
    ------
    ValueError : unknown names, or experiments that train.
    RunError : no cell could be measured.
    """
    rows = rows_of(models)
    plan = Plan(experiments_of(experiments, preset), preset, str(writable_folder(output)), data, seed, device)
    about, started = describe_process(), time.perf_counter()
    heads = {row.label: _head(row, data) for row in rows}
    found = _run(plan, rows, heads, workers or Workers(), tell)
    claims = [one for row in rows for one in _claims_of(plan, row, found)]
    skipped = _skipped(rows, found)
    if not claims:
        raise RunError(f"nothing could be measured; {skipped[0]['reason'] if skipped else 'no claim is declared'}")
    meta = _meta(plan, found) | {"seconds": time.perf_counter() - started, **about}
    tables = {"cells": _table(claims), "skipped": skipped, "models": _described(rows, heads)}
    return Result(tables, {}, tuple(one.claim for one in claims), meta)


def _meta(plan: Plan, found: Mapping[str, Sequence[Cell]]) -> dict[str, Any]:
    """Plain data about a comparison."""
    return {
        "experiment": "compare",
        "description": "Models through experiments: verdicts on their claims, corrected for how many there are.",
        "options": {
            "preset": plan.preset,
            "experiments": list(plan.experiments),
            "data": plan.data or "each its own",
        },
        "models": {},
        "seed": plan.seed,
        "code": code_version(),
        "reused": sum(cell.reused for cells in found.values() for cell in cells),
    }


@dataclass(frozen=True)
class Measurement:
    """A claim about a row of the comparison.

    Attributes
    ----------
    row : label of the model.
    experiment : name of the experiment.
    claim : pooled over the runs of the row.
    runs : number of networks over which the value is a mean; fewer than 2 where the interval is over images.
    folders : of the cells, relative to that of the comparison.
    """

    row: str
    experiment: str
    claim: Claim
    runs: int
    folders: tuple[str, ...]


Heads: TypeAlias = Mapping[str, Subject | None]
"""Label of a row -> the model of its first run that can be loaded; None where none can, which its cells say."""


def _run(plan: Plan, rows: Sequence[Row], heads: Heads, workers: Workers, tell: Tell) -> dict[str, list[Cell]]:
    """Source -> its cells."""
    jobs, found = _jobs(plan, rows, heads), dict[str, list[Cell]]()
    for k, cells in _finished(jobs, workers, tell):
        if isinstance(cells, LostCall):
            cells = [Cell(name, reason=f"its worker was lost ({cells.reason})") for name in plan.experiments]
        found[str(jobs[k][2])] = cells
    return found


def _claims_of(plan: Plan, row: Row, found: Mapping[str, Sequence[Cell]]) -> list[Measurement]:
    """Every claim about a row, pooled over its runs; about each subject where an experiment reports several."""
    made = []
    for k, name in enumerate(plan.experiments):
        cells = [found[source][k] for source in row.sources if not found[source][k].reason]
        groups: dict[tuple[str, str], list[Claim]] = {}
        for cell in cells:
            for claim in read_cell(plan, cell).claims:
                groups.setdefault((claim.name, claim.subject), []).append(claim)
        for claims in groups.values():
            claim, runs = pooled(claims)
            subject = claim.subject or row.label
            made.append(
                Measurement(
                    row.label, name, replace(claim, subject=subject), runs, tuple(cell.folder for cell in cells)
                )
            )
    return made


def _table(measurements: Sequence[Measurement]) -> tuple[dict[str, Any], ...]:
    """One row for every claim, with its probability adjusted for all of them."""
    claims = [one.claim for one in measurements]
    values = [p_value(one.claim, one.runs) for one in measurements]
    rows = []
    for one, value, (adjusted, verdict) in zip(measurements, values, corrected(claims, values), strict=True):
        low, high = one.claim.interval or (None, None)
        rows.append(
            {
                "model": one.row,
                "experiment": one.experiment,
                "claim": one.claim.name,
                "subject": one.claim.subject,
                "value": one.claim.value,
                "low": low,
                "high": high,
                "n": one.claim.n,
                "of": one.claim.of,
                "verdict": one.claim.verdict,
                "p": value,
                "adjusted_p": adjusted,
                "corrected": verdict,
                "folder": one.folders[0],
            }
        )
    return tuple(rows)


def _skipped(rows: Sequence[Row], found: Mapping[str, Sequence[Cell]]) -> tuple[dict[str, Any], ...]:
    """Models that were left out of experiments, and why; once for all runs of a row with one reason."""
    reasons = {
        (row.label, cell.experiment, cell.reason): source
        for row in rows
        for source in row.sources
        for cell in found[source]
        if cell.reason
    }
    return tuple(
        {"model": label, "part": name, "reason": reason, "run": source}
        for (label, name, reason), source in reasons.items()
    )


def _described(rows: Sequence[Row], heads: Heads) -> tuple[dict[str, Any], ...]:
    """Kind, size and clock of every row; of one of which no run can be loaded, its name alone."""
    found = []
    for row in rows:
        named = {"model": row.label, "runs": len(row.sources), "source": row.sources[0]}
        head = heads[row.label]
        about = {} if head is None else describe_model(head.model)
        found.append(named | {key: about.get(key) for key in ("kind", "parameters", "clock", "trained_on")})
    return tuple(found)


def _head(row: Row, data: str | None) -> Subject | None:
    """The model of the first run of a row that can be loaded; None where none can."""
    for source in row.sources:
        with suppress(ValueError):
            return next(iter(load_subjects([source], data).values()))
    return None


def _jobs(plan: Plan, rows: Sequence[Row], heads: Heads) -> list[tuple[Any, ...]]:
    """Arguments of `run_cells` for every run.

    The k-th network of a row meets the k-th of the static row, so that intervals over networks hold the spread of both.
    """
    beside: dict[str, Row] = {}
    for row in rows:  # the first static model of each data set
        head = heads[row.label]
        if head is not None and not is_dynamical(head.model):
            beside.setdefault(head.data, row)
    jobs: list[tuple[Any, ...]] = []
    places: list[str] = []
    for row in rows:
        head = heads[row.label]
        static = None if head is None else beside.get(head.data)
        for k, source in enumerate(row.sources):
            places.append(place_of(source, places))
            partner = None if static is None else (static.label, static.sources[k % len(static.sources)])
            jobs.append((plan, row.label, source, places[-1], partner))
    return jobs


def _finished(jobs: Sequence[tuple[Any, ...]], workers: Workers, tell: Tell) -> Iterator[tuple[int, Any]]:
    """Position and cells of every job, as they are finished."""
    if not workers.is_this_process:
        for done, (k, cells) in enumerate(call_on_workers(run_cells, jobs, workers), 1):
            tell(str(jobs[k][1]), done, len(jobs))
            yield k, cells
        return
    for k, job in enumerate(jobs):
        tell(str(job[1]), k, len(jobs))
        yield k, run_cells(*job)
    tell("all models", len(jobs), len(jobs))

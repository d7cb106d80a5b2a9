"""Tasks that need time: where a digit drifts, which digit moves, and what the next frame will be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cordsnet._checks import check_count
from cordsnet.errors import RunError
from cordsnet.experiments.claims import Claim, Measured, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.needs import classifies_images, is_dynamical
from cordsnet.experiments.questions.movie_answers import CHANCE, Hits, mean_over, read_movies
from cordsnet.experiments.questions.movie_forecasts import Errors, error_ratio, forecast_movies, next_frame
from cordsnet.experiments.questions.movie_source import (
    FRAME_MS,
    MovieSource,
    frame_steps,
)
from cordsnet.experiments.questions.movie_tasks import BESIDE, CLAIMS, FOUND, LESS, Point, Task, claims_of, tasks_of
from cordsnet.experiments.result import Result
from cordsnet.experiments.training_claims import check_seeds
from cordsnet.models import build
from cordsnet.training import ModelChoice, Optimisation, Recipe, Run, StageReport, Train, sweep

STAGE = "train"


@dataclass(frozen=True)
class TemporalTasksOptions:
    """Options of temporal tasks: networks, and how they are trained.

    Attributes
    ----------
    models : rows of the table of models. One that answers at once sees frames one by one.
    seeds : networks per model and task; they count up from the seed.
    updates, batch, lr : of the training of every network (AdamW, one cycle).
    trials : number of test images, each shown as a movie.
    image_size : height and width of the movies, px; a multiple of 4.
    dt_ms : step of models in continuous time, in training and test; None keeps each row's.
    width : channels of the first area; None keeps each row's.
    """

    models: tuple[str, ...] = ("cordsnet_r2_small", "convlstm_small", "cnn_r2_small")
    seeds: int = 1
    updates: int = 300
    batch: int = 64
    lr: float = 1e-2
    trials: int = 360
    image_size: int = 16
    dt_ms: float | None = 4.0
    width: int | None = None

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        check_count(self.trials, "trials", 1)
        MovieSource("digits", "in order", self.image_size)
        if not self.models or len(set(self.models)) < len(self.models):
            raise ValueError(
                f"models must name at least one model and each once, got {', '.join(self.models) or 'none'}"
            )


@experiment(
    "temporal_tasks",
    options=TemporalTasksOptions,
    presets={
        "smoke": Preset(TemporalTasksOptions(updates=4, batch=16, trials=60, width=4), 0.8, 1.0),
        "desk": Preset(TemporalTasksOptions(), 8.0, 1.5),
        "paper": Preset(TemporalTasksOptions(seeds=5, updates=4000), 2000.0, 1.5),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)
def temporal_tasks(setting: Setting, options: TemporalTasksOptions) -> Result:
    """Direction and next frame of drifting digits, and digits that show by motion alone, with controls without order.

    The table "accuracy" has a row for each model, task, order of the frames in the test, and what is read; intervals
    are over test digits and networks. The table "networks" has one for each network that was trained.

    Raises
    ------
    ValueError : a model that there is not, or that reads no images of this size.
    RunError : a run failed for another reason than divergence.
    """
    made = {name: _built(name, options) for name in options.models}
    runs = [run for name, model in made.items() for run in _runs(name, model, setting.seed, options)]
    swept = sweep(runs, setting.folder(), measure=count_parameters, workers=setting.workers, progress=setting.progress)
    if failed := [row for row in swept if row["status"] == "failed"]:
        raise RunError(f"run {failed[0]['run']!r} failed: {failed[0]['error']}")
    rows, forecasts = list[dict[str, Any]](), list[dict[str, Any]]()
    claims: list[Claim] = []
    for name, model in made.items():
        found = _read(name, model, swept, setting, options)
        rows += _accuracies(name, found, setting.seed)
        errors = _forecast(name, model, swept, setting, options)
        forecasts += _forecast_rows(name, errors, setting.seed)
        measured = _measured(found, setting.seed)
        if errors:
            measured |= {claim: error_ratio(errors, beside, setting.seed) for claim, beside in BESIDE.items()}
        claims += decide(claims_of(model), measured, name)
    tables = {
        "accuracy": rows,
        "forecasts": forecasts,
        "networks": [_network(row) for row in swept],
        "notes": _notes(made, options),
    }
    return Result(tables, claims=tuple(claims))


def count_parameters(recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, int]:
    """Number of parameters of the network with which a run ended."""
    return {"parameters": sum(parameter.numel() for parameter in reports[STAGE].model().parameters())}


def _built(name: str, options: TemporalTasksOptions) -> Any:
    """The model as it is trained, but for its scores. Raises ValueError for one that classifies no images."""
    choice = _choice(name, options)
    model = build(choice.spec(), kind=choice.kind)
    if lack := classifies_images(model):
        raise ValueError(f"model {name!r} {lack}; leave it out of models")
    return model


def _choice(name: str, options: TemporalTasksOptions) -> ModelChoice:
    choice = ModelChoice(name, image_size=options.image_size, width=options.width)
    if options.dt_ms is None or build(choice.spec(), kind=choice.kind).clock.kind != "continuous":
        return choice
    return replace(choice, options={"dt_ms": options.dt_ms})


def _runs(name: str, model: Any, seed: int, options: TemporalTasksOptions) -> list[Run]:
    """One run for every task and seed."""
    how = {"lr": options.lr, "updates": options.updates, "batch": options.batch}
    optimisation = Optimisation(clip=1.0, weight_decay=1e-4, **how)  # type: ignore[arg-type]
    choice = _choice(name, options)
    return [
        Run(
            f"{name}/{task.data}_{task.task.replace(' ', '_')}/seed={k}",
            Recipe("temporal_tasks", (_stage(task, model, optimisation),), choice, task.data, k),
            {"model": name, "content": task.content, "trained": task.trained, "task": task.task},
        )
        for task in tasks_of(model)
        for k in range(seed, seed + options.seeds)
    ]


def _stage(task: Task, model: Any, optimisation: Optimisation) -> Train:
    return Train(STAGE, loss=task.loss(model), optimisation=optimisation)


def _networks(
    name: str, task: Task, swept: Sequence[Mapping[str, Any]], setting: Setting
) -> Iterator[tuple[Any, StageReport]]:
    """Every finished network of a model and a task, with the report of its training."""
    for row in swept:
        mine = (row["model"], row["content"], row["trained"], row["task"])
        if mine == (name, task.content, task.trained, task.task) and row["status"] == "finished":
            report = StageReport(STAGE, setting.folder() / str(row["run"]) / STAGE, {}, 0.0)
            yield report.model(), report


def _forecast(
    name: str, model: Any, swept: Sequence[Mapping[str, Any]], setting: Setting, options: TemporalTasksOptions
) -> list[Errors]:
    """Errors of every network of a model that predicts the next frame."""
    source = MovieSource("digits", "in order", options.image_size)
    return [
        forecast_movies(network, report.head(next_frame(network), network), source, options.trials)
        for task in tasks_of(model)
        if task.task == "next frame"
        for network, report in _networks(name, task, swept, setting)
    ]


def _read(
    name: str, model: Any, swept: Sequence[Mapping[str, Any]], setting: Setting, options: TemporalTasksOptions
) -> dict[Point, list[Any]]:
    """Answers that every finished network of a model gives correctly, movie by movie."""
    found: dict[Point, list[Any]] = {}
    for task in tasks_of(model):
        for network, _ in _networks(name, task, swept, setting):
            for tested in task.tested:
                hits: Hits = read_movies(network, MovieSource(task.content, tested, options.image_size), options.trials)
                for read, right in hits.items():
                    found.setdefault((task.content, task.trained, tested, read), []).append(right)
    return found


def _accuracies(name: str, found: Mapping[Point, list[Any]], seed: int) -> list[dict[str, Any]]:
    rows = []
    for (content, trained, tested, read), hits in found.items():
        measured = mean_over(hits, seed)
        low, high = measured.interval or (None, None)
        rows.append(
            {
                "model": name, "content": content, "trained": trained, "tested": tested, "read": read,
                "accuracy": measured.value, "low": low, "high": high, "chance": CHANCE[read], "networks": len(hits),
                "digits": measured.n,
            }
        )  # fmt: skip
    return rows


def _forecast_rows(name: str, errors: Sequence[Errors], seed: int) -> list[dict[str, Any]]:
    rows = []
    for beside in BESIDE.values() if errors else ():
        measured = error_ratio(errors, beside, seed)
        low, high = measured.interval or (None, None)
        rows.append(
            {
                "model": name, "beside": beside, "error": float(np.mean([one["network"] for one in errors])),
                "error_beside": float(errors[0][beside].mean()), "ratio": measured.value, "low": low, "high": high,
                "networks": len(errors), "digits": measured.n,
            }
        )  # fmt: skip
    return rows


def _measured(found: Mapping[Point, list[Any]], seed: int) -> dict[str, Measured]:
    measured = {claim: mean_over(found[point], seed) for claim, point in FOUND.items() if point in found}
    for claim, (first, second) in LESS.items():
        if first in found and second in found:
            measured[claim] = mean_over(found[first], seed, found[second])
    return measured


def _network(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("model", "content", "trained", "task", "seed", "status", "error", "parameters")
    return {name: row.get(name) for name in kept} | {"seconds": row.get(f"{STAGE}.seconds")}


def _notes(made: Mapping[str, Any], options: TemporalTasksOptions) -> list[dict[str, str]]:
    notes = [
        {
            "model": name,
            "note": f"a frame stays {frame_steps(model) * model.dt_ms:g} ms, whole steps, not {FRAME_MS:g} ms",
        }
        for name, model in made.items()
        if is_dynamical(model) and abs(frame_steps(model) * model.dt_ms - FRAME_MS) > 1e-9
    ]
    if options.seeds == 1:
        notes.append(
            {"model": "all", "note": "one network per model and task, so that intervals are over digits alone"}
        )
    return notes

"""Pixel tasks: which front ends let a network with the properties of prefrontal cortex learn tasks from movies?"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cordsnet.data.people.roitman2002 import DotTrials, load_dots
from cordsnet.experiments.claims import Claim, Measured, decide
from cordsnet.experiments.cognition.dot_curves import chance, fall_of_times, falling, of_monkeys, rmse, unseen
from cordsnet.experiments.cognition.movies import COHERENCES, DOTS, MOVIES, movie_of, movie_runs
from cordsnet.experiments.cognition.pixel_options import CLAIMS, PixelOptions
from cordsnet.experiments.cognition.recurrences import STAGE
from cordsnet.experiments.cognition.trained import LEARNT, check_swept, trained_model
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import share, share_difference
from cordsnet.experiments.needs import is_dynamical
from cordsnet.experiments.result import Result
from cordsnet.models import MODELS, create_model
from cordsnet.tasks import BehaviourCurves, Performance, Task, behaviour_curves, evaluate_task
from cordsnet.tasks.source import TEST_SEED
from cordsnet.training import Recipe, Run, StageReport, sweep


@experiment(
    "pixel_tasks",
    options=PixelOptions,
    presets={
        "smoke": Preset(
            PixelOptions(("go_nogo",), ("cordsnet_pfc_small",), updates=60, trials=100, curve_trials=100), 0.3, 1.5
        ),
        "desk": Preset(PixelOptions(), 60.0, 1.5, up_to=135.0),
        "paper": Preset(PixelOptions(seeds=5, trials=1000, curve_trials=6000), 300.0, 1.5),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)
def pixel_tasks(setting: Setting, options: PixelOptions) -> Result:
    """Networks of several areas learn tasks from movies, and differ in what sees the movies.

    Every network of a task has the same trials in the same order and as many updates, and the same vector area behind
    its front end. The table "networks" has a row for each network, "levels" its accuracy by condition, and "curves"
    accuracy and reaction time of random dots, with those of monkeys if a file is given.

    Raises
    ------
    ValueError : a model that is no network of several areas.
    DataError : the file of the monkeys cannot be read.
    RunError : a run failed for another reason than divergence.
    """
    monkeys = load_dots(options.monkeys) if options.monkeys else None
    seeds = range(setting.seed, setting.seed + options.seeds)
    runs = [
        run
        for task in options.tasks
        for name in options.models
        for run in movie_runs(movie_of(task), name, seeds, options.trials, options.updates)
    ]
    swept = sweep(runs, setting.folder(), measure=_count, workers=setting.workers, progress=setting.progress)
    check_swept(swept)
    networks, levels = list[dict[str, Any]](), list[dict[str, Any]]()
    curves: dict[str, list[BehaviourCurves]] = {}
    for run, row in zip(runs, swept, strict=True):
        made, found = _network(run, row, setting, options)
        networks.append(made)
        levels += found
        if row["task"] == DOTS and row["status"] == "finished":
            curves.setdefault(row["model"], []).append(_curves(row, setting, options))
    tables: dict[str, Sequence[Mapping[str, Any]]] = {
        "networks": networks,
        "levels": levels,
        "curves": [*_curve_rows(curves), *of_monkeys(monkeys)],
        "notes": _notes(options, curves, monkeys),
    }
    claims = [one for name in options.models for one in _claims(name, networks, curves, monkeys, options, setting.seed)]
    return Result(tables, {}, tuple(claims))


def _count(recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, float]:
    """Parameters of the network with which a run ended; updates and seconds of all its stages."""
    stages: tuple[Any, ...] = recipe.stages
    made = sum(reports[stage.name].metrics.get("updates", stage.optimisation.updates) for stage in stages)
    parameters = sum(parameter.numel() for parameter in reports[STAGE].model().parameters())
    return {"parameters": parameters, "updates": made, "seconds": sum(report.seconds for report in reports.values())}


def _network(
    run: Run, row: Mapping[str, Any], setting: Setting, options: PixelOptions
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A row of the table of networks, and its accuracy by condition; a network that diverged answers nothing."""
    kept = ("task", "model", "seed", "status", "error", "parameters", "updates", "seconds")
    made = {name: row.get(name) for name in kept} | {"learnt": False, "hits": 0, "asked": options.trials}
    if row["status"] != "finished":
        return made, []
    task = movie_of(row["task"])
    found = evaluate_task(trained_model(row, setting), task.for_tests(), options.trials, TEST_SEED)
    levels, counted = found.rows(), _counted(found)
    hits, asked = int(found.answers.correct[counted].sum()), int(counted.sum())
    made |= {name: levels[0][name] for name in ("accuracy", "low", "high", "trials")}
    made |= {"hits": hits, "asked": asked, "early": float(found.answers.early.double().mean())}
    made["learnt"] = hits / asked >= LEARNT
    here = {name: row[name] for name in ("task", "model", "seed")}
    return made, [here | level for level in levels[1:]]


def _counted(found: Performance) -> Tensor:
    """Trials that say if a network learnt a task [N]. Raises ValueError where there are none."""
    if (easy := MOVIES[found.task.kind].easiest) is None:
        return torch.ones_like(found.answers.correct, dtype=torch.bool)
    name, value = easy
    counted = found.conditions[name] == value
    if not bool(counted.any()):
        raise ValueError(
            f"trials must be more: none of {len(counted)} has {name} {value:g}, which says what was learnt"
        )
    return counted


def _curves(row: Mapping[str, Any], setting: Setting, options: PixelOptions) -> BehaviourCurves:
    task: Task = movie_of(DOTS)
    how: dict[str, Any] = {"threshold": options.threshold, "seed": TEST_SEED + 1, "forced": True}
    return behaviour_curves(trained_model(row, setting), task, options.curve_trials, draws=0, **how)


def _curve_rows(curves: Mapping[str, Sequence[BehaviourCurves]]) -> list[dict[str, Any]]:
    return [
        {"who": name, "seed": number, **row}
        for name, each in curves.items()
        for number, one in enumerate(each)
        for row in one.reactions.rows()
    ]


def _claims(
    name: str,
    networks: Sequence[Mapping[str, Any]],
    curves: Mapping[str, Sequence[BehaviourCurves]],
    monkeys: DotTrials | None,
    options: PixelOptions,
    seed: int,
) -> tuple[Claim, ...]:
    """Claims about one front end. Curves are those of the first seed that finished."""
    measured = {"learns": _lowest(name, networks, options.tasks)}
    static = [model for model in options.models if is_static(model)]
    if name not in static and static and DOTS in options.tasks:
        measured["motion"] = share_difference(*_total(name, networks, DOTS), *_total(static[0], networks, DOTS))
    if curves.get(name):
        shown = curves[name][0].reactions
        measured |= {"ordered": falling(shown), "guesses": chance(shown)}
        if monkeys is not None:
            measured |= {"accuracy_of_monkeys": rmse(shown, monkeys, seed)}
            measured |= {"times_of_monkeys": fall_of_times(shown, seed)}
    return decide(CLAIMS, measured, name)


def is_static(name: str) -> bool:
    """True if the front end of a row sees every frame as it is, without a state."""
    front = MODELS[name].spec.front  # type: ignore[attr-defined]
    return not is_dynamical(create_model(front, **MODELS[front].tiny))


def _lowest(name: str, networks: Sequence[Mapping[str, Any]], tasks: Sequence[str]) -> Measured:
    """Accuracy of the task that is learnt worst; the interval is that of this task."""
    return min((share(*_asked(name, networks, task)) for task in tasks), key=lambda found: found.value)


def _asked(name: str, networks: Sequence[Mapping[str, Any]], task: str) -> tuple[int, int]:
    """Right answers and trials of the networks of a row in a task, of the trials that say what was learnt."""
    rows = [row for row in networks if (row["model"], row["task"]) == (name, task)]
    return sum(int(row["hits"]) for row in rows), sum(int(row["asked"]) for row in rows)


def _total(name: str, networks: Sequence[Mapping[str, Any]], task: str) -> tuple[int, int]:
    """Right answers and trials of the networks of a row in a task, all trials."""
    rows = [row for row in networks if (row["model"], row["task"]) == (name, task) and "accuracy" in row]
    return round(sum(row["accuracy"] * row["trials"] for row in rows)), sum(int(row["trials"]) for row in rows)


def _notes(
    options: PixelOptions, curves: Mapping[str, Sequence[BehaviourCurves]], monkeys: DotTrials | None
) -> list[dict[str, str]]:
    """Say what was assumed."""
    notes = [("all", "efforts were searched with the CordsNet front end and seed 0, so that they flatter it")]
    if options.seeds < 2:
        notes.append(("all", "one network for each task and front end: intervals are over trials alone"))
    if DOTS in options.tasks:
        said = f"an answer counts at a probability of {options.threshold:g}, or else at the end of the decision period"
        notes.append((DOTS, said))
    if monkeys is not None and (other := unseen(monkeys, COHERENCES)):
        said = ", ".join(f"{level:g}" for level in other)
        notes.append((DOTS, f"monkeys were shown coherences that networks were not ({said}): accuracies not compared"))
    notes += [(name, note) for name, each in curves.items() for note in dict.fromkeys(n for c in each for n in c.notes)]
    return [{"model": subject, "note": note} for subject, note in notes]

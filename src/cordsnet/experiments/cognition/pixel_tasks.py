"""Pixel tasks: which front ends let a network with the properties of prefrontal cortex learn tasks from movies?"""

from collections.abc import Mapping, Sequence
from typing import Any

from cordsnet.data.people.roitman2002 import DotTrials, load_dots
from cordsnet.errors import RunError
from cordsnet.experiments.claims import Claim, Measured, decide
from cordsnet.experiments.cognition.dot_curves import chance, fall_of_times, falling, of_monkeys, rmse
from cordsnet.experiments.cognition.movies import DOTS, MOVIES, movie_of, movie_runs
from cordsnet.experiments.cognition.pixel_options import CLAIMS, LEARNT, PixelOptions
from cordsnet.experiments.cognition.recurrences import STAGE
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import share, share_difference
from cordsnet.experiments.needs import is_dynamical
from cordsnet.experiments.result import Result
from cordsnet.models import MODELS, create_model
from cordsnet.tasks import BehaviourCurves, Task, behaviour_curves, evaluate_task
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
    if failed := [row for row in swept if row["status"] == "failed"]:
        raise RunError(f"run {failed[0]['run']!r} failed: {failed[0]['error']}")
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
        "notes": _notes(options, curves),
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
    found = evaluate_task(_model(row, setting), task.for_tests(), options.trials, TEST_SEED)
    levels = found.rows()
    counted = levels[0] if (easy := MOVIES[row["task"]].easiest) is None else _level(levels, *easy)
    hits = round(counted["accuracy"] * counted["trials"])
    made |= {name: levels[0][name] for name in ("accuracy", "low", "high", "trials")}
    made |= {"hits": hits, "asked": counted["trials"], "early": float(found.answers.early.double().mean())}
    made["learnt"] = hits / counted["trials"] >= LEARNT
    here = {name: row[name] for name in ("task", "model", "seed")}
    return made, [here | level for level in levels[1:]]


def _level(levels: Sequence[Mapping[str, Any]], condition: str, value: float) -> Mapping[str, Any]:
    return next(level for level in levels if level["condition"] == f"{condition} {value:g}")


def _model(row: Mapping[str, Any], setting: Setting) -> Any:
    return StageReport(STAGE, setting.folder() / str(row["run"]) / STAGE, {}, 0.0).model().eval()


def _curves(row: Mapping[str, Any], setting: Setting, options: PixelOptions) -> BehaviourCurves:
    task: Task = movie_of(DOTS)
    how: dict[str, Any] = {"threshold": options.threshold, "seed": TEST_SEED + 1, "forced": True}
    return behaviour_curves(_model(row, setting), task, options.curve_trials, draws=0, **how)


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
    """What is claimed of one front end. Curves are those of the first seed that finished."""
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


def _notes(options: PixelOptions, curves: Mapping[str, Sequence[BehaviourCurves]]) -> list[dict[str, str]]:
    """Say what was assumed."""
    notes = [("all", "efforts were searched with the CordsNet front end and seed 0, so that they flatter it")]
    if options.seeds < 2:
        notes.append(("all", "one network for each task and front end: intervals are over trials alone"))
    if DOTS in options.tasks:
        said = f"an answer counts at a probability of {options.threshold:g}, or else at the end of the decision period"
        notes.append((DOTS, said))
    notes += [(name, note) for name, each in curves.items() for note in dict.fromkeys(n for c in each for n in c.notes)]
    return [{"model": subject, "note": note} for subject, note in notes]

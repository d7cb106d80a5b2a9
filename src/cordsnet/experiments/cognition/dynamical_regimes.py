"""Regimes of recurrent networks as they are scaled, and the attractors that they grow when they are trained."""

from collections.abc import Mapping, Sequence
from typing import Any

from cordsnet.experiments.claims import Claim, Measured, decide
from cordsnet.experiments.cognition.gain_sweep import extreme, regime_row
from cordsnet.experiments.cognition.grown_attractors import QUESTIONS, attractor_rows, confirmed, shown_states, slow_of
from cordsnet.experiments.cognition.options import MODELS
from cordsnet.experiments.cognition.recurrences import count_parameters, task_of
from cordsnet.experiments.cognition.regime_options import CLAIMS, RegimesOptions
from cordsnet.experiments.cognition.trained import check_swept, drawn_model, network_row, trained_model
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.result import LabelledArray, Result
from cordsnet.tasks import Task
from cordsnet.training import ModelChoice, sweep

SWEPT, GROWN = ("stable", "chaotic", "oscillates"), ("attractor", "control")
"""Claims about scaled and about trained networks."""


@experiment(
    "dynamical_regimes",
    options=RegimesOptions,
    presets={
        "smoke": Preset(
            RegimesOptions(
                ("delayed_saccade",), MODELS[:2], seeds=1, updates=20, batch=32, trials=60, gains=(0.5, 6.0),
                scaled=("vector_rnn_conv_small",), duration_tau=30.0, starts=16,
            ), 0.5, 1.0,
        ),
        "desk": Preset(RegimesOptions(), 8.0, 1.0),
        "paper": Preset(
            RegimesOptions(
                units=(64, 144, 256), seeds=5, updates=10_000, timing="own", dt_ms=20.0, duration_tau=1000.0
            ), 60.0 * 170, 2.0,
        ),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)  # fmt: skip
def dynamical_regimes(setting: Setting, options: RegimesOptions) -> Result:
    """Regimes of untrained networks against the gain, and attractors that networks grow in cognitive tasks.

    The table "regimes" has a row for each scaled network; "networks" one for each that was trained, under the names of
    expressivity; "attractors" one for each network that learnt, and one for the same network before training.

    Raises
    ------
    ValueError : a model that reads no vectors, or a timing that is no whole number of frames.
    RunError : a run failed for another reason than divergence.
    """
    regimes = _regimes(setting, options)
    tasks = {name: task_of(name, options.timing, options.dt_ms) for name in options.tasks}
    runs = [run for task in tasks.values() for run in options.runs(task, setting.seed)]
    choices = {run.name: run.recipe.model for run in runs}
    swept = sweep(runs, setting.folder(), measure=count_parameters, workers=setting.workers, progress=setting.progress)
    check_swept(swept)
    tables: dict[str, list[dict[str, Any]]] = {"regimes": regimes, "networks": [], "attractors": [], "notes": []}
    arrays: dict[str, LabelledArray] = {}
    claims = _claims_of_gains(regimes, options)
    for k, (name, task) in enumerate(tasks.items()):
        setting.tell(f"attractors of {name}", k, len(tasks))
        part = _grown(task, [row for row in swept if row["task"] == name], choices, setting, options)
        for table, found in part.tables.items():
            tables[table] += [dict(row) for row in found]
        arrays |= part.arrays
        claims += part.claims
    return Result(tables, arrays, tuple(claims))


def _regimes(setting: Setting, options: RegimesOptions) -> list[dict[str, Any]]:
    points = [(name, gain) for name in options.scaled for gain in options.gains]
    rows = []
    for k, (name, gain) in enumerate(points):
        setting.tell(f"{name} of gain {gain:g}", k, len(points))
        for seed in range(setting.seed, setting.seed + options.seeds):
            rows.append(regime_row(name, gain, seed, options.activation, options.duration_tau))
    return rows


def _claims_of_gains(regimes: Sequence[Mapping[str, Any]], options: RegimesOptions) -> list[Claim]:
    claims = list[Claim]()
    for name in options.scaled:
        rows = [row for row in regimes if row["model"] == name]
        measured = {
            "stable": extreme(rows, options.gains[0], largest=True),
            "chaotic": extreme(rows, options.gains[-1], largest=False),
            "oscillates": Measured(sum(bool(row.get("closes")) for row in rows), None, len(rows)),
        }
        claims += decide([claim for claim in CLAIMS if claim.name in SWEPT], measured, name)
    return claims


def _grown(
    task: Task,
    swept: Sequence[Mapping[str, Any]],
    choices: Mapping[str, ModelChoice],
    setting: Setting,
    options: RegimesOptions,
) -> Result:
    """Accuracies of all networks of a task, and the attractors of those that learnt, trained and as drawn."""
    networks, rows, arrays = list[dict[str, Any]](), list[dict[str, Any]](), dict[str, LabelledArray]()
    for row in swept:
        made, _ = network_row(task, row, setting, options.trials)
        networks.append(made)
        if not made["learnt"]:
            continue
        about = {name: row[name] for name in ("task", "model", "units", "seed")}
        models = {"trained": trained_model(row, setting), "drawn": drawn_model(task, choices[row["run"]], row["seed"])}
        for weights, model in models.items():
            found, states = attractor_rows(model, task, options.slow_ms, options.starts, setting.seed)
            rows += [about | {"weights": weights} | one for one in found]
            label = f"states/{task.kind}/{row['units']}/{row['model']}"
            shown = shown_states(states, QUESTIONS[task.kind].condition)
            if weights == "trained" and label not in arrays and shown is not None:
                arrays[label] = shown
    tables = {"networks": networks, "attractors": rows, "notes": _notes(task, networks, options)}
    return Result(tables, arrays, _claims_of_task(task, rows, options))


def _claims_of_task(task: Task, rows: Sequence[Mapping[str, Any]], options: RegimesOptions) -> tuple[Claim, ...]:
    claims = list[Claim]()
    attractor, control = (claim for claim in CLAIMS if claim.name in GROWN)
    for units in options.units:
        here = task.kind if len(options.units) == 1 else f"{task.kind}, {units} units"
        mine = [row for row in rows if row["units"] == units]
        for name in options.models:
            learnt = [row for row in mine if row["weights"] == "trained" and row["model"] == name]
            claims.append(attractor.found(confirmed(learnt), f"{here}, {name}"))
        drawn = [row for row in mine if row["weights"] == "drawn"]
        networks = {(row["model"], row["seed"]) for row in drawn}
        wrong = {(row["model"], row["seed"]) for row in drawn if row["claims"]}
        measured = Measured(len(wrong), None, len(networks)) if networks else Measured(float("nan"))
        claims.append(control.found(measured, here))
    return tuple(claims)


def _notes(task: Task, networks: Sequence[Mapping[str, Any]], options: RegimesOptions) -> list[dict[str, str]]:
    slow = slow_of(task, options.slow_ms)
    notes = [f"directions count as slow that keep half of a displacement for {slow:g} ms"]
    if missing := sum(not row["learnt"] for row in networks):
        notes.append(f"{missing} of {len(networks)} networks answer less than 90 %, and are not asked for an attractor")
    if options.timing == "short":
        notes.append("trials are shorter than the task's own, with delays of 120 to 400 ms")
    return [{"task": task.kind, "note": note} for note in notes]

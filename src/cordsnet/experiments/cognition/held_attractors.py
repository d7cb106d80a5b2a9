"""Attractors that networks hold after training from short to long delays, by three witnesses."""

from collections.abc import Mapping, Sequence
from typing import Any

from cordsnet.experiments.claims import Claim, Measured
from cordsnet.experiments.cognition.grown_attractors import attractor_rows, confirmed, shown_states
from cordsnet.experiments.cognition.held_efforts import HELD, LARGE, Held
from cordsnet.experiments.cognition.held_options import CLAIMS, HeldOptions
from cordsnet.experiments.cognition.held_runs import held_runs
from cordsnet.experiments.cognition.recurrences import count_parameters
from cordsnet.experiments.cognition.trained import check_swept, drawn_model, network_row, trained_model
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.result import LabelledArray, Result
from cordsnet.training import ModelChoice, sweep


@experiment(
    "held_attractors",
    options=HeldOptions,
    presets={
        "smoke": Preset(
            HeldOptions(("flip_flop",), large=(), updates=5, batch=8, trials=20, units=16, starts=16), 0.3, 1.0
        ),
        "desk": Preset(HeldOptions(), 30.0, 2.0),
        "paper": Preset(HeldOptions(units=256, seeds=5), 600.0, 2.0),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)
def held_attractors(setting: Setting, options: HeldOptions) -> Result:
    """Points, lines, rings and cycles that networks hold once they are trained from short to long delays.

    The table "networks" has a row for each network that was trained; "attractors" one for each part of the question to
    each network that learnt, and the same for that network before training.

    Raises
    ------
    ValueError : a model that reads no vectors.
    RunError : a run failed for another reason than divergence.
    """
    runs = held_runs(options, setting.seed)
    choices = {run.name: run.recipe.model for run in runs}
    swept = sweep(runs, setting.folder(), measure=count_parameters, workers=setting.workers, progress=setting.progress)
    check_swept(swept)
    tables: dict[str, list[dict[str, Any]]] = {"networks": [], "attractors": [], "notes": []}
    arrays: dict[str, LabelledArray] = {}
    for k, row in enumerate(swept):
        setting.tell(f"attractor of {row['run']}", k, len(swept))
        held = (LARGE if row["size"] == "large" else HELD)[row["task"]]
        network, rows, states = _asked(row, choices[row["run"]], held, setting, options)
        tables["networks"].append(network)
        tables["attractors"] += rows
        arrays |= states
    tables["notes"] = _notes(tables["networks"], tables["attractors"])
    return Result(tables, arrays, _claims(tables["networks"], tables["attractors"]))


def _asked(
    row: Mapping[str, Any], choice: ModelChoice, held: Held, setting: Setting, options: HeldOptions
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, LabelledArray]]:
    """Accuracy of a network; what it holds, if it learnt, and what it held before training; and its states."""
    task = held.task(row["task"])
    network, _ = network_row(task, row, setting, options.trials)
    if not network["learnt"]:
        return network, [], {}
    about = {name: row[name] for name in ("task", "model", "units", "seed")}
    rows, arrays = list[dict[str, Any]](), dict[str, LabelledArray]()
    models = {"trained": trained_model(row, setting), "drawn": drawn_model(task, choice, row["seed"])}
    for weights, model in models.items():
        found, states = attractor_rows(model, task, options.slow_ms, options.starts, setting.seed, held.question)
        rows += [about | {"weights": weights} | one for one in found]
        shown = shown_states(states, held.question.condition)
        if weights == "trained" and row["seed"] == setting.seed and shown is not None:
            arrays[f"states/{row['task']}/{row['units']}/{row['model']}"] = shown
    return network, rows, arrays


def _claims(networks: Sequence[Mapping[str, Any]], attractors: Sequence[Mapping[str, Any]]) -> tuple[Claim, ...]:
    """Claims with what was measured of each task, model and size."""
    held, control = CLAIMS
    claims = list[Claim]()
    for task, model, units in dict.fromkeys((row["task"], row["model"], row["units"]) for row in networks):
        mine = [row for row in attractors if (row["task"], row["model"], row["units"]) == (task, model, units)]
        drawn = [row for row in mine if row["weights"] == "drawn"]
        wrong = {row["seed"] for row in drawn if row["claims"]}
        count = len({row["seed"] for row in drawn})
        subject = f"{task}, {model}, {units:,} units"
        claims.append(held.found(confirmed([row for row in mine if row["weights"] == "trained"]), subject))
        claims.append(control.found(Measured(len(wrong), None, count) if count else Measured(float("nan")), subject))
    return tuple(claims)


def _notes(networks: Sequence[Mapping[str, Any]], attractors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """For each task, the time of the question and how many networks were not asked."""
    notes = list[dict[str, str]]()
    for task in dict.fromkeys(row["task"] for row in networks):
        slow = sorted({float(row["slow_ms"]) for row in attractors if row["task"] == task})
        if slow:
            said = " or ".join(f"{one:g}" for one in slow)
            notes.append(
                {"task": task, "note": f"directions count as slow that keep half of a displacement for {said} ms"}
            )
        mine = [row for row in networks if row["task"] == task]
        if missing := sum(not row["learnt"] for row in mine):
            notes.append(
                {"task": task, "note": f"{missing} of {len(mine)} networks answer less than 90 %, and are not asked"}
            )
    return notes

"""The command of cognitive tasks: list them, show a trial, train a network, evaluate it."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

from cordsnet.cli.early import check_model_name, given, with_model_name
from cordsnet.cli.options import COMMANDS, add_json, add_run_options, make_parser, parse, print_json
from cordsnet.cli.playing import play_task
from cordsnet.cli.subjects import CHECKPOINT, add_task, chosen_task, subject, task_first
from cordsnet.cli.telling import says_progress, telling
from cordsnet.tasks.table import TASKS


@COMMANDS.register("tasks")
def tasks(words: Sequence[str]) -> None:
    """Tasks: `list`, `show | train TASK`, `evaluate | play | curves | attractors | onsets TASK CHECKPOINT`."""
    first = words[0] if words else "list"
    if first in ("-h", "--help"):
        print(f"usage: cordsnet tasks {{{','.join(FURTHER)}}} [TASK] [options]\n\n{tasks.__doc__}")
        return
    if first not in FURTHER:
        raise ValueError(f"tasks has no command {first!r}; it has {', '.join(FURTHER)}")
    FURTHER[first](words[1:])


def _list(words: Sequence[str]) -> None:
    """Names, periods and sources."""
    parser = make_parser("tasks list", "List the tasks.")
    parser.add_argument("pattern", nargs="?", default="*", help="shell pattern, such as 'match_*'")
    add_json(parser)
    options = parse(parser, words)
    rows = [_facts(name) for name in TASKS.names(options.pattern)]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(f"{row['name']:<20}{row['about']}\n{'':<20}{row['source']}")


def _facts(name: str) -> dict[str, Any]:
    """Plain data about a task with its own settings."""
    from cordsnet.tasks import create_task

    task = create_task(name)
    outputs = [{"name": output, "axis": axis, "size": size} for output, axis, size in task.outputs]
    facts = {"name": name, "about": task.about, "source": task.source, "periods_ms": task.timings, "outputs": outputs}
    return facts | {"channels": list(task.vector_channels), "settings": task.to_dict()}


def _show(words: Sequence[str]) -> None:
    """One trial as a movie and a timing diagram."""
    name = task_first("show", words)
    parser = make_parser(f"tasks show {name}", "Draw one trial: a movie, and what is shown and wanted over time.")
    parser.add_argument("--seed", type=int, default=0, help="of the trial")
    add_run_options(parser, f"runs/tasks/{name}")
    add_task(parser, name)
    options = parse(parser, words[1:])
    task = chosen_task(name, parser, options)
    from cordsnet.report.trials import write_trial

    written = write_trial(task, options.seed, options.output)
    if options.json:
        print_json(_facts(name) | {"files": [str(path) for path in written]})
        return
    print(task.about)
    for label, value in _facts(name)["periods_ms"].items():
        print(f"  {label:<12}{value} ms")
    for path in written:
        print(path)


def _train(words: Sequence[str]) -> None:
    """Train a network on trials of a task."""
    name = task_first("train", words)
    words = with_model_name(words)
    check_model_name(words)
    rendering = given(words, "--task.rendering") or "vector"
    from cordsnet.tasks import create_task
    from cordsnet.tasks.recipe import task_recipe
    from cordsnet.training import fit
    from cordsnet.training.options import add_recipe_options, chosen_recipe

    recipe = task_recipe(create_task(name, rendering=rendering), given(words, "--model.name") or "")
    parser = make_parser(f"tasks train {name}", "Train a network on a task.")
    add_run_options(parser, f"runs/tasks/{name}")
    add_task(parser, name)
    add_recipe_options(parser, recipe)
    options = parse(parser, words[1:])
    chosen = chosen_recipe(recipe, parser, options)
    task = chosen_task(name, parser, options)
    if recipe.model.image_size is not None and given(words, "--model.image_size") is None:
        chosen = dataclasses.replace(chosen, model=dataclasses.replace(chosen.model, image_size=task.image_size))
    recipe = dataclasses.replace(chosen, data_options=recipe.data_options | task.to_dict())
    with telling(options):
        reports = fit(recipe, options.output, progress=says_progress(options))
    found = {stage: {"seconds": report.seconds, "metrics": report.metrics} for stage, report in reports.items()}
    if options.json:
        print_json({"output": options.output, "stages": found})
        return
    for stage, report in reports.items():
        numbers = "  ".join(f"{key} {value:.4g}" for key, value in report.metrics.items())
        print(f"{stage:<10}{report.seconds:>7.1f} s  {numbers}")
    print(f"model, logs and results: {options.output}; next: cordsnet tasks evaluate {name} {options.output}")


def _evaluate(words: Sequence[str]) -> None:
    """Accuracy of a trained network, over all trials and by condition."""
    name = task_first("evaluate", words)
    parser = make_parser(f"tasks evaluate {name}", "Evaluate a trained network on new trials of a task.")
    parser.add_argument("checkpoint", type=str, help=CHECKPOINT)
    parser.add_argument("--trials", type=int, default=1000, help="number of trials")
    parser.add_argument("--seed", type=int, default=0, help="of the trials, and of noise in the network")
    add_json(parser)
    add_task(parser, name)
    options, model, task, notes = subject(name, words, parser)
    from cordsnet.tasks import evaluate_task

    rows = evaluate_task(model, task, options.trials, options.seed).rows()
    if options.json:
        print_json({"task": {"name": name, **task.to_dict()}, "notes": notes, "rows": rows})
        return
    for note in notes:
        print(f"note: {note}")
    for row in rows:
        interval = f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"
        print(f"{row['condition']:<28}{100 * row['accuracy']:>6.1f} %  ({interval}), {row['trials']} trials")


def _curves(words: Sequence[str]) -> None:
    """Psychometric and chronometric curves of a trained network."""
    name = task_first("curves", words)
    parser = make_parser(f"tasks curves {name}", "Fit how accuracy and reaction time depend on the stimulus.")
    parser.add_argument("checkpoint", type=str, help=CHECKPOINT)
    parser.add_argument("--trials", type=int, default=2000, help="number of trials")
    parser.add_argument("--strength", type=str, default="coherence", help="condition: how strong a stimulus is")
    parser.add_argument("--threshold", type=float, default=0.8, help="probability at which an answer is given")
    parser.add_argument("--forced", action="store_true", help="answer at the end of the period at the latest")
    parser.add_argument("--monkeys", type=str, default=None, help="CSV file of Roitman & Shadlen 2002, drawn beside")
    parser.add_argument("--seed", type=int, default=0, help="of the trials, of noise, and of the bootstrap")
    add_run_options(parser, f"runs/tasks/{name}_curves")
    add_task(parser, name)
    options, model, task, notes = subject(name, words, parser)
    from cordsnet.data.people.roitman2002 import load_dots
    from cordsnet.report.task_curves import as_plain, write_curves
    from cordsnet.tasks import behaviour_curves

    monkeys = None if options.monkeys is None else load_dots(options.monkeys)
    how = {"strength": options.strength, "threshold": options.threshold, "seed": options.seed, "forced": options.forced}
    curves = behaviour_curves(model, task, options.trials, **how)
    written = write_curves(curves, options.output, monkeys)
    if options.json:
        print_json(
            as_plain(curves, monkeys) | {"notes": [*notes, *curves.notes], "files": [str(path) for path in written]}
        )
        return
    for note in (*notes, *curves.notes):
        print(f"note: {note}")
    for row in curves.reactions.rows():
        said = "no answers"
        if "accuracy" in row:
            said = f"{100 * row['accuracy']:.1f} % ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
            said += f", median {row['median_ms']:.0f} ms, {100 * row['answered']:.0f} % of {row['trials']} answered"
        print(f"{options.strength} {row['strength']:<8g}{said}")
    for label, fit in (("psychometric", curves.psychometric), ("chronometric", curves.chronometric)):
        for parameter, (low, high) in (fit.intervals if fit is not None else {}).items():
            print(f"{label} {parameter}: {getattr(fit, parameter):.4g} ({low:.4g} to {high:.4g})")
        if fit is not None:
            print(f"{label} deviance: {fit.deviance:.4g}, {fit.freedom} degrees of freedom, p = {fit.p_value:.2g}")
    for path in written:
        print(path)


def _attractors(words: Sequence[str]) -> None:
    """Say onto what a trained network settles in a period of the task."""
    name = task_first("attractors", words)
    parser = make_parser(f"tasks attractors {name}", "Say onto what a trained network settles, by three witnesses.")
    parser.add_argument("checkpoint", type=str, help=CHECKPOINT)
    parser.add_argument("--period", type=str, default="", help="period whose inputs are held; default: the delay")
    parser.add_argument("--trials", type=int, default=48, help="number of trials whose states are the starts")
    parser.add_argument("--slow_ms", type=float, default=None, help="time beyond which a direction counts as slow")
    parser.add_argument("--seed", type=int, default=0, help="of the trials and of all that is drawn")
    add_json(parser)
    add_task(parser, name)
    options, model, task, notes = subject(name, words, parser)
    from cordsnet.tasks import task_attractor

    report = task_attractor(model, task, options.period, options.trials, options.slow_ms, options.seed)
    if options.json:
        print_json({"notes": [*notes, *report.notes], "slow_ms": report.slow_ms, **report.row()})
        return
    for note in (*notes, *report.notes):
        print(f"note: {note}")
    print(f"{report.kind}, of directions slower than {report.slow_ms:g} ms")
    for label, witness in report.witnesses.items():
        numbers = ", ".join(f"{key} {value:.3g}" for key, value in witness.numbers.items())
        print(f"  {label:<14}{witness.kind:<12}{numbers}")


def _onsets(words: Sequence[str]) -> None:
    """Say from when on each area of a trained network knows a condition."""
    name = task_first("onsets", words)
    parser = make_parser(f"tasks onsets {name}", "Say from when on each area knows a condition of the trial.")
    parser.add_argument("checkpoint", type=str, help=CHECKPOINT)
    parser.add_argument("--condition", type=str, required=True, help="condition that is decoded")
    parser.add_argument("--trials", type=int, default=200, help="number of trials")
    parser.add_argument("--seed", type=int, default=0, help="of the trials, of noise, and of the decoder")
    add_json(parser)
    add_task(parser, name)
    options, model, task, notes = subject(name, words, parser)
    from cordsnet.tasks import task_onsets

    areas = task_onsets(model, task, options.condition, options.trials, options.seed)
    fields = ("onset_ms", "interval_ms", "threshold", "chance", "p_value", "share_found")
    if options.json:
        rows = {a: {f: getattr(one, f) for f in fields} | {"status": one.status.value} for a, one in areas.items()}
        print_json({"condition": options.condition, "notes": notes, "areas": rows})
        return
    for note in notes:
        print(f"note: {note}")
    for area, one in areas.items():
        low, high = one.interval_ms or (float("nan"), float("nan"))
        best = f"best accuracy {100 * one.accuracy.max():.0f} %, threshold {100 * one.threshold:.0f} %"
        said = f"{one.onset_ms:.0f} ms ({low:.0f} to {high:.0f})" if one.interval_ms else one.status.value
        print(f"{area:<14}{said}; {best}")


FURTHER: dict[str, Callable[[Sequence[str]], None]] = {
    "list": _list,
    "show": _show,
    "train": _train,
    "evaluate": _evaluate,
    "curves": _curves,
    "attractors": _attractors,
    "onsets": _onsets,
    "play": play_task,
}
"""Word after `cordsnet tasks` -> what it does."""

"""Commands that train, and pass on what was trained."""

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jsonargparse import Namespace

from cordsnet.cli.early import check_checkpoint, with_model_name
from cordsnet.cli.options import (
    COMMANDS,
    add_json,
    add_run_options,
    make_parser,
    parse,
    print_json,
    recipe_first,
)
from cordsnet.cli.telling import draws_progress, says_progress, telling

if TYPE_CHECKING:  # slow to import
    from cordsnet.training import Recipe


@COMMANDS.register("train")
def train(words: Sequence[str]) -> None:
    """Run a recipe of the package, or your own as file.py:function; finished stages are not repeated."""
    words = with_model_name(words)
    recipe = recipe_first("train", words)
    from cordsnet.training import fit  # slow, so after the checks
    from cordsnet.training.options import add_recipe_options, chosen_recipe
    from cordsnet.training.record import data_notes, network_note

    parser = make_parser(f"train {words[0]}")
    add_run_options(parser, f"runs/{recipe.name}")
    parser.add_argument("--only", type=str, default=None, help="run this stage alone")
    parser.add_argument("--dry-run", action="store_true", help="train nothing: say what it would take, and where")
    parser.add_argument("--restart", type=str, default=None, help="discard this stage and those built on it, run again")
    add_recipe_options(parser, recipe)
    options = parse(parser, words[1:])
    recipe = chosen_recipe(recipe, parser, options)
    if options.dry_run:
        _dry_run(recipe, options.json)
        return
    with telling(options):
        progress = says_progress(options)
        reports = fit(recipe, options.output, only=options.only, restart=options.restart, progress=progress)
    notes = [network_note(options.output), *data_notes(options.output)]
    if options.json:
        stages = {name: {"seconds": report.seconds, "metrics": report.metrics} for name, report in reports.items()}
        print_json({"output": options.output, "notes": notes, "stages": stages})
        return
    for note in notes:
        print(f"note: {note}")
    for name, report in reports.items():
        numbers = "  ".join(f"{key} {value:.4g}" for key, value in report.metrics.items())
        print(f"{name:<10}{report.seconds:>7.1f} s  {numbers}")
    print(f"models, logs and results: {options.output}")


def _dry_run(recipe: "Recipe", as_json: bool) -> None:
    """Say what a recipe would take."""
    from cordsnet.training.dry_run import dry_run, sentences

    plan = dry_run(recipe)
    if as_json:
        print_json(plan)
        return
    for sentence in sentences(plan):
        print(sentence)


@COMMANDS.register("export")
def export(words: Sequence[str]) -> None:
    """Turn a finished stage into a folder of weights with a model card, to be shared or loaded by name."""
    parser = make_parser("export")
    parser.add_argument("stage", type=str, help="folder of a finished stage, such as runs/demo/finetune")
    parser.add_argument("--name", type=str, default=None, help="of the model; its own where not given")
    parser.add_argument("--data", type=str, default=None, help="name of the data set; the run's where not given")
    parser.add_argument("--regime", type=str, default="", help="what its dynamics do, in words, for the card")
    parser.add_argument("--output", type=str, default="pretrained", help="folder in which NAME-DATA is made")
    add_json(parser)
    options = parse(parser, words)
    check_checkpoint(options.stage)
    from cordsnet.models import load_model
    from cordsnet.training.export import export_stage

    folder = export_stage(options.stage, options.output, options.name, options.data, options.regime)
    notes = list(load_model(options.stage).notes)
    size = sum(path.stat().st_size for path in folder.iterdir())
    if options.json:
        print_json({"folder": str(folder), "bytes": size, "notes": notes})
        return
    for note in notes:
        print(f"note: {note}")
    print(f"{folder}: {size / 1e6:.2f} MB")


@COMMANDS.register("sweep")
def sweep(words: Sequence[str]) -> None:
    """Run a recipe for every value of some settings, with several seeds, and gather the results in one table."""
    words = with_model_name(words)
    recipe = recipe_first("sweep", words)
    import pandas

    from cordsnet.training import grid, summary
    from cordsnet.training import sweep as run_sweep
    from cordsnet.training.grid import parse_choices
    from cordsnet.training.options import add_recipe_options, chosen_recipe

    parser = make_parser(f"sweep {words[0]}")
    add_run_options(parser, f"runs/sweep_{recipe.name}")
    help_ = "setting and values, such as spontaneous_weight=0,1e-4 (every stage) or linear.optimisation.lr=1e-3,1e-2"
    parser.add_argument("--grid", type=str, action="append", default=[], help=f"{help_}; may be repeated")
    parser.add_argument("--seeds", type=int, default=1, help="runs per point of the grid; they count up from --seed")
    parser.add_argument(
        "--workers", type=int, default=None, help="runs at once; default: what this machine has room for"
    )
    parser.add_function_arguments(run_sweep, skip={"runs", "output", "measure", "progress", "workers"})
    add_recipe_options(parser, recipe)
    options = parse(parser, words[1:])
    recipe, choices = chosen_recipe(recipe, parser, options), parse_choices(options.grid)
    runs = grid(recipe, choices, options.seeds)
    where = {name: options[name] for name in ("cpus", "gpus", "address", "retries")}
    workers = _workers(len(runs), options) if options.workers is None else options.workers
    rows = run_sweep(runs, options.output, workers=workers, progress=draws_progress(options), **where)
    if options.json:
        print_json({"table": f"{options.output}/table.parquet", "runs": rows})
        _check_finished(rows)
        return
    ending = f"{recipe.stages[-1].name}."
    measured = [name for row in rows for name in row if name.startswith(ending) and name != f"{ending}seconds"]
    last = next((name for name in measured if name.endswith("test_accuracy")), next(iter(measured), f"{ending}seconds"))
    print(f"{last}\n{pandas.DataFrame(summary(rows, list(choices), last)).to_string(index=False)}")
    for row in rows:
        if row["error"]:
            print(f"{row['run']}: {row['error']}", file=sys.stderr)
    print(f"table: {options.output}/table.parquet")
    _check_finished(rows)


def _check_finished(rows: Sequence[Mapping[str, Any]]) -> None:
    if all(row["error"] for row in rows):
        raise ValueError("no run finished")


def _workers(runs: int, options: Namespace) -> int:
    """As many as there are runs and this machine has cores for; without Ray one, and a line that says so."""
    from cordsnet.training.workers import max_workers

    workers = 1 if options.address is not None else min(runs, max_workers(options.cpus))
    if workers > 1 and importlib.util.find_spec("ray") is None:
        print("one run after another; pip install 'cordsnet[sweep]' for several at once")
        return 1
    return workers

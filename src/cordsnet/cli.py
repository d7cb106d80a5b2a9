"""The `cordsnet` command."""

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from cordsnet._version import __version__
from cordsnet.errors import InterruptionError
from cordsnet.registry import Registry

Command = Callable[[Sequence[str]], None]
COMMANDS: Registry[Command] = Registry("command")

DEBUG = "CORDSNET_DEBUG"
"""Environment variable: when set, errors show where in the code they arose."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns 0; 2 when the request was at fault; 1 when training or simulation diverged; 128 and the
    number of the signal that stopped it.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_usage())
        return 0 if words else 2
    if words[0] == "--version":
        print(__version__)
        return 0
    try:
        COMMANDS[words[0]](words[1:])
    except KeyboardInterrupt:
        print("cordsnet: stopped; finished stages are kept", file=sys.stderr)
        return 130
    except InterruptionError as error:
        print(f"cordsnet: {error}; the same command goes on from there", file=sys.stderr)
        return 128 + error.number
    except ModuleNotFoundError as error:
        print(f"cordsnet: error: {error}; install what is optional: pip install 'cordsnet[all]'", file=sys.stderr)
        return 2
    except (ValueError, TypeError, OSError, ArithmeticError) as error:
        if os.environ.get(DEBUG):
            raise
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        print(f"cordsnet: error: {error}{notes}", file=sys.stderr)
        return 1 if isinstance(error, ArithmeticError) else 2
    return 0


def _usage() -> str:
    rows = [f"  {name:<10}{(COMMANDS[name].__doc__ or '').splitlines()[0]}" for name in COMMANDS]
    return "\n".join(
        ["usage: cordsnet COMMAND [--help]", "", *rows, "", f"{DEBUG}=1 shows where in the code an error arose."]
    )


@COMMANDS.register("models")
def models(words: Sequence[str]) -> None:
    """List the models, with areas, units, parameters, and the data sets for which there are trained weights."""
    from cordsnet.models import SPECS, build, layout, list_pretrained

    parser = _parser("models")
    parser.add_argument("pattern", nargs="?", default="*", help="shell pattern, such as 'cordsnet_*'")
    options = _parse(parser, words)
    print(f"{'name':<20}{'areas':>6}{'units':>10}{'parameters':>12}  {'input':<15}pretrained")
    for name in SPECS.names(options.pattern):
        spec = SPECS[name]
        count = sum(p.numel() for p in build(spec).parameters())
        shape = " x ".join(map(str, (spec.in_channels, *spec.image_size)))
        weights = ", ".join(data for model, data in list_pretrained() if model == name)
        print(f"{name:<20}{len(spec.areas):>6}{layout(spec).units:>10,}{count:>12,}  {shape:<15}{weights}".rstrip())


@COMMANDS.register("recipes")
def recipes(words: Sequence[str]) -> None:
    """List the training recipes, or show one in full."""
    import json

    from cordsnet.training import RECIPES

    parser = _parser("recipes")
    parser.add_argument("name", nargs="?", help="recipe to show in full")
    options = _parse(parser, words)
    if options.name:
        print(json.dumps(RECIPES[options.name]().to_dict(), indent=1))
        return
    for name in RECIPES:
        print(f"{name:<16}{(RECIPES[name].__doc__ or '').splitlines()[0]}")


@COMMANDS.register("train")
def train(words: Sequence[str]) -> None:
    """Run a recipe of the package, or your own as file.py:function; finished stages are not repeated."""
    from cordsnet.training import RECIPES, find_recipe, fit
    from cordsnet.training.options import add_recipe_options, chosen_recipe

    if not words or words[0].startswith("-"):
        _parse(_parser("train RECIPE"), [word for word in words if word in ("-h", "--help")])
        raise ValueError(f"train needs a recipe first; known: {', '.join(RECIPES)}")
    recipe = find_recipe(words[0])
    parser = _parser(f"train {words[0]}")
    _add_run_options(parser, f"runs/{recipe.name}")
    parser.add_argument("--only", type=str, default=None, help="run this stage alone")
    parser.add_argument("--restart", type=str, default=None, help="discard this stage and those built on it, run again")
    add_recipe_options(parser, recipe)
    options = _parse(parser, words[1:])
    recipe = chosen_recipe(recipe, parser, options)
    reports = fit(recipe, options.output, only=options.only, restart=options.restart, progress=_draws_progress(options))
    for name, report in reports.items():
        numbers = "  ".join(f"{key} {value:.4g}" for key, value in report.metrics.items())
        print(f"{name:<10}{report.seconds:>7.1f} s  {numbers}")
    print(f"models, logs and results: {options.output}")


@COMMANDS.register("export")
def export(words: Sequence[str]) -> None:
    """Turn a finished stage into a folder of weights with a model card, to be shared or loaded by name."""
    from cordsnet.training.export import export_stage

    parser = _parser("export")
    parser.add_argument("stage", type=str, help="folder of a finished stage, such as runs/demo/finetune")
    parser.add_argument("--name", type=str, default=None, help="of the model; its own where not given")
    parser.add_argument("--data", type=str, default=None, help="name of the data set; the run's where not given")
    parser.add_argument("--regime", type=str, default="", help="what its dynamics do, in words, for the card")
    parser.add_argument("--output", type=str, default="pretrained", help="folder in which NAME-DATA is made")
    options = _parse(parser, words)
    folder = export_stage(options.stage, options.output, options.name, options.data, options.regime)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {size / 1e6:.2f} MB")


@COMMANDS.register("sweep")
def sweep(words: Sequence[str]) -> None:
    """Run a recipe for every value of some settings, with several seeds, and gather the results in one table."""
    import pandas

    from cordsnet.training import RECIPES, find_recipe, grid, summary
    from cordsnet.training import sweep as run_sweep
    from cordsnet.training.grid import read_choices
    from cordsnet.training.options import add_recipe_options, chosen_recipe

    if not words or words[0].startswith("-"):
        _parse(_parser("sweep RECIPE"), [word for word in words if word in ("-h", "--help")])
        raise ValueError(f"sweep needs a recipe first; known: {', '.join(RECIPES)}")
    recipe = find_recipe(words[0])
    parser = _parser(f"sweep {words[0]}")
    _add_run_options(parser, f"runs/sweep_{recipe.name}")
    help_ = "setting and values, such as spontaneous_weight=0,1e-4 (every stage) or linear.optimisation.lr=1e-3,1e-2"
    parser.add_argument("--grid", type=str, action="append", default=[], help=f"{help_}; may be repeated")
    parser.add_argument("--seeds", type=int, default=1, help="runs per point of the grid; they count up from --seed")
    parser.add_argument(
        "--workers", type=int, default=None, help="runs at once; default: what this machine has room for"
    )
    parser.add_function_arguments(run_sweep, skip={"runs", "output", "measure", "progress", "workers"})
    add_recipe_options(parser, recipe)
    options = _parse(parser, words[1:])
    recipe, choices = chosen_recipe(recipe, parser, options), read_choices(options.grid)
    runs = grid(recipe, choices, options.seeds)
    where = {name: options[name] for name in ("cpus", "gpus", "address", "retries")}
    workers = options.workers or _workers(len(runs), options)
    rows = run_sweep(runs, options.output, workers=workers, progress=_draws_progress(options), **where)
    last = f"{recipe.stages[-1].name}.test_accuracy"
    print(f"{last}\n{pandas.DataFrame(summary(rows, list(choices), last)).to_string(index=False)}")
    for row in rows:
        if row["error"]:
            print(f"{row['run']}: {row['error']}", file=sys.stderr)
    print(f"table: {options.output}/table.parquet")
    if all(row["error"] for row in rows):
        raise ValueError("no run finished")


def _workers(runs: int, options: Namespace) -> int:
    """As many as there are runs and this machine has cores for; without Ray one, and a line that says so."""
    from cordsnet.training.workers import room_here

    workers = 1 if options.address else min(runs, room_here(options.cpus))
    if workers > 1 and importlib.util.find_spec("ray") is None:
        print("one run after another; pip install 'cordsnet[sweep]' for several at once")
        return 1
    return workers


@COMMANDS.register("demo")
def demo(words: Sequence[str]) -> None:
    """Train on handwritten digits through every stage, measure, and write a report."""
    from cordsnet.experiments import run_demo
    from cordsnet.report import write_demo_report

    parser = _parser("demo")
    _add_run_options(parser, "runs/demo")
    options = _parse(parser, words)
    result = run_demo(options.output, progress=_draws_progress(options))
    path = write_demo_report(result, options.output)
    for key, value in result.summary["accuracy"].items():
        print(f"{key:<10}{100 * value:6.1f} %")
    print(f"report: {path}")


@COMMANDS.register("reproduce")
def reproduce(words: Sequence[str]) -> None:
    """Train, measure and report a result of the paper at the scale of this machine."""
    import cordsnet.report  # noqa: F401  # fills the table of experiments
    from cordsnet.experiments.registry import EXPERIMENTS

    listed = "; ".join(f"{name}: {EXPERIMENTS[name].description}" for name in EXPERIMENTS)
    parser = _parser("reproduce")
    parser.add_argument("name", type=str, help=listed)
    parser.add_argument("--scale", type=str, default="smoke", help="smoke (minutes), desk (hours) or paper (a cluster)")
    parser.add_argument("--seeds", type=int, default=None, help="networks per point; default: the scale's")
    parser.add_argument("--workers", type=int, default=1, help="networks trained at once, on Ray when more than one")
    parser.add_argument("--output", type=str, default=None, help="folder; default: runs/reproduce/NAME_SCALE")
    options = _parse(parser, words)
    experiment = EXPERIMENTS[options.name]
    output = Path(options.output or f"runs/reproduce/{options.name}_{options.scale}")
    path = experiment.run(options.scale, options.seeds, options.workers, output)
    print(f"{path.with_name('table.md').read_text()}report: {path}")


@COMMANDS.register("steppers")
def steppers(words: Sequence[str]) -> None:
    """Measure the error of each stepper on a trained network against its true trajectory."""
    from cordsnet.experiments.steppers import stepper_errors
    from cordsnet.report.steppers import write_stepper_report

    parser = _parser("steppers")
    _add_checkpoint_options(parser)
    parser.add_argument("--output", type=str, default="runs/steppers", help="folder for figure and table")
    options = _parse(parser, words)
    model, images = _checkpoint(options)
    rows = stepper_errors(model.double(), images.double(), dts=(8.0, 4.0, 2.0, 1.0, 0.5))
    print(write_stepper_report(rows, options.output).read_text(), end="")


@COMMANDS.register("precision")
def precision(words: Sequence[str]) -> None:
    """Measure what half precision costs a trained network in rates, scores and gradients."""
    from cordsnet.experiments.precision import precision_errors

    parser = _parser("precision")
    _add_checkpoint_options(parser)
    model, images = _checkpoint(_parse(parser, words))
    print("| convolutions | rates | error of rates | of scores | of gradients | same answer | seconds |")
    print("|---|---|---|---|---|---|---|")
    for row in precision_errors(model, images):
        errors = " | ".join(f"{error:.1e}" for error in (row.rates, row.logits, row.gradient))
        kept = row.precision.rates or str(images.dtype).removeprefix("torch.")
        print(f"| {row.precision.compute} | {kept} | {errors} | {100 * row.same_answer:.0f} % | {row.seconds:.2f} |")


@COMMANDS.register("bench")
def bench(words: Sequence[str]) -> None:
    """Measure speed and memory beside a plain implementation of the reference algorithm."""
    from cordsnet.benchmarks.run import bench as run_bench
    from cordsnet.benchmarks.run import write_json
    from cordsnet.benchmarks.scaling import measure_scaling, plot_scaling
    from cordsnet.benchmarks.works import WORKS

    parser = _parser("bench")
    parser.add_argument("works", nargs="*", help=f"works to measure; none: those for the device of {', '.join(WORKS)}")
    parser.add_argument("--device", type=str, default="cpu", help="cpu or cuda")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each side, after a first one")
    parser.add_argument("--json", type=str, default=None, help="file to write the rows to")
    parser.add_argument("--plot", type=str, default=None, help="PNG file: cost against steps, batch and flops")
    options = _parse(parser, words)
    result = run_bench(options.works, options.repeats, options.device)
    if options.plot:
        result["scaling"] = measure_scaling(options.device, options.repeats)
        plot_scaling(result["scaling"], options.plot)
    if options.json:
        write_json(result, options.json)


def _add_checkpoint_options(parser: ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=str, help="folder of a trained network, such as runs/demo/finetune")
    parser.add_argument("--data", type=str, default="digits", help="name of the data set whose test images are shown")
    parser.add_argument("--trials", type=int, default=16, help="number of test images")


def _checkpoint(options: Namespace) -> tuple[Any, Any]:
    """A trained dynamical network, and test images of its size."""
    from cordsnet.data import load_data
    from cordsnet.models import CordsNet, load_model

    model = load_model(options.checkpoint)
    if not isinstance(model, CordsNet):
        raise ValueError(f"checkpoint {options.checkpoint} holds a {type(model).__name__}; give a dynamical network")
    return model, load_data(options.data, model.input_shape[-1]).test.take(options.trials).images


def _parser(name: str) -> ArgumentParser:
    doc = COMMANDS[name.split()[0]].__doc__
    return ArgumentParser(prog=f"cordsnet {name}", description=doc, exit_on_error=False)


def _parse(parser: ArgumentParser, words: Sequence[str]) -> Namespace:
    try:
        return parser.parse_args(list(words))
    except ArgumentError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{reason}; see '{parser.prog} --help' for the options") from error


def _add_run_options(parser: ArgumentParser, output: str) -> None:
    parser.add_argument("--output", type=str, default=output, help="folder of the run")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def _draws_progress(options: Any) -> bool:
    return not options.quiet and sys.stdout.isatty()


if __name__ == "__main__":
    sys.exit(main())

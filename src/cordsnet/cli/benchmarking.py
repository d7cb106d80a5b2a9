"""The command that measures speed and memory."""

import sys
from collections.abc import Sequence

from jsonargparse import ArgumentParser, Namespace

from cordsnet.cli.options import COMMANDS, add_json, make_parser, parse, print_json
from cordsnet.models.names import MODELS


@COMMANDS.register("bench")
def bench(words: Sequence[str]) -> None:
    """Measure speed and memory beside a plain reference; or what models cost, or in what time they learn."""
    parser = make_parser("bench")
    parser.add_argument(
        "workloads", nargs="*", help=f"workloads to measure; default: those for the device{_names(words)}"
    )
    _add_models(parser)
    _add_race(parser)
    parser.add_argument("--batch", type=int, default=None, help="images of an update (64), or run at once (16)")
    parser.add_argument(
        "--size",
        type=int,
        default=None,
        help="size of images, px: of --models (32), or where a model of a race reads it",
    )
    parser.add_argument("--device", type=str, default="cpu", help="cpu or cuda")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each side, after a first one")
    parser.add_argument("--output", type=str, default=None, help="file to write the result to, as JSON")
    parser.add_argument("--plot", type=str, default=None, help="PNG file: cost against steps, batch and flops")
    add_json(parser)
    options = parse(parser, words)
    if files := [name for name in options.workloads if name.endswith(".json")]:
        raise ValueError(
            f"{files[0]!r} is no workload; --json prints to standard output, and --output FILE writes a file"
        )
    if options.models is not None:
        _models(options)
        return
    if options.time_to_accuracy:
        _race(options)
        return
    from cordsnet.benchmarks.run import bench as run_bench  # slow, so after the words were read
    from cordsnet.benchmarks.run import write_json
    from cordsnet.benchmarks.scaling import measure_scaling, plot_scaling

    result = run_bench(options.workloads, options.repeats, options.device, _to_stderr if options.json else print)
    if options.plot:
        result["scaling"] = measure_scaling(options.device, options.repeats)
        plot_scaling(result["scaling"], options.plot)
    if options.output:
        write_json(result, options.output)
    if options.json:
        print_json(result)


def _add_models(parser: ArgumentParser) -> None:
    """Options of a table of what models cost."""
    parser.add_argument(
        "--models",
        nargs="*",
        default=None,
        help="in place of workloads: time, memory and operations of a step and of an update of these models; "
        "none for those of small images, or 'all'",
    )
    parser.add_argument("--limit", type=float, default=300.0, help="seconds of each of a model's two measurements")


def _models(options: Namespace) -> None:
    """Measure models, and print the table of what they cost."""
    if options.workloads or options.time_to_accuracy:
        raise ValueError("--models names the models itself; give no workloads and no --time-to-accuracy beside it")
    for name in options.models:
        if name != "all":
            MODELS.check(name)
    if "all" in options.models and len(options.models) > 1:
        raise ValueError("--models takes 'all' or names of models, and not both")
    from cordsnet.benchmarks.model_rows import ModelBench, bench_models  # slow, so after the words were read
    from cordsnet.benchmarks.run import write_json

    given = {name: options[name] for name in ("size", "batch") if options[name] is not None}
    how = ModelBench(repeats=options.repeats, device=options.device, limit_s=options.limit, **given)
    result = bench_models(options.models, how, _to_stderr if options.json else print)
    if options.output:
        write_json(result, options.output)
    if options.json:
        print_json(result)


def _add_race(parser: ArgumentParser) -> None:
    """Options of a comparison of models by the time in which they learn."""
    parser.add_argument(
        "--time-to-accuracy", action="store_true", help="train the models that are named, in place of workloads"
    )
    parser.add_argument("--data", type=str, default="digits", help="what they are trained on")
    parser.add_argument("--target", type=float, default=0.95, help="accuracy on test images that is to be reached")
    parser.add_argument("--images", type=int, default=32_000, help="training images of each run")
    parser.add_argument("--rates", type=str, default="3e-3,1e-2", help="learning rates that are tried for every model")
    parser.add_argument("--every", type=int, default=20, help="updates between two looks at the test images")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers")
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        help="runs with each rate, with seeds from --seed on; one rate is chosen for all",
    )


def _race(options: Namespace) -> None:
    """Train models, and print the table of when they read well enough."""
    if not options.workloads:
        raise ValueError("--time-to-accuracy needs the names of models, such as cnn_r2_small convlstm_small")
    for name in options.workloads:
        MODELS.check(name)
    from cordsnet.benchmarks.run import write_json  # slow, so after the words were read
    from cordsnet.benchmarks.time_to_accuracy import Race, time_to_accuracy

    rates = tuple(float(rate) for rate in options.rates.split(","))
    shared = {name: options[name] for name in ("data", "target", "images", "every", "size", "seed", "seeds", "device")}
    shared |= {} if options.batch is None else {"batch": options.batch}
    result = time_to_accuracy(options.workloads, Race(rates=rates, **shared), _to_stderr if options.json else print)
    if options.output:
        write_json(result, options.output)
    if options.json:
        print_json(result)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _names(words: Sequence[str]) -> str:
    """The workloads, for the page of help alone, since their import is slow."""
    if not {"-h", "--help"} & set(words):
        return ""
    from cordsnet.benchmarks.workloads import WORKLOADS

    return f" of {', '.join(WORKLOADS)}"

"""Commands that measure: the demonstration, experiments of the paper, errors and costs."""

from collections.abc import Sequence
from pathlib import Path

from cordsnet.cli.options import (
    COMMANDS,
    add_checkpoint_options,
    add_run_options,
    draws_progress,
    make_parser,
    parse,
    trained_network,
)


@COMMANDS.register("demo")
def demo(words: Sequence[str]) -> None:
    """Train on handwritten digits through every stage, measure, and write a report."""
    from cordsnet.experiments import run_demo
    from cordsnet.report import write_demo_report

    parser = make_parser("demo")
    add_run_options(parser, "runs/demo")
    options = parse(parser, words)
    result = run_demo(options.output, progress=draws_progress(options))
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
    parser = make_parser("reproduce")
    parser.add_argument("name", type=str, help=listed)
    parser.add_argument("--scale", type=str, default="smoke", help="smoke (minutes), desk (hours) or paper (a cluster)")
    parser.add_argument("--seeds", type=int, default=None, help="networks per point; default: the scale's")
    parser.add_argument("--workers", type=int, default=1, help="networks trained at once, on Ray when more than one")
    parser.add_argument("--output", type=str, default=None, help="folder; default: runs/reproduce/NAME_SCALE")
    parser.add_argument("--datasets", type=str, default=None, help="of table1, such as digits,mnist")
    parser.add_argument("--depths", type=str, default=None, help="of table1: numbers of areas, such as 2,4")
    options = parse(parser, words)
    experiment = EXPERIMENTS[options.name]
    choices = {name: options[name].split(",") for name in ("datasets", "depths") if options[name] is not None}
    if unfit := sorted(set(choices) - set(experiment.choices)):
        raise ValueError(f"experiment {options.name!r} has no choice of {unfit[0]}; leave --{unfit[0]} out")
    if not all(depth.isdigit() for depth in choices.get("depths", [])):
        raise ValueError(f"depths must be whole numbers such as 2,4, got {options.depths!r}")
    output = Path(options.output or f"runs/reproduce/{options.name}_{options.scale}")
    path = experiment.run(options.scale, options.seeds, options.workers, output, **choices)
    print(f"{path.with_name('table.md').read_text()}report: {path}")


@COMMANDS.register("steppers")
def steppers(words: Sequence[str]) -> None:
    """Measure the error of each stepper on a trained network against its true trajectory."""
    from cordsnet.experiments.steppers import stepper_errors
    from cordsnet.report.steppers import write_stepper_report

    parser = make_parser("steppers")
    add_checkpoint_options(parser)
    parser.add_argument("--output", type=str, default="runs/steppers", help="folder for figure and table")
    options = parse(parser, words)
    model, shown = trained_network(options)
    images = shown.images
    rows = stepper_errors(model.double(), images.double(), dts=(8.0, 4.0, 2.0, 1.0, 0.5))
    print(write_stepper_report(rows, options.output).read_text(), end="")


@COMMANDS.register("precision")
def precision(words: Sequence[str]) -> None:
    """Measure what half precision costs a trained network in rates, scores and gradients."""
    from cordsnet.experiments.precision import precision_errors

    parser = make_parser("precision")
    add_checkpoint_options(parser)
    model, shown = trained_network(parse(parser, words))
    images = shown.images
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
    from cordsnet.benchmarks.workloads import WORKLOADS

    parser = make_parser("bench")
    names = ", ".join(WORKLOADS)
    parser.add_argument("workloads", nargs="*", help=f"workloads to measure; default: those for the device of {names}")
    parser.add_argument("--device", type=str, default="cpu", help="cpu or cuda")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each side, after a first one")
    parser.add_argument("--json", type=str, default=None, help="file to write the rows to")
    parser.add_argument("--plot", type=str, default=None, help="PNG file: cost against steps, batch and flops")
    options = parse(parser, words)
    result = run_bench(options.workloads, options.repeats, options.device)
    if options.plot:
        result["scaling"] = measure_scaling(options.device, options.repeats)
        plot_scaling(result["scaling"], options.plot)
    if options.json:
        write_json(result, options.json)

"""The command that measures speed and memory."""

from collections.abc import Sequence

from cordsnet.cli.options import COMMANDS, make_parser, parse


@COMMANDS.register("bench")
def bench(words: Sequence[str]) -> None:
    """Measure speed and memory beside a plain implementation of the reference algorithm."""
    parser = make_parser("bench")
    parser.add_argument(
        "workloads", nargs="*", help=f"workloads to measure; default: those for the device{_names(words)}"
    )
    parser.add_argument("--device", type=str, default="cpu", help="cpu or cuda")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each side, after a first one")
    parser.add_argument("--json", type=str, default=None, help="file to write the rows to")
    parser.add_argument("--plot", type=str, default=None, help="PNG file: cost against steps, batch and flops")
    options = parse(parser, words)
    from cordsnet.benchmarks.run import bench as run_bench  # slow, so after the words were read
    from cordsnet.benchmarks.run import write_json
    from cordsnet.benchmarks.scaling import measure_scaling, plot_scaling

    result = run_bench(options.workloads, options.repeats, options.device)
    if options.plot:
        result["scaling"] = measure_scaling(options.device, options.repeats)
        plot_scaling(result["scaling"], options.plot)
    if options.json:
        write_json(result, options.json)


def _names(words: Sequence[str]) -> str:
    """The workloads, for the page of help alone, since their import is slow."""
    if not {"-h", "--help"} & set(words):
        return ""
    from cordsnet.benchmarks.workloads import WORKLOADS

    return f" of {', '.join(WORKLOADS)}"

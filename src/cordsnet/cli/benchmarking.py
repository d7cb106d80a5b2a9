"""The command that measures speed and memory."""

import sys
from collections.abc import Sequence

from cordsnet.cli.options import COMMANDS, add_json, make_parser, parse, print_json


@COMMANDS.register("bench")
def bench(words: Sequence[str]) -> None:
    """Measure speed and memory beside a plain implementation of the reference algorithm."""
    parser = make_parser("bench")
    parser.add_argument(
        "workloads", nargs="*", help=f"workloads to measure; default: those for the device{_names(words)}"
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


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _names(words: Sequence[str]) -> str:
    """The workloads, for the page of help alone, since their import is slow."""
    if not {"-h", "--help"} & set(words):
        return ""
    from cordsnet.benchmarks.workloads import WORKLOADS

    return f" of {', '.join(WORKLOADS)}"

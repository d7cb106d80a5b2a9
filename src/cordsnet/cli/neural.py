"""The command of recordings: check a file."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from cordsnet.cli.options import COMMANDS, add_json, make_parser, parse, print_json


@COMMANDS.register("neural")
def neural(words: Sequence[str]) -> None:
    """Recordings of neurons: `check FILE` says what a file holds and what looks wrong in it."""
    first = words[0] if words else "--help"
    if first in ("-h", "--help"):
        print(f"usage: cordsnet neural {{{','.join(FURTHER)}}} [options]\n\n{neural.__doc__}")
        return
    if first not in FURTHER:
        raise ValueError(f"neural has no command {first!r}; it has {', '.join(FURTHER)}")
    FURTHER[first](words[1:])


READING: dict[str, tuple[Any, str]] = {
    "axes": (str, 'names of the axes of an array, such as "neuron image repeat"'),
    "bins_ms": (list[list[float]] | list[float], "starts and ends, or edges, of the bins, ms from onset"),
    "unit": (str, "count, rate or other"),
    "key": (str, "array or variable of the file that holds the responses"),
    "missing": (float, "number that stands for an absent response, such as -1"),
    "bin_ms": (float, "duration of the bins in which spikes are counted, ms"),
    "from_ms": (float, "start of the first bin, ms from onset"),
    "to_ms": (float, "end of the last bin, ms from onset"),
    "onset_ms": (float, "onset of the image in a raster, ms from its first step"),
    "image": (str, 'arrays, variables or columns that together say what was shown, such as "object position"'),
    "columns": (dict[str, str], "role -> column of a table, such as {neuron: cell}"),
    "area": (str, "area of all neurons"),
    "animal": (str, "animal of all neurons"),
}
"""Option of a command that reads a recording -> its type and meaning."""


def add_reading(parser: Any) -> None:
    """Add the file of a recording and the options for reading it."""
    parser.add_argument("file", type=str, help="file or folder of a recording")
    parser.add_argument("--format", type=str | None, default=None, help="form of the file, if it is not clear from it")
    for name, (kind, about) in READING.items():
        parser.add_argument(f"--{name}", type=kind | None, default=None, help=about)
    parser.add_argument("--options", type=dict[str, Any], default={}, help="further options of the form, as JSON")


def reading_options(options: Any) -> dict[str, Any]:
    """Return the options for `read_recording` that were given."""
    chosen = {name: options[name] for name in READING if options[name] is not None}
    if "axes" in chosen:
        chosen["axes"] = chosen["axes"].replace(",", " ").split()
    return chosen | dict(options.options)


def _check(words: Sequence[str]) -> None:
    """Print what a recording holds and what looks wrong in it."""
    parser = make_parser("neural check", "Say what a recording holds and what looks wrong; exit code 1 after an error.")
    add_reading(parser)
    parser.add_argument("--images", type=str | None, default=None, help="text file, folder or zip file of the images")
    add_json(parser)
    options = parse(parser, words)
    from cordsnet.neural import check_recording

    check = check_recording(options.file, images=options.images, format=options.format, **reading_options(options))
    if options.json:
        shape = None if check.recording is None else list(check.recording.responses.shape)
        findings = [dataclasses.asdict(finding) for finding in check.findings]
        print_json({"file": options.file, "shape": shape, "understood": check.understood, "findings": findings})
    else:
        for sentence in check.understood:
            print(sentence)
        for finding in check.findings:
            place = "" if finding.where.lower() in finding.sentence.lower() else f"{finding.where}: "
            print(f"{finding.level}: {place}{finding.sentence}")
        if not check.findings:
            print("Nothing looks wrong.")
    if not check.passed:
        raise SystemExit(1)


FURTHER: dict[str, Callable[[Sequence[str]], None]] = {"check": _check}
"""Word after `cordsnet neural` -> what it does."""

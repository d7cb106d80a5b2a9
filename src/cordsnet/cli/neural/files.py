"""Commands on files of recordings: check and convert."""

import dataclasses
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cordsnet.cli.options import add_json, make_parser, parse, print_json

if TYPE_CHECKING:  # slow to import
    from cordsnet.neural import Check

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


NAMES_HELP = (
    "text file with the names of the images of an array, one a line, in its order; names match those of pictures"
)
WORTH_SAYING = 200e6
"""Bytes from which the size of a file is said before it is read."""

LONGEST_LIST = 2**26
"""Characters of a list of names that are read."""


def add_reading(parser: Any) -> None:
    """Add the file of a recording and the options for reading it."""
    parser.add_argument("file", type=str, help="file or folder of a recording")
    parser.add_argument("--format", type=str | None, default=None, help="form of the file, if it is not clear from it")
    for name, (kind, about) in READING.items():
        parser.add_argument(f"--{name}", type=kind | None, default=None, help=about)
    parser.add_argument("--most_gb", type=float, default=16.0, help="size of a file above which it is not read, GB")
    parser.add_argument("--options", type=dict[str, Any], default={}, help="further options of the form, as JSON")


def check_size(options: Any) -> None:
    """Say how large a large file is once it is unpacked, and raise ValueError where that is above --most_gb."""
    if not options.most_gb > 0:
        raise ValueError(f"--most_gb must be above 0, got {options.most_gb:g}")
    size = unpacked(Path(options.file).expanduser())
    said = f"{options.file} holds {size / 1e9:.2g} GB unpacked; reading it takes that much memory at least"
    if size > options.most_gb * 1e9:
        raise ValueError(f"{said}, and files up to {options.most_gb:g} GB are read; save a part, or raise --most_gb")
    if size > WORTH_SAYING and not options.json:
        print(said, flush=True)


def unpacked(path: Path) -> int:
    """Bytes of a file, of what a ZIP archive such as .npz holds, or of the files of a folder; 0 where there is none."""
    if path.is_dir():
        return sum(unpacked(one) for one in path.rglob("*") if one.is_file() and one.suffix.lower() != ".zip")
    if not path.is_file():
        return 0
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    return path.stat().st_size


def reading_options(options: Any) -> dict[str, Any]:
    """Return the options for `read_recording` that were given."""
    chosen = {name: options[name] for name in READING if options[name] is not None}
    if "axes" in chosen:
        chosen["axes"] = chosen["axes"].replace(",", " ").split()
    return chosen | dict(options.options)


def check(words: Sequence[str]) -> None:
    """Print what a recording holds and what looks wrong in it."""
    parser = make_parser("neural check", "Say what a recording holds and what looks wrong; exit code 1 after an error.")
    add_reading(parser)
    parser.add_argument("--images", type=str | None, default=None, help="text file, folder or zip file of the images")
    add_json(parser)
    options = parse(parser, words)
    check_size(options)
    from cordsnet.neural import check_recording

    found = check_recording(options.file, images=options.images, format=options.format, **reading_options(options))
    _tell(options, found)
    if not found.passed:
        raise SystemExit(1)


def convert(words: Sequence[str]) -> None:
    """Read a recording with the options of its form, and save it in a form that is read without options."""
    said = "Save a recording of any form as one .npz file that is read without options."
    parser = make_parser("neural convert", said)
    add_reading(parser)
    parser.add_argument("--output", type=str, required=True, help="file to write, ending in .npz")
    parser.add_argument("--image_names", type=str | None, default=None, help=NAMES_HELP)
    add_json(parser)
    options = parse(parser, words)
    place = Path(options.output)
    if place.suffix.lower() != ".npz":
        raise ValueError(f"--output must end in .npz, got {place.name!r}")
    check_size(options)
    from cordsnet._files import writable_folder
    from cordsnet.neural import check_recording, read_recording, save_recording

    how = reading_options(options)
    if options.image_names is not None:
        how["images"] = _names(options.image_names)
    recording = read_recording(options.file, format=options.format, **how)
    found = check_recording(recording)
    writable_folder(place.parent)
    save_recording(recording, place)
    _tell(options, found, {"output": str(place)})
    if not options.json:
        print(f"recording: {place}; next: cordsnet neural score {place} --pictures FOLDER MODEL")


def _names(path: str) -> list[str]:
    """Lines of a text file. Raises ValueError where there is no such file or it is no text."""
    if not Path(path).is_file():
        raise ValueError(f"--image_names must be a text file with one name a line, got {path!r}")
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.read(LONGEST_LIST).splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"--image_names must be a text file in UTF-8, and {path!r} is not") from error
    return [line.strip() for line in lines if line.strip()]


def _tell(options: Any, found: "Check", more: dict[str, Any] | None = None) -> None:
    """Print what was understood and found."""
    if options.json:
        shape = None if found.recording is None else list(found.recording.responses.shape)
        findings = [dataclasses.asdict(finding) for finding in found.findings]
        facts = {"file": options.file, "shape": shape, "understood": found.understood, "findings": findings}
        print_json(facts | (more or {}))
        return
    for sentence in found.understood:
        print(sentence)
    for finding in found.findings:
        place = "" if finding.where.lower() in finding.sentence.lower() else f"{finding.where}: "
        print(f"{finding.level}: {place}{finding.sentence}")
    if not found.findings:
        print("Nothing looks wrong.")

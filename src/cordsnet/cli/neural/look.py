"""The command that draws a recording on one page."""

from collections.abc import Sequence
from pathlib import Path

from cordsnet.cli.neural.files import add_reading, check_size, reading_options
from cordsnet.cli.options import add_json, make_parser, parse, print_json
from cordsnet.cli.telling import telling

ABOUT = (
    "Draw a recording on one page: rasters, courses in time, reliabilities and noise ceilings, silent neurons. Memory "
    "and time are bounded: neurons and images are drawn from large recordings, and the page says so."
)


def look(words: Sequence[str]) -> None:
    """Draw a recording on one page: rasters, courses in time, reliabilities, noise ceilings."""
    parser = make_parser("neural look", ABOUT)
    add_reading(parser)
    parser.add_argument("--image_ms", type=float | None, default=None, help="how long an image was shown, ms")
    parser.add_argument("--sample", type=int, default=12, help="neurons that are drawn one by one")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--output", type=str, default="runs/look", help="folder of the page")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    add_json(parser)
    options = parse(parser, words)
    if options.image_ms is not None and not 0 < options.image_ms < float("inf"):
        raise ValueError(f"--image_ms must be above 0 and finite, got {options.image_ms:g}")
    check_size(options)
    from cordsnet._files import writable_folder
    from cordsnet.neural import check_recording, read_recording, recording_overview

    recording = read_recording(options.file, format=options.format, **reading_options(options))
    folder = writable_folder(Path(options.output))
    with telling(options):
        check = check_recording(recording)
        found = recording_overview(recording, sample=options.sample, seed=options.seed)
    from cordsnet.report.recordings.look import facts, write_look

    page = write_look(found, check, folder, Path(options.file).name, options.image_ms)
    rows = facts(found)
    if options.json:
        findings = [f"{one.level}: {one.sentence}" for one in check.findings]
        print_json({"file": options.file, "page": str(page), **dict(rows), "findings": findings, "notes": found.notes})
        return
    for name, value in rows:
        print(f"{name}: {value}")
    for one in check.findings:
        print(f"{one.level}: {one.sentence}")
    for note in found.notes:
        print(f"note: {note}")
    print(f"page: {page}")

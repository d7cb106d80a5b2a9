"""The command that writes the activity of a model over time to disk."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cordsnet._progress import listening
from cordsnet.cli.early import check_subjects
from cordsnet.cli.experiments import MODELS_HELP
from cordsnet.cli.neural.measures import check_pictures, models_first
from cordsnet.cli.options import add_json, make_parser, parse, print_json
from cordsnet.cli.telling import duration, says_progress, telling

if TYPE_CHECKING:  # slow to import
    import numpy as np
    from numpy.typing import NDArray

BINS = ("bin_ms", "from_ms", "to_ms")
MOST_BINS = 100_000
ABOUT = "Show pictures to a model and keep its activity in the bins of a recording; given again, it goes on."


def activity(words: Sequence[str]) -> None:
    """Write the activity of a model in the bins of a recording to disk: MODEL --pictures FOLDER --output x.zarr."""
    words = models_first(words)
    if not {"-h", "--help"} & set(words):
        check_pictures(words)
        check_subjects(words)
    options = parse(_parser(), words)
    if Path(options.output).suffix != ".zarr":
        raise ValueError(f"--output must end in .zarr, got {options.output!r}")
    bins = _bins(options)
    from cordsnet._checks import check_device, check_positive
    from cordsnet.experiments.subjects import load_subjects
    from cordsnet.neural import Viewing, find_pictures, read_recording, record_activity

    pictures, notes = find_pictures(options.pictures), list[str]()
    if bins is None:
        recording = read_recording(options.recording)
        bins = recording.bins_ms
        pictures, matched = pictures.in_order_of(recording.images)
        notes.append(matched)
    viewing = Viewing(**{field.name: options[field.name] for field in dataclasses.fields(Viewing)})
    areas = "all" if options.areas == "all" else options.areas.replace(",", " ").split()
    (subject,) = load_subjects([options.model], None, shown=False).values()
    model = subject.model.to(check_device(options.device))
    size = _size(model, areas, len(pictures), len(bins))
    check_positive(options.most_gb, "most_gb")
    if size["bytes"] > options.most_gb * 1e9:
        raise ValueError(
            f"{_sentence(size, options.output)}, above the {options.most_gb:g} GB that are allowed; give fewer images, "
            f"bins or areas, or raise --most_gb to {math.ceil(size['bytes'] / 1e9)} or more"
        )
    if says_progress(options):
        print(_sentence(size, options.output), flush=True)
    with telling(options) as told, _estimating(told.reading, says_progress(options) and not told.draws, options.output):
        told.says = False  # of the time that is left, since _estimating knows which blocks were there before
        store = record_activity(model, pictures, bins, options.output, areas=areas, viewing=viewing)
    notes = [*subject.notes, *notes, *store.notes]
    if options.json:
        print_json({"output": options.output, **size, "bins_ms": store.bins_ms.tolist(), "notes": notes})
        return
    for note in notes:
        print(f"note: {note}")
    print(f"activity: {options.output}; in Python: cordsnet.neural.load_store({options.output!r}).area(NAME)")


def _parser() -> Any:
    parser = make_parser("neural activity", ABOUT)
    parser.add_argument("model", type=str, help=MODELS_HELP.rpartition(";")[0])
    parser.add_argument("--pictures", type=str, required=True, help="folder or ZIP archive of pictures")
    parser.add_argument("--recording", type=str | None, default=None, help="recording with the bins and images")
    parser.add_argument("--bin_ms", type=float | None, default=None, help="duration of bins without a recording, ms")
    parser.add_argument("--from_ms", type=float | None, default=None, help="start of the first bin, ms from onset")
    parser.add_argument("--to_ms", type=float | None, default=None, help="end of the last bin, ms from onset")
    parser.add_argument("--output", type=str, required=True, help="folder to write, ending in .zarr")
    parser.add_argument("--areas", type=str, default="all", help='areas, such as "area1,area2"; all of them by default')
    parser.add_argument("--image_ms", type=float | None, default=None, help="how long pictures stay, ms; to the end")
    parser.add_argument("--latency_ms", type=float, default=0.0, help="how much later the recorded area answers, ms")
    parser.add_argument("--picture_degrees", type=float | None, default=None, help="size of the pictures, degrees")
    parser.add_argument("--model_degrees", type=float | None, default=None, help="size of the model's field, degrees")
    parser.add_argument("--seed", type=int, default=0, help="of the private noise of models that have some")
    parser.add_argument("--most_gb", type=float, default=100.0, help="room on disk above which it is refused, GB")
    parser.add_argument("--device", type=str, default="cpu", help="cpu or cuda")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    add_json(parser)
    return parser


def _bins(options: Any) -> "NDArray[np.float64] | None":
    """Bins that were given by their duration; None for those of a recording. Raises ValueError for both or neither."""
    given = [name for name in BINS if options[name] is not None]
    if options.recording is not None:
        if given:
            raise ValueError(f"--{given[0]} must not be given with --recording, which has bins; leave one out")
        if not Path(options.recording).expanduser().exists():
            raise ValueError(f"there is no recording {options.recording!r}; check the path")
        return None
    if len(given) < len(BINS):
        raise ValueError("bins must be given, as --recording FILE or as --bin_ms, --from_ms and --to_ms")
    step, start, end = (float(options[name]) for name in BINS)
    if not (math.isfinite(start) and math.isfinite(end) and 0 < step <= end - start):
        raise ValueError(
            f"--bin_ms must be above 0 and fit between --from_ms and --to_ms, got {step:g}, {start:g} and {end:g}"
        )
    count = round((end - start) / step)
    if count > MOST_BINS or abs(count * step - (end - start)) > 1e-6 * step:
        raise ValueError(f"bins of {step:g} ms do not divide {start:g} to {end:g} ms into at most {MOST_BINS:,} bins")
    import numpy as np

    edges = start + step * np.arange(count + 1)
    return np.stack([edges[:-1], edges[1:]], 1)


def _size(model: Any, areas: Sequence[str] | str, images: int, bins: int) -> dict[str, Any]:
    """Images, bins, units of each area, and bytes at most."""
    from cordsnet.dynamics import Record

    units = {name: math.prod(one.shape) for name, one in Record(areas).signals(model.system()).items()}
    return {"images": images, "bins": bins, "units": units, "bytes": 4 * images * bins * sum(units.values())}


def _sentence(size: dict[str, Any], output: str) -> str:
    from cordsnet.dynamics.limits import in_words

    units = sum(size["units"].values())
    shape = f"{size['images']:,} images x {size['bins']:,} bins x {units:,} units of {', '.join(size['units'])}"
    return f"{shape}: at most {in_words(size['bytes'])} at {output}"


@contextmanager
def _estimating(further: Callable[..., None], says: bool, output: str) -> Iterator[None]:
    """Say after the first block that is computed how long the others will take; blocks on disk are not counted."""
    there: list[bool] = []
    if Path(output).is_dir():
        from cordsnet.neural import load_store

        there = load_store(output).done.tolist()
        if says and any(there):
            print(f"{sum(there):,} of {len(there):,} blocks of images are there already", flush=True)
    first = there.index(False) if False in there else len(there)
    calls, began = 0, 0.0

    def hear(what: str, done: int, total: int, unit: str = "images") -> None:
        """Pass progress on, and say once, after the first new block, how long the others will take."""
        nonlocal calls, began
        further(what, done, total, unit)
        if calls == first:
            began = time.monotonic()
        elif calls == first + 1 and done < total and says:
            blocks = len(there) or math.ceil(total / done)
            left = (time.monotonic() - began) * (blocks - calls - sum(there[calls:]))
            print(f"{done:,} of {total:,} {unit}, about {duration(left)} more", flush=True)
        calls += 1

    with listening(hear):
        yield

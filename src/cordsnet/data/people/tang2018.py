"""Occluded objects and masks, by people: Tang, Schrimpf, Lotter et al. (PNAS 2018)."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.data.people.files import Numbers, check_range, read_bounded
from cordsnet.errors import DataError

FILE = "trials.parquet"
LARGEST, MOST_TRIALS = 16 * 2**20, 1_000_000
"""Bytes and rows that are read; the published trials are 13,000 rows in 0.9 MB."""

PEOPLE = tuple(range(152, 173))
"""Numbers of the 21 people."""

CATEGORIES = 5
ROUNDED = 0.0006
"""Largest difference from accuracies that are rounded to three digits."""

PRESENTATIONS_MS = (25, 50, 75, 100, 150)
CHANCE = 1 / CATEGORIES
PUBLISHED = {False: (0.569, 0.651, 0.716, 0.730, 0.735), True: (0.251, 0.447, 0.553, 0.626, 0.718)}
"""Masked -> accuracy over all trials of the 21 people at each of `PRESENTATIONS_MS`."""
WHOLE = ("subject", "image", "category", "presentation_ms")
ANSWERS = ("response_category", "correct")
COLUMNS = (*WHOLE, "masked", "percent_hidden", *ANSWERS, "reaction_s")
BELIEVED_S = (0.1, 10.0)
"""Median reaction times that are believed, s; others are in other units."""

BELIEVED_PERCENT = (50.0, 100.0)
"""Median shares hidden that are believed, %; others are in other units, or are the shares that can be seen."""


@dataclass(frozen=True, eq=False)
class Masking:
    """Trials that were answered, in the order of the file, one entry each.

    Attributes
    ----------
    person : number of the person [n].
    image, category : number of the object, and its category, 1 to 5 [n].
    presentation_ms : how long the object was shown, ms [n].
    masked : True if a phase-scrambled mask followed, False if grey did [n].
    hidden : share of the object that was hidden [n].
    response, correct : category that was chosen, and True if it was the right one [n].
    reaction_ms : reaction time, ms; a few are very long, so that medians are due [n].
    unanswered : number of trials of the file without an answer, which are left out.
    """

    person: NDArray[np.int64]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    presentation_ms: NDArray[np.int64]
    masked: NDArray[np.bool_]
    hidden: Numbers
    response: NDArray[np.int64]
    correct: NDArray[np.bool_]
    reaction_ms: Numbers
    unanswered: int


@check_arguments
def read_masking(path: str | Path) -> Masking:
    """Trials of people who named occluded objects, with and without a mask.

    Parameters
    ----------
    path : a parquet file with a row for each trial, a MATLAB file (version 7 or older) with one struct of the same
        columns, or the folder of `trials.parquet`. Columns are subject, image, category, presentation_ms, masked,
        percent_hidden, response_category, correct and reaction_s; others are not read.

    Raises
    ------
    DataError : the file cannot be read or is too large, a column is missing or holds what it cannot hold, a person or
        a presentation time is missing or is another, a trial is there twice, or columns contradict one another.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    content = read_bounded(path, LARGEST)
    found = _read_matlab(content, path) if path.suffix.lower() == ".mat" else _read_parquet(content, path)
    columns = {name: _checked(found, name, path) for name in COLUMNS}
    answered = np.isfinite(columns["response_category"]) & np.isfinite(columns["correct"])
    kept = {name: values[answered] for name, values in columns.items()}
    _check_design(columns, path)
    _check_everyone(kept, path)
    _check_answers(kept, path)
    _check_effects(kept, path)
    whole = {name: kept[name].astype(np.int64) for name in (*WHOLE, "response_category")}
    return Masking(
        person=whole["subject"],
        image=whole["image"],
        category=whole["category"],
        presentation_ms=whole["presentation_ms"],
        masked=kept["masked"] == 1,
        hidden=kept["percent_hidden"] / 100,
        response=whole["response_category"],
        correct=kept["correct"] == 1,
        reaction_ms=1000 * kept["reaction_s"],
        unanswered=int((~answered).sum()),
    )


@check_arguments
def unlike_published(trials: Masking) -> str:
    """Say how accuracies differ from the published ones; "" where they are the same to three digits."""
    unlike = {
        (shown, masked): abs(float(trials.correct[mine].mean()) - known)
        for masked, row in PUBLISHED.items()
        for shown, known in zip(PRESENTATIONS_MS, row, strict=True)
        if (mine := (trials.presentation_ms == shown) & (trials.masked == masked)).any()
    }
    shown, masked = max(unlike, key=lambda condition: unlike[condition])
    if unlike[shown, masked] <= ROUNDED:
        return ""
    return (
        f"accuracies are not the published ones: that at {shown} ms {'with' if masked else 'without'} a mask differs "
        f"by {unlike[shown, masked]:.3f}; {len(trials.person):,} trials were read, and 13,000 are published"
    )


def _read_parquet(content: bytes, path: Path) -> dict[str, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise DataError(f"{path} cannot be read without pyarrow; pip install 'cordsnet[sweep]'") from error
    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
        if file.metadata.num_rows > MOST_TRIALS:
            raise DataError(f"{path} has {file.metadata.num_rows:,} rows, more than {MOST_TRIALS:,}, and is not read")
        names = [name for name in COLUMNS if name in file.schema_arrow.names]
        table = file.read(columns=names)
        return {name: table[name].to_numpy() for name in names}
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} is damaged or is no parquet file ({' '.join(str(error).split())[:120]})") from error


def _read_matlab(content: bytes, path: Path) -> dict[str, Any]:
    """Columns of the only struct of a MATLAB file, or of the one named trials; nothing but arrays is looked at."""
    from scipy import io as matlab

    try:
        structs = [name for name, _, kind in matlab.whosmat(io.BytesIO(content)) if kind == "struct"]
        if len(structs) != 1 and "trials" not in structs:
            raise DataError(f"{path} must hold one struct with the columns, or one named 'trials', got {len(structs)}")
        name = "trials" if "trials" in structs else structs[0]
        struct = matlab.loadmat(io.BytesIO(content), variable_names=[name])[name]
    except NotImplementedError as error:
        raise DataError(f"{path} is a MATLAB file of version 7.3; save it with '-v7'") from error
    except (ValueError, TypeError, KeyError, IndexError, EOFError, OSError, matlab.matlab.MatReadError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged or is no MATLAB file ({error!r:.120})") from error
    if struct.size != 1 or struct.dtype.names is None:
        raise DataError(f"struct {name!r} in {path} must be one struct of columns, got {struct.size} of them")
    return {column: np.ravel(struct[column].item()) for column in COLUMNS if column in struct.dtype.names}


def _checked(found: Mapping[str, Any], name: str, path: Path) -> Numbers:
    """A column as floating-point numbers. Raises DataError when it is missing or holds what it cannot."""
    if name not in found:
        raise DataError(f"{path} has no column {name!r}; it needs {', '.join(COLUMNS)}")
    values = found[name]
    if values.dtype.kind not in "biuf" or len(values) != len(next(iter(found.values()))) or not len(values):
        kind = f"{len(values)} values of {values.dtype}"
        raise DataError(f"column {name!r} of {path} must hold a number for each trial, got {kind}")
    column: Numbers = np.asarray(values, dtype=np.float64)
    present = column[~np.isnan(column)] if name in ANSWERS else column
    if not np.isfinite(present).all():
        raise DataError(f"column {name!r} of {path} holds values that are missing or infinite")
    if name not in ("percent_hidden", "reaction_s") and (present != present.round()).any():
        raise DataError(
            f"column {name!r} of {path} must hold whole numbers, got {present[present != present.round()][0]}"
        )
    return column


def _check_design(columns: Mapping[str, Numbers], path: Path) -> None:
    """Raise DataError unless people and conditions are the published ones, and each image has one category."""
    for name, due in (("subject", PEOPLE), ("presentation_ms", PRESENTATIONS_MS)):
        have = {int(value) for value in np.unique(columns[name])}
        if odd := sorted(have ^ set(due)):
            word = "lacks" if odd[0] in due else "has an unknown"
            raise DataError(f"{path} {word} {name} {odd[0]}; give all published trials ({len(due)} values of {name})")
    for name, low, high in (("category", 1, CATEGORIES), ("response_category", 1, CATEGORIES), ("correct", 0, 1)):
        check_range(columns[name], low, high, f"column {name!r}", path)
    check_range(columns["masked"], 0, 1, "column 'masked'", path)
    check_range(columns["percent_hidden"], 0, 100, "column 'percent_hidden'", path)
    least, most = BELIEVED_PERCENT
    if not least <= (median := float(np.median(columns["percent_hidden"]))) <= most:
        raise DataError(
            f"'percent_hidden' in {path} must be the share hidden, in percent, with a median from {least:g} to "
            f"{most:g}, got {median:g}"
        )
    pairs = np.unique(np.stack([columns["image"], columns["category"]], 1), axis=0)
    if len(pairs) != len(np.unique(columns["image"])):
        raise DataError(f"an image in {path} has two categories; columns 'image' and 'category' are damaged or swapped")


def _check_everyone(kept: Mapping[str, Numbers], path: Path) -> None:
    """Raise DataError unless all people answered in all conditions, and each trial once."""
    cells = {*zip(*(kept[name].tolist() for name in ("subject", "presentation_ms", "masked")), strict=True)}
    for person in PEOPLE:
        for shown in PRESENTATIONS_MS:
            for masked in (0.0, 1.0):
                if (float(person), float(shown), masked) not in cells:
                    raise DataError(f"subject {person} in {path} has no answer to {shown} ms with masked {masked:g}")
    rows = np.stack([kept[name] for name in COLUMNS], 1)
    found, counts = np.unique(rows, axis=0, return_counts=True)
    if (counts > 1).any():
        person, image = found[counts > 1][0, :2]
        raise DataError(
            f"rows of {path} that repeat another: {len(rows) - len(found)}, such as image {image:g} of subject "
            f"{person:g}; give each trial once"
        )


def _check_effects(kept: Mapping[str, Numbers], path: Path) -> None:
    """Raise DataError when masks seem to help people, or longer presentations to harm them."""
    masked, right, shown = kept["masked"] == 1, kept["correct"] == 1, kept["presentation_ms"]
    ends = [float(right[masked == value].mean()) for value in (True, False)]
    if ends[0] > ends[1]:
        raise DataError(
            f"accuracy with a mask is {ends[0]:.3f} in {path} and {ends[1]:.3f} without: masks would help people, so "
            "'masked' is turned around"
        )
    ends = [float(right[shown == value].mean()) for value in (PRESENTATIONS_MS[0], PRESENTATIONS_MS[-1])]
    if ends[0] > ends[1]:
        raise DataError(
            f"accuracy at {PRESENTATIONS_MS[0]} ms is {ends[0]:.3f} in {path} and {ends[1]:.3f} at "
            f"{PRESENTATIONS_MS[-1]} ms: time would harm people, so 'presentation_ms' is turned around"
        )


def _check_answers(kept: Mapping[str, Numbers], path: Path) -> None:
    """Raise DataError when answers contradict `correct`, or when reaction times are not in seconds."""
    wrong = int(((kept["response_category"] == kept["category"]) != (kept["correct"] == 1)).sum())
    if wrong:
        raise DataError(f"'correct' in {path} contradicts 'category' and 'response_category' in {wrong} trials")
    if (kept["reaction_s"] < 0).any() or not BELIEVED_S[0] <= np.median(kept["reaction_s"]) <= BELIEVED_S[1]:
        low, high = BELIEVED_S
        raise DataError(
            f"'reaction_s' in {path} must be times in seconds, with a median from {low:g} to {high:g}, got "
            f"{np.median(kept['reaction_s']):g} (least {kept['reaction_s'].min():g})"
        )

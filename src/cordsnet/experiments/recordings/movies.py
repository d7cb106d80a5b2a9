"""Movies that were shown to neurons frame by frame: responses, frames, and what models answer to them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.dynamics import Record, simulate
from cordsnet.errors import DataError
from cordsnet.models import VisionModel
from cordsnet.models.preprocessing import Preprocessing
from cordsnet.neural import Pictures, Recording, find_pictures, map_bins, read_recording
from cordsnet.stimuli import blank, show

Numbers: TypeAlias = NDArray[np.float64]

NATURAL, SYNTHETIC = "natural", "synthetic"
NEEDED = ("category", "movie", "frame")
FRAMES = "groundtruth"
"""Beginning of the names of natural frames, which are numbered from 1 in the folder of their movie."""

FOLDERS = {"prairie1": "prairieTer"}
"""Name of a movie in a recording -> its folder, where the two differ."""

REMADE = (
    "synthetic frames are remade as straight lines between the first and the last natural frame, since files that are "
    "compressed or rounded bend them"
)
FEWEST_REPEATS = 2
BLOCK_BYTES = 256 * 2**20
"""Activity of a block of frames that is held in memory, at most, unless one frame takes more."""


@dataclass(frozen=True, eq=False)
class Movies:
    """Movies with the responses of one or more populations.

    Attributes
    ----------
    names : of the M movies.
    populations : name -> responses to natural and to synthetic movies, each [M, repeat, frame, neuron].
    natural, synthetic : frames in grey, in 0-1, [M, frame, H, W]; synthetic ones lie on a straight line.
    source : a sentence on the origin of the recording.
    notes : what was left out or assumed.
    """

    names: tuple[str, ...]
    populations: dict[str, tuple[Numbers, Numbers]]
    natural: Numbers
    synthetic: Numbers
    source: str
    notes: tuple[str, ...]


def read_movies(recording: str, frames: str, zoom: int) -> Movies:
    """Read the populations of a file, or of the .npz files of a folder, and the frames of their movies.

    Without a recording there are no populations, and all movies of the frames are read.

    Raises
    ------
    ValueError : no frames were given.
    DataError : they cannot be read or do not belong together.
    """
    if not frames:
        raise ValueError("frames must be given: the folder or ZIP archive with MOVIE/groundtruth1 and so on")
    pictures = find_pictures(frames)
    if not recording:
        return _without_neurons(pictures, zoom)
    place = Path(recording).expanduser()
    files = sorted(place.glob("*.npz")) if place.is_dir() else [place]
    if not files:
        raise DataError(f"{recording} holds no .npz files; give a file, or a folder with one for each penetration")
    read = {path.stem: _of_zoom(read_recording(path), zoom, str(path)) for path in files}
    names = sorted(set.intersection(*(_movies_of(one) for one in read.values())))
    if len(names) < 2:
        raise DataError(
            f"{recording} has {len(names)} movies with natural and synthetic frames; two or more are needed"
        )
    natural = _frames(pictures, names, zoom)
    responses: dict[str, tuple[Numbers, Numbers]] = {}
    notes = [
        REMADE,
        "curvature of neurons is the angle of unbiased products, each between different repeats, to which noise adds "
        "nothing; the curvature of mean responses, which noise takes towards 120 degrees, stands beside it (naive)",
        "intervals of single movies are over neurons and repeats; areas of models have no noise, and no interval there",
        "intervals are over movies; other neurons may differ more, as single penetrations show",
        "noise takes the curvature of single movies towards 0, the more the less responses to their frames differ",
    ]
    for name, one in read.items():
        both, lost = _responses(one, names, natural.shape[1], name)
        responses[name] = both
        if lost:
            notes.append(f"{lost} of {len(one.neurons)} neurons of {name} lack two repeats of a frame and are left out")
    if len(responses) > 1:
        responses = {"all": _joined(list(responses.values())), **responses}
    source = next(iter(read.values())).source + (f" And {len(read) - 1} more files." if len(read) > 1 else "")
    return Movies(tuple(names), responses, natural, _fades(natural), source, tuple(notes))


def _without_neurons(pictures: Pictures, zoom: int) -> Movies:
    """All movies of the frames, and no responses."""
    parts = [one.split("/") for one in pictures.names]
    names = sorted({part[-2] for part in parts if len(part) > 1 and part[-1].startswith(FRAMES)})
    if len(names) < 2:
        raise DataError(
            f"{pictures.source} has {len(names)} folders with frames {FRAMES}1, {FRAMES}2 ...; two movies are needed"
        )
    natural = _frames(pictures, names, zoom)
    notes = (REMADE, "no recording was given, so that models are measured and no neurons", "intervals are over movies")
    return Movies(tuple(names), {}, natural, _fades(natural), f"Frames of {Path(pictures.source).name}.", notes)


def _fades(natural: Numbers) -> Numbers:
    """Straight lines between the first and the last frame of movies [M, frame, H, W]."""
    along = np.linspace(0, 1, natural.shape[1])[:, None, None]
    return natural[:, :1] * (1 - along) + natural[:, -1:] * along


def _of_zoom(recording: Recording, zoom: int, path: str) -> Recording:
    """The images of a zoom. Raises DataError for a recording that is not of frames of movies."""
    lacks = [name for name in NEEDED if name not in recording.image_labels]
    if lacks:
        raise DataError(f"{path} has no label {lacks[0]!r} of its images; frames need {', '.join(NEEDED)}")
    if len(recording.bins_ms) != 1:
        raise DataError(f"{path} has {len(recording.bins_ms)} time bins; give one window for the response to a frame")
    if "zoom" not in recording.image_labels:
        return recording
    wanted = recording.image_labels["zoom"] == f"zoom{zoom}x"
    if not wanted.any():
        raise DataError(f"{path} has no images of zoom{zoom}x; choose another zoom")
    return recording.select(images=wanted)


def _movies_of(recording: Recording) -> set[str]:
    """Names of the movies that have natural and synthetic frames."""
    category, movie = (np.asarray(recording.image_labels[name]).astype(str) for name in ("category", "movie"))
    return set(movie[category == NATURAL].tolist()) & set(movie[category == SYNTHETIC].tolist())


def _frames(pictures: Pictures, names: Sequence[str], zoom: int) -> Numbers:
    """Natural frames of the movies in 0-1 [M, frame, H, W]; zoom 2 is the central half."""
    movies = [_frames_of(pictures, name, zoom) for name in names]
    shapes = {movie.shape for movie in movies}
    if len(shapes) > 1:
        said = ", ".join(map(str, sorted(shapes)))
        raise DataError(f"{pictures.source} holds movies of different lengths or sizes, {said}; give them alike")
    return np.stack(movies)


def _frames_of(pictures: Pictures, name: str, zoom: int) -> Numbers:
    """Natural frames of a movie [frame, H, W]; "movie05-prairie1" is a movie of the name prairie1."""
    bare = name.partition("-")[2] if name.startswith("movie") and "-" in name else name
    folder = FOLDERS.get(bare, bare)
    parts = [one.split("/")[-2:] for one in pictures.names]
    rows = [k for k, part in enumerate(parts) if part[0] == folder and part[-1].startswith(FRAMES)]
    if len(rows) < 3:
        raise DataError(f"{pictures.source} has {len(rows)} frames {folder}/{FRAMES}1, ... of {name!r}; 3 are needed")
    found = [np.asarray(one.convert("L"), np.float64) / 255 for one in pictures.load(rows)]
    if len({frame.shape for frame in found}) > 1:
        raise DataError(f"{pictures.source} has frames of {folder!r} of different sizes")
    whole = np.stack(found)
    high, wide = whole.shape[1] // 4, whole.shape[2] // 4
    return whole if zoom == 1 else whole[:, high : whole.shape[1] - high, wide : whole.shape[2] - wide]


def _responses(recording: Recording, names: Sequence[str], frames: int, of: str) -> tuple[tuple[Numbers, Numbers], int]:
    """Responses to natural and synthetic movies [M, repeat, frame, neuron], and how many neurons were left out."""
    labels = {name: np.asarray(recording.image_labels[name]).astype(str) for name in NEEDED}
    rows: dict[str, list[list[int]]] = {NATURAL: [], SYNTHETIC: []}
    for category, movies in rows.items():
        for movie in names:
            found = np.flatnonzero((labels["category"] == category) & (labels["movie"] == movie))
            if len(found) != frames:
                raise DataError(f"{of} has {len(found)} {category} frames of {movie!r}, and {frames} pictures of it")
            movies.append([int(k) for k in found[np.argsort([_number(str(one)) for one in labels["frame"][found]])]])
    used = np.unique(np.concatenate([np.ravel(movies) for movies in rows.values()]))
    complete = (recording.repeats[used] >= FEWEST_REPEATS).all(0)
    if not complete.any():
        raise DataError(f"{of}: no neuron has two repeats of every frame, which curvature without noise needs")
    values = recording.responses[:, :, 0][..., complete].astype(np.float64)
    natural, synthetic = (values[np.array(movies)].transpose(0, 2, 1, 3) for movies in rows.values())
    return (natural, synthetic), int((~complete).sum())


def _number(frame: str) -> int:
    """Number of a frame, such as 3 of "frame03"."""
    digits = "".join(sign for sign in frame if sign.isdigit())
    if not digits:
        raise DataError(f"frames must be numbered, as in 'frame01', got {frame!r}")
    return int(digits)


def _joined(parts: Sequence[tuple[Numbers, Numbers]]) -> tuple[Numbers, Numbers]:
    """All neurons together; those with fewer repeats have NaN in the others."""
    most = max(part[0].shape[1] for part in parts)

    def padded(values: Numbers) -> Numbers:
        return np.pad(values, ((0, 0), (0, most - values.shape[1]), (0, 0), (0, 0)), constant_values=np.nan)

    natural, synthetic = (np.concatenate([padded(part[k]) for part in parts], 3) for k in (0, 1))
    return natural, synthetic


@dataclass(frozen=True, eq=False)
class Shown:
    """Frames as a model reads them, and its answers to them.

    Attributes
    ----------
    pixels : [M, frame, values].
    activity : area -> [M, frame, F - 1 numbers], the coordinates of the activity in the span of a movie's differences,
        in which angles between them are those of all units.
    units : area -> number of its units.
    """

    pixels: Numbers
    activity: dict[str, Numbers]
    units: dict[str, int]


def show_movies(
    model: VisionModel,
    movies: Movies,
    *,
    image_ms: float,
    read: Literal["window", "last"] = "window",
    areas: Literal["all", "top"] = "all",
) -> tuple[Shown, Shown, tuple[str, ...]]:
    """Show each frame of the natural and synthetic movies as a static image, from the state without an image.

    Parameters
    ----------
    image_ms : how long a frame stays, ms.
    read : "window" has the mean over this time, "last" the state at its end.
    areas : "all", or the "top" one alone.

    Returns
    -------
    Answers to natural and to synthetic movies, and notes.
    """
    preparation, said = Preprocessing.known_or_assumed(model.metadata, model.spec)
    natural = torch.stack([preparation([frame.astype(np.float32) for frame in movie]) for movie in movies.natural])
    natural = natural.double()
    along = torch.linspace(0, 1, natural.shape[1], dtype=torch.float64)[:, None, None, None]
    synthetic = natural[:, :1] * (1 - along) + natural[:, -1:] * along
    names = model.system().areas if areas == "all" else model.system().areas[-1:]
    bins = map_bins(np.array([[0.0, image_ms]]), model.clock.dt_ms)
    steps = bins.steps[0] if read == "window" else bins.steps[0][-1:]
    shown = [_shown(model, one, names, bins.before_steps, steps) for one in (natural, synthetic)]
    size = "x".join(map(str, natural.shape[-2:]))
    notes = (f"pictures are {said}; pixels are those that the model reads, {size}", bins.sentence)
    return shown[0], shown[1], notes[:1] if read == "last" else notes


def _shown(model: VisionModel, frames: Tensor, names: Sequence[str], before: int, steps: NDArray[np.int64]) -> Shown:
    """Answers to frames [M, frame, C, H, W]: the mean over the steps that are read."""
    dt = model.clock.dt_ms
    record = Record(list(names), times_ms=[step * dt for step in steps.tolist()], outputs=())
    units = {name: math.prod(signal.shape) for name, signal in record.signals(model.system()).items()}
    block = max(1, BLOCK_BYTES // (4 * len(steps) * sum(units.values())))
    on = (int(steps[-1]) - before) * dt
    activity: dict[str, list[Numbers]] = {name: [] for name in names}
    for movie in frames:
        parts: dict[str, list[Tensor]] = {name: [] for name in names}
        for some in movie.to(model.like.device, model.like.dtype).split(block):
            found = simulate(model, blank(before * dt) + show(some, on), record=record)
            for name in names:
                parts[name].append(found.rates[name].flatten(2).double().mean(0).cpu())
        for name in names:
            activity[name].append(_in_few(torch.cat(parts[name]).numpy()))
    stacked = {name: np.stack(values) for name, values in activity.items()}
    return Shown(frames.flatten(2).numpy(), stacked, units)


def _in_few(path: Numbers) -> Numbers:
    """A path [frame, units] in as many numbers as it has steps, with the same angles; zero where nothing changes."""
    _, triangle = np.linalg.qr((path[1:] - path[0]).T)  # [numbers, frame - 1]
    found: Numbers = np.concatenate([np.zeros((1, len(triangle))), triangle.T])
    return found


def without_noise(values: Numbers) -> Numbers:
    """Two equal repeats [M, 2, frame, units], whose products are those of the values themselves."""
    return np.repeat(values[:, None], 2, axis=1)

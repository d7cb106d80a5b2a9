"""Scores of anything with the interface of Brain-Score on a recording at hand, without its servers and packages."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural.activity.pictures import find_pictures
from cordsnet.neural.recording import Recording
from cordsnet.neural.scoring.score import score
from cordsnet.neural.scoring.scores import Scores

DIMS = ("presentation", "time_bin", "neuroid")


@check_arguments
def score_brain_model(
    candidate: Any,
    recording: Recording,
    pictures: str | Path,
    region: str,
    *,
    mapping: Any = None,
    number_of_trials: int = 1,
    **options: Any,
) -> Scores:
    """Score a model with the interface of Brain-Score on a recording of one region.

    The model is asked as a benchmark asks it: `start_recording(region, time_bins)`, then `look_at(files)`. What it
    answers is scored as any other activity, by default with PLS of 25 components in Brain-Score's splits.

    Parameters
    ----------
    candidate : a model of `to_brainscore`, or any other `BrainModel`.
    recording : responses of the neurons of the region.
    pictures : folder with a picture for each image, matched by name. Pictures fill the field of the model.
    region : name of the region that is recorded in the model.
    mapping, options : as in `score`.
    number_of_trials : trials that the model averages.

    Raises
    ------
    ArgumentError : the candidate lacks the interface.
    DataError : pictures that are not there, or an answer with other stimuli or time bins than asked for.

    Source: Schrimpf et al. 2018, bioRxiv 407007; `NeuralBenchmark` of brainscore_vision 2.4.2 is asked alike.
    """
    for name in ("start_recording", "look_at"):
        if not callable(getattr(candidate, name, None)):
            raise ArgumentError(f"candidate must have a method {name}, got {type(candidate).__name__}")
    if not Path(pictures).is_dir():
        raise DataError(f"pictures must be a folder, which the interface of Brain-Score needs, got {str(pictures)!r}")
    shown, _ = find_pictures(pictures).in_order_of(recording.images)
    files = [str((Path(shown.source) / name).absolute()) for name in shown.files]
    bins = [(_whole(start), _whole(end)) for start, end in recording.bins_ms.tolist()]
    candidate.start_recording(region, time_bins=bins)
    found = candidate.look_at(files, number_of_trials=number_of_trials)
    return score(_activity(found, files, recording), recording, mapping, **options)


def _whole(time: float) -> int | float:
    """A time as the whole number that benchmarks give, where it is one."""
    return int(time) if time.is_integer() else time


def _activity(found: Any, files: list[str], recording: Recording) -> NDArray[Any]:
    """Activity [I, T, U] of an assembly, in the order of the images."""
    dims = tuple(map(str, getattr(found, "dims", ())))
    if set(dims) not in ({*DIMS}, {"presentation", "neuroid"}):
        raise DataError(f"look_at must answer with the dimensions {', '.join(DIMS)}, got {', '.join(dims) or 'none'}")
    values = np.asarray(found.transpose(*(name for name in DIMS if name in dims)).values)
    values = values if "time_bin" in dims else values[:, None]
    if values.shape[:2] != (len(files), len(recording.bins_ms)):
        given, due = (
            f"{values.shape[0]} stimuli and {values.shape[1]} bins",
            f"{len(files)} and {len(recording.bins_ms)}",
        )
        raise DataError(f"look_at must answer with as many stimuli and bins as asked for, {due}, got {given}")
    bins = np.stack([np.atleast_1d(found[f"time_bin_{end}"].values) for end in ("start", "end")], 1)
    if not np.allclose(bins.astype(np.float64), recording.bins_ms):
        raise DataError(f"look_at must answer with the bins asked for, got {bins.tolist()}")
    paths = found["stimulus_path"].values.tolist()
    if sorted(map(str, paths)) != sorted(files):
        raise DataError(f"look_at must answer with the files it was shown, got {paths[0]!r}")
    places = {str(path): k for k, path in enumerate(paths)}
    return values[[places[file] for file in files]]

"""Folders of Phy: sorted spikes in samples and the groups of their clusters, with a table of trials beside them."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import check_file, naming, read_npy
from cordsnet.neural.reading.parts.facts import About, texts
from cordsnet.neural.reading.parts.trials import joined, names_of
from cordsnet.neural.reading.raster_tables import SUFFIXES
from cordsnet.neural.reading.spike_times import TIMES, from_spikes
from cordsnet.neural.reading.tables import read_frame, to_numbers
from cordsnet.neural.recording import Recording

TIMES_FILE, CLUSTERS_FILE = "spike_times.npy", "spike_clusters.npy"
GROUPS = {"cluster_group.tsv": "group", "cluster_info.tsv": "group", "cluster_KSLabel.tsv": "KSLabel"}
"""Table of clusters -> its column with the group of each, in the order in which they are looked for."""

ALL, UNSORTED = "all", "unsorted"
"""Clusters of every group; and the group of those that nobody has sorted, as Phy calls them."""

PARAMETERS, RATE = "params.py", "sample_rate"
LONGEST = 2**16
"""Bytes of a file of parameters that are looked at."""

IN_SAMPLES = "_samples"


def is_phy_folder(path: Path) -> bool:
    """True for a folder that holds the spikes of Phy."""
    return path.is_dir() and all((path / name).is_file() for name in (TIMES_FILE, CLUSTERS_FILE))


@check_arguments
def read_phy(
    path: str | Path,
    *,
    bin_ms: float,
    from_ms: float = 0.0,
    to_ms: float = 200.0,
    trials: str | Path | None = None,
    image: str | Sequence[str] = "image",
    groups: str | Sequence[str] = "good",
    sample_rate_hz: float | None = None,
    **about: Unpack[About],
) -> Recording:
    """Read the spikes of the clusters of a folder of Phy around the onsets of trials.

    The folder holds spike_times.npy (samples from the start of the recording), spike_clusters.npy, and the groups of
    the clusters in cluster_group.tsv or cluster_info.tsv, where Phy keeps them, or in cluster_KSLabel.tsv. No code in
    it is run: the sample rate is read from the text of params.py. The label "group" is the group of each cluster.

    Parameters
    ----------
    path : the folder.
    bin_ms, from_ms, to_ms : duration of bins, and the time from onset that they fill.
    trials : table of the trials, .csv, .tsv or .parquet, with a column onset_samples, onset_ms or onset_s on the clock
        of the spikes; None is the table trials in the folder.
    image : column of the trials, or several, that together say what was shown.
    groups : groups of the clusters that are read, such as "good mua", or "all".
    sample_rate_hz : samples per s; None reads it from params.py.
    about : facts that the folder does not hold, see `About`; neurons are the ids of the clusters that are read.

    Raises
    ------
    DataError : a file or column is missing, damaged or does not fit, no cluster is of these groups, or the sample rate
        is not known.
    """
    place = Path(path)
    if not is_phy_folder(place):
        raise DataError(f"{place} is no folder with {TIMES_FILE} and {CLUSTERS_FILE}, as Phy writes them")
    with naming(place):
        rate = _rate(place) if sample_rate_hz is None else sample_rate_hz
        check_positive(rate, "sample_rate_hz")
        times, owner = _spikes(place)
        names, labels = _clusters(place, owner, groups, about.get("neurons"))
        onsets, shown = _trials(place, trials, image, rate)
        order = np.argsort(owner, kind="stable")
        ends = np.searchsorted(owner[order], names, side="right")
        starts = np.searchsorted(owner[order], names, side="left")
        trains = [times[order[start:end]] * (1000 / rate) for start, end in zip(starts, ends, strict=True)]
        known: About = {"source": place.name, **about, "neurons": [str(name) for name in names.tolist()]}
        known["neuron_labels"] = {**({} if labels is None else {"group": labels}), **(about.get("neuron_labels") or {})}
        return from_spikes(trains, onsets, shown, bin_ms=bin_ms, from_ms=from_ms, to_ms=to_ms, **known)


def _rate(folder: Path) -> float:
    """Sample rate in the text of params.py, which is parsed and not run. Raises DataError where it is not there."""
    place = folder / PARAMETERS
    hint = "give sample_rate_hz"
    if not place.is_file():
        raise DataError(f"{place} is not there, so that the sample rate is not known; {hint}")
    try:
        with open(place, "rb") as stream:
            tree = ast.parse(stream.read(LONGEST))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"{place} is damaged ({error!s:.60}); {hint}") from error
    for node in tree.body:
        named = isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == RATE for to in node.targets)
        if named and isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            value = node.value.value
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9:
                return float(value)
    raise DataError(f"{place} has no line such as {RATE} = 30000.0 with a number; {hint}")


def _spikes(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Time in samples and cluster of each spike. Raises DataError for other than whole numbers, one of each."""
    found = []
    for name in (TIMES_FILE, CLUSTERS_FILE):
        check_file(folder / name)
        values = read_npy(folder / name)
        if values.ndim == 2 and 1 in values.shape:
            values = values.ravel()
        whole = values.dtype.kind in "iu" or (values.dtype.kind == "f" and bool((values == np.rint(values)).all()))
        if values.ndim != 1 or not values.size or not whole:
            what = f"{values.dtype} of shape {list(values.shape)}"
            raise DataError(f"{name} must be one list of whole numbers, got {what}; times of Phy are in samples")
        if float(values.min()) < 0 or float(values.max()) >= 2**52:
            raise DataError(f"{name} must hold numbers from 0 on, got {values.min()} to {values.max()}")
        found.append(values)
    times, owner = found
    if len(times) != len(owner):
        raise DataError(f"{CLUSTERS_FILE} has {len(owner):,} spikes and {TIMES_FILE} {len(times):,}; they must agree")
    return times.astype(np.float64), owner.astype(np.int64)


def _clusters(
    folder: Path, owner: NDArray[np.int64], groups: str | Sequence[str], asked: Any
) -> tuple[NDArray[np.int64], NDArray[Any] | None]:
    """Ids of the clusters that are read, and the group of each; None where the folder has no table of them."""
    wanted, present = names_of(groups), np.unique(owner)
    table = next((name for name in GROUPS if (folder / name).is_file()), None)
    if table is None and ALL not in wanted:
        raise DataError(f'{folder} has none of {", ".join(GROUPS)}; give groups="all" to read clusters of every group')
    label = None if table is None else _groups(folder / table, GROUPS[table])
    group = np.array([(label or {}).get(int(one), UNSORTED) for one in present])
    kept = np.ones(len(present), bool) if ALL in wanted else np.isin(group, wanted)
    if not kept.any():
        has = ", ".join(sorted(set(group.tolist())))
        raise DataError(f"groups: no cluster with spikes is of {' or '.join(wanted) or 'no group'}; there are {has}")
    names, found = present[kept], group[kept]
    if asked is not None:
        index = {str(one): k for k, one in enumerate(names.tolist())}
        if absent := [one for one in texts(asked, "neurons") if one not in index]:
            raise DataError(f"neurons: no cluster {absent[0]} of these groups has a spike; {len(index)} others have")
        places = sorted(index[one] for one in texts(asked, "neurons"))
        names, found = names[places], found[places]
    return names, None if label is None else found


def _groups(path: Path, column: str) -> dict[int, str]:
    """Cluster -> its group, from a table of Phy."""
    check_file(path)
    frame = read_frame(path)
    names = list(map(str, frame.columns))
    key = next((name for name in ("cluster_id", "id") if name in names), None)
    if key is None or column not in names:
        raise DataError(f"{path} must have the columns cluster_id and {column}, got {', '.join(names)[:100]}")
    ids = to_numbers(np.asarray(frame[key]), key)
    if not np.isfinite(ids).all() or len(np.unique(ids)) < len(ids):
        raise DataError(f"{path} must name each cluster once by a number, got others")
    labels = [UNSORTED if gap else str(label) for label, gap in zip(frame[column], frame[column].isna(), strict=True)]
    return dict(zip(map(int, ids.tolist()), labels, strict=True))


def _trials(
    folder: Path, given: str | Path | None, image: str | Sequence[str], rate: float
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Onset of each trial, ms, and what was shown."""
    found = [folder / f"trials{end}" for end in SUFFIXES if (folder / f"trials{end}").is_file()]
    if given is None and len(found) != 1:
        has = ", ".join(one.name for one in found) or "none"
        raise DataError(f"{folder} must hold one table trials with image and onset, got {has}; or name it with trials")
    place = found[0] if given is None else Path(given)
    check_file(place)
    if place.suffix.lower() not in SUFFIXES:
        raise DataError(f"trials must be a table {', '.join(SUFFIXES)}, got {place.name!r}")
    frame = read_frame(place)
    names, factors = list(map(str, frame.columns)), {**TIMES, IN_SAMPLES: 1000 / rate}
    ends = [end for end in factors if f"onset{end}" in names]
    if len(ends) != 1:
        due = " or ".join(f"onset{end}" for end in factors)
        raise DataError(f"{place} must have one column {due}, got {', '.join(names)[:100]}")
    columns = names_of(image)
    if absent := [name for name in columns if name not in names] or not columns:
        what = repr(absent[0]) if isinstance(absent, list) else "no name"
        raise DataError(f"image: {place} has no column of {what}; it has {', '.join(names)[:100]}")
    name = f"onset{ends[0]}"
    onsets = to_numbers(np.asarray(frame[name]), name).astype(np.float64) * factors[ends[0]]
    return onsets, joined([np.asarray(frame[one]) for one in columns])

"""A recording: responses of neurons to images, repeat by repeat, in time bins."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments, check_init
from cordsnet.errors import DataError

Numbers: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = Mapping[str, NDArray[Any]]

UNITS = {
    "count": "spikes in the bin",
    "rate": "spikes per s",
    "other": "a measure that is neither, such as a z score, fluorescence or a field potential",
}
"""Unit of responses -> its meaning."""

LONGEST_MS = 3_600_000.0
"""Latest end of a bin that is believed; an hour in ms, which seconds taken for ms never reach and nanoseconds do."""


@check_init
@dataclass(frozen=True, eq=False)
class Recording:
    """Responses of N neurons to I images in T time bins, with up to R repeats.

    An image stands for whatever was shown in a trial: a photograph, a sequence of frames, an object at a position.

    Attributes
    ----------
    responses : responses [I, R, T, N] in float32 or float64; NaN where a neuron was not recorded in a repeat.
    bins_ms : start and end of each bin from the onset of the image, ms [T, 2]; bins are in order of their starts and
        may overlap.
    images : identifiers of the images, each once.
    neurons : identifiers of the neurons, each once.
    unit : a row of `UNITS`.
    image_labels : name -> one value for each image [I], such as the object that it shows.
    neuron_labels : name -> one value for each neuron [N]; "area" and "animal" are read by reports.
    source : a sentence on the origin of the recording, such as its paper.

    Raises
    ------
    DataError : the parts do not fit together, identifiers are repeated, bins have no duration or are out of order, a
        response is infinite, a count is negative, or no response is present.
    """

    responses: NDArray[Any]
    bins_ms: NDArray[Any]
    images: Sequence[str]
    neurons: Sequence[str]
    unit: str = "count"
    image_labels: Labels = field(default_factory=dict)
    neuron_labels: Labels = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        _check_axes(self)
        check_bins(self.bins_ms)
        _check_values(self.responses, self.unit)
        object.__setattr__(self, "images", tuple(map(str, self.images)))
        object.__setattr__(self, "neurons", tuple(map(str, self.neurons)))
        object.__setattr__(self, "bins_ms", np.asarray(self.bins_ms, np.float64))

    @property
    def centres_ms(self) -> Numbers:
        """Centre of each bin from onset, ms [T]."""
        found: Numbers = self.bins_ms.mean(1)
        return found

    @property
    def durations_ms(self) -> Numbers:
        """Duration of each bin, ms [T]."""
        found: Numbers = self.bins_ms[:, 1] - self.bins_ms[:, 0]
        return found

    @cached_property
    def repeats(self) -> NDArray[np.int64]:
        """Number of repeats of each image for each neuron [I, N]; a repeat counts if any of its bins is present."""
        found: NDArray[np.int64] = (~np.isnan(self.responses)).any(2).sum(1)
        return found

    @cached_property
    def mean(self) -> Numbers:
        """Mean over the repeats that are present, as float64 [I, T, N]; NaN where there is none."""
        present = ~np.isnan(self.responses)
        total = np.where(present, self.responses, 0).sum(1, dtype=np.float64)
        number = present.sum(1)
        found: Numbers = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
        return found

    @check_arguments
    def select(
        self,
        *,
        images: NDArray[Any] | None = None,
        neurons: NDArray[Any] | None = None,
        window_ms: tuple[float, float] | None = None,
    ) -> "Recording":
        """Return a part of the recording.

        Parameters
        ----------
        images, neurons : indices, or True for those that are kept; None keeps all.
        window_ms : bins that lie within this time from onset are kept; None keeps all.

        Raises
        ------
        DataError : nothing is left.
        """
        times = np.arange(len(self.bins_ms))
        if window_ms is not None:
            times = np.flatnonzero((self.bins_ms[:, 0] >= window_ms[0]) & (self.bins_ms[:, 1] <= window_ms[1]))
        if not len(times):
            spans = f"{self.bins_ms[0, 0]:g} to {self.bins_ms[-1, 1]:g} ms"
            raise DataError(f"window_ms {window_ms} holds no whole time bin; the recording has bins from {spans}")
        rows = _indices(images, len(self.images), "images")
        columns = _indices(neurons, len(self.neurons), "neurons")
        return replace(
            self,
            responses=self.responses[np.ix_(rows, np.arange(self.responses.shape[1]), times, columns)],
            bins_ms=self.bins_ms[times],
            images=[self.images[k] for k in rows],
            neurons=[self.neurons[k] for k in columns],
            image_labels={name: np.asarray(labels)[rows] for name, labels in self.image_labels.items()},
            neuron_labels={name: np.asarray(labels)[columns] for name, labels in self.neuron_labels.items()},
        )

    def as_rates(self) -> "Recording":
        """Return the recording with counts converted to spikes per s; rates are returned as they are.

        Raises
        ------
        DataError : responses are neither counts nor rates.
        """
        if self.unit == "other":
            raise DataError('responses of unit "other" are no spikes, so they have no rate; use them as they are')
        if self.unit == "rate":
            return self
        seconds = self.durations_ms / 1000
        return replace(self, responses=self.responses / seconds[:, None].astype(self.responses.dtype), unit="rate")


def _check_axes(recording: Recording) -> None:
    """Raise DataError unless all parts have the same numbers of images, bins and neurons."""
    shape, kind = recording.responses.shape, recording.responses.dtype
    if len(shape) != 4:
        raise DataError(f"responses must have the axes [image, repeat, time, neuron], got {len(shape)} axes {shape}")
    if kind not in (np.float32, np.float64):
        raise DataError(f"responses must be float32 or float64, which have NaN for absent repeats, got {kind}")
    if 0 in shape:
        raise DataError(f"responses must have at least one image, repeat, bin and neuron, got {shape}")
    if recording.unit not in UNITS:
        raise DataError(f"unit must be one of {', '.join(UNITS)}, got {recording.unit!r}")
    if np.shape(recording.bins_ms) != (shape[2], 2):
        raise DataError(
            f"bins_ms must hold start and end of the {shape[2]} bins of responses, got {np.shape(recording.bins_ms)}"
        )
    _check_names(recording.images, recording.image_labels, shape[0], "images")
    _check_names(recording.neurons, recording.neuron_labels, shape[3], "neurons")


def _check_names(given: Sequence[str], labels: Labels, count: int, of: str) -> None:
    """Raise DataError unless each of `count` images or neurons has a name of its own and a value of every label."""
    names = list(map(str, given))
    if len(names) != count:
        raise DataError(f"{of} must name each of the {count} {of} in responses, got {len(names)} names")
    if len(set(names)) < count:
        name, times = Counter(names).most_common(1)[0]
        raise DataError(f"{of} must differ from one another, got {name!r} {times} times")
    for label, values in labels.items():
        if np.shape(values)[:1] != (count,):
            raise DataError(f"{of[:-1]}_labels[{label!r}] must have {count} values, got shape {np.shape(values)}")


def check_bins(bins_ms: NDArray[Any]) -> None:
    """Raise DataError unless bins have a duration and are in order of their starts."""
    if not np.issubdtype(bins_ms.dtype, np.number) or not np.isfinite(bins_ms).all():
        raise DataError("bins_ms must be finite numbers, in ms from onset")
    if np.abs(bins_ms).max() > LONGEST_MS:
        raise DataError(f"bins_ms must be ms from the onset of an image, got {np.abs(bins_ms).max():g}")
    if (empty := np.flatnonzero(bins_ms[:, 1] <= bins_ms[:, 0])).size:
        start, end = bins_ms[empty[0]]
        raise DataError(f"bins_ms must end after they start, got {start:g} to {end:g} ms in bin {empty[0]}")
    if (turned := np.flatnonzero(np.diff(bins_ms[:, 0]) <= 0)).size:
        first = turned[0]
        raise DataError(f"bins_ms must be in order of their starts, but bin {first + 1} is not after bin {first}")


def _check_values(responses: NDArray[Any], unit: str) -> None:
    """Raise DataError for infinite responses, negative spikes and a recording without any response."""
    missing = np.isnan(responses)
    if missing.all():
        raise DataError("responses are all NaN, so that nothing was recorded")
    if np.isinf(responses).any():
        raise DataError("responses must be finite or NaN, got infinity; use NaN where a repeat is absent")
    if unit != "other" and responses[~missing].min() < 0:
        place = tuple(int(k) for k in np.argwhere(responses < 0)[0])
        what = f"{responses[place]:g} at [image, repeat, time, neuron] = {place}"
        raise DataError(f'responses of unit {unit!r} must not be negative, got {what}; use NaN or unit "other"')


def _indices(chosen: NDArray[Any] | None, count: int, name: str) -> NDArray[np.intp]:
    """Indices of the chosen members; raises DataError where there is none or one does not exist."""
    if chosen is None:
        return np.arange(count)
    if chosen.ndim != 1:
        raise DataError(f"{name} must be a list of indices or truth values, got an array of {chosen.ndim} axes")
    if chosen.dtype == bool:
        if len(chosen) != count:
            raise DataError(f"{name} must have a truth value for each of the {count}, got {len(chosen)}")
        chosen = np.flatnonzero(chosen)
    if not len(chosen):
        raise DataError(f"{name} chooses none of the {count}; choose at least one")
    if not np.issubdtype(chosen.dtype, np.integer) or chosen.min() < -count or chosen.max() >= count:
        raise DataError(f"{name} must be indices below {count} or truth values, got {chosen[:5]}")
    return np.arange(count)[chosen]

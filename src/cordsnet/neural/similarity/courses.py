"""RDMs over time of several people and regions, as MEG and EEG give them."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments, check_init
from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural.readable import check_readable
from cordsnet.neural.similarity.compare import images_of

Numbers: TypeAlias = NDArray[np.float64]


@check_init
@dataclass(frozen=True, eq=False)
class RdmCourses:
    """RDMs of every person, region and time; `of` gives those of a region to `rsa_over_time` and `ct_rsa`.

    Attributes
    ----------
    rdms : dissimilarities [subjects, regions, T, pairs], pairs in the order of `scipy.spatial.distance.pdist`.
    times_ms : time of each RDM from image onset, ms [T], rising.
    regions : name of each region, or of the sensors.
    subjects : name of each person.
    source : origin of the RDMs.

    Raises
    ------
    DataError : parts that do not fit together, pairs that make no triangle, or values that are no finite numbers.
    """

    rdms: NDArray[Any]
    times_ms: NDArray[Any]
    regions: tuple[str, ...]
    subjects: tuple[str, ...]
    source: str = ""

    def __post_init__(self) -> None:
        if self.rdms.ndim != 4 or 0 in self.rdms.shape:
            raise DataError(f"rdms must be [subject, region, time, pair], got shape {list(self.rdms.shape)}")
        images_of(self.rdms.shape[3])
        for name, axis in (("subjects", 0), ("regions", 1), ("times_ms", 2)):
            if len(getattr(self, name)) != self.rdms.shape[axis]:
                given = f"{len(getattr(self, name))} for {self.rdms.shape[axis]}"
                raise DataError(f"{name} must be as many as the RDMs have on axis {axis}, got {given}")
        for name in ("subjects", "regions"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise DataError(f"{name} must have different names, got {', '.join(getattr(self, name))}")
        check_readable(self.times_ms, "times_ms")
        if self.times_ms.ndim != 1 or not (np.diff(self.times_ms) > 0).all():
            raise DataError("times_ms must be times that rise from one RDM to the next; sort the RDMs by time")
        missing = np.argwhere(np.isnan(self.rdms)) if self.rdms.dtype.kind == "f" else np.empty(0)
        if missing.size:
            subject, region, time, _ = (int(k) for k in missing[0])
            place = f"{self.subjects[subject]}, {self.regions[region]} at {self.times_ms[time]:g} ms"
            raise DataError(f"rdms hold NaN for {place}; leave out the subjects, times or images that lack distances")
        check_readable(self.rdms, "rdms")

    @property
    def images(self) -> int:
        """Number of images."""
        return images_of(self.rdms.shape[3])

    @property
    def bins_ms(self) -> Numbers:
        """Bins around the times, ms [T, 2], in which `record_activity` records a model to be compared time by time.

        They meet half way between times; the first and the last are as long as their neighbours. Raises DataError for a
        single time, which has no neighbour.
        """
        times = self.times_ms.astype(np.float64)
        if len(times) < 2:
            raise DataError("times_ms must have two times or more to say how long bins are, got one")
        between = (times[1:] + times[:-1]) / 2
        edges = np.concatenate([[2 * times[0] - between[0]], between, [2 * times[-1] - between[-1]]])
        return np.stack([edges[:-1], edges[1:]], 1)

    @check_arguments
    def of(self, region: str | None = None) -> Numbers:
        """RDMs of a region [subjects, T, pairs]; None is the only one there is. Raises ArgumentError for others."""
        if region is None and len(self.regions) == 1:
            return self.rdms[:, 0].astype(np.float64)
        if region not in self.regions:
            raise ArgumentError(f"region must be one of {', '.join(self.regions)}, got {region!r}")
        return self.rdms[:, self.regions.index(region)].astype(np.float64)

    @check_arguments
    def between(self, from_ms: float, to_ms: float) -> "RdmCourses":
        """The same from one time to another, both included. Raises ArgumentError where there is no RDM."""
        kept = (self.times_ms >= from_ms) & (self.times_ms <= to_ms)
        if not kept.any():
            has = f"they are from {self.times_ms[0]:g} to {self.times_ms[-1]:g} ms"
            raise ArgumentError(f"no RDM is from from_ms {from_ms:g} to to_ms {to_ms:g}; {has}")
        return RdmCourses(self.rdms[:, :, kept], self.times_ms[kept], self.regions, self.subjects, self.source)

"""Steps of a model that stand for the time bins of a recording."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_positive
from cordsnet.errors import DataError

MOST_STEPS = 10_000_000
"""Most steps of a simulation that bins may ask for."""


@check_init
@dataclass(frozen=True, eq=False)
class BinMap:
    """Steps of a simulation whose mean stands for each bin of a recording.

    A step that ends t ms after image onset stands for t + `latency_ms` in the recording: a latency of 50 ms says that
    the recorded area answers 50 ms later than the model. A bin has the mean over the steps that end after its start and
    no later than its end, so that the state at onset, which knows no image, belongs to the bin before. Where steps are
    longer than bins and none ends within one, the step during which its centre lies stands for it, and the bin counts
    as held.

    Attributes
    ----------
    dt_ms : duration of a step, ms.
    before_steps : steps before image onset, at least one, so that bins before the response have the baseline.
    total_steps : steps of the simulation.
    steps : for each bin the steps that are averaged, counted from 1 at the start of the simulation.
    held : True for bins in which no step ends [T].
    """

    dt_ms: float
    before_steps: int
    total_steps: int
    steps: tuple[NDArray[Any], ...]
    held: NDArray[Any]

    def __post_init__(self) -> None:
        if not self.steps or len(self.held) != len(self.steps) or not all(map(len, self.steps)):
            raise DataError(f"steps must hold some steps for each of the {len(self.held)} bins, got {len(self.steps)}")

    @property
    def used(self) -> NDArray[np.int64]:
        """All steps that are read, in order."""
        return np.unique(np.concatenate(self.steps))

    @property
    def weights(self) -> NDArray[np.float32]:
        """Matrix [T, used steps] that turns activity at the steps that are read into means over bins."""
        used = self.used
        found = np.zeros((len(self.steps), len(used)), np.float32)
        for row, steps in zip(found, self.steps, strict=True):
            row[np.searchsorted(used, steps)] = 1 / len(steps)
        return found

    @property
    def sentence(self) -> str:
        """Sentence on the steps in a bin, for reports."""
        counts = [len(steps) for steps in self.steps]
        spread = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
        said = f"a bin is the mean of {spread} step(s) of {self.dt_ms:g} ms"
        held = f"; in {self.held.sum()} of {len(counts)} bins no step ends, and the one under way stands for it"
        return said + (held if self.held.any() else "")


@check_arguments
def map_bins(bins_ms: NDArray[Any], dt_ms: float, *, latency_ms: float = 0.0) -> BinMap:
    """Find the steps of a model that stand for each bin of a recording.

    Parameters
    ----------
    bins_ms : start and end of each bin from image onset, ms [T, 2].
    dt_ms : duration of a step of the model, ms.
    latency_ms : how much later than the model the recorded area answers, ms; may be negative.

    Raises
    ------
    DataError : all bins end before the image can have an effect on the model.
    ValueError : bins or times that are no finite numbers, or more than ten million steps.
    """
    check_positive(dt_ms, "dt_ms")
    if not math.isfinite(latency_ms):
        raise ValueError(f"latency_ms must be finite, got {latency_ms!r}")
    if bins_ms.ndim != 2 or bins_ms.shape[1] != 2 or not len(bins_ms):
        raise ValueError(f"bins_ms must be start and end of each bin [T, 2], got shape {list(bins_ms.shape)}")
    if bins_ms.dtype.kind not in "iuf" or not np.isfinite(bins_ms).all():
        raise ValueError("bins_ms must be finite numbers, in ms from image onset, got others")
    span = max(float(np.ptp(bins_ms)), abs(float(bins_ms.max()) - latency_ms), abs(float(bins_ms.min()) - latency_ms))
    if span > MOST_STEPS * dt_ms:
        raise ValueError(f"bins_ms and latency_ms ask for over {MOST_STEPS:,} steps of {dt_ms:g} ms; they are in ms")
    model_ms = np.asarray(bins_ms, np.float64) - latency_ms
    if model_ms[:, 1].max() <= 0:
        last = float(np.max(bins_ms[:, 1]))
        raise DataError(
            f"the last bin ends at {last:g} ms and latency_ms is {latency_ms:g} ms, so that no bin sees the image; "
            "give later bins or a shorter latency"
        )
    before = max(1, math.ceil(-model_ms.min() / dt_ms - 1e-9))
    total = before + max(1, math.ceil(model_ms.max() / dt_ms - 1e-9))
    ends = (np.arange(1, total + 1) - before) * dt_ms
    chosen, held = [], []
    slack = 1e-6 * dt_ms  # steps are sums of dt, and bins are decimals: 3 x 0.1 is 0.30000000000000004
    for start, end in model_ms:
        within = np.flatnonzero((ends > start + slack) & (ends <= end + slack)) + 1
        held.append(not len(within))
        under_way = int(np.searchsorted(ends, (start + end) / 2 - slack)) + 1
        chosen.append(within if len(within) else np.array([under_way]))
    return BinMap(float(dt_ms), before, total, tuple(chosen), np.array(held))

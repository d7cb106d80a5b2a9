"""Percentile intervals of bootstrap samples, and when there is none."""

import math

import numpy as np
from numpy.typing import ArrayLike

LEVEL = 0.95
TAIL = (1 - LEVEL) / 2
"""Share of samples beyond each end of an interval."""


def percentile_interval(drawn: ArrayLike, value: float) -> tuple[float, float] | None:
    """95 % percentile interval of bootstrap samples of a statistic, or None where they give none.

    They give none where more of them than lie beyond an end are not finite, since that end could then be anything: the
    others are a selection. And none where the value itself lies outside, since the samples are then not about it.

    Parameters
    ----------
    drawn : the statistic of each sample; NaN or infinite where it has none.
    value : the statistic of the data.
    """
    samples = np.asarray(drawn, dtype=np.float64)
    finite = samples[np.isfinite(samples)]
    if not math.isfinite(value) or len(finite) < (1 - TAIL) * len(samples) or not len(finite):
        return None
    low, high = (float(end) for end in np.quantile(finite, [TAIL, 1 - TAIL]))
    slack = 1e-9 * max(abs(low), abs(high), abs(value))  # rounding, where all samples are the same
    return (low, high) if low - slack <= value <= high + slack else None

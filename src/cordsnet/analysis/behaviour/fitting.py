"""Maximum likelihood within bounds, and intervals by the bootstrap: what the curves of behaviour share."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from cordsnet._checks import check_few

Array = NDArray[np.float64]
Bounds = Sequence[tuple[float, float]]

LEVEL = 0.95
MOST_DRAWS = 100_000
"""Largest number of samples of a bootstrap."""

MOST_VALUES = 1_000_000
"""Largest number of values that are fitted."""

NEAR = 1e-6
"""Share of the range of a parameter within which it lies at its bound."""


class FitStatus(Enum):
    """Outcome of a fit."""

    CONVERGED = "converged"
    AT_BOUND = "at a bound: the data do not limit a parameter that lies at its bound; measure more strengths, or fix it"
    STALLED = "stalled: no start reached a minimum; measure more trials, or more strengths"


def best(cost: Callable[[Array], float], starts: Sequence[Any], bounds: Bounds) -> tuple[Array, float, bool]:
    """Parameters of the lowest cost from several starts, the cost, and whether the search converged."""
    low, high = np.array(bounds).T
    found = [minimize(cost, np.clip(start, low, high), bounds=bounds) for start in starts]
    chosen = min(found, key=lambda one: float(one.fun))
    return np.asarray(chosen.x, dtype=float), float(chosen.fun), bool(chosen.success)


def status_of(parameters: Array, bounds: Bounds, converged: bool, may_touch: Sequence[int] = ()) -> FitStatus:
    """Return the outcome of a fit; parameters in `may_touch`, such as a lapse rate, may lie at their bounds."""
    for k, (value, (low, high)) in enumerate(zip(parameters, bounds, strict=True)):
        if k not in may_touch and high > low and min(value - low, high - value) <= NEAR * (high - low):
            return FitStatus.AT_BOUND
    return FitStatus.CONVERGED if converged else FitStatus.STALLED


def percentiles(samples: Sequence[Array], names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Parameter -> its 95 % interval over bootstrap samples."""
    ends: Any = np.percentile(np.asarray(samples), [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=0)
    return {name: (float(ends[0, k]), float(ends[1, k])) for k, name in enumerate(names)}


def as_array(values: Any, name: str, n: int | None = None) -> Array:
    """Values as finite numbers in one row, a million at most. Raises ValueError, naming them, for anything else."""
    check_few(values, name, MOST_VALUES)
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be numbers, got {type(values).__name__}") from error
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite numbers in one row, got shape {list(found.shape)}")
    if n is not None and len(found) != n:
        raise ValueError(f"{name} must have {n} values, one per strength, got {len(found)}")
    return found

"""Arrays of users: real numbers of a size whose squares are numbers too."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError

LARGEST = 1e100
"""Largest size of a number that is read; products of larger ones overflow."""


def check_readable(values: NDArray[Any], name: str, *, missing: bool = False) -> None:
    """Raise DataError unless values are real numbers up to `LARGEST`, by the name of the argument.

    Parameters
    ----------
    values : an array of any shape, with at least one number.
    name : name of the argument.
    missing : True if NaN is accepted, for values that were not recorded.
    """
    if values.dtype.kind not in "iuf":
        raise DataError(f"{name} must hold real numbers, got an array of {values.dtype}")
    if not missing and np.isnan(values).any():
        raise DataError(f"{name} holds NaN; leave out what was not measured")
    size = float(np.abs(values).max(initial=0, where=~np.isnan(values)))  # float32 does not hold the bound
    if size > LARGEST:
        raise DataError(f"{name} must hold finite numbers up to {LARGEST:g}, got infinity or more than that")

"""Correction for the number of tests that are decided together."""

from collections.abc import Sequence

from cordsnet._arguments import check_arguments
from cordsnet._checks import is_number
from cordsnet.errors import DataError


@check_arguments
def holm(values: Sequence[float]) -> list[float]:
    """Probabilities adjusted by Holm's procedure (Scandinavian Journal of Statistics 6, 1979), in the order given.

    Claims whose adjusted probability is at most 0.05 may all be called decided; the chance that any of them is decided
    wrongly is then at most 0.05.

    Raises
    ------
    DataError : a value is no probability.
    """
    if isinstance(values, str | bytes) or not hasattr(values, "__getitem__") or getattr(values, "ndim", 1) != 1:
        raise DataError(f"values must be a list of probabilities, got {type(values).__name__}")
    if wrong := [one for one in values if not is_number(one) or not 0 <= one <= 1]:
        raise DataError(f"values must be probabilities from 0 to 1, got {wrong[0]!r:.60}")
    adjusted = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda k: values[k])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted

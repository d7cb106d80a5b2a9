"""Correction for the number of tests that are decided together."""

from collections.abc import Sequence


def holm(values: Sequence[float]) -> list[float]:
    """Probabilities adjusted by Holm's procedure (Scandinavian Journal of Statistics 6, 1979), in the order given.

    Claims whose adjusted probability is at most 0.05 may all be called decided; the chance that any of them is decided
    wrongly is then at most 0.05.
    """
    adjusted = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda k: values[k])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted

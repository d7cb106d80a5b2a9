"""Correction for the number of claims that are decided together: Holm's step-down procedure."""

import math
from collections.abc import Sequence

from scipy import stats

from cordsnet.experiments.claims import UNDECIDED, Claim, Verdict
from cordsnet.neural.statistics.corrections import holm

LEVEL = 0.05


def p_value(claim: Claim, runs: int = 0) -> float | None:
    """Probability of a measurement this far from the nearest end of the expected range, if the true value lay there.

    It is read off the 95 % interval: the distance to the end of the range, in units of the half of the interval on
    that side, follows Student's t of as many observations as there are. Few images say little about how rare a large
    distance is: with a normal distribution, a page of 200 claims about 20 images each would decide one wrongly in a
    third of cases. Two-sided.

    Parameters
    ----------
    claim : with its measurement.
    runs : number of runs over which the value is a mean; 0 where the interval is over images, people or the like.

    Returns
    -------
    The probability; None for a claim without an interval, which has none.
    """
    if claim.value is None or claim.interval is None:
        return None
    observed = runs if runs > 1 else claim.n or 0
    shape = stats.t(observed - 1) if observed > 1 else stats.norm()
    ends = [end for end in (claim.expected.low, claim.expected.high) if math.isfinite(end)]
    nearest = min(ends, key=lambda end: abs(claim.value - end))  # type: ignore[operator]  # checked above
    low, high = claim.interval
    half = claim.value - low if nearest < claim.value else high - claim.value
    distance = abs(claim.value - nearest)
    if half <= 0:
        return 1.0 if distance == 0 else 0.0
    return float(2 * shape.sf(distance / half * shape.ppf(1 - LEVEL / 2)))


def corrected(claims: Sequence[Claim], values: Sequence[float | None]) -> list[tuple[float | None, Verdict]]:
    """Adjusted probability and verdict of each claim, when all of them are decided together.

    A verdict that rests on an interval stays only if its adjusted probability is at most 0.05. A claim about this very
    network, without an interval, keeps its verdict and does not count among the others.
    """
    tested = [k for k, value in enumerate(values) if value is not None]
    adjusted = dict(zip(tested, holm([values[k] for k in tested]), strict=True))  # type: ignore[misc]  # none is None
    return [
        (adjusted.get(k), claim.verdict if adjusted.get(k, 0.0) <= LEVEL else UNDECIDED)
        for k, claim in enumerate(claims)
    ]

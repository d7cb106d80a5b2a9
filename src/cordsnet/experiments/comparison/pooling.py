"""One measurement of a claim from several: those of networks that were trained with several seeds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

from scipy import stats

from cordsnet._intervals import LEVEL
from cordsnet.experiments.claims import Claim


def pooled(claims: Sequence[Claim]) -> tuple[Claim, int]:
    """The claim about all networks together, and over how many networks its value is a mean.

    With one network the claim is that network's, with its own interval, over images. With several the value is the mean
    over them, and the interval is Student's, over networks: it says what another seed of training would give. Where
    the networks agree to the last digit the interval is the widest of theirs, since no spread was seen. Where the value
    of one is not finite, that is the value of all, without an interval.

    Parameters
    ----------
    claims : the same claim, measured for each network; those without a measurement are left out.
    """
    measured = [claim for claim in claims if claim.value is not None]
    if len(measured) < 2:
        return (measured or list(claims))[0], len(measured)
    values = [float(claim.value) for claim in measured if claim.value is not None]
    endless = next((value for value in values if not math.isfinite(value)), None)
    if endless is not None:
        return replace(measured[0], value=endless, interval=None, n=len(values), of="networks"), len(values)
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    if spread == 0:
        widest = max(measured, key=_width)
        return replace(widest, n=widest.n), 0
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * spread / math.sqrt(len(values))
    found = replace(measured[0], value=mean, interval=(mean - half, mean + half), n=len(values), of="networks")
    return found, len(values)


def _width(claim: Claim) -> float:
    return 0.0 if claim.interval is None else claim.interval[1] - claim.interval[0]

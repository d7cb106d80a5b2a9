"""Psychometric and chronometric curves of random dots as claims measure them, and those of two monkeys."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.data.people.roitman2002 import DotTrials
from cordsnet.experiments.claims import Measured
from cordsnet.experiments.intervals import bootstrap, share, share_difference
from cordsnet.tasks.curves import Reactions

Array = NDArray[np.float64]


def chance(shown: Reactions) -> Measured:
    """Accuracy at coherence 0, of answers that were given; NaN where there were none."""
    given = (shown.strength == 0) & shown.reaction_ms.isfinite()
    return share(int(shown.correct[given].sum()), int(given.sum())) if bool(given.any()) else Measured(float("nan"))


def falling(shown: Reactions) -> Measured:
    """Largest fall of accuracy from a coherence to the next higher one; negative where accuracy rises throughout."""
    counts = []
    for level in np.unique(shown.strength.numpy()).tolist():
        given = (shown.strength == level) & shown.reaction_ms.isfinite()
        counts.append((int(shown.correct[given].sum()), int(given.sum())))
    falls = [share_difference(*low, *high) for low, high in pairwise(counts)]
    return max(falls, key=lambda found: found.value, default=Measured(float("nan")))


def rmse(shown: Reactions, monkeys: DotTrials, seed: int) -> Measured:
    """Root of the mean squared difference of accuracies from those of monkeys, over the coherences of the monkeys.

    What it is compared with is the mean of the monkeys' accuracies. The interval is a bootstrap over the trials of the
    network. NaN where the network did not see, or did not answer, one of the coherences.
    """
    given = shown.reaction_ms.isfinite().numpy()
    strength, correct = shown.strength.double().numpy()[given], shown.correct.double().numpy()[given]
    levels, wanted = accuracies_of_monkeys(monkeys)
    masks = np.stack([np.isclose(strength, level, atol=1e-6) for level in levels]).astype(np.float64)
    if not masks.any(1).all():
        return Measured(float("nan"))

    def statistic(counts: Array) -> Array:
        found = (counts @ (masks * correct).T) / np.maximum(counts @ masks.T, 1)
        return np.asarray(np.sqrt(((found - wanted) ** 2).mean(1)), dtype=np.float64)

    return bootstrap(statistic, len(strength), seed)


def fall_of_times(shown: Reactions, seed: int) -> Measured:
    """Median reaction time at the lowest coherence less that at the highest, ms; a bootstrap over trials."""
    given = shown.reaction_ms.isfinite()
    strength = shown.strength[given].double().numpy()
    times = shown.reaction_ms[given].double().numpy()
    ends = (strength.min(), strength.max()) if len(strength) else (0.0, 0.0)
    if ends[0] == ends[1]:
        return Measured(float("nan"))
    low, high = (times[strength == end] for end in ends)
    draw = np.random.default_rng(seed)
    drawn = [np.median(draw.choice(low, len(low))) - np.median(draw.choice(high, len(high))) for _ in range(1000)]
    first, last = np.quantile(drawn, (0.025, 0.975))
    return Measured(float(np.median(low) - np.median(high)), (float(first), float(last)), len(low) + len(high))


def accuracies_of_monkeys(monkeys: DotTrials) -> tuple[list[float], Array]:
    """Coherences, and the mean of the monkeys' accuracies at each."""
    levels = np.unique(monkeys.coherence).tolist()
    each = [monkeys.of(monkey) for monkey in np.unique(monkeys.monkey).tolist()]
    return levels, np.array([np.mean([one.correct[one.coherence == level].mean() for one in each]) for level in levels])


def unseen(monkeys: DotTrials, levels: Sequence[float]) -> list[float]:
    """Coherences of the monkeys that are not among those of the networks."""
    return [one for one in np.unique(monkeys.coherence).tolist() if not np.isclose(one, levels, atol=1e-6).any()]


def of_monkeys(monkeys: DotTrials | None) -> list[Mapping[str, Any]]:
    """Rows of the table of curves: accuracy and median reaction time of each monkey at each coherence."""
    found: list[Mapping[str, Any]] = []
    for monkey in [] if monkeys is None else np.unique(monkeys.monkey).tolist():
        assert monkeys is not None
        own = monkeys.of(monkey)
        for level in np.unique(own.coherence).tolist():
            here = own.coherence == level
            right = share(int(own.correct[here].sum()), int(here.sum()))
            low, high = right.interval or (None, None)
            row = {"who": f"monkey {monkey}", "seed": 0, "strength": level, "trials": int(here.sum()), "answered": 1.0}
            times = {
                "median_ms": float(np.median(own.reaction_ms[here])),
                "mean_ms": float(own.reaction_ms[here].mean()),
            }
            found.append(row | {"accuracy": right.value, "low": low, "high": high} | times)
    return found

"""Answers of networks to movies of digits, and intervals over digits and networks together."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cordsnet._intervals import LEVEL
from cordsnet.experiments.claims import Measured
from cordsnet.experiments.intervals import DRAWS, bootstrap, mean_of
from cordsnet.experiments.questions.movie_source import CLASSES, REPEATS, MovieSource, log_probabilities
from cordsnet.experiments.questions.movies import DIRECTIONS, opposite

CHANCE = {"class": 1 / CLASSES, "direction": 1 / len(DIRECTIONS), "sense": 1 / 2}
"""Question -> share that is right by guessing."""

Hits = Mapping[str, NDArray[np.float64]]
"""Question -> share of the movies of each test digit that are read correctly [N]; ties count as half."""


def read_movies(model: Any, source: MovieSource, trials: int) -> Hits:
    """Measure which test movies a network reads correctly: the class of the digit, and where it drifts.

    "sense" is whether the direction or its opposite is thought more likely. Shuffled frames still show the axis of a
    motion, so that half of all directions can be right without any order; the sense cannot.
    """
    clips = source.tested(trials)
    found = log_probabilities(model, source.normalised(clips.frames)).double().cpu()
    if source.content == "dots":
        return {"class": _right(found, clips.classes)}
    pairs = found.view(len(found), CLASSES, len(DIRECTIONS))
    directions = pairs.logsumexp(1)
    true, other = (directions.gather(1, way[:, None])[:, 0] for way in (clips.directions, opposite(clips.directions)))
    sense = (true > other).double() + 0.5 * (true == other).double()
    return {
        "class": _right(pairs.logsumexp(2), clips.classes),
        "direction": _right(directions, clips.directions),
        "sense": _by_digit(sense),
    }


def mean_over(values: Sequence[NDArray[np.float64]], seed: int, other: Sequence[NDArray[np.float64]] = ()) -> Measured:
    """Mean over networks and test digits [networks][N], less that of `other` on the same digits.

    The 95 % interval is a bootstrap in which networks and digits are drawn, the networks of `other` on their own; of a
    single network it is over digits alone.
    """
    if not values or (not other and other != ()):
        return Measured(float("nan"))
    first = np.stack(values)
    second = np.stack(other) if len(other) else np.zeros_like(first[:1])
    digits, lowest = first.shape[1], -1.0 if len(other) else 0.0
    if len(first) == len(second) == 1:
        found = bootstrap(lambda drawn: mean_of(drawn, first[0] - second[0]), digits, seed, of_shares=True)
        low, high = found.interval or (math.nan, math.nan)
    else:
        random = np.random.default_rng(seed)
        drawn = random.multinomial(digits, np.full(digits, 1 / digits), size=DRAWS) / digits
        means = _drawn_mean(first, drawn, random) - _drawn_mean(second, drawn, random)
        low, high = (float(end) for end in np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    interval = None if math.isnan(low) else (max(low, lowest), min(high, 1.0))
    return Measured(float(first.mean() - second.mean()), interval, digits)


def _drawn_mean(
    values: NDArray[np.float64], digits: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Means [R] of values [networks, N] over digits with weights [R, N] and networks that are drawn as often."""
    count = len(values)
    networks = random.multinomial(count, np.full(count, 1 / count), size=len(digits)) / count
    found: NDArray[np.float64] = ((networks @ values) * digits).sum(1)
    return found


def _right(scores: torch.Tensor, wanted: torch.Tensor) -> NDArray[np.float64]:
    return _by_digit((scores.argmax(1) == wanted).double())


def _by_digit(right: torch.Tensor) -> NDArray[np.float64]:
    """Mean over the movies of each digit."""
    found: NDArray[np.float64] = right.view(REPEATS, -1).mean(0).numpy()
    return found

"""Random halves of the repeats of each image, and the correlation of their means over images and bootstrap samples."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]

FEWEST_IMAGES = 3
"""Fewest images with two repeats from which a correlation is computed."""

BLOCK = 4_000_000
"""Responses that are split at once; neurons are taken in blocks of about this size."""

VARIES = 1e-9
"""Least sum of squares of a response that varies, where its variance over all bins is 1."""


def splits(responses: NDArray[Any], halves: int, draws: int, seed: int) -> Iterator[Numbers]:
    """Sums over images of 1, a, b, aa, bb and ab for each random split into halves a and b [6, B + 1, T, N].

    Row 0 has each image once, the others are bootstrap samples, the same for all splits and neurons.
    """
    count, repeats, bins, neurons = responses.shape
    rng = np.random.default_rng(seed)
    samples = rng.multinomial(count, np.full(count, 1 / count), draws)
    weights = np.concatenate([np.ones((1, count)), samples]).astype(np.float64)
    step = max(1, BLOCK // (count * repeats * bins))
    for _ in range(halves):
        order = rng.random((count, repeats)).argsort(1)[:, :, None, None]
        sums = np.empty((6, draws + 1, bins, neurons))
        for start in range(0, neurons, step):
            part = np.take_along_axis(responses[..., start : start + step], order, 1)
            for k, each in enumerate(_products(part)):
                total = weights @ each.reshape(count, -1)
                sums[k, ..., start : start + step] = total.reshape(draws + 1, bins, -1)
        yield sums


def _products(part: NDArray[Any]) -> Iterator[Numbers]:
    """1, a, b, aa, bb and ab of each image [I, T, n], 0 where an image has fewer than two repeats.

    The repeats that are present go to the halves by turns, so that random order makes a random split.
    """
    present = ~np.isnan(part)
    odd = np.cumsum(present, 1) % 2 == 1
    used = present.sum(1) >= 2
    means = []
    for half in (present & odd, present & ~odd):
        total = np.where(half, part, 0).sum(1, dtype=np.float64)
        means.append(np.divide(total, half.sum(1), out=np.zeros(total.shape), where=used))
    # distance of each neuron from its mean, in units of its spread, so that squares keep their digits
    number = np.maximum(2 * used.sum((0, 1)), 1)
    level = (means[0] + means[1]).sum((0, 1)) / number
    a, b = (np.where(used, mean - level, 0) for mean in means)
    spread = np.sqrt((a * a + b * b).sum((0, 1)) / number)
    a, b = (np.divide(half, spread, out=np.zeros(half.shape), where=spread > 1e-12 * abs(level)) for half in (a, b))
    yield from (used.astype(np.float64), a, b, a * a, b * b, a * b)


def moments(sums: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Sums of squares of a and of b, and of their product, about their means; NaN with fewer than three images."""
    n, a, b, aa, bb, ab = sums
    n = np.where(n >= FEWEST_IMAGES, n, np.nan)
    return aa - a * a / n, bb - b * b / n, ab - a * b / n


def correlation(aa: Numbers, bb: Numbers, ab: Numbers) -> Numbers:
    """Correlation from sums of squares of responses whose variance is about 1; NaN where one half does not vary."""
    scale = np.sqrt(np.maximum(aa, 0) * np.maximum(bb, 0))
    found: Numbers = np.divide(ab, scale, out=np.full(ab.shape, np.nan), where=scale > VARIES)
    return found

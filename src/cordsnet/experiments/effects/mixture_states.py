"""States in which a network settles under mixtures of two images, and where they lie between those of the images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.dynamics import Record, simulate
from cordsnet.errors import ArgumentError
from cordsnet.experiments.effects.latencies import crossing_times
from cordsnet.experiments.needs import SCORES
from cordsnet.models import VisionModel
from cordsnet.stimuli import show

Array = NDArray[np.float64]
MOVES = 0.01
"""Change in the last tenth of a hold, as a share of the distance between two images, above which it has not settled."""


@dataclass(frozen=True)
class Mixed:
    """Last states of a network under mixtures m x first + (1 - m) x second image of each pair.

    Attributes
    ----------
    shares : m, from 0 to 1 [M].
    rates : of the top area, at the end [M, P, units].
    scores : of the classes, at the end [M, P, K].
    moved : change of the rates in the last tenth of the time, as a share of the distance between the two images [M, P].
    notes : durations that were rounded to the steps of the model.
    """

    shares: Array
    rates: Array
    scores: Array
    moved: Array
    notes: tuple[str, ...] = ()

    @property
    def answers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The network's answers to the first and to the second image of each pair [P]."""
        return self.scores[-1].argmax(-1), self.scores[0].argmax(-1)

    @property
    def unsettled(self) -> float:
        """Share of the states, of pairs whose two images differ in theirs, that have not settled (`MOVES`)."""
        known = self.moved[np.isfinite(self.moved)]
        return float((known > MOVES).mean()) if known.size else 0.0

    def margins(self) -> Array:
        """Score of the answer to the first image less that of the answer to the second [M, P]."""
        first, second = self.answers
        return margin(self.scores, first, second)


@check_arguments
def margin(scores: Array, first: NDArray[np.int64], second: NDArray[np.int64]) -> Array:
    """Scores [T, P, K] of one class of each pair less those of another [T, P]."""
    pair = np.arange(scores.shape[1])
    found: Array = scores[:, pair, first] - scores[:, pair, second]
    return found


@check_arguments
def mix(first: Tensor, second: Tensor, share: float) -> Tensor:
    """The mixture share x first + (1 - share) x second of images [P, C, H, W]."""
    return share * first + (1 - share) * second


@check_arguments
@torch.no_grad()
def settle_mixtures(
    model: VisionModel, first: Tensor, second: Tensor, shares: Sequence[float], hold_ms: float, seed: int = 0
) -> Mixed:
    """Show mixtures of pairs of images [P, C, H, W] for `hold_ms` from the model's own start.

    Raises
    ------
    ArgumentError : unless shares rise from 0 to 1, or when `hold_ms` is less than two steps.
    """
    if list(shares) != sorted(set(shares)) or len(shares) < 2 or (shares[0], shares[-1]) != (0, 1):
        raise ArgumentError(f"shares is {tuple(shares)}, but shares of a mixture rise from 0 to 1.")
    clock, notes = model.clock, list[str]()
    steps = clock.steps(hold_ms, "hold_ms", notes)
    if steps < 2:
        raise ArgumentError(f"hold_ms is {hold_ms:g} ms, but at least two steps of {clock.dt_ms:g} ms are due.")
    images = torch.cat([mix(first, second, float(share)) for share in shares])
    top, near_end = model.areas[-1], min(steps - 1, round(0.9 * steps))
    record = Record([top], times_ms=[clock.time_ms(near_end), clock.time_ms(steps)])
    run = simulate(model, show(images, clock.time_ms(steps)), record=record, seed=seed)
    rates, scores = as_pairs(run.rates[top], len(shares)), as_pairs(run.outputs[SCORES], len(shares))
    change = np.linalg.norm(rates[1] - rates[0], axis=-1)
    apart = np.linalg.norm(rates[1, -1] - rates[1, 0], axis=-1)
    moved = np.divide(change, apart, out=np.full(change.shape, np.nan), where=apart > 0)
    return Mixed(np.asarray(shares, dtype=float), rates[1], scores[1], moved, tuple(notes))


@check_arguments
def on_line(states: Array) -> tuple[Array, Array]:
    """Place of states on the line from the first to the last of them.

    Parameters
    ----------
    states : [M, P, N].

    Returns
    -------
    Coefficient [M, P], 0 at the first state and 1 at the last, and distance from the line as a share of that between
    the two [M, P]; NaN for a pair whose two states are the same.
    """
    line = states[-1] - states[0]
    squared = (line**2).sum(-1)
    away = states - states[0]
    coefficient = np.divide((away * line).sum(-1), squared, out=np.full(away.shape[:2], np.nan), where=squared > 0)
    off = np.linalg.norm(away - coefficient[..., None] * line, axis=-1)
    return coefficient, off / np.sqrt(np.where(squared > 0, squared, np.nan))


@check_arguments
def first_axis(states: Array) -> tuple[Array, Array]:
    """Leading axis of a singular value decomposition of the states of each pair about their mean.

    Parameters
    ----------
    states : [M, P, N].

    Returns
    -------
    Share of the variance along it [P], and the absolute cosine between it and the line from the first state to the last
    [P]; NaN where all states are the same.
    """
    centred = (states - states.mean(0)).transpose(1, 0, 2)  # [P, M, N]
    values, vectors = np.linalg.eigh(centred @ centred.transpose(0, 2, 1))  # of the M x M products, rising
    values, total = np.maximum(values, 0), np.einsum("pmn,pmn->p", centred, centred)
    share = np.divide(values[:, -1], total, out=np.full(len(total), np.nan), where=total > 0)
    axis = np.einsum("pm,pmn->pn", vectors[:, :, -1], centred)
    line = states[-1] - states[0]
    sizes = np.linalg.norm(axis, axis=-1) * np.linalg.norm(line, axis=-1)
    cosine = np.divide(np.abs((axis * line).sum(-1)), sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)
    return share, cosine


@dataclass(frozen=True)
class Switch:
    """Shape of a curve that goes from 0 to 1 as the share of the first image rises, for each pair [P].

    Attributes
    ----------
    width : rise of the share from where the curve stays above 1/4 to where it stays above 3/4; 0.5 in proportion.
    tail : rise of the share over the first or over the last quarter of the curve, the smaller one; 0.25 in proportion.
    """

    width: Array
    tail: Array

    def steepness(self, counts: Array) -> Array:
        """Mean slope of the middle half over that of the tails [R]; pairs are drawn `counts` [R, P] times.

        It is 2 x tail / width of the means over pairs: 1 where curves are straight, above 1 where they are S-shaped,
        and below 1 where they bend one way, as saturation does, or differ from pair to pair alone.
        """
        finite = np.isfinite(self.width) & np.isfinite(self.tail)
        width, tail = (counts[:, finite] @ values[finite] for values in (self.width, self.tail))
        found: Array = np.divide(2 * tail, width, out=np.full(len(counts), np.nan), where=width > 0)
        return found


@check_arguments
def switch_of(curves: Array, shares: Array) -> Switch:
    """Measure the switch of curves [M, P] that are 0 at the first share and 1 at the last."""
    finite = np.isfinite(curves).all(0)
    known = np.where(finite, curves, 0.0)
    low, high = (np.where(finite, crossing_times(known, shares, level), np.nan) for level in (0.25, 0.75))
    return Switch(high - low, np.minimum(low - shares[0], shares[-1] - high))


@check_arguments
def as_pairs(values: Tensor, shares: int) -> Array:
    """Recorded values [T, M x P, ...] as [T, M, P, N]."""
    flat = values.detach().cpu().double().flatten(2)
    found: Array = flat.view(len(flat), shares, -1, flat.shape[2]).numpy()
    return found

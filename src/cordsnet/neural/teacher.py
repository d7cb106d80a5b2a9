"""Recordings made from known activity, to test what an analysis recovers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import ArgumentError
from cordsnet.neural.recording import Recording, check_bins

Numbers: TypeAlias = NDArray[np.float64]

MOST_RESPONSES = 100_000_000
"""Most responses of a recording that is made: 0.4 GB, and 2 GB while it is drawn."""


def _poisson(counts: Numbers, rng: np.random.Generator) -> NDArray[Any]:
    """Draw counts of a Poisson process."""
    return rng.poisson(counts)


def _gaussian(counts: Numbers, rng: np.random.Generator) -> NDArray[Any]:
    """Add normal noise whose variance is the mean count of the neuron, as that of Poisson counts on average."""
    level = counts.mean((0, 1, 2), keepdims=True)
    found: Numbers = counts + np.sqrt(level) * rng.normal(size=counts.shape)
    return found


@dataclass(frozen=True)
class _Noise:
    """Draws responses around expected counts [I, R, T, N], gives their variance, and names their unit."""

    draw: Callable[[Numbers, np.random.Generator], NDArray[Any]]
    variance: Callable[[Numbers], Numbers]
    unit: str


NOISE: Mapping[str, _Noise] = {
    "poisson": _Noise(_poisson, lambda counts: counts, "count"),
    "gaussian": _Noise(_gaussian, lambda counts: np.broadcast_to(counts.mean((0, 1)), counts.shape), "other"),
}
"""Noise -> how it is drawn; the variance is a function of the expected counts [I, T, N]."""


@dataclass(frozen=True, eq=False)
class Taught:
    """A recording that was made, and the truth about it.

    Attributes
    ----------
    recording : the recording that an analysis is given.
    weights : weight of each unit on each neuron [U, N]; a neuron that samples one unit has a single 1.
    units : unit that each neuron samples [N], or None where neurons mix several.
    expected : expected response without noise and drift, counts in the bin [I, T, N].
    reliability : expected reliability of the means over repeats, over images with two repeats or more, which
        `split_half_reliability` estimates [T, N]: the variance of `expected` over images, divided by itself plus the
        mean over images of the variance of the noise divided by the number of repeats. NaN with drift, which has no
        such formula, and in a bin where the neuron expects the same of all images.
    latency_ms : latency of each neuron [N].
    """

    recording: Recording
    weights: Numbers
    units: NDArray[np.int64] | None
    expected: Numbers
    reliability: Numbers
    latency_ms: Numbers


@check_arguments
def make_recording(
    activity: NDArray[Any],
    bins_ms: NDArray[Any],
    *,
    neurons: int = 50,
    repeats: int = 10,
    mixed: int = 1,
    noise: str = "poisson",
    rates_hz: float = 20.0,
    latency_ms: float | NDArray[Any] = 0.0,
    drift: float = 0.0,
    missing: float = 0.0,
    seed: int = 0,
) -> Taught:
    """Make a recording of neurons that read known activity.

    Each neuron has the rate k (d - min d), where d is the activity of a unit, or a mixture of `mixed` units with normal
    weights, and k sets its mean rate over images and bins. This is linear in the activity, so a linear map recovers it.

    Parameters
    ----------
    activity : activity of a model [I, T, U].
    bins_ms : start and end of each bin, ms from onset [T, 2].
    neurons : number of neurons; without mixing at most the units that vary, each of which is sampled once.
    repeats : number of repeats of each image.
    mixed : number of units that each neuron mixes; 1 samples single units.
    noise : a row of `NOISE`: "poisson" counts, or "gaussian" noise of the variance of the mean count, unit "other".
    rates_hz : mean rate of each neuron, spikes per s.
    latency_ms : time by which neurons lag the activity, one for all or one for each; activity is interpolated between
        the centres of bins, and the first bin holds before it.
    drift : relative change of the rate from the first repeat to the last, -1 to 1, about its mean.
    missing : probability that a repeat of an image is absent for a neuron, below 1; one repeat is always kept.
    seed : of units, weights and noise.

    Raises
    ------
    ArgumentError : shapes that do not agree, numbers out of range, or more responses than 100 million.
    DataError : bins that a recording cannot have.
    """
    _check(activity, bins_ms, neurons, repeats, mixed, noise, seed)
    _check_settings(rates_hz, latency_ms, drift, missing, neurons)
    rng = np.random.default_rng(seed)
    weights, units = _weights(activity, neurons, mixed, rng)
    late: Numbers = np.broadcast_to(np.asarray(latency_ms, np.float64), (neurons,)).copy()
    expected = rates_hz * _drive(activity, bins_ms, weights, late)
    gain = 1 + drift * (np.linspace(-0.5, 0.5, repeats) if repeats > 1 else np.zeros(1))
    responses = NOISE[noise].draw(expected[:, None] * gain[:, None, None], rng).astype(np.float32)
    kept = _kept(len(activity), repeats, neurons, missing, rng)
    responses[np.broadcast_to(~kept[:, :, None], responses.shape)] = np.nan
    images = [f"image{k}" for k in range(len(activity))]
    named = [f"neuron{k}" for k in range(neurons)]
    source = f"made from the activity of {activity.shape[2]} units with {noise} noise, seed {seed}"
    recording = Recording(responses, bins_ms, images, named, unit=NOISE[noise].unit, source=source)
    truth = _reliability(expected, NOISE[noise].variance(expected), kept.sum(1))
    return Taught(recording, weights, units, expected, truth if drift == 0 else np.full_like(truth, np.nan), late)


def _check(
    activity: NDArray[Any], bins_ms: NDArray[Any], neurons: int, repeats: int, mixed: int, noise: str, seed: int
) -> None:
    if activity.ndim != 3 or not activity.size or activity.dtype.kind not in "iuf":
        raise ArgumentError(f"activity must be numbers [image, time, unit], got shape {list(activity.shape)}")
    if not np.isfinite(activity).all() or abs(activity).max() > 1e30:
        raise ArgumentError("activity must be finite and at most 1e30 in size; leave out images without activity")
    if bins_ms.shape != (activity.shape[1], 2) or bins_ms.dtype.kind not in "iuf" or not np.isfinite(bins_ms).all():
        wanted = f"start and end of the {activity.shape[1]} bins of activity, finite numbers"
        raise ArgumentError(f"bins_ms must hold {wanted}, got shape {list(bins_ms.shape)}")
    check_bins(bins_ms)
    if noise not in NOISE:
        raise ArgumentError(f"noise must be one of {', '.join(NOISE)}, got {noise!r}")
    if not 0 <= seed < 2**63:
        raise ArgumentError(f"seed must be from 0 to 2**63 - 1, got {seed}")
    varying = int((np.ptp(activity, (0, 1)) > 0).sum())
    if not 1 <= mixed <= varying:
        raise ArgumentError(f"mixed must be from 1 to the {varying} units that vary, got {mixed}")
    if neurons < 1 or (mixed == 1 and neurons > varying):
        most = f"from 1 to the {varying} units that vary" if mixed == 1 else "at least 1"
        raise ArgumentError(f"neurons must be {most}, got {neurons}; mix units to make more")
    size = activity.shape[0] * activity.shape[1] * repeats * neurons
    if repeats < 1 or size > MOST_RESPONSES:
        most = MOST_RESPONSES // (activity.shape[0] * activity.shape[1] * neurons)
        raise ArgumentError(f"repeats must be from 1 to {most} for {neurons} neurons and these images, got {repeats}")


def _check_settings(
    rates_hz: float, latency_ms: float | NDArray[Any], drift: float, missing: float, neurons: int
) -> None:
    if not 0 < rates_hz <= 1e6:
        raise ArgumentError(f"rates_hz must be above 0 and at most 1e6 spikes per s, got {rates_hz:g}")
    late = np.asarray(latency_ms)
    if late.shape not in ((), (neurons,)) or late.dtype.kind not in "iuf" or not (abs(late) <= 1e6).all():
        raise ArgumentError(f"latency_ms must be one time for all or each of the {neurons} neurons, got {latency_ms}")
    if not -1 <= drift <= 1:
        raise ArgumentError(f"drift must be from -1 to 1, got {drift:g}")
    if not 0 <= missing < 1:
        raise ArgumentError(f"missing must be from 0 to below 1, got {missing:g}")


def _weights(
    activity: NDArray[Any], neurons: int, mixed: int, rng: np.random.Generator
) -> tuple[Numbers, NDArray[np.int64] | None]:
    """Weights [U, N] on units that vary, and the unit that each neuron samples."""
    varying = np.flatnonzero(np.ptp(activity, (0, 1)) > 0)
    weights = np.zeros((activity.shape[2], neurons))
    if mixed == 1:
        units = rng.choice(varying, neurons, replace=False)
        weights[units, np.arange(neurons)] = 1
        return weights, units.astype(np.int64)
    for neuron in range(neurons):
        weights[rng.choice(varying, mixed, replace=False), neuron] = rng.normal(size=mixed)
    return weights, None


def _drive(activity: NDArray[Any], bins_ms: NDArray[Any], weights: Numbers, late: Numbers) -> Numbers:
    """Spikes that each neuron expects in each bin [I, T, N] at a mean rate of 1 spike per s."""
    drive = _delayed(activity.astype(np.float64) @ weights, bins_ms.astype(np.float64).mean(1), late)
    drive = drive - drive.min((0, 1))
    level = drive.mean((0, 1))
    if not (level > 0).all():
        raise ArgumentError(f"latency_ms must leave activity that varies, got {late.max():g}: bins end before")
    seconds = (bins_ms[:, 1] - bins_ms[:, 0])[:, None] / 1000
    found: Numbers = seconds * drive / level
    return found


def _delayed(drive: Numbers, centres: Numbers, late: Numbers) -> Numbers:
    """Drive [I, T, N] of each neuron, later by its latency."""
    if not late.any():
        return drive
    wanted = np.clip(centres[:, None] - late, centres[0], centres[-1])  # [T, N]
    after = np.clip(np.searchsorted(centres, wanted.ravel()).reshape(wanted.shape), 1, max(len(centres) - 1, 1))
    if len(centres) == 1:
        return drive
    share = (wanted - centres[after - 1]) / (centres[after] - centres[after - 1])
    columns = np.arange(drive.shape[2])
    found: Numbers = (1 - share) * drive[:, after - 1, columns] + share * drive[:, after, columns]
    return found


def _kept(images: int, repeats: int, neurons: int, missing: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Truth values [I, R, N] of the repeats that are present, at least one of each image."""
    drawn = rng.random((images, repeats, neurons))
    found: NDArray[np.bool_] = (drawn >= missing) | (drawn == drawn.max(1, keepdims=True))
    return found


def _reliability(expected: Numbers, variance: Numbers, repeats: NDArray[np.int64]) -> Numbers:
    """Reliability [T, N] of means over repeats [I, N], over images with two repeats or more."""
    used = (repeats >= 2)[:, None, :]
    number = np.maximum(used.sum(0), 1)
    noise = np.where(used, variance / repeats[:, None, :], 0).sum(0) / number
    mean = np.where(used, expected, 0).sum(0) / number
    signal = np.where(used, (expected - mean) ** 2, 0).sum(0) / np.maximum(number - 1, 1)
    found: Numbers = np.divide(signal, signal + noise, out=np.full(signal.shape, np.nan), where=signal > 0)
    return found

"""Quality of inferred dynamics: the metrics of the Computation-through-Dynamics Benchmark.

A model that predicts rates well may still have invented dynamics. These metrics ask how much of the inferred latents is
not in the true ones, and how much of them cannot be seen in the rates.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from cordsnet._arguments import check_arguments
from cordsnet.errors import ArgumentError

Numbers: TypeAlias = NDArray[np.float64]

LARGEST = 1e9
"""Largest number that is read."""


@check_arguments
def state_r2(
    true_train: NDArray[Any], inferred_train: NDArray[Any], true_test: NDArray[Any], inferred_test: NDArray[Any]
) -> float:
    """Share of the variance of inferred latents that is affine in the true ones, on held-out trials.

    An affine map from true to inferred latents is fitted by least squares to `train`; the share is that of `test`,
    with dimensions weighted by their variance. Dimensions that a model invents lower it. With inferred and true
    latents exchanged it is how well the true ones can be reconstructed; with inputs in place of latents, the
    benchmark's R2 of inputs.

    Parameters
    ----------
    true_train, inferred_train : [..., d] and [..., e] at the same samples, such as trials x times.
    true_test, inferred_test : the same for other samples.

    Raises
    ------
    ArgumentError : shapes that do not agree, numbers that are not finite, latents that do not vary.

    Source: Versteeg et al. 2025, Computation-through-Dynamics Benchmark.
    """
    train, test = _samples(true_train, "true_train"), _samples(true_test, "true_test")
    wanted, held_out = _samples(inferred_train, "inferred_train"), _samples(inferred_test, "inferred_test")
    _check_pair(train, wanted, "true_train", "inferred_train")
    _check_pair(test, held_out, "true_test", "inferred_test")
    _check_same(train, test, "true_train", "true_test")
    _check_same(wanted, held_out, "inferred_train", "inferred_test")
    weights = np.linalg.lstsq(train - train.mean(0), wanted - wanted.mean(0), rcond=None)[0]
    return _r2(held_out, (test - train.mean(0)) @ weights + wanted.mean(0), "inferred_test")


@check_arguments
def rate_r2(true: NDArray[Any], inferred: NDArray[Any]) -> float:
    """Share of the variance of true rates that inferred ones explain as they are, units weighted by their variance.

    Parameters
    ----------
    true, inferred : rates [..., units] at the same samples.

    Raises
    ------
    ArgumentError : shapes that do not agree, numbers that are not finite, rates that do not vary.

    Source: Versteeg et al. 2025, Computation-through-Dynamics Benchmark.
    """
    one, other = _samples(true, "true"), _samples(inferred, "inferred")
    if true.shape != inferred.shape:
        raise ArgumentError(f"inferred must have the shape of true, {list(true.shape)}, got {list(inferred.shape)}")
    return _r2(one, other, "true")


@check_arguments
def cycle_consistency(
    latents_train: NDArray[Any], rates_train: NDArray[Any], latents_test: NDArray[Any], least_variance: float = 0.01
) -> float:
    """Share of the variance of inferred latents that can be had back from the rates that they make.

    A readout, affine from latents to log rates, is fitted by least squares to `train`. Latents of `test` go through it
    and back through its pseudoinverse without the smallest singular values, those that together hold at most
    `least_variance` of the sum of squares. Latent activity that the readout does not show, so that no recording tells
    of it, is lost on the way.

    Parameters
    ----------
    latents_train, rates_train : inferred latents [..., d] and the rates [..., units], above 0, that they make.
    latents_test : inferred latents of other samples [..., d].
    least_variance : share of the readout's sum of squared singular values that is left out, 0 or more and below 1.

    Raises
    ------
    ArgumentError : shapes that do not agree, rates of 0 or less, numbers that are not finite, a readout of zero.

    Source: Versteeg et al. 2025, Computation-through-Dynamics Benchmark.
    """
    if not 0 <= least_variance < 1:
        raise ArgumentError(f"least_variance must be 0 or more and below 1, got {least_variance:g}")
    latents, test = _samples(latents_train, "latents_train"), _samples(latents_test, "latents_test")
    rates = _samples(rates_train, "rates_train")
    _check_pair(latents, rates, "latents_train", "rates_train")
    _check_same(latents, test, "latents_train", "latents_test")
    if (rates <= 0).any():
        raise ArgumentError(f"rates_train must be above 0, since their logarithm is taken, got {rates.min():g}")
    middle, logs = latents.mean(0), np.log(rates)
    readout = np.linalg.lstsq(latents - middle, logs - logs.mean(0), rcond=None)[0].T  # [units, d]
    left, sizes, right = np.linalg.svd(readout, full_matrices=False)
    held = np.cumsum(sizes**2)
    if held[-1] <= 1e-24:
        raise ArgumentError("rates_train must depend on latents_train, got a readout of zero")
    kept = min(int(np.searchsorted(held / held[-1], 1 - least_variance)) + 1, len(sizes))
    shown = (test - middle) @ readout.T
    back = shown @ left[:, :kept] / sizes[:kept] @ right[:kept]
    return _r2(test, back + middle, "latents_test")


@check_arguments
def bits_per_spike(rates: NDArray[Any], spikes: NDArray[Any]) -> float:
    """Information that rates give about counts of spikes beyond the mean of each unit, in bits for each spike.

    The difference of the Poisson log-likelihoods of the rates and of the units' means, over the number of spikes. Of
    units that the model was not given it is the co-smoothing score, co-bps.

    Parameters
    ----------
    rates : expected counts [..., units], above 0.
    spikes : counts of the same shape, whole numbers.

    Raises
    ------
    ArgumentError : shapes that do not agree, rates of 0 or less, counts that are no counts, no spikes at all.

    Source: Pei et al. 2021, Neural Latents Benchmark; Versteeg et al. 2025.
    """
    expected, counts = _samples(rates, "rates"), _samples(spikes, "spikes")
    if rates.shape != spikes.shape:
        raise ArgumentError(f"spikes must have the shape of rates, {list(rates.shape)}, got {list(spikes.shape)}")
    if (expected <= 0).any():
        raise ArgumentError(f"rates must be above 0, got {expected.min():g}")
    if (counts < 0).any() or (counts != np.round(counts)).any():
        raise ArgumentError("spikes must be counts: whole numbers of 0 or more")
    if counts.sum() == 0:
        raise ArgumentError("spikes must hold at least one spike, got none")
    null = counts.mean(0)
    gained = counts * np.log(expected) - expected - (xlogy(counts, null) - null)
    return float(gained.sum() / counts.sum() / np.log(2))


def _samples(values: NDArray[Any], name: str) -> Numbers:
    """Values as samples x dimensions. Raises ArgumentError for anything but finite numbers with two axes or more."""
    if values.ndim < 2 or not values.size or values.dtype.kind not in "biuf":
        raise ArgumentError(f"{name} must be numbers [..., dimensions], got shape {list(values.shape)}")
    found: Numbers = values.reshape(-1, values.shape[-1]).astype(np.float64)
    if len(found) < 2:
        raise ArgumentError(f"{name} must hold two samples or more, got {len(found)}")
    if not np.isfinite(found).all() or (abs(found) > LARGEST).any():
        raise ArgumentError(f"{name} must be finite and at most {LARGEST:g} in size")
    return found


def _check_pair(one: Numbers, other: Numbers, name: str, other_name: str) -> None:
    """Raise ArgumentError unless both have the same samples."""
    if len(one) != len(other):
        raise ArgumentError(f"{other_name} must have the {len(one)} samples of {name}, got {len(other)}")


def _check_same(one: Numbers, other: Numbers, name: str, other_name: str) -> None:
    """Raise ArgumentError unless both have the same dimensions."""
    if one.shape[1] != other.shape[1]:
        raise ArgumentError(f"{other_name} must have the {one.shape[1]} dimensions of {name}, got {other.shape[1]}")


def _r2(wanted: Numbers, found: Numbers, name: str) -> float:
    """Share of variance that is explained, dimensions weighted by theirs."""
    whole = float(((wanted - wanted.mean(0)) ** 2).sum())
    if whole <= 1e-24 * max(1.0, float((wanted**2).sum())):
        raise ArgumentError(f"{name} must vary over samples, got values that are all the same")
    return 1.0 - float(((wanted - found) ** 2).sum()) / whole

"""Targeted axes: directions in which a population carries the variables of a task, one for each variable."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.errors import ArgumentError

Numbers: TypeAlias = NDArray[np.float64]

LARGEST = 1e9
"""Largest rate and value of a variable that is read."""

DEPENDENT = 1e-9
"""Share of a direction that must be left beside those of earlier variables."""


@dataclass(frozen=True, eq=False)
class TargetedAxes:
    """Axes of K task variables in a population of n units.

    Attributes
    ----------
    names : of the variables, in the order in which axes were made orthogonal [K].
    axes : orthonormal axes [K, n], each along its variable's direction as far as earlier variables leave it.
    directions : denoised regression coefficients at the time of their largest norm [K, n], of which axes are made.
    peaks : index of that time, of each variable [K].
    coefficients : regression coefficients at each time, before denoising [T, K, n].
    offsets : constant of the regression [T, n].
    projections : trials along the axes [T, N, K].
    explained : share of the variance of the condition averages along each axis [K].
    denoised : share of that variance that the leading components hold.
    mean, scale : of each unit, by which rates were normalised before everything else [n].
    """

    names: tuple[str, ...]
    axes: Numbers
    directions: Numbers
    peaks: NDArray[np.int64]
    coefficients: Numbers
    offsets: Numbers
    projections: Numbers
    explained: Numbers
    denoised: float
    mean: Numbers
    scale: Numbers


@check_arguments
def targeted_axes(
    rates: NDArray[Any],
    conditions: Mapping[str, NDArray[Any]],
    components: int = 12,
    normalise: bool = True,
) -> TargetedAxes:
    """Find the axes along which a population carries the variables of a task (targeted dimensionality reduction).

    At each time, the rate of each unit is regressed on all variables and a constant, over trials. Coefficients are
    denoised: projected onto the leading principal components of the condition averages, over conditions and times. The
    direction of a variable is that at the time when its norm is largest, and axes are the directions made orthogonal in
    the order of the variables (QR decomposition, each axis with its own direction). A condition is a set of trials with
    the same values of all variables.

    Parameters
    ----------
    rates : [T, N, n], times, trials and units.
    conditions : variable -> its value in each trial [N], such as signed coherence or choice. A product of variables is
        a variable of its own.
    components : number of principal components; all are taken where there are fewer.
    normalise : True divides the rates of each unit by their standard deviation over trials and times, after
        subtracting their mean; False subtracts the mean alone. A unit of constant rate is not divided.

    Raises
    ------
    ArgumentError : shapes that do not agree, numbers that are not finite, variables that are constant or of which one
        follows from the others, rates that do not vary, and directions that do not differ.

    Source: Mante, Sussillo, Shenoy & Newsome 2013, Nature 503:78, supplementary sections 6.4 to 6.7.
    """
    design = _design(rates, conditions)
    check_count(components, "components")
    names, values = tuple(conditions), rates.astype(np.float64)
    mean, spread = values.mean((0, 1)), values.std((0, 1))
    scale = np.where(normalise & (spread > 1e-12 * (1 + abs(mean))), spread, 1.0)
    values = (values - mean) / scale
    weights = np.linalg.pinv(design) @ values  # [T, K + 1, n]
    averages = _averages(values, design[:, :-1])
    basis, share = _leading(averages, components)
    denoised = weights[:, :-1] @ basis.T @ basis
    peaks = np.linalg.norm(denoised, axis=2).argmax(0)
    directions = denoised[peaks, np.arange(len(names))]
    axes = _orthogonal(directions, names)
    centred = averages - averages.mean(0)
    return TargetedAxes(
        names=names,
        axes=axes,
        directions=directions,
        peaks=peaks,
        coefficients=weights[:, :-1],
        offsets=weights[:, -1],
        projections=values @ axes.T,
        explained=((centred @ axes.T) ** 2).sum(0) / (centred**2).sum(),
        denoised=share,
        mean=mean,
        scale=scale,
    )


def _design(rates: NDArray[Any], conditions: Mapping[str, NDArray[Any]]) -> Numbers:
    """Values of the variables and ones [N, K + 1]. Raises ArgumentError for what cannot be regressed."""
    if rates.ndim != 3 or not rates.size or rates.dtype.kind not in "biuf":
        raise ArgumentError(f"rates must be numbers [T, N, units], got shape {list(rates.shape)} of {rates.dtype}")
    if not np.isfinite(rates).all() or (abs(rates.astype(np.float64)) > LARGEST).any():
        raise ArgumentError(f"rates must be finite and at most {LARGEST:g} in size")
    if not conditions:
        raise ArgumentError("conditions must hold at least one variable, got none")
    trials, columns = rates.shape[1], []
    for name, values in conditions.items():
        if not isinstance(values, np.ndarray) or values.shape != (trials,) or values.dtype.kind not in "biuf":
            raise ArgumentError(f"conditions: {name!r} must be one number for each of {trials} trials in an array")
        column = values.astype(np.float64)
        if not np.isfinite(column).all() or (abs(column) > LARGEST).any():
            raise ArgumentError(f"conditions: {name!r} must be finite and at most {LARGEST:g} in size")
        columns.append(column)
    design = np.stack([*columns, np.ones(trials)], 1)
    size = np.linalg.norm(design, axis=0)
    if (size == 0).any() or np.linalg.matrix_rank(design / size, tol=1e-9) < design.shape[1]:
        raise ArgumentError(
            f"conditions must vary, and none may follow from the others, got {', '.join(map(repr, conditions))} in "
            f"{trials} trials"
        )
    return design


def _averages(values: Numbers, variables: Numbers) -> Numbers:
    """Mean rates of each condition at each time [conditions x T, n]."""
    _, which = np.unique(variables, axis=0, return_inverse=True)
    groups = [which.reshape(-1) == k for k in range(which.max() + 1)]
    return np.concatenate([values[:, group].mean(1) for group in groups])


def _leading(averages: Numbers, components: int) -> tuple[Numbers, float]:
    """Principal components as rows, and the share of variance that they hold. Raises ArgumentError without variance."""
    centred = averages - averages.mean(0)
    _, sizes, rows = np.linalg.svd(centred, full_matrices=False)
    power = sizes**2
    if power.sum() <= 1e-24 * max(1.0, float((averages**2).sum())):
        raise ArgumentError("rates must differ between times or conditions, got averages that are all the same")
    return rows[:components], float(power[:components].sum() / power.sum())


def _orthogonal(directions: Numbers, names: tuple[str, ...]) -> Numbers:
    """Orthonormal axes [K, n]. Raises ArgumentError for a direction that earlier ones already hold."""
    if len(directions) > directions.shape[1]:
        raise ArgumentError(f"conditions must be at most as many as the {directions.shape[1]} units, got {len(names)}")
    axes, left = np.linalg.qr(directions.T)
    rest, size = np.diagonal(left), np.linalg.norm(directions, axis=1)
    for name, part, whole in zip(names, abs(rest), size, strict=True):
        if not part > DEPENDENT * max(whole, DEPENDENT):
            raise ArgumentError(
                f"conditions: the direction of {name!r} is zero, or lies in those of earlier variables; leave it "
                "out, or give more components"
            )
    found: Numbers = (axes * np.sign(rest)).T
    return found

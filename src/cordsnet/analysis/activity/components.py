"""Dimension and principal components of activity.

Activity is [time, units], [trials, time, units], or a recorded `Trajectory` and the name of an area. With more units
than samples everything is computed from products between samples, so no matrix of units x units is formed.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, is_number, seeded_generator
from cordsnet.dynamics import Trajectory

Activity: TypeAlias = Trajectory | Tensor | np.ndarray

CHUNK = 8192
"""Units converted to double precision at a time."""


def as_trials(activity: Activity, area: str | None = None, name: str = "activity") -> tuple[Tensor, tuple[int, ...]]:
    """Activity as [trials, time, units], floating point, and the shape of its units (such as (C, H, W)).

    Raises
    ------
    TypeError, ValueError : a value that is not activity, by name; a Trajectory without an area; numbers that are not
        finite.
    KeyError : an area that was not recorded.
    """
    if isinstance(activity, Trajectory):
        if area is None:
            raise ValueError(f"{name} is a Trajectory, so name an area: area={next(iter(activity.rates), '')!r}")
        value = activity.rates[area].detach()
        shape = tuple(value.shape[2:]) or (1,)
        value = value.reshape(*value.shape[:2], -1).transpose(0, 1)
    else:
        if not isinstance(activity, Tensor | np.ndarray):
            raise TypeError(f"{name} must be a Trajectory, a tensor or an array, got {type(activity).__name__}")
        if isinstance(activity, np.ndarray) and activity.dtype.kind not in "biuf":
            raise TypeError(f"{name} must hold real numbers, got an array of {activity.dtype}")
        value = torch.as_tensor(activity).detach()
        if value.is_complex():
            raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
        value = value[None] if value.ndim == 2 else value
        if value.ndim != 3:
            raise ValueError(f"{name} must be [time, units] or [trials, time, units], got shape {list(value.shape)}")
        shape = (value.shape[2],)
    if 0 in value.shape or value.shape[0] * value.shape[1] < 2:
        raise ValueError(f"{name} must hold at least two samples and one unit, got shape {list(value.shape)}")
    value = value if value.is_floating_point() else value.double()
    if not bool(torch.isfinite(value).all()):
        raise ValueError(f"{name} holds NaN or infinite values; mask them before")
    return value, shape


def reduced_coordinates(trials: Tensor) -> Tensor:
    """Centred samples in at most as many coordinates as samples: [trials, time, d], double precision, CPU.

    Distances and angles between samples are kept, so dimensions and similarities do not change. With fewer units than
    samples only the mean is subtracted.
    """
    flat = trials.reshape(-1, trials.shape[-1])
    samples, units = flat.shape
    if units <= samples:
        centred = flat.double().cpu()
        return (centred - centred.mean(0)).view(*trials.shape[:2], -1)
    # Coordinates from the Gram matrix keep all distances, as in classical multidimensional scaling
    gram = torch.zeros(samples, samples, dtype=torch.float64, device=flat.device)
    for part in torch.split(flat, CHUNK, dim=1):
        centred = part.double() - part.double().mean(0)
        gram += centred @ centred.T
    values, vectors = torch.linalg.eigh(gram)
    coordinates = (vectors * values.clamp(min=0).sqrt()).flip(1)[:, : samples - 1]
    compacted: Tensor = coordinates.cpu().view(*trials.shape[:2], -1)
    return compacted


def varying_points(activity: Activity, area: str | None, name: str = "activity") -> Tensor:
    """Activity in reduced coordinates, [trials, time, d]. Raises ValueError if its samples do not differ."""
    trials, _ = as_trials(activity, area, name)
    points = reduced_coordinates(trials)
    if not float(points.abs().max()) > 1e-12 * float(trials.abs().max()):  # the rounding of the mean
        raise ValueError(f"{name} does not vary, so it has no dimensions or dynamics; give samples that differ")
    return points


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap.

    Attributes
    ----------
    value : from all trials.
    error : standard deviation over resampled trials; NaN for one trial or without bootstrap.
    resampled : [bootstrap], the value of each resampling.
    """

    value: float
    error: float
    resampled: Tensor

    @classmethod
    def from_resampled(cls, value: float, resampled: Tensor) -> "Estimate":
        """The value with the values of its resamplings, [bootstrap]."""
        return cls(value, float(bootstrap_error(resampled)), resampled)


MOST_DRAWS = 1_000_000
"""Largest number of resamplings and of shuffles that is accepted."""


def bootstrap_rows(trials: int, count: int, seed: int) -> list[Tensor]:
    """Indices of trials drawn with replacement, `count` times; none if there is only one trial."""
    if not (is_number(count) and count >= 0):
        raise ValueError(f"bootstrap must be a number of resamplings, 0 or more, got {count!r}")
    check_count(count, "bootstrap", 0, MOST_DRAWS)
    draw = seeded_generator(seed)
    return [torch.randint(0, trials, (trials,), generator=draw) for _ in range(count if trials > 1 else 0)]


def bootstrap_error(resampled: Tensor) -> Tensor:
    """Standard deviation over the first axis; NaN for fewer than two."""
    return resampled.std(0) if len(resampled) > 1 else torch.full(resampled.shape[1:], torch.nan, dtype=torch.float64)


@check_arguments
def participation_ratio(
    activity: Activity, area: str | None = None, *, bootstrap: int = 200, seed: int = 0
) -> Estimate:
    """Effective number of dimensions, (sum l)^2 / sum l^2 over the eigenvalues l of the covariance of units.

    1 if all activity lies on a line, d if it is spread evenly over d dimensions. Few samples bias it downwards: an
    isotropic cloud of d dimensions and n samples has about d n / (d + n).

    Parameters
    ----------
    activity, area : [time, units], [trials, time, units], or a Trajectory and the name of an area.
    bootstrap : resamplings of trials for the error. Repeated trials make a cloud flatter, so resampled values lie below
        the value: use their standard deviation, not their mean.
    seed : seed of the resamplings.

    Raises
    ------
    TypeError, ValueError : a value that is not activity, or that does not vary, by name.

    Source: Gao et al. 2017, bioRxiv 214262.
    """
    points = varying_points(activity, area)
    resampled = _resampled(points, bootstrap_rows(len(points), bootstrap, seed))
    return Estimate.from_resampled(_ratio(points), resampled)


def _centred_gram(points: Tensor) -> Tensor:
    """Products between coordinates or between samples, whichever are fewer, after subtracting the mean."""
    flat = points.reshape(-1, points.shape[-1])
    flat = flat - flat.mean(0)
    return flat.T @ flat if flat.shape[1] <= flat.shape[0] else flat @ flat.T


def _ratio(points: Tensor) -> float:
    """(tr C)^2 / tr C^2, from traces alone."""
    gram = _centred_gram(points)
    return float(gram.trace().square() / gram.square().sum())


def _resampled(points: Tensor, drawn: list[Tensor]) -> Tensor:
    """The ratio of each resampling of trials; with many coordinates, products between samples are computed once."""
    trials, times, width = points.shape
    samples = trials * times
    if 2 * width < samples or not drawn:
        return torch.tensor([_ratio(points[rows]) for rows in drawn], dtype=torch.float64)
    flat, values = points.reshape(samples, width), []
    gram = (flat @ flat.T).view(trials, times, trials, times)
    for rows in drawn:
        part = gram[rows][:, :, rows].reshape(samples, samples)
        # Double centring gives the Gram matrix of samples about the mean of the resampling
        part = part - part.mean(0)
        part = part - part.mean(1, keepdim=True)
        values.append(float(part.trace().square() / part.square().sum()))
    return torch.tensor(values, dtype=torch.float64)


@dataclass(frozen=True)
class PrincipalComponents:
    """The directions in which activity varies most.

    Attributes
    ----------
    components : [k, *unit shape], orthonormal; the entry of largest modulus is positive.
    scores : [trials, time, k], coordinates along them about the mean.
    variance : [k], of the scores over samples (divided by samples - 1).
    explained : [k], share of the total variance.
    explained_error : [k], standard deviation over resampled trials; NaN without bootstrap.
    mean : [*unit shape], mean of each unit.
    """

    components: Tensor
    scores: Tensor
    variance: Tensor
    explained: Tensor
    explained_error: Tensor
    mean: Tensor


@check_arguments
def principal_components(
    activity: Activity, k: int, area: str | None = None, *, bootstrap: int = 0, seed: int = 0
) -> PrincipalComponents:
    """The first k principal components, exactly; from products between samples if there are more units than samples.

    Parameters
    ----------
    activity, area : [time, units], [trials, time, units], or a Trajectory and the name of an area.
    k : at most the number of dimensions that the samples span.
    bootstrap : resamplings of trials for the errors of `explained`; each takes the eigenvalues of a matrix of the size
        of samples or units, whichever are fewer.
    seed : seed of the resamplings.

    Raises
    ------
    TypeError, ValueError : a value that is not activity, or a k that does not fit, by name.
    """
    trials, shape = as_trials(activity, area)
    points = reduced_coordinates(trials)
    left, sizes, _ = torch.linalg.svd(points.reshape(-1, points.shape[-1]), full_matrices=False)
    spanned = int((sizes > 1e-7 * sizes[0]).sum()) if sizes[0] > 0 else 0
    if not 1 <= k <= spanned:
        raise ValueError(f"k must be from 1 to the {spanned} dimensions that the samples span, got {k}")
    flat = trials.reshape(-1, trials.shape[-1])
    mean = flat.double().mean(0)
    weights = (left[:, :k] / sizes[:k]).to(flat.device)
    parts = [weights.T @ (part.double() - part.double().mean(0)) for part in torch.split(flat, CHUNK, dim=1)]
    components = torch.cat(parts, 1).cpu()
    signs = components.gather(1, components.abs().argmax(1, keepdim=True)).sign()
    drawn = [_shares(points[rows], k) for rows in bootstrap_rows(len(points), bootstrap, seed)]
    return PrincipalComponents(
        components=(signs * components).view(k, *shape),
        scores=(left[:, :k] * sizes[:k] * signs[:, 0]).view(*trials.shape[:2], k),
        variance=sizes[:k].square() / (len(flat) - 1),
        explained=sizes[:k].square() / sizes.square().sum(),
        explained_error=bootstrap_error(torch.stack(drawn) if drawn else sizes.new_zeros(0, k)),
        mean=mean.cpu().view(shape),
    )


def _shares(points: Tensor, k: int) -> Tensor:
    """Shares of the variance of the first k components, zero beyond those that a resampling spans."""
    gram = _centred_gram(points)
    values = torch.linalg.eigvalsh(gram).flip(0).clamp(min=0)[:k]
    return torch.nn.functional.pad(values, (0, k - len(values))) / gram.trace()

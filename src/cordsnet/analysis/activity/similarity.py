"""Similarity of two sets of trajectories: Procrustes distance and canonical correlations."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import spatial
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, seeded_generator
from cordsnet.analysis.activity.components import MOST_DRAWS, Activity, Estimate, bootstrap_rows, varying_points


def paired(x: Activity, y: Activity, area: str | None, y_area: str | None) -> tuple[Tensor, Tensor]:
    """Both in reduced coordinates [trials, time, d]. Raises ValueError unless numbers of trials and times agree."""
    one, other = varying_points(x, area, "x"), varying_points(y, y_area or area, "y")
    if one.shape[:2] != other.shape[:2]:
        raise ValueError(
            "x and y must have the same numbers of trials and times, got "
            f"{list(one.shape[:2])} and {list(other.shape[:2])}"
        )
    return one, other


@dataclass(frozen=True)
class Procrustes:
    """Difference of two trajectories that remains after translation, scaling, rotation and reflection.

    Attributes
    ----------
    distance : from 0 (the same shape) to 1, with its bootstrap over trials.
    null : [shuffles], distances with the times of y shuffled within each trial.
    p_value : share of distances, the null ones and the distance itself, that are at most the distance. Shuffling also
        destroys the smoothness of y, so a small p means that the two move together, not that they are close.
    """

    distance: Estimate
    null: Tensor
    p_value: float


@check_arguments
def procrustes(
    x: Activity,
    y: Activity,
    area: str | None = None,
    y_area: str | None = None,
    *,
    components: int | None = None,
    shuffles: int = 100,
    bootstrap: int = 100,
    seed: int = 0,
) -> Procrustes:
    """Procrustes distance: the sum of squared differences after the best match of two clouds of norm 1 (SciPy).

    Parameters
    ----------
    x, y : activity with the same numbers of trials and times; units may differ in number.
    area, y_area : areas of a Trajectory; `y_area` defaults to `area`.
    components : principal components kept of each; the rest is then not compared. None keeps all, and each shuffle and
        resampling then takes a singular value decomposition of the size of the samples.
    shuffles, bootstrap : number of each; 0 for none.
    seed : seed of both.

    Raises
    ------
    TypeError, ValueError : activity that does not fit, by name.

    Source: Gower 1975, Psychometrika 40:33; Williams et al. 2021 (metrics between representations).
    """
    one, other = paired(x, y, area, y_area)
    if shuffles < 0:
        raise ValueError(f"shuffles must be 0 or more, got {shuffles}")
    check_count(shuffles, "shuffles", 0, MOST_DRAWS)
    if components is not None:
        one, other = first_components(one, components), first_components(other, components)
    value = _disparity(one, other)
    drawn = [_disparity(one[rows], other[rows]) for rows in bootstrap_rows(len(one), bootstrap, seed)]
    draw, null = seeded_generator(seed + 1), []
    for _ in range(shuffles):
        order = torch.rand(other.shape[:2], generator=draw).argsort(1)
        null.append(_disparity(one, other.gather(1, order[..., None].expand_as(other))))
    resampled, shuffled = (torch.tensor(part, dtype=torch.float64) for part in (drawn, null))
    p_value = (1 + int((shuffled <= value).sum())) / (1 + shuffles)
    return Procrustes(Estimate.from_resampled(value, resampled), shuffled, p_value)


def _disparity(one: Tensor, other: Tensor) -> float:
    width = max(one.shape[-1], other.shape[-1])
    padded = (
        torch.nn.functional.pad(part, (0, width - part.shape[-1])).reshape(-1, width).numpy() for part in (one, other)
    )
    return float(np.clip(spatial.procrustes(*padded)[2], 0.0, 1.0))


@dataclass(frozen=True)
class CanonicalCorrelations:
    """Pairs of directions, one in each activity, along which the two are most correlated.

    Attributes
    ----------
    correlations : [k], in sample, decreasing; biased upwards, more so with more dimensions and fewer samples.
    cross_validated : [k], of held-out samples, mean over folds; about 0 if nothing is shared.
    cross_validated_error : [k], standard error over folds.
    x_variates, y_variates : [trials, time, k], activity along these directions, of norm 1 over samples.
    dimensions : principal components that were kept of x and of y.
    folds : number of folds: of whole trials, or of stretches of time for a single trial.
    """

    correlations: Tensor
    cross_validated: Tensor
    cross_validated_error: Tensor
    x_variates: Tensor
    y_variates: Tensor
    dimensions: tuple[int, int]
    folds: int


@check_arguments
def cca(
    x: Activity,
    y: Activity,
    k: int,
    area: str | None = None,
    y_area: str | None = None,
    *,
    components: int = 10,
    folds: int = 5,
    seed: int = 0,
) -> CanonicalCorrelations:
    """Cross-validated canonical correlations after principal components.

    Parameters
    ----------
    x, y : activity with the same numbers of trials and times; units may differ in number.
    k : pairs of directions, at most `components`.
    area, y_area : areas of a Trajectory; `y_area` defaults to `area`.
    components : principal components kept of each, fitted to the training samples of each fold.
    folds : at least 2. Trials are assigned to folds by `seed`. A single trial is cut into stretches of time, which are
        less independent than trials.
    seed : seed of the assignment.

    Raises
    ------
    TypeError, ValueError : activity that does not fit, by name; a k or number of folds that samples do not allow.

    Source: Bjorck & Golub 1973 (QR and SVD).
    """
    one, other = paired(x, y, area, y_area)
    groups = _fold_of_samples(one.shape[0], one.shape[1], folds, seed)
    flat = [part.reshape(-1, part.shape[-1]) for part in (one, other)]
    whole = [_ComponentBasis(part, components) for part in flat]
    dimensions = (whole[0].kept, whole[1].kept)
    if not 1 <= k <= min(dimensions):
        raise ValueError(f"k must be from 1 to the {min(dimensions)} dimensions kept (components), got {k}")
    # The singular values of Q_x'Q_y of two orthonormal bases are the canonical correlations (Bjorck & Golub 1973)
    left, sizes, right = torch.linalg.svd(whole[0].basis.T @ whole[1].basis)
    held_out = torch.stack([_held_out(flat, groups == fold, components, k) for fold in range(folds)])
    shape = (*one.shape[:2], k)
    return CanonicalCorrelations(
        correlations=sizes[:k].clamp(max=1),
        cross_validated=held_out.mean(0),
        cross_validated_error=held_out.std(0) / folds**0.5,
        x_variates=(whole[0].basis @ left[:, :k]).view(shape),
        y_variates=(whole[1].basis @ right[:k].T).view(shape),
        dimensions=dimensions,
        folds=folds,
    )


def first_components(points: Tensor, components: int) -> Tensor:
    """Scores [trials, time, components or fewer] of the first principal components. Raises ValueError below 1."""
    if components < 1:
        raise ValueError(f"components must be at least 1, got {components}")
    flat = points.reshape(-1, points.shape[-1])
    left, sizes, _ = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
    scores: Tensor = (left * sizes)[:, :components].reshape(*points.shape[:2], -1)
    return scores


class _ComponentBasis:
    """Orthonormal basis [n, kept] of the first principal components of samples [n, d], and the map to it."""

    def __init__(self, samples: Tensor, components: int) -> None:
        self.mean = samples.mean(0)
        left, sizes, right = torch.linalg.svd(samples - self.mean, full_matrices=False)
        self.kept = min(components, int((sizes > 1e-7 * sizes[0]).sum()))
        self.basis = left[:, : self.kept]
        self.map = right[: self.kept].T / sizes[: self.kept]

    def __call__(self, samples: Tensor) -> Tensor:
        """Coordinates of other samples in that basis."""
        coordinates: Tensor = (samples - self.mean) @ self.map
        return coordinates


def _held_out(flat: list[Tensor], test: Tensor, components: int, k: int) -> Tensor:
    """Correlations [k] of held-out samples along directions fitted to the others; 0 for missing directions."""
    fitted = [_ComponentBasis(part[~test], components) for part in flat]
    left, _, right = torch.linalg.svd(fitted[0].basis.T @ fitted[1].basis)
    pair = fitted[0](flat[0][test]) @ left[:, :k], fitted[1](flat[1][test]) @ right[:k].T
    one, other = (part - part.mean(0) for part in pair)
    found = (one * other).sum(0) / (one.norm(dim=0) * other.norm(dim=0)).clamp(min=1e-300)
    return torch.nn.functional.pad(found, (0, k - len(found)))


def _fold_of_samples(trials: int, times: int, folds: int, seed: int) -> Tensor:
    """The fold of each sample, [trials x time]."""
    units = trials if trials > 1 else times
    if not 2 <= folds <= (units if trials > 1 else times // 2):
        what = f"{trials} trials" if trials > 1 else f"one trial of {times} times"
        raise ValueError(f"folds must be at least 2 and no more than {what} allow, got {folds}")
    if trials == 1:
        return torch.arange(times) * folds // times
    dealt = torch.randperm(trials, generator=seeded_generator(seed)) % folds
    return dealt.repeat_interleave(times)

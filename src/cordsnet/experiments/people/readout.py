"""A linear read-out of categories from the response of an area, cross-validated by object."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_at_least, check_count, check_positive

Array = NDArray[np.float64]
Places = NDArray[np.int64]

ITERATIONS = 2000
"""Of the solver, at most."""

FLOOR = 0.01
"""Share of the response to whole objects below which a response cannot be read, so that the answer is a guess."""


@dataclass(frozen=True, eq=False)
class ReadOut:
    """Weights from a response to categories, one set for each fold; an object is read by the set that never saw it.

    Scores are linear in the response and have no offset, so that no response is no evidence for any category.

    Attributes
    ----------
    weights : of each fold [folds, F, K].
    fold : number of the fold of every object [N].
    categories : label of each score [K], in rising order.
    size : mean norm of the responses to which it was fitted.
    """

    weights: Array
    fold: Places
    categories: Places
    size: float

    def scores(self, responses: NDArray[Any], objects: Places | Sequence[int] | None = None) -> Array:
        """Scores [..., n, K] of responses [..., n, F], each by the weights of a fold that its object is not part of.

        `objects` says which of the fitted objects each trial shows [n]; None is all of them in order. Other axes,
        such as time, come first. Raises ValueError for other numbers of trials or features.
        """
        shown = np.arange(len(self.fold)) if objects is None else np.asarray(objects, dtype=np.int64)
        values = np.asarray(responses, dtype=np.float64)
        if values.ndim < 2 or values.shape[-2:] != (len(shown), self.weights.shape[1]):
            raise ValueError(
                f"responses must be [..., {len(shown)}, {self.weights.shape[1]}], one row for each of objects, got "
                f"{list(values.shape)}"
            )
        found = np.empty((*values.shape[:-1], len(self.categories)))
        for k, weights in enumerate(self.weights):
            mine = self.fold[shown] == k
            found[..., mine, :] = values[..., mine, :] @ weights
        return found


@check_arguments
def fit_readout(
    responses: np.ndarray,
    labels: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    folds: int = 5,
    seed: int = 0,
    penalty: float = 1.0,
    floor: float = 0.0,
) -> ReadOut:
    """Fit a multinomial logistic regression without intercept to the responses to objects, once for each fold.

    Features are divided by their root mean square over the objects that are fitted. Solved by scikit-learn's lbfgs.

    Parameters
    ----------
    responses : response to every object, baseline subtracted [N, F].
    labels : category of each object, whole numbers [N].
    groups : objects of one group are in one fold [N]; None is each object by itself, with all categories in each fold.
    folds : number of parts; each is read by weights that were fitted to the others.
    seed : of the division into folds.
    penalty : weight of the squared norm of the weights, as a multiple of one object's loss.
    floor : least root mean square of a feature by which it is divided, as a share of that over all features; without
        one, features that are nearly silent with these objects weigh much where they are not, such as at other times.

    Raises
    ------
    ValueError : shapes that do not fit, responses that are not finite, fewer than two categories, more folds than
        groups or than objects of a category, or a category that only one fold has.
    """
    check_count(folds, "folds", 2)
    check_positive(penalty, "penalty")
    check_at_least(floor, "floor", 0.0)
    values, named = _checked(responses, labels)
    categories, which = np.unique(named, return_inverse=True)
    fold = _folds(which, groups, folds, seed)
    weights = np.zeros((folds, values.shape[1], len(categories)))
    for k in range(folds):
        fitted = fold != k
        if len(np.unique(which[fitted])) < len(categories):
            raise ValueError(f"folds = {folds} leaves a category without objects to fit; give more objects of each")
        scale = np.sqrt(np.square(values[fitted]).mean(0))
        scale = np.maximum(scale, floor * np.sqrt(np.square(scale).mean()))
        scale[scale == 0] = 1.0
        weights[k] = _fit(values[fitted] / scale, which[fitted], penalty) / scale[:, None]
    return ReadOut(weights, fold, categories.astype(np.int64), float(np.linalg.norm(values, axis=1).mean()))


@check_arguments
def right_answers(
    scores: np.ndarray, labels: np.ndarray, categories: np.ndarray, sizes: np.ndarray | None = None, least: float = 0.0
) -> np.ndarray:
    """Probability of a right answer for each trial [n]: 1 or 0 by the largest score, and that of a guess for ties.

    Parameters
    ----------
    scores : of every trial [n, K].
    labels : right category [n].
    categories : label of each score [K].
    sizes : norm of the response of each trial [n]; where it is below `least`, the answer is a guess, 1/K.
    least : the smallest norm that can be read, such as `FLOOR * readout.size`.
    """
    best = scores == scores.max(-1, keepdims=True)
    hit = best & (np.asarray(labels)[:, None] == np.asarray(categories))
    right = hit.sum(-1) / best.sum(-1)
    if sizes is None:
        return np.asarray(right)
    return np.asarray(np.where(np.asarray(sizes) < least, 1 / scores.shape[-1], right))


def _checked(responses: NDArray[Any], labels: NDArray[Any]) -> tuple[Array, Places]:
    values = np.asarray(responses, dtype=np.float64)
    if values.ndim != 2 or labels.shape != values.shape[:1] or not values.size:
        raise ValueError(
            f"responses must be [N, F] with one label for each of N, got {list(values.shape)} and {list(labels.shape)}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be whole numbers, got {labels.dtype}")
    if not np.isfinite(values).all():
        raise ValueError("responses must be finite, got NaN or infinite values")
    if len(np.unique(labels)) < 2:
        raise ValueError("labels must name two categories or more, got one")
    return values, labels.astype(np.int64)


def _folds(which: Places, groups: NDArray[Any] | None, folds: int, seed: int) -> Places:
    """Fold of each object [N]; categories, or groups, are dealt out evenly."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(which), dtype=np.int64)
    if groups is None:
        if (least := int(np.bincount(which).min())) < folds:
            raise ValueError(f"folds must be at most {least}, the objects of the smallest category, got {folds}")
        for category in range(int(which.max()) + 1):
            mine = rng.permutation(np.flatnonzero(which == category))
            fold[mine] = (np.arange(len(mine)) + category) % folds
        return fold
    if groups.shape != which.shape:
        raise ValueError(f"groups must name one group for each of {len(which)} objects, got {list(groups.shape)}")
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < folds:
        raise ValueError(f"folds must be at most {len(names)}, the number of groups, got {folds}")
    order = rng.permutation(len(names)) % folds
    return np.asarray(order[member])


def _fit(values: Array, which: Places, penalty: float) -> Array:
    """Weights [F, K]; with two categories, those of the second are the negative of those of the first."""
    model = LogisticRegression(C=1 / penalty, fit_intercept=False, max_iter=ITERATIONS)
    found: Array = model.fit(values, which).coef_.T
    return found if found.shape[1] > 1 else np.concatenate([-found / 2, found / 2], 1)

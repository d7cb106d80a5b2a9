"""Ridge and reduced-rank regression, with penalties chosen by leaving out one image at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from cordsnet._checks import check_count, check_few
from cordsnet.errors import DataError
from cordsnet.neural.mapping.doors import check_fit, check_predict

Numbers = NDArray[np.float64]

ALPHAS = tuple(10.0**power for power in range(-2, 9))
"""Penalties that are tried by default, in units of the squared activity."""


MOST_ALPHAS = 10_000


class Ridge(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Ridge regression from units to neurons with a penalty of its own for each neuron.

    Penalties are chosen among `alphas` by the squared error of predictions for one group of rows, an image, from all
    others. They follow exactly from one decomposition: with the hat matrix H, the errors of the rows g of a group are
    (I - H_gg)^-1 (y - H y)_g. With single rows as groups this is scikit-learn's RidgeCV with `alpha_per_target`. The
    smaller of X'X and XX' is decomposed, in memory and in double precision.

    Parameters
    ----------
    alphas : penalties that are tried, above 0; a single one is used as it is.

    Attributes
    ----------
    coef_ : weights [q, p].
    intercept_ : constants [q].
    alpha_ : penalty of each neuron [q].
    errors_ : mean squared error of rows left out, for each penalty and neuron [alphas, q].
    """

    def __init__(self, alphas: Any = ALPHAS) -> None:
        self.alphas = alphas

    def fit(self, X: Any, y: Any, groups: Any = None) -> "Ridge":  # noqa: N803 - name of scikit-learn
        """Fit the mapping from rows X [n, p] to neurons y [n, q] or [n].

        Parameters
        ----------
        X, y : activity and responses of the same rows.
        groups : image of each row [n]; rows of an image are left out together. None takes each row for an image.

        Raises
        ------
        ValueError : shapes do not fit, values are not finite, or a penalty is not above 0.
        """
        X, targets, self._one = check_fit(self, X, y)  # noqa: N806
        alphas, groups = checked_alphas(self.alphas), checked_groups(groups, len(targets))
        parts = Decomposition(np.asarray(X, np.float64), targets)
        self.errors_ = parts.errors(alphas, groups)
        best = self.errors_.argmin(0)
        self.alpha_ = alphas[best]
        weights = np.empty((targets.shape[1], X.shape[1]))
        for k in np.unique(best):
            weights[best == k] = parts.weights(alphas[k], best == k)
        self.coef_, self.intercept_ = weights, parts.y_mean - weights @ parts.x_mean
        return self

    def predict(self, X: Any) -> Numbers:  # noqa: N803
        """Responses [n, q], or [n] if the mapping was fitted to a single neuron without an axis, of rows X [n, p]."""
        check_is_fitted(self)
        found: Numbers = np.asarray(check_predict(self, X)) @ self.coef_.T + self.intercept_
        return found[:, 0] if self._one else found


class ReducedRank(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Ridge regression whose weights have a rank of at most `rank`: all neurons share so many directions.

    The weights are those of the ridge, projected on the leading eigenvectors of B'(X'X + alpha I)B, which minimises the
    penalised error among all weights of that rank (Mukherjee & Zhu 2011, Statistical Analysis and Data Mining 4). The
    penalty is the same for all neurons, chosen for the ridge as by `Ridge`.

    Parameters
    ----------
    rank : largest rank of the weights.
    alphas : penalties that are tried, above 0.

    Attributes
    ----------
    coef_ : weights [q, p].
    intercept_ : constants [q].
    alpha_ : the penalty.
    rank_ : rank in use, at most the number of neurons and of units.
    """

    def __init__(self, rank: int = 10, alphas: Any = ALPHAS) -> None:
        self.rank = rank
        self.alphas = alphas

    def fit(self, X: Any, y: Any, groups: Any = None) -> "ReducedRank":  # noqa: N803
        """Fit the mapping from rows X [n, p] to neurons y [n, q] or [n]; arguments and errors are those of `Ridge`."""
        X, targets, self._one = check_fit(self, X, y)  # noqa: N806
        alphas, groups = checked_alphas(self.alphas), checked_groups(groups, len(targets))
        self.rank_ = min(check_count(self.rank, "rank"), targets.shape[1], X.shape[1])
        parts = Decomposition(np.asarray(X, np.float64), targets)
        self.alpha_ = float(alphas[parts.errors(alphas, groups).mean(1).argmin()])
        weights = parts.weights(self.alpha_, np.ones(targets.shape[1], bool))
        fitted = weights @ parts.cross  # B'X'Y = B'(X'X + alpha I)B
        _, vectors = eigh((fitted + fitted.T) / 2)
        kept = vectors[:, -self.rank_ :]
        self.coef_ = kept @ (kept.T @ weights)
        self.intercept_ = parts.y_mean - self.coef_ @ parts.x_mean
        return self

    def predict(self, X: Any) -> Numbers:  # noqa: N803
        """Responses [n, q], or [n] if the mapping was fitted to a single neuron without an axis, of rows X [n, p]."""
        check_is_fitted(self)
        found: Numbers = np.asarray(check_predict(self, X)) @ self.coef_.T + self.intercept_
        return found[:, 0] if self._one else found


class Decomposition:
    """Singular vectors and values of the centred X [n, p], with what follows from them for any penalty."""

    def __init__(self, rows: Numbers, targets: Numbers) -> None:
        n, p = rows.shape
        self.x_mean, self.y_mean = rows.mean(0), targets.mean(0)
        self.x, self.y = rows - self.x_mean, targets - self.y_mean
        self.cross = self.x.T @ self.y
        values, vectors = eigh(self.x.T @ self.x if p <= n else self.x @ self.x.T, check_finite=False)
        kept = values > values[-1] * 1e-14 * max(n, p)  # rounding of the product, for directions without variance
        self.squares, self.vectors, self.tall = values[kept], vectors[:, kept], p <= n
        self.left = self.x @ self.vectors / np.sqrt(self.squares) if self.tall else self.vectors
        self.projected = self.left.T @ self.y

    def weights(self, alpha: float, neurons: NDArray[np.bool_]) -> Numbers:
        """Weights [chosen neurons, p] for a penalty."""
        if self.tall:
            shrunk = self.vectors.T @ self.cross[:, neurons] / (self.squares + alpha)[:, None]
            found: Numbers = (self.vectors @ shrunk).T
            return found
        shrunk = self.projected[:, neurons] / (self.squares + alpha)[:, None]
        across: Numbers = self.x.T @ (self.left @ shrunk)
        return across.T

    def errors(self, alphas: Numbers, groups: NDArray[np.intp]) -> Numbers:
        """Mean squared error [alphas, q] of the rows of each group, predicted from all others."""
        order = np.argsort(groups, kind="stable")
        ends = np.flatnonzero(np.diff(groups[order])) + 1
        members = np.split(order, ends)
        found = np.zeros((len(alphas), self.y.shape[1]))
        if len(alphas) == 1:
            return found * np.nan
        n = len(self.y)
        for k, alpha in enumerate(alphas):
            shares = self.squares / (self.squares + alpha)
            residual = self.y - self.left @ (shares[:, None] * self.projected)
            for rows in members:
                part = self.left[rows]
                hat = (part * shares) @ part.T + 1 / n  # the constant is fitted too
                if len(rows) == 1:
                    found[k] += (residual[rows[0]] / (1 - hat[0, 0])) ** 2
                else:
                    found[k] += (np.linalg.solve(np.eye(len(rows)) - hat, residual[rows]) ** 2).sum(0)
        return found / n


def checked_alphas(given: Any) -> Numbers:
    """Penalties in ascending order. Raises DataError unless there is one at least, and all are above 0."""
    try:
        check_few(given, "alphas", MOST_ALPHAS)
        alphas = np.atleast_1d(np.asarray(given, np.float64))
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"alphas must be numbers above 0, got {given!r:.80}") from error
    if alphas.ndim != 1 or not len(alphas) or not (np.isfinite(alphas).all() and (alphas > 0).all()):
        raise DataError(f"alphas must be finite numbers above 0, at least one, got {given!r:.80}")
    return np.sort(alphas)


def checked_groups(given: Any, n: int) -> NDArray[np.intp]:
    """Group of each row [n] as a whole number. Raises DataError unless there are two groups at least."""
    if given is None:
        return np.arange(n)
    if np.shape(given) != (n,):
        raise DataError(f"groups must name the image of each of the {n} rows, got shape {np.shape(given)}")
    found: NDArray[np.intp] = np.unique(np.asarray(given), return_inverse=True)[1]
    if found.max() == 0:
        raise DataError("groups must name at least two images, since one is left out at a time, got a single one")
    return found

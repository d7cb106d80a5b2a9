"""Partial least squares regression that reads its rows block by block."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from cordsnet._checks import check_count
from cordsnet.neural.mapping.deflated import DeflatedCross
from cordsnet.neural.mapping.doors import check_fit, check_predict
from cordsnet.neural.mapping.moments import Moments, moments
from cordsnet.neural.mapping.rows import blocks, compute_dtype

Numbers = NDArray[np.float64]

CACHE_BYTES = 2**20
"""Bytes of a centred part of a block: both products with it are made while it is in the cache of a core."""


class PLS(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Partial least squares regression (PLS2) from units to neurons, with the results of scikit-learn's PLSRegression.

    The cross-covariance S = X'Y is kept and deflated, X and Y never are (Dayal & MacGregor 1997, J. Chemometrics 11,
    improved kernel algorithm 1). X is read once for S and once for each component, in blocks of about 64 MiB; X'X is
    never formed. X may be an array, a mapped file (np.memmap) or a store of chunks (zarr, HDF5), which is read as it
    stands. Rows in single precision are multiplied in single precision and summed over blocks in double.

    Parameters
    ----------
    components : number of components, at most the number of rows and of units. Fewer are used where nothing of Y is
        left that X could explain (`n_components_`).
    scale : True to divide each unit and neuron by its standard deviation, as the default of scikit-learn does; False is
        what Brain-Score does.

    Attributes
    ----------
    coef_ : weights [q, p], or [1, p] for a single neuron.
    intercept_ : constants [q].
    x_rotations_ : weights [p, k] that make scores from centred units.
    y_loadings_ : weights [q, k] of neurons on scores.
    n_components_ : number of components in use, k.
    reads_blocks : True, as for every mapping that need not hold its rows in memory.
    """

    reads_blocks = True

    def __init__(self, components: int = 25, scale: bool = False) -> None:
        self.components = components
        self.scale = scale

    def fit(self, X: Any, y: Any) -> "PLS":  # noqa: N803 - name of scikit-learn
        """Fit the mapping from rows X [n, p] to neurons y [n, q] or [n].

        Raises
        ------
        ValueError : shapes do not fit, values are not finite, or there are fewer rows or units than components.
        """
        X, targets, self._one = check_fit(self, X, y)  # noqa: N806
        components = check_count(self.components, "components")
        if not isinstance(self.scale, bool | np.bool_):
            raise ValueError(f"scale must be True or False, got {self.scale!r:.60}")
        most = min(X.shape)
        if components > most:
            raise ValueError(
                f"components must be at most {most}, since X has n_samples={X.shape[0]} rows and "
                f"n_features={X.shape[1]} units, got {components}"
            )
        found = moments(X, targets, squares=self.scale)
        x_scale, y_scale = _scales(found, self.scale, len(targets))
        rotations, loadings = _components(X, found, components, x_scale, y_scale)
        self.x_rotations_, self.y_loadings_ = rotations, loadings
        self.n_components_ = rotations.shape[1]
        self.x_mean_, self.x_scale_ = found.x_mean, x_scale
        self.coef_ = (loadings * y_scale[:, None]) @ (rotations / x_scale[:, None]).T
        self._y_mean = found.y_mean
        self.intercept_ = found.y_mean - self.coef_ @ found.x_mean
        return self

    def predict(self, X: Any) -> Numbers:  # noqa: N803
        """Responses [n, q], or [n] if the mapping was fitted to a single neuron without an axis, of rows X [n, p]."""
        check_is_fitted(self)
        X = check_predict(self, X)  # noqa: N806
        return linear_prediction(X, self.coef_, self.x_mean_, self._y_mean, self._one)


def linear_prediction(rows: Any, weights: Numbers, x_mean: Numbers, y_mean: Numbers, one: bool) -> Numbers:
    """Predictions (X - x_mean) weights' + y_mean [n, q], block by block; [n] if `one`."""
    dtype = compute_dtype(rows)
    found = np.empty((rows.shape[0], len(weights)))
    mean, used = x_mean.astype(dtype), torch.from_numpy(np.ascontiguousarray(weights.T, dtype))
    for start, block in blocks(rows):
        centred = torch.from_numpy(np.subtract(block, mean, dtype=dtype, casting="unsafe"))
        found[start : start + len(block)] = (centred @ used).numpy()
    found += y_mean
    return found[:, 0] if one else found


def _scales(found: Moments, scale: bool, n: int) -> tuple[Numbers, Numbers]:
    """Standard deviations of units [p] and neurons [q], 1 for those that do not vary; ones without scaling."""
    if not scale or found.squares is None:
        return np.ones(len(found.x_mean)), np.ones(len(found.y_mean))
    x_scale, y_scale = np.sqrt(found.squares / max(n - 1, 1)), found.y.std(0, ddof=1)
    x_scale[x_scale <= 10 * np.finfo(np.float64).eps * np.abs(found.x_mean)] = 1.0
    y_scale[y_scale == 0] = 1.0
    return x_scale, y_scale


def _components(rows: Any, found: Moments, count: int, x_scale: Numbers, y_scale: Numbers) -> tuple[Numbers, Numbers]:
    """Rotations [p, k] of scaled units and loadings [q, k] of scaled neurons."""
    cross = DeflatedCross(found.cross / x_scale[:, None] / y_scale)
    p, q = len(x_scale), len(y_scale)
    rotations, x_loadings, y_loadings = np.zeros((p, count)), np.zeros((p, count)), np.zeros((q, count))
    least = 10 * np.finfo(compute_dtype(rows)).eps
    first = None
    for k in range(count):
        weights, size = cross.leading()
        first = size if first is None else first
        if size <= least * first or size == 0:
            return rotations[:, :k], y_loadings[:, :k]
        # Scores are products with the centred X itself, which is never deflated
        rotation = weights - rotations[:, :k] @ (x_loadings[:, :k].T @ weights)
        scores, loading = _scores(rows, found.x_mean, rotation / x_scale)
        length = float(scores @ scores)
        loading = loading / x_scale / length
        y_loading = (cross.cross.T @ torch.from_numpy(rotation)).numpy() / length
        rotations[:, k], x_loadings[:, k], y_loadings[:, k] = rotation, loading, y_loading
        cross.deflate(length * loading, y_loading)
    return rotations, y_loadings


def _scores(rows: Any, mean: Numbers, rotation: Numbers) -> tuple[Numbers, Numbers]:
    """Scores t = (X - mean) rotation [n], and (X - mean)'t [p], while each part of X is read once."""
    dtype = compute_dtype(rows)
    n, p = rows.shape
    used, direction = mean.astype(dtype), torch.from_numpy(rotation.astype(dtype))
    scores, loading = torch.empty(n, dtype=direction.dtype), torch.zeros(p, dtype=torch.float64)
    size = max(1, CACHE_BYTES // (p * np.dtype(dtype).itemsize))
    buffer = np.empty((size, p), dtype)
    for start, block in blocks(rows):
        for inner in range(0, len(block), size):
            rows_here = block[inner : inner + size]
            centred = buffer[: len(rows_here)]
            np.subtract(rows_here, used, out=centred, casting="unsafe")
            values = torch.from_numpy(centred)
            here = scores[start + inner : start + inner + len(rows_here)]
            torch.mv(values, direction, out=here)
            loading += torch.mv(values.T, here)
    return scores.double().numpy(), loading.numpy()

"""Each neuron by the one unit that is most like it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from cordsnet.neural.mapping.doors import check_fit, check_predict
from cordsnet.neural.mapping.moments import moments
from cordsnet.neural.mapping.rows import blocks

Numbers = NDArray[np.float64]


class OneToOne(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The unit with the highest Pearson correlation with each neuron over training rows, and a line through it.

    Units with negative correlations are not turned round: a neuron whose best unit falls with it is a poor match. X is
    read once, as by `PLS`. Units that do not vary are left out; where none varies, the mean is predicted.

    Attributes
    ----------
    unit_ : index of the unit of each neuron [q].
    correlation_ : its correlation over training rows [q].
    slope_, intercept_ : the line [q].
    reads_blocks : True, as for every mapping that need not hold its rows in memory.
    """

    reads_blocks = True

    def fit(self, X: Any, y: Any) -> "OneToOne":  # noqa: N803 - name of scikit-learn
        """Choose the unit of each neuron, from rows X [n, p] and responses y [n, q] or [n].

        Raises
        ------
        ValueError : shapes do not fit, or values are not finite.
        """
        X, targets, self._one = check_fit(self, X, y)  # noqa: N806
        found = moments(X, targets, squares=True)
        assert found.squares is not None
        least = len(targets) * (1e-6 * found.x_mean) ** 2  # rounding of the mean in single precision
        x_size = np.where(found.squares > least, np.sqrt(found.squares), np.inf)
        y_size = np.sqrt((found.y**2).sum(0))
        correlations = found.cross / x_size[:, None] / np.where(y_size > 0, y_size, 1)
        self.unit_ = correlations.argmax(0)
        self.correlation_ = np.take_along_axis(correlations, self.unit_[None], 0)[0]
        self.slope_ = self.correlation_ * y_size / x_size[self.unit_]
        self.intercept_ = found.y_mean - self.slope_ * found.x_mean[self.unit_]
        return self

    def predict(self, X: Any) -> Numbers:  # noqa: N803
        """Responses [n, q], or [n] if the mapping was fitted to a single neuron without an axis, of rows X [n, p]."""
        check_is_fitted(self)
        X = check_predict(self, X)  # noqa: N806
        found = np.empty((X.shape[0], len(self.unit_)))
        for start, block in blocks(X):
            found[start : start + len(block)] = block[:, self.unit_] * self.slope_ + self.intercept_
        return found[:, 0] if self._one else found

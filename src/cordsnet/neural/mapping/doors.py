"""Checks of what estimators are given, with the messages and attributes of scikit-learn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, check_consistent_length, validate_data

from cordsnet.neural.mapping.rows import check_streamed, is_streamed

Numbers = NDArray[np.float64]


def check_fit(estimator: Any, rows: Any, targets: Any) -> tuple[Any, Numbers, bool]:
    """Rows as they will be read, targets [n, q] in double precision, and True if they came without an axis q.

    Raises ValueError, of which DataError is one, for what is no rows or targets.
    """
    if targets is None:
        raise ValueError("requires y to be passed, but the target y is None; give responses [row, neuron]")
    if is_streamed(rows):
        check_streamed(rows)
        estimator.n_features_in_ = rows.shape[1]
    else:
        rows = validate_data(estimator, rows, dtype=[np.float64, np.float32], ensure_min_samples=2)
    found = check_array(targets, input_name="y", dtype=np.float64, ensure_2d=False)
    if rows.shape[0] != len(found):
        check_consistent_length(np.empty(rows.shape[0]), found)
    return rows, found.reshape(len(found), -1), found.ndim == 1


def check_predict(estimator: Any, rows: Any) -> Any:
    """Rows as they will be read. Raises ValueError for rows that are not those of the fit."""
    if is_streamed(rows):
        check_streamed(rows, estimator.n_features_in_)
        return rows
    return validate_data(estimator, rows, dtype=[np.float64, np.float32], reset=False)

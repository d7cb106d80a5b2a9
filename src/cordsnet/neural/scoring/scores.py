"""Scores of a model on a recording: every measure beside its baseline and ceiling."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.scoring.correlations import Correlations
from cordsnet.neural.scoring.splits import Splits

Numbers = NDArray[np.float64]
Measure: TypeAlias = Literal["pooled", "centred", "per_bin"]


@dataclass(frozen=True, eq=False)
class Aggregate:
    """Median over neurons, mean over splits, and the standard error of that mean; a number, or one for each bin [T]."""

    value: Numbers
    error: Numbers


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of a model on I images, T bins and N neurons in S splits.

    A high pooled correlation alone says little: a predictor that knows only the mean time course, which is the same for
    every image, has one too. It stands beside the score as `baseline`, and `centred` gives it no credit.

    Attributes
    ----------
    model : correlations of predictions with responses to held-out images [S, N] and [S, T, N].
    baseline : the same for the mean over training images of each bin (mean PSTH).
    ceiling : reliability of the recording, as `brain_score_ceiling` gives it; None where there are no repeats.
    splits : the splits.
    predicted : predictions of each split [test images, T, N].
    observed : responses that were to be predicted [I, T, N].
    bins : indices of the bins of the recording that were scored; lags leave out those that not all of them reach.
    lags : lag of each split, chosen on its training images [S], bins.
    neurons : names of the neurons, each once; numbers where none were given.
    """

    model: Correlations
    baseline: Correlations
    ceiling: Correlations | None
    splits: Splits
    predicted: tuple[NDArray[np.float32], ...]
    observed: Numbers
    bins: NDArray[np.intp]
    lags: NDArray[np.intp]
    neurons: tuple[str, ...]

    @check_arguments
    def aggregate(self, measure: Measure = "pooled", of: Literal["model", "baseline"] = "model") -> Aggregate:
        """Median over neurons in each split, then mean and standard error over splits, as in Brain-Score.

        The standard error is that of Brain-Score, the standard deviation (over S, not S - 1) over the root of S; splits
        share images, so that it understates what other images would change.
        """
        if measure not in ("pooled", "centred", "per_bin"):
            raise DataError(f"measure must be 'pooled', 'centred' or 'per_bin', got {measure!r}")
        if of not in ("model", "baseline"):
            raise DataError(f"of must be 'model' or 'baseline', got {of!r}")
        medians = median_over_neurons(getattr(getattr(self, of), measure))
        return Aggregate(np.asarray(medians.mean(0)), np.asarray(medians.std(0) / np.sqrt(len(medians))))

    @check_arguments
    def ceiling_value(self, measure: Measure = "pooled") -> Numbers:
        """Median over neurons and mean over splits of the ceiling; raises DataError where there is none."""
        if self.ceiling is None:
            raise DataError("there is no ceiling, since the recording has no repeats; pass one as score(ceiling=...)")
        found: Numbers = np.asarray(median_over_neurons(getattr(self.ceiling, measure)).mean(0))
        return found

    @check_arguments
    def ceiled(
        self, measure: Measure = "pooled", formula: Literal["reliability", "squared_ratio"] = "reliability"
    ) -> Numbers:
        """Share of the explainable variance that is explained.

        Parameters
        ----------
        measure : measure of score and ceiling.
        formula : "reliability" is r^2 / ceiling, since the ceiling is the reliability of the mean response (its
            correlation with another such mean), as in `explained_variance` of Brain-Score 2.4; "squared_ratio" is
            (r / ceiling)^2, which takes the ceiling for a correlation of the neuron with itself, and is larger.
        """
        if formula not in ("reliability", "squared_ratio"):
            raise DataError(f"formula must be 'reliability' or 'squared_ratio', got {formula!r}")
        r, ceiling = self.aggregate(measure).value, self.ceiling_value(measure)
        found: Numbers = np.asarray(r**2 / ceiling if formula == "reliability" else (r / ceiling) ** 2)
        return found


def median_over_neurons(values: Numbers) -> Numbers:
    """Median over the last axis, of the neurons that have a value; NaN where none has."""
    found = np.full(values.shape[:-1], np.nan)
    known = ~np.isnan(values).all(-1)
    found[known] = np.nanmedian(values[known], -1)
    return found

"""Score of activity on a recording: fit a mapping on training images, predict responses to the others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.mapping.pls import PLS
from cordsnet.neural.mapping.rows import ChosenRows, is_streamed
from cordsnet.neural.recording import Recording
from cordsnet.neural.scoring.ceiling import brain_score_ceiling
from cordsnet.neural.scoring.correlations import Correlations, correlations
from cordsnet.neural.scoring.scores import Scores, median_over_neurons
from cordsnet.neural.scoring.splits import Splits, check_leaks, image_splits

Numbers = NDArray[np.float64]
Indices = NDArray[np.intp]


@check_arguments
def score(
    activity: Any,
    recording: Recording | NDArray[Any],
    mapping: Any = None,
    *,
    splits: Splits | None = None,
    bins: Literal["shared", "each"] = "shared",
    lags: Sequence[int] = (0,),
    ceiling: Correlations | None = None,
    hashes: Sequence[str] | None = None,
) -> Scores:
    """Score activity of a model on responses of neurons, split by image.

    Parameters
    ----------
    activity : activity [I, T, P] of P units in the bins of the recording, in memory, a file (np.memmap) or a zarr
        store.
    recording : a recording, or mean responses [I, T, N] in the order of its images.
    mapping : a regressor of scikit-learn, such as `PLS`, `Ridge` or `OneToOne`; None is PLS with 25 components.
    splits : splits of images; None is those of Brain-Score, by the label "object" of images if the recording has it.
    bins : "shared" fits one mapping to all bins together, as the paper and Brain-Score's `spantime_pls` do; "each" fits
        a mapping to each bin.
    lags : lags of the recording behind the model that are tried, in bins: responses in bin t are predicted by activity
        in bin t - lag. Of several, each split takes the one with the highest centred r on a tenth of its training
        images, after a fit to the others.
    ceiling : ceiling of the bins that are scored, all of them without lags; None computes it from the repeats of a
        recording that has at least two.
    hashes : hash of the pixels of each image [I] from `pixel_hashes`; copies on both sides of a split are refused.

    Raises
    ------
    DataError : shapes do not fit, responses are missing, no neuron has responses that differ between images or bins,
        an image is in training and in test, or the mapping is no regressor or refuses its rows.

    A neuron whose responses do not vary in the test images of a split has NaN there.
    """
    observed, names, neurons, objects = _responses(recording)
    _check_activity(activity, observed, lags)
    _check_mapping(mapping)
    splits = splits or image_splits(len(observed), objects=objects)
    if splits.images != len(observed):
        raise DataError(f"splits must be of the {len(observed)} images of recording, got {splits.images}")
    check_leaks(splits, names, hashes)
    if bins not in ("shared", "each"):
        raise DataError(f"bins must be 'shared' or 'each', got {bins!r}")
    scored = _reached(observed.shape[1], lags)
    ceiling = _ceiling(ceiling, recording, scored)
    fitting = _Fitting(activity, observed, PLS() if mapping is None else mapping, bins == "each", scored)
    found = [_one_split(fitting, train, test, lags) for train, test in zip(splits.train, splits.test, strict=True)]
    return _scores(fitting, splits, found, ceiling, neurons)


@dataclass(frozen=True, eq=False)
class _Fitting:
    """Fit of activity [I, T, P] to responses [I, T, N] in the chosen bins, by one mapping or one per bin."""

    activity: Any
    observed: Numbers
    mapping: Any
    each: bool
    bins: Indices

    def predict(self, train: Indices, test: Indices, lag: int) -> Numbers:
        """Predictions [test, bins, N] of mappings fitted on training images."""
        neurons = self.observed.shape[2]
        parts = [self.bins[k : k + 1] for k in range(len(self.bins))] if self.each else [self.bins]
        found = []
        for chosen in parts:
            mapping = clone(self.mapping)
            targets = self.observed[np.ix_(train, chosen)].reshape(-1, neurons)
            images = np.repeat(train, len(chosen))
            named = {"groups": images} if has_fit_parameter(mapping, "groups") else {}
            try:
                mapping.fit(self._rows(train, chosen - lag), targets, **named)
                predicted = np.asarray(mapping.predict(self._rows(test, chosen - lag)))
            except ValueError as error:
                said = " ".join(str(error).split())[:200]
                raise DataError(f"activity and responses are refused by {type(mapping).__name__}: {said}") from error
            found.append(predicted.reshape(len(test), len(chosen), neurons))
        return np.concatenate(found, 1)

    def _rows(self, images: Indices, bins: Indices) -> Any:
        """Rows of images and bins, in memory for mappings that cannot read them block by block."""
        rows = ChosenRows(self.activity, images, bins)
        streams = getattr(self.mapping, "reads_blocks", False) and is_streamed(self.activity)
        return rows if streams else np.asarray(rows)


def _one_split(fitting: _Fitting, train: Indices, test: Indices, lags: Sequence[int]) -> tuple[Numbers, int]:
    """Predictions for the test images of a split, and the lag that was chosen on its training images."""
    lag = int(lags[0]) if len(lags) == 1 else _best_lag(fitting, train, lags)
    return fitting.predict(train, test, lag), lag


def _scores(
    fitting: _Fitting,
    splits: Splits,
    found: Sequence[tuple[Numbers, int]],
    ceiling: Correlations | None,
    neurons: tuple[str, ...],
) -> Scores:
    """Scores of the predictions of each split, beside those of the mean over its training images."""
    truth = fitting.observed[:, fitting.bins]
    model, baseline = [], []
    for (predicted, _), train, test in zip(found, splits.train, splits.test, strict=True):
        model.append(correlations(predicted, truth[test]))
        baseline.append(correlations(np.broadcast_to(truth[train].mean(0), truth[test].shape), truth[test]))
    return Scores(
        model=_stacked(model),
        baseline=_stacked(baseline),
        ceiling=ceiling,
        splits=splits,
        predicted=tuple(one[0].astype(np.float32) for one in found),
        observed=truth,
        bins=fitting.bins,
        lags=np.array([one[1] for one in found], np.intp),
        neurons=neurons,
    )


def _best_lag(fitting: _Fitting, train: Indices, lags: Sequence[int]) -> int:
    """Lag with the highest median r on a tenth of the training images; the first of equals."""
    inner = image_splits(len(train), count=1)
    fitted, held = train[inner.train[0]], train[inner.test[0]]
    truth = fitting.observed[held][:, fitting.bins]
    values = [
        float(median_over_neurons(correlations(fitting.predict(fitted, held, int(lag)), truth).centred)) for lag in lags
    ]
    return int(lags[int(np.nanargmax(values))])


def _responses(recording: Recording | NDArray[Any]) -> tuple[Numbers, list[str], tuple[str, ...], NDArray[Any] | None]:
    """Mean responses [I, T, N], names of images and neurons, and the object of each image if it has one."""
    if isinstance(recording, Recording):
        observed, names, neurons = recording.mean, list(recording.images), tuple(recording.neurons)
        objects = recording.image_labels.get("object")
    else:
        if recording.ndim != 3 or 0 in recording.shape:
            raise DataError(f"recording must be responses [image, time, neuron], got shape {recording.shape}")
        observed, objects = np.asarray(recording, np.float64), None
        names, neurons = [str(k) for k in range(len(observed))], tuple(str(k) for k in range(observed.shape[2]))
    missing = ~np.isfinite(observed)
    if missing.any():
        partial = np.flatnonzero(missing.any((0, 1)))
        raise DataError(
            f"recording lacks responses of {len(partial)} of {observed.shape[2]} neurons, such as "
            f"{neurons[partial[0]]!r}, to some image; leave them out with recording.select(neurons=...) or images=..."
        )
    if not (observed != observed[:1]).any():
        raise DataError("recording has the same responses to all images, so that there is nothing to predict")
    return observed, names, neurons, None if objects is None else np.asarray(objects)


def _check_mapping(mapping: Any) -> None:
    """Raise DataError for what is neither None nor a regressor of scikit-learn."""
    parts = ("fit", "predict", "get_params")
    if mapping is not None and (isinstance(mapping, type) or not all(hasattr(mapping, part) for part in parts)):
        raise DataError(f"mapping must be a regressor such as PLS(25) or Ridge(), got {mapping!r:.60}")


def _ceiling(given: Correlations | None, recording: Recording | NDArray[Any], bins: Indices) -> Correlations | None:
    """Ceiling of the scored bins: the given one, or that of the repeats; None where there are none."""
    if given is not None:
        neurons = recording.responses.shape[3] if isinstance(recording, Recording) else recording.shape[2]
        if given.per_bin.ndim != 3 or given.per_bin.shape[-1] != neurons or not len(given.per_bin):
            raise DataError(
                f"ceiling must be [split, bin, neuron] of {neurons} neurons, got {list(given.per_bin.shape)}; "
                "brain_score_ceiling makes one"
            )
        if given.per_bin.shape[-2] != len(bins):
            raise DataError(f"ceiling must be of the {len(bins)} bins that are scored, got {given.per_bin.shape[-2]}")
        return given
    if not isinstance(recording, Recording) or recording.responses.shape[1] < 2:
        return None
    return brain_score_ceiling(
        replace(recording, responses=recording.responses[:, :, bins], bins_ms=recording.bins_ms[bins])
    )


def _check_activity(activity: Any, observed: Numbers, lags: Sequence[int]) -> None:
    """Raise DataError unless activity has the images and bins of the responses, and lags leave a bin."""
    shape = tuple(getattr(activity, "shape", ()))
    if len(shape) != 3 or shape[:2] != observed.shape[:2] or not shape[2]:
        due = f"[{observed.shape[0]} images, {observed.shape[1]} bins, units]"
        raise DataError(f"activity must have the images and bins of recording, {due}, got shape {shape}")
    if not len(lags) or len(set(lags)) < len(lags):
        raise DataError(f"lags must be whole numbers of bins, each once and at least one, got {list(lags)}")
    if not len(_reached(observed.shape[1], lags)):
        raise DataError(f"lags must leave a bin of the {observed.shape[1]} in recording, got {list(lags)}")


def _reached(bins: int, lags: Sequence[int]) -> Indices:
    """Bins t for which t - lag is a bin for every lag, so that all lags are compared on the same responses."""
    return np.arange(max(0, *lags, 0), bins + min(0, *lags, 0))


def _stacked(found: Sequence[Correlations]) -> Correlations:
    return Correlations(*(np.stack([getattr(one, part) for one in found]) for part in ("pooled", "per_bin", "centred")))

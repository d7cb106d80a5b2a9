"""Good calls of the public functions and classes of cordsnet.neural, and what is done with their results.

Classes that only hold what a function found, such as `Scores`, refuse nothing and have no row.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet import models, neural

IMAGES, TIMES, UNITS, NEURONS, REPEATS = 12, 3, 6, 4, 4
BINS = np.array([[0.0, 20.0], [20.0, 40.0], [40.0, 60.0]])


def numbers(*shape: int, seed: int = 0) -> NDArray[Any]:
    """Return normal numbers of that shape."""
    return np.random.default_rng(seed).normal(size=shape)


def activity(seed: int = 0) -> NDArray[Any]:
    """Return activity of a model [image, time, unit]."""
    return numbers(IMAGES, TIMES, UNITS, seed=seed)


@functools.cache
def recording() -> neural.Recording:
    """Return a recording of neurons that read `activity`, with an object and a position for each image."""
    made = neural.make_recording(activity(), BINS, neurons=NEURONS, repeats=REPEATS, rates_hz=200.0).recording
    labels = {"object": np.arange(IMAGES) % 3, "position": np.arange(IMAGES) // 3 % 2}
    return neural.Recording(made.responses, BINS, made.images, made.neurons, image_labels=labels)


def splits() -> neural.Splits:
    """Return three splits of the images."""
    return neural.image_splits(IMAGES, count=3, train=0.6)


def mapping() -> Any:
    """Return a mapping that needs few rows."""
    return neural.PLS(2)


@functools.cache
def scored(seed: int = 0) -> neural.Scores:
    """Return scores of some activity."""
    return neural.score(activity(seed), recording(), mapping(), splits=splits())


def rdms(seed: int = 0) -> NDArray[Any]:
    """Return RDMs [time, pairs]."""
    return neural.rdm_movie(activity(seed), "euclidean")


def pixels(count: int = IMAGES) -> NDArray[Any]:
    """Return pictures of noise [image, row, column]."""
    return np.random.default_rng(0).uniform(size=(count, 24, 24)).astype(np.float32)


def movies() -> dict[str, Any]:
    """Return responses to three movies and their frames."""
    means = numbers(3, 1, 5, 6)
    return {"responses": means + 0.1 * numbers(3, 4, 5, 6, seed=1), "frames": numbers(3, 5, 8, seed=2), "draws": 20}


def network() -> Any:
    """Return a small network that reads images of one channel."""
    return models.create_model("cordsnet_r2_small", num_classes=3, image_size=16, width=8, in_channels=1)


def plan() -> neural.DecodingPlan:
    """Return a short plan."""
    return neural.DecodingPlan(folds=2, resamples=2)


def decoded(**more: Any) -> dict[str, Any]:
    """Return what every decoding is given."""
    return {"data": recording(), "labels": np.arange(IMAGES) % 3, "plan": plan(), **more}


def compared(**more: Any) -> dict[str, Any]:
    """Return a model and a brain."""
    return {"model": activity(1), "brain": recording(), **more}


def fitted(estimator: Any) -> Any:
    """Return the predictions of a mapping."""
    return estimator.fit(numbers(20, 6), numbers(20, 3, seed=1)).predict(numbers(4, 6, seed=2))


def seen(viewing: neural.Viewing) -> Any:
    """Return activity that was recorded in this way."""
    import shutil

    shutil.rmtree("seen.zarr", ignore_errors=True)
    store = neural.record_activity(network(), pixels(2), BINS, "seen.zarr", areas=["area1"], viewing=viewing)
    return np.asarray(store.area("area1")[:])


def table_of(name: str) -> dict[str, Any]:
    """Return all fields of a result as arguments of its class."""
    made = RESULTS[name]()
    return {field: getattr(made, field) for field in made.__dataclass_fields__}


RESULTS: dict[str, Callable[[], Any]] = {
    "BinMap": lambda: neural.map_bins(BINS, 2.0),
    "Correlations": lambda: neural.brain_score_ceiling(recording(), splits=3),
    "Pictures": lambda: neural.find_pictures(pixels(3)),
    "Splits": splits,
}
"""Class that users make by hand too -> an instance of it."""

GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    **{name: functools.partial(table_of, name) for name in RESULTS},
    "PLS": lambda: {"components": 2},
    "Ridge": dict,
    "ReducedRank": lambda: {"rank": 2},
    "OneToOne": dict,
    "DecodingPlan": lambda: {"folds": 2, "resamples": 2},
    "Finding": lambda: {"level": "note", "where": "neuron 1", "sentence": "It has few spikes."},
    "Recording": lambda: {n: getattr(recording(), n) for n in recording().__dataclass_fields__},
    "Viewing": lambda: {"image_ms": 40.0, "picture_degrees": 4.0, "model_degrees": 8.0},
    "between_animals": lambda: {"model": rdms(), "animals": np.stack([rdms(1), rdms(2), rdms(3)]), "draws": 20},
    "between_scores": lambda: {"model": np.array([0.5, 0.4]), "animals": np.array([[1.0, 0.6], [0.5, 1.0]])},
    "brain_score_ceiling": lambda: {"recording": recording(), "splits": 3},
    "cca_over_time": lambda: compared(k=1, components=2, folds=2),
    "check_leaks": lambda: {"splits": splits(), "names": recording().images, "hashes": recording().images},
    "cka_over_time": lambda: compared(groups=3),
    "cluster_test": lambda: {"differences": numbers(6, 5), "draws": 30},
    "compare_rdms": lambda: {"a": rdms(), "b": rdms(1)},
    "compare_scores": lambda: {"one": scored(), "other": scored(1), "draws": 20, "flips": 20},
    "correlations": lambda: {"predicted": activity(), "observed": activity(1)},
    "cross_temporal": decoded,
    "ct_rsa": lambda: {"model": rdms(), "brain": recording(), "metric": "euclidean", "draws": 5},
    "curvature": lambda: {"path": numbers(5, 6)},
    "decode_across": lambda: decoded(over=np.arange(IMAGES) // 3 % 2, train=[0], test=[1]),
    "decode_over_time": lambda: decoded(permutations=19, draws=0, consecutive=1),
    "gabor_features": lambda: {"images": pixels(2), "wavelengths_px": (4.0,), "orientations": 2},
    "holm": lambda: {"values": [0.01, 0.2, 0.03]},
    "image_baselines": lambda: {
        "images": pixels(),
        "recording": recording(),
        "mapping": mapping(),
        "splits": splits(),
        "image_deg": 6.0,
        "side_px": 8,
    },
    "image_splits": lambda: {"images": IMAGES, "objects": np.arange(IMAGES) % 3, "count": 3, "train": 0.6},
    "likely_curvature": lambda: {"responses": movies()["responses"][0]},
    "make_recording": lambda: {"activity": activity(), "bins_ms": BINS, "neurons": 3, "latency_ms": 10.0},
    "map_bins": lambda: {"bins_ms": BINS, "dt_ms": 2.0, "latency_ms": 10.0},
    "neural_curvature": lambda: {"responses": movies()["responses"][0], "draws": 20},
    "noise_ceiling": lambda: {"recording": recording(), "halves": 3, "draws": 20},
    "object_solution_times": lambda: decoded(threshold=0.6, consecutive=1, draws=20),
    "over_time": lambda: {"features": numbers(5, 3), "bins": 4},
    "pixel_features": lambda: {"images": pixels(2), "side_px": 8},
    "pixel_hashes": lambda: {"images": pixels(2)},
    "procrustes_over_time": lambda: compared(components=2, bootstrap=5),
    "rank_agreement": lambda: {"times_ms": numbers(8), "measured_ms": numbers(8, seed=1), "draws": 20},
    "rdm_movie": lambda: {"responses": recording(), "metric": "mahalanobis", "noise": np.eye(NEURONS)},
    "rsa_ceiling": lambda: {"brain": recording(), "metric": "euclidean", "splits": 3},
    "rsa_over_time": lambda: {"model": rdms(), "brain": recording(), "metric": "euclidean", "draws": 5},
    "score": lambda: {
        "activity": activity(1),
        "recording": recording(),
        "mapping": mapping(),
        "splits": splits(),
        "ceiling": neural.brain_score_ceiling(recording(), splits=3),
        "hashes": recording().images,
    },
    "sign_flip_test": lambda: {"differences": numbers(6), "animals": list("aabbcc"), "draws": 30},
    "spearman_brown": lambda: {"r": np.array([0.1, 0.5]), "length": 2.0},
    "split_half_reliability": lambda: {"recording": recording(), "halves": 3, "draws": 20},
    "straightening": movies,
    "straightening_contrast": lambda: {
        "first": neural.straightening(**movies()),
        "second": neural.straightening(**movies()),
        "draws": 20,
    },
}

USE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("PLS", "Ridge", "ReducedRank", "OneToOne"), fitted),
    "BinMap": lambda bins: (bins.used, bins.weights, bins.sentence),
    "Pictures": lambda pictures: pictures.load(range(len(pictures))),
    "Correlations": lambda found: neural.score(
        activity(1), recording(), mapping(), splits=splits(), ceiling=found
    ).ceiling_value(),
    "Splits": lambda made: neural.score(activity(1), recording(), mapping(), splits=made).aggregate(),
    "DecodingPlan": lambda made: neural.cross_temporal(recording(), "object", plan=made),
    "Viewing": seen,
    "compare_scores": lambda found: (found.value, found.interval, found.test),
    "score": lambda found: (found.aggregate("centred"), found.ceiled(), found.predicted),
    "image_baselines": lambda found: {name: one.aggregate().value for name, one in found.items()},
    "gabor_features": lambda found: found.sum(),
}

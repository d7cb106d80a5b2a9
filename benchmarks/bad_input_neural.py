"""Good calls of the public functions and classes of cordsnet.neural, and what is done with their results.

Classes that only hold what a function found, such as `Scores`, refuse nothing and have no row.
"""

import datetime
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet import models, neural

IMAGES, TIMES, UNITS, NEURONS, REPEATS = 12, 3, 6, 4, 4
BINS = np.array([[0.0, 20.0], [20.0, 40.0], [40.0, 60.0]])
FACTS: dict[str, Any] = {"area": "IT", "source": "made here"}


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


def table() -> Any:
    """Return responses in a long table."""
    import pandas

    rows = [(n, i, r, float(n + i + r)) for n in range(2) for i in range(3) for r in range(2)]
    return pandas.DataFrame(rows, columns=["neuron", "image", "repeat", "response"])


def nwb_file() -> Path:
    """Return a file with two units and six trials."""
    import pynwb

    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    file = pynwb.NWBFile(session_description="s", identifier="i", session_start_time=start)
    file.add_trial_column(name="image", description="d")
    for k in range(6):
        file.add_trial(start_time=k + 0.5, stop_time=k + 1.0, image=f"image{k % 3}")
    for k in range(2):
        file.add_unit(spike_times=np.sort(np.random.default_rng(k).uniform(0, 7, 300)), id=k)
    path = Path("made.nwb")
    with pynwb.NWBHDF5IO(path, "w") as stream:
        stream.write(file)
    return path


def matlab_file() -> Path:
    """Return a file with an array of responses."""
    from scipy import io

    io.savemat("made.mat", {"responses": np.abs(numbers(NEURONS, 5, 3))})
    return Path("made.mat")


def stored() -> Path:
    """Return the folder of recorded activity."""
    path = Path("made.zarr")
    if not path.exists():
        neural.record_activity(network(), pixels(2), BINS, path, areas=["area1"])
    return path


def kept() -> Path:
    """Return the file of a recording."""
    return neural.save_recording(recording(), "made.npz")


def decoded(**more: Any) -> dict[str, Any]:
    """Return what every decoding is given."""
    return {"data": recording(), "labels": np.arange(IMAGES) % 3, "plan": plan(), **more}


def compared(**more: Any) -> dict[str, Any]:
    """Return a model and a brain."""
    return {"model": activity(1), "brain": recording(), **more}


def fitted(estimator: Any) -> Any:
    """Return the predictions of a mapping."""
    return estimator.fit(numbers(20, 6), numbers(20, 3, seed=1)).predict(numbers(4, 6, seed=2))


def looked_at(found: neural.Recording) -> Any:
    """Return what is derived from a recording."""
    return found.repeats, found.centres_ms, neural.check_recording(found).findings


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
    "check_recording": lambda: {"recording": recording(), "images": list(recording().images)},
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
    "find_pictures": lambda: {"source": pixels(3)},
    "from_arrays": lambda: {"responses": numbers(5, 3, 2) ** 2, "axes": "image repeat neuron", "bins_ms": [[0, 50]]},
    "from_assembly": lambda: {"assembly": neural.to_assembly(recording())},
    "from_raster": lambda: {
        "raster": np.random.default_rng(0).integers(0, 2, (8, 40)),
        "neuron": np.arange(8) % 2,
        "image": np.arange(8) // 2 % 2,
        "onset_ms": 10.0,
        "bin_ms": 10.0,
        "repeat": np.arange(8) // 4,
        "trial_labels": {"kind": np.arange(8) // 2 % 2},
        **FACTS,
    },
    "from_spikes": lambda: {
        "spikes": [np.sort(np.random.default_rng(k).uniform(0, 4000, 200)) for k in range(2)],
        "onsets_ms": np.arange(4) * 900.0 + 100,
        "shown": np.array(["a", "b", "a", "b"]),
        "bin_ms": 50.0,
        "from_ms": 0.0,
        "to_ms": 200.0,
        "recorded": np.ones((4, 2), bool),
    },
    "from_table": lambda: {"table": table(), "bins_ms": [[0.0, 100.0]]},
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
    "load_store": lambda: {"path": stored()},
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
    "read_matlab": lambda: {
        "path": matlab_file(),
        "key": "responses",
        "axes": "neuron image repeat",
        "bins_ms": [[0, 50]],
        **FACTS,
    },
    "read_nwb": lambda: {"path": nwb_file(), "bin_ms": 50.0, "image": "image"},
    "read_recording": lambda: {"path": kept()},
    "record_activity": lambda: {
        "model": network(),
        "pictures": pixels(2),
        "bins_ms": BINS,
        "output": f"new{datetime.datetime.now(datetime.UTC).timestamp()}.zarr",
        "areas": ["area1"],
    },
    "rsa_ceiling": lambda: {"brain": recording(), "metric": "euclidean", "splits": 3},
    "rsa_over_time": lambda: {"model": rdms(), "brain": recording(), "metric": "euclidean", "draws": 5},
    "save_recording": lambda: {"recording": recording(), "path": "again.npz"},
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
    "to_assembly": lambda: {"recording": recording()},
}

USE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("PLS", "Ridge", "ReducedRank", "OneToOne"), fitted),
    "BinMap": lambda bins: (bins.used, bins.weights, bins.sentence),
    "Pictures": lambda pictures: pictures.load(range(len(pictures))),
    "find_pictures": lambda pictures: pictures.load(range(min(len(pictures), 3))),
    "Correlations": lambda found: neural.score(
        activity(1), recording(), mapping(), splits=splits(), ceiling=found
    ).ceiling_value(),
    "Splits": lambda made: neural.score(activity(1), recording(), mapping(), splits=made).aggregate(),
    "DecodingPlan": lambda made: neural.cross_temporal(recording(), "object", plan=made),
    "Recording": looked_at,
    **dict.fromkeys(("from_arrays", "from_assembly", "from_raster", "from_spikes", "from_table"), looked_at),
    **dict.fromkeys(("read_matlab", "read_nwb", "read_recording"), looked_at),
    "Viewing": seen,
    "likely_curvature": lambda: {"responses": movies()["responses"][0]},
    "load_store": lambda store: np.asarray(store.area("area1")[:]),
    "record_activity": lambda store: {name: np.asarray(store.area(name)[:]) for name in store.areas},
    "compare_scores": lambda found: (found.value, found.interval, found.test),
    "score": lambda found: (found.aggregate("centred"), found.ceiled(), found.predicted),
    "image_baselines": lambda found: {name: one.aggregate().value for name, one in found.items()},
    "check_recording": lambda found: found.findings,
    "gabor_features": lambda found: found.sum(),
}

"""Good calls of the functions of cordsnet.neural that read, write and check recordings, pictures and activity."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bad_input_neural import BINS, NEURONS, network, numbers, pixels, recording

from cordsnet import neural

FACTS: dict[str, Any] = {"area": "IT", "source": "made here"}


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


def phy_folder() -> Path:
    """Return a folder of Phy with two clusters and six trials."""
    place, random = Path("phy"), np.random.default_rng(0)
    place.mkdir(exist_ok=True)
    np.save(place / "spike_times.npy", np.sort(random.integers(0, 70_000, 500)))
    np.save(place / "spike_clusters.npy", random.integers(0, 2, 500))
    (place / "cluster_group.tsv").write_text("cluster_id\tgroup\n0\tgood\n1\tgood\n")
    rows = [f"image{k % 3},{k + 0.5}" for k in range(6)]
    (place / "trials.csv").write_text("\n".join(["image,onset_s", *rows]))
    return place


def stored() -> Path:
    """Return the folder of recorded activity."""
    path = Path("made.zarr")
    if not path.exists():
        neural.record_activity(network(), pixels(2), BINS, path, areas=["area1"])
    return path


def kept() -> Path:
    """Return the file of a recording."""
    return neural.save_recording(recording(), "made.npz")


def looked_at(found: neural.Recording) -> Any:
    """Return what is derived from a recording."""
    return found.repeats, found.centres_ms, neural.check_recording(found).findings


GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    "check_recording": lambda: {"recording": recording(), "images": list(recording().images)},
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
    "load_store": lambda: {"path": stored()},
    "read_matlab": lambda: {
        "path": matlab_file(),
        "key": "responses",
        "axes": "neuron image repeat",
        "bins_ms": [[0, 50]],
        **FACTS,
    },
    "read_nwb": lambda: {"path": nwb_file(), "bin_ms": 50.0, "image": "image"},
    "read_recording": lambda: {"path": kept()},
    "read_phy": lambda: {"path": phy_folder(), "bin_ms": 50.0, "sample_rate_hz": 10_000.0},
    "record_activity": lambda: {
        "model": network(),
        "pictures": pixels(2),
        "bins_ms": BINS,
        "output": f"new{datetime.datetime.now(datetime.UTC).timestamp()}.zarr",
        "areas": ["area1"],
    },
    "save_recording": lambda: {"recording": recording(), "path": "again.npz"},
    "to_assembly": lambda: {"recording": recording()},
}

USE: dict[str, Callable[[Any], Any]] = {
    "Recording": looked_at,
    **dict.fromkeys(("from_arrays", "from_assembly", "from_raster", "from_spikes", "from_table"), looked_at),
    **dict.fromkeys(("read_matlab", "read_nwb", "read_phy", "read_recording"), looked_at),
    "load_store": lambda store: np.asarray(store.area("area1")[:]),
    "record_activity": lambda store: {name: np.asarray(store.area(name)[:]) for name in store.areas},
    "check_recording": lambda found: found.findings,
    "find_pictures": lambda pictures: pictures.load(range(min(len(pictures), 3))),
}

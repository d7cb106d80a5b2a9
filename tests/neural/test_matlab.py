"""MATLAB files of versions 5 and 7.3: counts by hand, axes in any order, and what is refused, in a sentence."""

import json
from itertools import permutations
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io.matlab
from mat_writer import write_73
from scipy import io, sparse

from cordsnet.errors import DataError
from cordsnet.neural import read_matlab, read_recording
from cordsnet.neural.reading.matlab import values
from cordsnet.neural.reading.matlab.variables import Variables

ONSET, SAMPLES = 60, 200
SHOWN = ["car", "face", "car", "hand", "face", "car", "image10", "image9"]
POSITION = [1.0, 2, 1, 3, 2, 1, 1, 1]
WINDOW = {"onset_ms": ONSET, "bin_ms": 20, "from_ms": -20, "to_ms": 120}
ARRAY = np.random.default_rng(3).poisson(4.0, (2, 3, 4)).astype(float)  # [neuron, image, time]
EDGES = np.array([0.0, 20, 40, 80, 100])


def raster(seed=0, trials=8):
    return np.random.default_rng(seed).random((trials, SAMPLES)) < 0.1


def cells(value):
    """Turn lists of texts into cells as SciPy writes them, in structs too."""
    if isinstance(value, dict):
        return {name: cells(one) for name, one in value.items()}
    if isinstance(value, list) and not isinstance(value[0], dict):
        held = np.empty((len(value), 1), object)
        held[:, 0] = value
        return held
    return value


def write_5(path, variables):
    io.savemat(path, {name: cells(value) for name, value in variables.items()}, do_compression=True)


def write_plain_5(path, variables):
    io.savemat(path, {name: cells(value) for name, value in variables.items()}, do_compression=False)


WRITERS = {"5": write_5, "7.3": write_73}
both = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


def neuron_file(data=None, shown=SHOWN, **changes):
    labels = {"stimulus_ID": list(shown), "position": np.array(POSITION[: len(shown)])}
    site = {"area": "IT", "unit": np.array([[7.0]])}
    return {
        "raster_data": raster() if data is None else data,
        "raster_labels": labels,
        "raster_site_info": site,
    } | changes


def count_by_hand(data, trial, edges):
    """Count spikes in bins [start, end); a bin more is asked for, since the last of `histogram` holds its end too."""
    times = np.flatnonzero(data[trial]) - ONSET
    return np.histogram(times, np.append(edges, edges[-1] + 1))[0][:-1]


@both
def test_spikes_of_a_raster_are_counted_in_bins_without_their_ends(tmp_path, write):
    write(tmp_path / "unit7.mat", neuron_file())
    labels = {"where": "raster_labels.position"}
    site = {"area": "raster_site_info.area", "unit": "raster_site_info.unit"}
    found = read_matlab(
        tmp_path / "unit7.mat",
        image="raster_labels.stimulus_ID",
        image_label_keys=labels,
        neuron_label_keys=site,
        **WINDOW,
    )
    assert found.images == ("car", "face", "hand", "image9", "image10")
    assert found.neurons == ("unit7",)
    assert found.repeats.ravel().tolist() == [3, 2, 1, 1, 1]
    assert {name: one.tolist() for name, one in found.neuron_labels.items()} == {"area": ["IT"], "unit": ["7"]}
    assert found.image_labels["where"].tolist() == ["1", "2", "3", "1", "1"]
    edges = np.arange(-20, 121, 20)
    assert found.bins_ms.tolist() == np.stack([edges[:-1], edges[1:]], 1).tolist()
    seen = dict.fromkeys(found.images, 0)
    for trial, image in enumerate(SHOWN):
        counted = found.responses[found.images.index(image), seen[image], :, 0]
        assert counted.tolist() == count_by_hand(raster(), trial, edges).tolist()
        seen[image] += 1


@both
def test_a_spike_on_an_edge_is_in_the_bin_that_starts_there(tmp_path, write):
    data = np.zeros((1, SAMPLES))
    data[0, ONSET + 20] = 1
    write(tmp_path / "a.mat", {"raster_data": data, "raster_labels": {"image": ["a"]}})
    assert read_matlab(tmp_path / "a.mat", **WINDOW).responses.ravel().tolist() == [0, 0, 1, 0, 0, 0, 0]


@both
def test_whole_rows_are_read_where_no_window_is_given(tmp_path, write):
    write(tmp_path / "a.mat", neuron_file(raster_labels={"image": SHOWN}))
    found = read_matlab(tmp_path / "a.mat", onset_ms=ONSET, bin_ms=1)
    assert found.bins_ms[[0, -1]].tolist() == [[-60, -59], [139, 140]]
    assert np.nansum(found.responses) == raster().sum()
    rates = read_matlab(tmp_path / "a.mat", onset_ms=ONSET, bin_ms=SAMPLES, unit="other")
    np.testing.assert_allclose(rates.responses[0, :, 0, 0], raster()[[0, 2, 5]].mean(1), rtol=1e-12)


@both
@pytest.mark.parametrize("kind", [np.float64, np.uint8, np.float32, sparse.csc_matrix])
def test_rasters_may_be_of_any_class_of_numbers_or_sparse(tmp_path, write, kind):
    data = kind(raster().astype(float)) if kind is sparse.csc_matrix else raster().astype(kind)
    write(tmp_path / "a.mat", neuron_file(data))
    write(tmp_path / "b.mat", neuron_file())
    one, other = (
        read_matlab(tmp_path / name, image="raster_labels.stimulus_ID", **WINDOW) for name in ("a.mat", "b.mat")
    )
    np.testing.assert_array_equal(one.responses, other.responses)


@both
def test_neurons_of_a_folder_stand_side_by_side(tmp_path, write):
    write(tmp_path / "n2.mat", neuron_file())
    write(tmp_path / "n10.mat", neuron_file(raster(1, 4), ["car", "tree", "face", "face"]))
    whole = read_matlab(tmp_path, image="raster_labels.stimulus_ID", **WINDOW)
    assert whole.neurons == ("n2", "n10")
    assert whole.images == ("car", "face", "hand", "image9", "image10", "tree")
    assert whole.repeats.tolist() == [[3, 1], [2, 2], [1, 0], [1, 0], [1, 0], [0, 1]]
    for name in whole.neurons:
        part = read_matlab(tmp_path / f"{name}.mat", image="raster_labels.stimulus_ID", **WINDOW)
        rows = [whole.images.index(image) for image in part.images]
        at = whole.neurons.index(name)
        np.testing.assert_array_equal(whole.responses[rows, : part.responses.shape[1], :, at], part.responses[..., 0])


@both
def test_images_may_be_named_by_several_labels(tmp_path, write):
    write(tmp_path / "a.mat", neuron_file())
    names = ["raster_labels.stimulus_ID", "raster_labels.position"]
    assert read_matlab(tmp_path / "a.mat", image=names, **WINDOW).images[:2] == ("car_1", "face_2")


@both
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_axes_may_have_any_order(tmp_path, write, order):
    axes = [("neuron", "image", "time")[k] for k in order]
    held = {"data": {"psth": ARRAY.transpose(order), "edges": EDGES}, "ids": ["b", "a", "c"], "units": ["u1", "u2"]}
    write(tmp_path / "a.mat", held | {"area": "V4"})
    found = read_matlab(
        tmp_path / "a.mat",
        key="data.psth",
        axes=axes,
        bins_ms="data.edges",
        image="ids",
        neuron="units",
        neuron_label_keys={"area": "area"},
        unit="rate",
    )
    np.testing.assert_array_equal(found.responses[:, 0], ARRAY.transpose(1, 2, 0))
    assert found.images == ("b", "a", "c")
    assert found.neurons == ("u1", "u2")
    assert found.neuron_labels["area"].tolist() == ["V4", "V4"]
    assert found.bins_ms.tolist() == [[0, 20], [20, 40], [40, 80], [80, 100]]
    assert found.unit == "rate"


@both
@pytest.mark.parametrize("kind", [np.float64, np.int16])
def test_repeats_that_are_missing_are_nan(tmp_path, write, kind):
    counts = np.random.default_rng(0).poisson(3.0, (2, 3, 4)).astype(kind)
    counts[0, 1, 2:] = -1
    counts[1, 0, 3] = -1
    write(tmp_path / "v4.mat", {"counts": counts})
    options = {"key": "counts", "axes": ("neuron", "image", "repeat"), "bins_ms": (50, 150)}
    found = read_matlab(tmp_path / "v4.mat", missing=-1, **options)
    assert found.repeats.tolist() == [[4, 3], [2, 4], [4, 4]]
    expected = np.where(counts < 0, np.nan, counts).transpose(1, 2, 0)
    np.testing.assert_array_equal(found.responses[:, :, 0], expected)
    assert found.neurons == ("v4-0", "v4-1")
    assert found.images == ("0", "1", "2")
    with pytest.raises(DataError, match=r"v4.mat: responses of unit 'count' must not be negative"):
        read_matlab(tmp_path / "v4.mat", **options)


@both
def test_axes_of_length_one_that_matlab_drops_are_put_back(tmp_path, write):
    write(tmp_path / "a.mat", {"counts": ARRAY[:, :, 0]})
    found = read_matlab(tmp_path / "a.mat", key="counts", axes=("neuron", "image", "repeat", "time"), bins_ms=(50, 150))
    np.testing.assert_array_equal(found.responses, ARRAY[:, :, 0].T[:, None, None])


@both
def test_labels_may_be_an_array_of_structs_and_bins_pairs(tmp_path, write):
    held = {
        "r": ARRAY[0],
        "trials": [{"image": "b"}, {"image": "a"}, {"image": "b"}],
        "w": np.array([EDGES[:4], EDGES[1:]]),
    }
    if write is write_5:
        held["trials"] = np.array([("b",), ("a",), ("b",)], [("image", object)])
    write(tmp_path / "a.mat", held)
    options = {"key": "r", "axes": ("trial", "time"), "image": "trials.image"}
    found = read_matlab(tmp_path / "a.mat", bins_ms="w", **options)
    assert found.images == ("a", "b")
    np.testing.assert_array_equal(found.responses[1, :, :, 0], ARRAY[0, [0, 2]])
    given = read_matlab(tmp_path / "a.mat", bins_ms=EDGES, **options)
    assert given.bins_ms.tolist() == found.bins_ms.tolist()


def test_facts_that_no_variable_holds_are_given_as_for_other_forms(tmp_path):
    write_5(tmp_path / "n1.mat", neuron_file())
    write_5(tmp_path / "n2.mat", neuron_file(raster(1)))
    images = ["image10", "image9", "hand", "face", "car", "sun"]
    options = {**GOOD, "images": images, "neurons": ["u", "v"], "area": "IT", "image_labels": {"size": range(6)}}
    found = read_recording(tmp_path, **options)
    assert found.images == tuple(images)
    assert found.repeats[:, 0].tolist() == [1, 1, 1, 2, 3, 0]
    assert found.neurons == ("u", "v")
    assert found.neuron_labels["area"].tolist() == ["IT", "IT"]
    assert found.image_labels["size"].tolist() == list(range(6))
    (tmp_path / "n1.json").write_text(json.dumps({**GOOD, "animal": "m1", "source": "Made here."}))
    beside = read_recording(tmp_path / "n1.mat")
    assert (beside.source, beside.neuron_labels["animal"].tolist()) == ("Made here.", ["m1"])


REAL = Path(scipy.io.matlab.__file__).parent / "tests" / "data"  # written by MATLAB itself


@pytest.mark.skipif(not REAL.is_dir(), reason="SciPy is installed without the files of its tests")
def test_files_that_matlab_wrote_are_read():
    angles = np.arange(9) * np.pi / 4
    for name in ("testdouble_6.1_SOL2", "testdouble_7.4_GLNX86", "testhdf5_7.4_GLNX86"):
        np.testing.assert_allclose(Variables(REAL / f"{name}.mat").numbers("testdouble", "variable")[0], angles)
    for version in ("6.1_SOL2", "7.1_GLNX86"):
        structs = Variables(REAL / f"teststructarr_{version}.mat")
        assert structs.find("teststructarr.one", "images")[1] == "number 1"
        cube = Variables(REAL / f"test3dmatrix_{version}.mat").numbers("test3dmatrix", "variable")
        np.testing.assert_array_equal(cube, np.arange(1, 25).reshape(2, 3, 4, order="F"))
        with pytest.raises(DataError, match="MATLAB class inline"):
            Variables(REAL / f"testobject_{version}.mat").find("testobject", "variable")
    with pytest.raises(DataError, match="function_handle, which is not read; leave it out"):
        Variables(REAL / "testfunc_7.4_GLNX86.mat").find("testfunc", "variable")
    with pytest.raises(DataError, match="damaged or cut off"):
        Variables(REAL / "corrupted_zlib_data.mat").find("datagrid", "variable")


GOOD = {"image": "raster_labels.stimulus_ID", **WINDOW}
PSTH = {"key": "psth", "axes": ("neuron", "image", "time"), "bins_ms": tuple(EDGES)}


def without(**changes):
    return {**GOOD, **changes}


# what is wrong -> variables of the file, options, and what the sentence says
WRONG = {
    "no variable": ({"x": ARRAY}, {"key": "y"}, "has no variable 'y'; it has x"),
    "no variable named": ({"x": ARRAY}, {}, "key must name the array"),
    "no field": (neuron_file(), without(image="raster_labels.object"), "no field 'object'; its fields are"),
    "no struct": (neuron_file(), without(image="raster_data.object"), "it is no struct"),
    "struct for a field": (neuron_file(), without(image="raster_labels"), "name a field of it"),
    "no labels": ({"raster_data": raster()}, WINDOW, "image must name the variable"),
    "two labels": (neuron_file(), WINDOW, "image must say which field"),
    "cells for an array": (neuron_file(raster_data=["a", "b"]), GOOD, "got a cell array"),
    "struct for an array": (neuron_file(raster_data={"a": "b"}), GOOD, "got a struct"),
    "text for an array": (neuron_file(raster_data="spikes"), GOOD, "got a text"),
    "transposed": (
        neuron_file(raster().T),
        without(onset_ms=2, from_ms=0, to_ms=5, bin_ms=5),
        "8 values for 200 along",
    ),
    "NaN as image": (neuron_file(), without(image="raster_site_info.none"), "no field 'none'"),
    "an image without a name": (neuron_file(shown=["", *SHOWN[1:]]), GOOD, "got '' at place 0"),
    "label within an image": (
        neuron_file(raster_labels={"stimulus_ID": SHOWN, "side": list("lrrllrlr")}),
        without(image_label_keys={"side": "raster_labels.side"}),
        "image 'car' is 'l' and 'r'",
    ),
    "rates for spikes": (neuron_file(raster() * 12.5), GOOD, "few spikes of each step, got 12.5"),
    "no width of bins": (neuron_file(), without(bin_ms=None), "bin_ms must be given with onset_ms"),
    "no times": (neuron_file(), {"image": GOOD["image"]}, "needs either bins_ms"),
    "two kinds of times": (neuron_file(), without(bins_ms=(0, 1)), "got both"),
    "onset after the row": (neuron_file(), without(onset_ms=500), "within the raster of 200 ms"),
    "window after the row": (neuron_file(), without(to_ms=160), "within the raster .-60 to 140 ms"),
    "a part of a bin": (neuron_file(), without(to_ms=110), "whole number of bins"),
    "bins of half a ms": (neuron_file(), without(bin_ms=0.5), "whole steps"),
    "endless bins": (neuron_file(), without(bin_ms=1e-9), "more than 1,000,000"),
    "turned window": (neuron_file(), without(to_ms=-50), "to_ms must be above from_ms"),
    "no axes": ({"psth": ARRAY}, {"key": "psth"}, "axes must name the axes of 'psth'"),
    "few axes": ({"psth": ARRAY}, {**PSTH, "axes": ("neuron", "image")}, "name the 3 axes"),
    "unknown axis": ({"psth": ARRAY}, {**PSTH, "axes": ("cell", "image", "time")}, "of image, repeat, trial"),
    "no image axis": ({"psth": ARRAY}, {**PSTH, "axes": ("neuron", "repeat", "time")}, "must have image"),
    "axes in a wrong order": (
        {"psth": ARRAY},
        {**PSTH, "axes": ("neuron", "time", "image")},
        "starts and ends .3, 2. or 4 edges",
    ),
    "centres": ({"psth": ARRAY, "c": EDGES[:4]}, {**PSTH, "bins_ms": "c"}, "may be centres"),
    "seconds": ({"psth": ARRAY, "s": EDGES / 1000}, {**PSTH, "bins_ms": "s"}, "looks like seconds"),
    "a window with bins": ({"psth": ARRAY}, {**PSTH, "to_ms": 50.0}, "select the window later"),
    "no time axis": (
        {"psth": ARRAY[..., 0]},
        {**PSTH, "axes": ("neuron", "image"), "bins_ms": None, "onset_ms": 0},
        "no axis of time",
    ),
    "too few neurons": ({"psth": ARRAY, "n": ["a"] * 3}, {**PSTH, "neuron": "n"}, "3 values for 2 along"),
    "an image twice": ({"psth": ARRAY, "i": ["a", "b", "a"]}, {**PSTH, "image": "i"}, "'a' 2 times"),
    "all NaN": ({"psth": ARRAY * np.nan}, PSTH, "nothing was recorded"),
    "empty": ({"psth": np.zeros((0, 0))}, PSTH, "array of real numbers"),
}


def refused(path, options, message):
    with pytest.raises(DataError, match=message) as caught:
        read_matlab(path, **options)
    assert len(str(caught.value).replace(str(path.parent), "")) < 330
    assert "\n" not in str(caught.value)
    return str(caught.value)


@both
@pytest.mark.parametrize(("held", "options", "message"), WRONG.values(), ids=WRONG)
def test_variables_and_options_that_do_not_fit_are_refused(tmp_path, write, held, options, message):
    write(tmp_path / "a.mat", held)
    refused(tmp_path / "a.mat", options, message)


def test_complex_numbers_are_refused(tmp_path):
    write_5(tmp_path / "a.mat", {"psth": ARRAY + 1j})
    refused(tmp_path / "a.mat", PSTH, "complex128")


@both
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 0.99])
def test_files_that_are_cut_off_are_refused(tmp_path, write, share):
    write(tmp_path / "a.mat", neuron_file())
    content = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(content[: int(share * len(content))])
    assert "a.mat" in refused(tmp_path / "a.mat", GOOD, "damaged|cut short|is empty")


@pytest.mark.parametrize("write", [write_5, write_plain_5, write_73])
def test_a_file_with_changed_bytes_is_refused_or_read_but_never_ends_otherwise(tmp_path, write):
    write(tmp_path / "a.mat", neuron_file())
    content, told = (tmp_path / "a.mat").read_bytes(), 0
    random = np.random.default_rng(0)
    for _ in range(60):
        changed = np.frombuffer(content, np.uint8).copy()
        changed[random.integers(0, len(content), 6)] = random.integers(0, 256, 6)
        (tmp_path / "a.mat").write_bytes(changed.tobytes())
        try:
            read_matlab(tmp_path / "a.mat", **GOOD)
        except DataError as error:
            told += "a.mat" in str(error)
    assert told > 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"trial,time\n" * 50, "no MATLAB file of version 5, 7 or 7.3"),
        (b"\x80\x04pickle" * 20, "is a pickle"),
        (bytes(600), "no MATLAB file of version 5, 7 or 7.3"),
    ],
)
def test_files_of_other_formats_are_refused(tmp_path, content, message):
    (tmp_path / "a.mat").write_bytes(content)
    refused(tmp_path / "a.mat", GOOD, message)


def test_paths_without_files_are_refused(tmp_path):
    refused(tmp_path / "a.mat", GOOD, "check the path")
    with pytest.raises(DataError, match=r"folder without .mat files"):
        read_matlab(tmp_path, **GOOD)


def spoil(path, kind):
    """Write a file of version 7.3 with something in place of its raster that is not read."""
    write_73(path, neuron_file())
    with h5py.File(path, "r+") as file:
        if kind == "plain":
            del file["raster_data"].attrs["MATLAB_class"]
        elif kind == "link":
            del file["raster_data"]
            file["raster_data"] = h5py.ExternalLink("other.mat", "/raster_data")
        elif kind == "external":
            del file["raster_data"]
            node = file.create_dataset("raster_data", (200, 8), "u1", external=[("/etc/passwd", 0, 1600)])
            node.attrs["MATLAB_class"] = np.bytes_("logical")
        elif kind == "round":
            node = file["raster_labels/stimulus_ID"]
            node[0, 0] = node.ref
        elif kind == "references":
            file["raster_labels/stimulus_ID"][0, 0] = h5py.Reference()
        else:
            file["raster_data"].attrs["MATLAB_class"] = np.bytes_(kind)
            file["raster_data"].attrs["MATLAB_object_decode"] = 3


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("plain", "HDF5 but not of MATLAB 7.3"),
        ("link", "'raster_data' in .* is a link, which is not followed"),
        ("external", "'raster_data' in .* lies in another file"),
        ("round", "'raster_labels' in .* within one another"),
        ("references", "'raster_labels' in .* damaged or cut off"),
        ("table", "'raster_data' in .* MATLAB class table, which is not read; save table2struct"),
        ("function_handle", "'raster_data' in .* MATLAB class function_handle"),
        ("string", "cellstr"),
        ("containers.Map", "MATLAB class containers.Map"),
    ],
)
def test_hdf5_that_is_not_read_is_refused(tmp_path, kind, message):
    spoil(tmp_path / "a.mat", kind)
    refused(tmp_path / "a.mat", GOOD, message)


@both
def test_variables_that_are_too_large_are_refused_before_they_are_read(tmp_path, write, monkeypatch):
    write(tmp_path / "a.mat", neuron_file(raster().astype(float)))
    monkeypatch.setattr(values, "LARGEST", 1000)
    refused(tmp_path / "a.mat", GOOD, "more than 1,000; save a part of it")


def test_neurons_that_do_not_fit_together_are_refused(tmp_path):
    write_5(tmp_path / "a.mat", neuron_file())
    write_73(tmp_path / "b.mat", neuron_file(raster()[:, :180]))
    options = {"image": GOOD["image"], "onset_ms": 60, "bin_ms": 10}
    with pytest.raises(DataError, match=r"b.mat has 18 bins .*a.mat has 20 bins"):
        read_matlab(tmp_path, **options)
    with pytest.raises(DataError, match=r"b.mat has the neuron 'IT', which .*a.mat has too"):
        read_matlab(tmp_path, neuron="raster_site_info.area", **GOOD)
    write_73(tmp_path / "b.mat", neuron_file(raster_labels={"stimulus_ID": SHOWN, "position": np.array(POSITION) + 1}))
    with pytest.raises(DataError, match=r"b.mat gives image 'car' the label 'where' '2', and another file has '1'"):
        read_matlab(tmp_path, image_label_keys={"where": "raster_labels.position"}, **GOOD)


def test_an_element_of_a_type_that_matlab_has_not_is_refused_before_scipy_reads_it(tmp_path):
    write_plain_5(tmp_path / "a.mat", neuron_file())
    content = (tmp_path / "a.mat").read_bytes()
    assert read_matlab(tmp_path / "a.mat", **GOOD).repeats.sum() == len(SHOWN)
    text = content.index(b"\x10\x00\x03\x00car")  # SciPy 1.17 ends the process for this type
    (tmp_path / "a.mat").write_bytes(content[:text] + b"\x64" + content[text + 1 :])
    refused(tmp_path / "a.mat", GOOD, f"damaged at byte {text:,} of")

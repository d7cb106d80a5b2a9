"""Damaged and odd files of recordings, one function for each kind.

    python tests/neural/odd_files.py FOLDER

makes all of them in a folder of one's own.
"""

import gzip
import io
import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import xarray

SHAPE = IMAGES, REPEATS, TIMES, NEURONS = 24, 6, 4, 5
EDGES = [0.0, 50.0, 100.0, 150.0, 200.0]
AXES = "image repeat time neuron"


@dataclass(frozen=True)
class Odd:
    """One kind of file: its maker, what is said of it, at which level, and options for reading it."""

    make: Callable[[Path], Path]
    says: str
    level: str
    options: dict[str, Any] = field(default_factory=dict)


ODD: dict[str, Odd] = {}
"""Kind -> its row."""


def odd(says: str, level: str = "error", **options: Any) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    """Add a maker to the table; `says` is a pattern of the sentence on its file."""

    def add(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        ODD[make.__name__] = Odd(make, says, level, options)
        return make

    return add


def counts(seed: int = 0) -> np.ndarray:
    """Counts of spikes [image, repeat, time, neuron] as float32."""
    return np.random.default_rng(seed).poisson(4.0, SHAPE).astype(np.float32)


def saved(folder: Path, values: np.ndarray, **about: Any) -> Path:
    """An .npy file with a sidecar."""
    path = folder / "lab.npy"
    np.save(path, values)
    (folder / "lab.json").write_text(json.dumps({"axes": AXES, "bins_ms": EDGES, **about}))
    return path


def cut(path: Path, share: float = 0.5) -> Path:
    """The same file without its end."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def archive(folder: Path, **arrays: Any) -> Path:
    """An .npz file."""
    np.savez(folder / "lab.npz", **arrays)
    return folder / "lab.npz"


def plain(folder: Path, name: str, content: bytes) -> Path:
    """A file of these bytes."""
    (folder / name).write_bytes(content)
    return folder / name


# files that are not whole, or are something else


@odd("there is no file or folder")
def nowhere(folder):
    return folder / "nowhere.npy"


@odd(r"is empty \(0 bytes\)")
def empty(folder):
    return plain(folder, "lab.npy", b"")


@odd("cut short.*its header says 11,520 bytes")
def cut_npy(folder):
    return cut(saved(folder, counts()))


@odd("cut short: the table at the end of the zip")
def cut_npz(folder):
    return cut(archive(folder, responses=counts()))


@odd(r"damaged|Bad CRC", axes=AXES, bins_ms=EDGES)
def flipped_bytes_in_npz(folder):
    path = archive(folder, responses=counts())
    content = bytearray(path.read_bytes())
    content[4000:4040] = bytes(40 * [255])
    return plain(folder, "lab.npz", bytes(content))


@odd("cut short: its HDF5 header says")
def cut_hdf5(folder):
    return cut(netcdf(folder, assembly()), 0.7)


@odd("HDF5 header is incomplete")
def almost_nothing_of_hdf5(folder):
    return plain(folder, "lab.nc", netcdf(folder, assembly()).read_bytes()[:20])


@odd("cannot be read")
def noise_for_netcdf(folder):
    return plain(folder, "lab.nc", bytes(range(1, 200)))


@odd("cannot be read")
def cut_parquet(folder):
    table().to_parquet(folder / "lab.parquet")
    return cut(folder / "lab.parquet")


@odd("is a pickle, which can run code")
def pickle_by_name(folder):
    return plain(folder, "lab.pkl", pickle.dumps({"responses": counts()}))


@odd("is a pickle, which can run code")
def pickle_under_another_name(folder):
    return plain(folder, "lab.npy", pickle.dumps(counts()))


@odd("holds Python objects", axes=AXES, bins_ms=EDGES)
def objects_in_npy(folder):
    np.save(folder / "lab.npy", np.array([[{"a": 1}]], dtype=object), allow_pickle=True)
    return folder / "lab.npy"


@odd("array 'spikes' of .* holds Python objects", axes="neuron image", bins_ms=[0, 100])
def objects_in_npz(folder):
    return archive(folder, spikes=np.array([[[1, 2], None], [None, [3]]], dtype=object))


@odd("is a pointer of Git LFS")
def pointer_of_git_lfs(folder):
    return plain(folder, "lab.mat", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n")


@odd("is a web page")
def web_page(folder):
    return plain(folder, "lab.mat", b"<!DOCTYPE html><title>404</title>")


@odd("compressed with gzip")
def compressed_table(folder):
    return plain(folder, "lab.csv", gzip.compress(table().to_csv().encode()))


@odd(r"no known form \(the ending '\.xyz'\)")
def unknown_ending(folder):
    return plain(folder, "lab.xyz", b"12345")


@odd(r"no known form \(a folder\)")
def folder_of_something(folder):
    (folder / "photographs").mkdir()
    return folder / "photographs"


@odd("no header of an .npy array")
def text_for_npy(folder):
    return plain(folder, "lab.npy", b"1 2 3\n4 5 6\n")


@odd("would take 7,.* GiB")
def header_of_terabytes(folder):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    (folder / "lab.json").write_text(json.dumps({"axes": "image neuron", "bins_ms": [0, 100]}))
    return plain(folder, "lab.npy", stream.getvalue() + bytes(100))


@odd("is of version 99")
def file_of_the_future(folder):
    about = json.dumps({"version": 99, "unit": "count", "source": ""})
    return archive(folder, cordsnet_recording=np.array(about), responses=counts())


@odd("'cordsnet_recording' is not what save_recording writes")
def damaged_file_of_ours(folder):
    return archive(folder, cordsnet_recording=np.array("{"), responses=counts())


# arrays and their sidecars


@odd("axes must say what the axes of .* are")
def no_axes(folder):
    np.save(folder / "lab.npy", counts())
    return folder / "lab.npy"


@odd(r"axes names 2 axes \(neuron image\) and the array has 4 \(24 x 6 x 4 x 5\)")
def too_few_axes(folder):
    return saved(folder, counts(), axes="neuron image")


@odd("axes has no 'channel'")
def axes_of_images(folder):
    return saved(folder, counts(), axes="image channel time neuron")


@odd("neurons names 5 and the axis named neuron has 24; the axis named image has 5, so axes may be exchanged")
def exchanged_axes(folder):
    return saved(folder, counts(), axes="neuron repeat time image", neurons=["a", "b", "c", "d", "e"])


@odd("There are more neurons .24. than images .5.", "note")
def exchanged_axes_without_names(folder):
    return saved(folder, counts(), axes="neuron repeat time image")


@odd("fill the end of the axis image, as repeats do", "warning")
def exchanged_repeats(folder):
    values = counts()
    for k in range(IMAGES):
        values[k, 2 + k % 5 :] = np.nan
    return saved(folder, values, axes="repeat image time neuron")


@odd("bins_ms must say when the 4 bins start and end")
def no_bins(folder):
    return saved(folder, counts(), bins_ms=None)


@odd("bins_ms must be starts and ends .4, 2. or 5 edges")
def too_few_bins(folder):
    return saved(folder, counts(), bins_ms=[[0, 50], [50, 100]])


@odd("looks like seconds")
def bins_in_seconds(folder):
    return saved(folder, counts(), bins_ms=[0.0, 0.05, 0.1, 0.15, 0.2])


@odd("bins_ms must be ms from the onset")
def bins_on_the_clock_of_the_computer(folder):
    return saved(folder, counts(), bins_ms=[1.7e12, 1.8e12, 1.9e12, 2e12, 2.1e12])


@odd("bins_ms must be in order.*bin 2 is not after bin 1")
def bins_out_of_order(folder):
    return saved(folder, counts(), bins_ms=[[0, 50], [50, 100], [20, 70], [150, 200]])


@odd("Time bins are missing: the next bin starts 150 ms later", "warning")
def missing_bins(folder):
    return saved(folder, counts(), bins_ms=[[0, 50], [50, 100], [100, 150], [250, 300]])


@odd("1 time bins hold no response", "warning")
def bin_without_responses(folder):
    values = counts()
    values[:, :, 2] = np.nan
    return saved(folder, values)


@odd("sidecar .* is damaged")
def sidecar_that_is_no_json(folder):
    path = saved(folder, counts())
    (folder / "lab.json").write_text("{axes: image}")
    return path


@odd("unknown key 'binsms'; did you mean 'bins_ms'")
def sidecar_with_a_slip(folder):
    return saved(folder, counts(), binsms=EDGES)


@odd("must differ from one another, got 'cat' 24 times")
def repeated_names_of_images(folder):
    return saved(folder, counts(), images=["cat"] * IMAGES)


@odd("neurons must differ from one another, got 'n1' 2 times")
def repeated_names_of_neurons(folder):
    return saved(folder, counts(), neurons=["n1", "n2", "n1", "n3", "n4"])


@odd("images names 23 and the axis named image has 24")
def one_image_too_few(folder):
    return saved(folder, counts(), images=list(range(IMAGES - 1)))


@odd("unit must be one of count, rate, other, got 'Hz'")
def unknown_unit(folder):
    return saved(folder, counts(), unit="Hz")


@odd("must not be negative, got -1 at")
def undeclared_placeholder(folder):
    values = counts()
    values[3, 2:] = -1
    return saved(folder, values)


@odd("-999 occurs 96 times .* then give missing=-999", "warning")
def undeclared_placeholder_in_other_units(folder):
    values = counts()
    values.reshape(-1)[:96] = -999
    return saved(folder, values, unit="other")


@odd("finite or NaN, got infinity")
def infinite(folder):
    values = counts()
    values[1, 1, 1, 1] = np.inf
    return saved(folder, values)


@odd("all NaN")
def nothing_recorded(folder):
    return saved(folder, np.full(SHAPE, np.nan))


@odd("must be real numbers, got complex64")
def complex_numbers(folder):
    return saved(folder, counts() + 0j)


@odd("must be real numbers, got <U")
def texts_for_numbers(folder):
    return saved(folder, counts().astype(str))


@odd("2 arrays of 4 axes .* name the responses with key", axes=AXES, bins_ms=EDGES)
def two_arrays(folder):
    return archive(folder, first=counts(), second=counts(1))


@odd("has no array 'spikes'; it has responses", axes=AXES, bins_ms=EDGES, key="spikes")
def array_of_another_name(folder):
    return archive(folder, responses=counts())


@odd("unknown format of recordings 'numpy'", format="numpy")
def unknown_format(folder):
    return saved(folder, counts())


@odd("format 'array' has no option 'bin_width'", bin_width=3)
def unknown_option(folder):
    return saved(folder, counts())


# numbers that are not what they are said to be


@odd('no whole numbers; they look like rates; then give unit "rate"', "warning")
def rates_for_counts(folder):
    return saved(folder, counts() / 3)


@odd("400 spikes in a bin of 50 ms are too many", "warning")
def whole_rates_for_counts(folder):
    values = 20 * counts()
    values[0, 0, 0, 0] = 400
    return saved(folder, values)


@odd("less than one spike in a bin of 50 ms; they look like counts", "warning")
def counts_for_rates(folder):
    return saved(folder, counts(), unit="rate")


@odd("1 silent: no spike in any trial", "warning")
def silent_neuron(folder):
    values = counts()
    values[..., 3] = 0
    return saved(folder, values)


@odd("1 constant: the same response in all trials", "warning")
def constant_neuron(folder):
    values = counts()
    values[..., 3] = 7
    return saved(folder, values)


@odd("Repeats of an image are 2 to 6 in number", "note")
def ragged_repeats(folder):
    values = counts()
    values[::2, 2:] = np.nan
    return saved(folder, values)


@odd("1 never shown", "warning")
def image_never_shown(folder):
    values = counts()
    values[5] = np.nan
    return saved(folder, values)


@odd("There is one repeat of each image", "note")
def averages(folder):
    return saved(folder, counts().mean(1), axes="image time neuron")


@odd("The whole repeats are copies of one another", "warning")
def copied_repeats(folder):
    values = counts()
    values[:, 4] = values[:, 1]
    return saved(folder, values)


@odd("Repeats are copies of one another", "warning")
def copied_trial(folder):
    values = counts()
    values[7, 4] = values[7, 1]
    return saved(folder, values)


@odd("One trial stands under two images, in 6 cases", "warning")
def image_with_the_trials_of_another(folder):
    values = counts()
    values[20] = values[3]
    return saved(folder, values)


@odd("neurons 1 and 4.*one may be a copy", "warning")
def copied_neuron(folder):
    values = counts()
    values[..., 4] = values[..., 1]
    return saved(folder, values)


@odd("Neurons are of 2 animals", "warning")
def mixed_animals(folder):
    return saved(folder, counts(), animal=["m1", "m1", "m2", "m2", "m2"])


@odd("Neurons are of 2 areas", "note")
def mixed_areas(folder):
    return saved(folder, counts(), area=["V4", "V4", "IT", "IT", "IT"])


@odd("neuron_labels.'area'. must have 5 values")
def too_few_areas(folder):
    return saved(folder, counts(), area=["V4", "IT"])


NAMES = [f"picture{k:02d}" for k in range(IMAGES)]


@odd("The order differs from the list: the image is 'picture01' here and 'picture02.png' there", images=None)
def wrong_order_of_images(folder):
    names = [NAMES[0], NAMES[2], NAMES[1], *NAMES[3:]]
    (folder / "order.txt").write_text("\n".join(f"{name}.png" for name in names))
    return saved(folder, counts(), images=NAMES)


@odd("The list does not name 1 images of the recording, such as 'picture00'", images=None)
def list_of_other_images(folder):
    (folder / "order.txt").write_text("\n".join(["another", *NAMES[1:]]))
    return saved(folder, counts(), images=NAMES)


# spike times and rasters


def spikes(folder: Path, **changes: Any) -> Path:
    """Spike times of three neurons over 40 trials, one per s."""
    rng = np.random.default_rng(0)
    arrays = {
        "spike_times_ms": rng.uniform(0, 41_000, 3000),
        "spike_neuron": rng.integers(0, 3, 3000),
        "onset_ms": 1000.0 * np.arange(1, 41),
        "image": np.tile(np.arange(8), 5),
    }
    arrays |= changes
    return archive(folder, **{name: values for name, values in arrays.items() if values is not None})


@odd("onsets_ms are 1 ms apart in the median, which looks like seconds", bin_ms=50.0)
def onsets_in_seconds(folder):
    return spikes(folder, onset_ms=1.0 * np.arange(1, 41))


@odd("spikes look like seconds", bin_ms=50.0)
def spikes_in_seconds(folder):
    return spikes(folder, spike_times_ms=np.random.default_rng(0).uniform(0, 41, 3000))


@odd("over a minute apart; give both on one clock", bin_ms=50.0)
def two_clocks(folder):
    return spikes(folder, onset_ms=1e6 + 1000.0 * np.arange(1, 41))


@odd("must have either onset_ms or onset_s", bin_ms=50.0)
def onsets_without_a_unit(folder):
    return spikes(folder, onset_ms=None, onset=np.arange(40))


@odd("spike_neuron '2' is not in the list of 2", bin_ms=50.0, neurons=[0, 1])
def spikes_of_an_unknown_neuron(folder):
    return spikes(folder)


@odd("shown must name the image of each of the 40 onsets", bin_ms=50.0)
def one_image_too_many(folder):
    return spikes(folder, image=np.arange(41))


@odd("either onset_ms or onset_s, got image, start", bin_ms=50.0)
def trials_without_onsets(folder):
    pandas.DataFrame({"neuron": [0, 1], "time_ms": [1.0, 2.0]}).to_csv(folder / "spikes.csv", index=False)
    pandas.DataFrame({"image": ["a"], "start": [0.0]}).to_csv(folder / "trials.csv", index=False)
    return folder


def raster(folder: Path, **changes: Any) -> Path:
    """Spikes of two neurons in 300 steps of 1 ms, 20 trials each."""
    values = (np.random.default_rng(0).random((40, 300)) < 0.05).astype(np.uint8)
    arrays = {"raster": values, "neuron": np.repeat([0, 1], 20), "image": np.tile(np.arange(5), 8), "onset_ms": 100}
    return archive(folder, **{name: values for name, values in (arrays | changes).items() if values is not None})


@odd("raster must hold the few spikes of each step, got 33.5", bin_ms=50.0)
def rates_in_a_raster(folder):
    return raster(folder, raster=np.full((40, 300), 33.5))


@odd("from_ms and to_ms must lie within the raster .-100 to 200 ms.", bin_ms=50.0, to_ms=400.0)
def window_beyond_the_raster(folder):
    return raster(folder)


@odd("a packed raster of 300 steps must be uint8 with 38 bytes a row, got uint8 with 30", bin_ms=50.0)
def too_few_packed_bytes(folder):
    return raster(folder, raster=None, spikes_packed=np.zeros((40, 30), np.uint8), bins=300)


@odd("needs the option bin_ms")
def raster_without_bins(folder):
    return raster(folder)


@odd("has no array 'onset_ms'", bin_ms=50.0)
def raster_without_onset(folder):
    return raster(folder, onset_ms=None)


@odd("neuron must have one entry for each of the 40 trials", bin_ms=50.0)
def raster_with_too_few_neurons(folder):
    return raster(folder, neuron=np.zeros(39, int))


@odd("columns with times must be at regular steps in ms, in order, and are not after 2", bin_ms=2.0)
def raster_table_without_a_column(folder):
    content = pandas.DataFrame(np.zeros((4, 5), int), columns=["0", "1", "2", "4", "5"])
    return written(folder, content.assign(neuron=0, image="a"))


# tables


def table() -> pandas.DataFrame:
    """A long table of counts in one bin."""
    image, repeat, neuron = (part.ravel() for part in np.indices((6, 4, 3)))
    response = np.random.default_rng(0).poisson(4.0, image.size)
    parts = {"neuron": neuron, "image": [f"i{k}" for k in image], "repeat": repeat, "response": response}
    return pandas.DataFrame({**parts, "start_ms": 50.0, "end_ms": 150.0, "area": "V4"})


def written(folder: Path, content: pandas.DataFrame) -> Path:
    """A CSV file."""
    content.to_csv(folder / "lab.csv", index=False)
    return folder / "lab.csv"


@odd("rows 3 and 72 both hold repeat 1 of image 'i0' for neuron '0'")
def trial_given_twice(folder):
    return written(folder, pandas.concat([table(), table().iloc[3:5]]))


@odd("the table has no column for response")
def table_without_responses(folder):
    return written(folder, table().drop(columns="response"))


@odd("column response must hold numbers, got 'many' in row 5")
def text_in_a_table(folder):
    content = table().astype({"response": object})
    content.loc[5, "response"] = "many"
    return written(folder, content)


@odd("area of neuron '0' is 'IT' and 'V4' in different trials")
def neuron_in_two_areas(folder):
    content = table()
    content.loc[0, "area"] = "IT"
    return written(folder, content)


@odd("columns image and stimulus may both be image")
def two_columns_of_images(folder):
    return written(folder, table().assign(stimulus="a"))


@odd("needs both a start_ms and an end_ms column")
def table_with_half_a_bin(folder):
    return written(folder, table().drop(columns="end_ms"))


@odd("neuron is absent .NaN. at place 4")
def row_without_a_neuron(folder):
    content = table().astype({"neuron": float})
    content.loc[4, "neuron"] = np.nan
    return written(folder, content)


@odd("cannot be read: .*line 3")
def lines_of_unequal_length(folder):
    return plain(folder, "lab.csv", b"neuron,image,response\n0,a,1\n0,a,1,2,3\n")


@odd("the table has no rows")
def table_of_headings(folder):
    return written(folder, table().iloc[:0])


# assemblies


def assembly(**coords: Any) -> xarray.DataArray:
    """An assembly [presentation, neuroid, time_bin]."""
    known = {
        "stimulus_id": ("presentation", [f"i{k // 2}" for k in range(12)]),
        "repetition": ("presentation", np.tile([0, 1], 6)),
        "neuroid_id": ("neuroid", ["a", "b", "c"]),
        "time_bin_start": ("time_bin", [50.0, 100.0]),
        "time_bin_end": ("time_bin", [100.0, 150.0]),
    }
    kept = {name: value for name, value in (known | coords).items() if value is not None}
    values = np.random.default_rng(0).poisson(4.0, (12, 3, 2)).astype(float)
    return xarray.DataArray(values, coords=kept, dims=("presentation", "neuroid", "time_bin"), name="responses")


def netcdf(folder: Path, content: xarray.DataArray) -> Path:
    """A NetCDF file."""
    content.to_netcdf(folder / "lab.nc", engine="h5netcdf")
    return folder / "lab.nc"


@odd("one variable with dimensions presentation and neuroid")
def netcdf_of_something_else(folder):
    return netcdf(folder, xarray.DataArray(np.zeros((2, 3)), dims=("lat", "lon"), name="rain"))


@odd("no coordinate stimulus_id")
def assembly_without_images(folder):
    return netcdf(folder, assembly(stimulus_id=None))


@odd("no time_bin_start and time_bin_end")
def assembly_without_times(folder):
    return netcdf(folder, assembly(time_bin_start=None, time_bin_end=None))


@odd("same repetition of an image twice")
def repetitions_that_are_not_numbered(folder):
    return netcdf(folder, assembly(repetition=("presentation", np.zeros(12, int))))


@odd("looks like seconds")
def assembly_in_seconds(folder):
    return netcdf(folder, assembly(time_bin_start=("time_bin", [0.05, 0.1]), time_bin_end=("time_bin", [0.1, 0.15])))


@odd("neurons must differ from one another, got 'a' 2 times")
def assembly_with_a_neuron_twice(folder):
    return netcdf(folder, assembly(neuroid_id=("neuroid", ["a", "a", "c"])))


# folders of published data that are not as published


@odd("has no array 'mean_spike_count'|must hold")
def session_of_another_shape(folder):
    place = folder / "v4_session_1"
    place.mkdir()
    np.savez(place / "responses.npz", spike_count=np.zeros((2, 3)))
    return place


@odd("holds 1 images and the responses are to 3")
def session_with_too_few_pictures(folder):
    place = folder / "v4_session_2"
    place.mkdir()
    np.savez(place / "responses.npz", spike_count=np.ones((2, 3, 4)))
    with zipfile.ZipFile(place / "images.zip", "w") as pictures:
        pictures.writestr("image0001.jpg", b"")
    return place


if __name__ == "__main__":
    for kind, row in ODD.items():
        place = Path(sys.argv[1]) / kind
        place.mkdir(parents=True, exist_ok=True)
        print(row.make(place))

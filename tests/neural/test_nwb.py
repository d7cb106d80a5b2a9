"""NWB files: spikes counted by hand in bins around onsets, units that were not observed, and what is refused."""

import datetime
import sys

import numpy as np
import pytest

pynwb = pytest.importorskip("pynwb")
h5py = pytest.importorskip("h5py")

from cordsnet.errors import DataError  # noqa: E402 - after the extras that it needs
from cordsnet.neural import read_nwb  # noqa: E402
from cordsnet.neural.reading.nwb import tables  # noqa: E402
from cordsnet.neural.reading.parts.spikes import count_spikes  # noqa: E402

IMAGES = ["b", "a", "b", "image10", "image9", "a", "b"]
STARTS = np.arange(len(IMAGES)) * 1.5 + 0.25
SPIKES = [np.sort(np.random.default_rng(k).uniform(0, 11, 400)) for k in range(3)]
WINDOW = {"bin_ms": 20.0, "from_ms": -40.0, "to_ms": 200.0}
EDGES = np.arange(-40, 201, 20)


def write(path, *, spikes=SPIKES, trials=7, starts=STARTS, lasting=1.0, columns=None, electrodes=True, observed=None):
    """Write a file with three units and a table of trials with the given columns."""
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    file = pynwb.NWBFile(session_description="s", identifier="i", session_start_time=start)
    if electrodes:
        file.subject = pynwb.file.Subject(subject_id="monkey N", species="Macaca mulatta")
        device = file.create_device(name="array")
        group = file.create_electrode_group(name="g", description="g", location="IT", device=device)
        for place in ("V4", "IT", "IT"):
            file.add_electrode(group=group, location=place)
    columns = {"image": IMAGES} if columns is None else columns
    for name in columns if trials else ():
        file.add_trial_column(name=name, description="d")
    for k, one in enumerate(starts[:trials]):
        file.add_trial(start_time=one, stop_time=one + lasting, **{name: held[k] for name, held in columns.items()})
    if spikes is not None:
        file.add_unit_column(name="quality", description="d")
        for k, times in enumerate(spikes):
            extra = {"electrodes": [[0], [1, 2], [0, 2]][k]} if electrodes else {}
            extra |= {"obs_intervals": observed[k]} if observed else {}
            file.add_unit(spike_times=times, id=k + 4, quality=f"q{k}", **extra)
    with pynwb.NWBHDF5IO(path, "w") as stream:
        stream.write(file)
    return path


def test_spikes_are_counted_around_onsets(tmp_path):
    found = read_nwb(write(tmp_path / "a.nwb"), neuron_label_keys={"quality": "quality"}, **WINDOW)
    assert found.images == ("a", "b", "image9", "image10")
    assert found.neurons == ("4", "5", "6")
    assert found.neuron_labels["area"].tolist() == ["V4", "IT", "V4/IT"]
    assert set(found.neuron_labels["animal"]) == {"monkey N"}
    assert found.neuron_labels["quality"].tolist() == ["q0", "q1", "q2"]
    assert found.repeats[:, 0].tolist() == [2, 3, 1, 1]
    assert found.source == "a.nwb"
    seen = dict.fromkeys(found.images, 0)
    for start, image in zip(STARTS, IMAGES, strict=True):
        for k, times in enumerate(SPIKES):
            by_hand = np.histogram((times - start) * 1000, EDGES)[0]
            assert found.responses[found.images.index(image), seen[image], :, k].tolist() == by_hand.tolist()
        seen[image] += 1


def test_a_spike_on_an_edge_is_in_the_bin_that_starts_there():
    bins = np.stack([EDGES[:-1], EDGES[1:]], 1)
    onsets = 100 * np.arange(1, 40) / 3  # few of these times are whole in binary
    for edge in range(len(bins)):
        spikes = (onsets / 1000 + EDGES[edge] / 1000) * 1000
        counts = np.array([count_spikes(spikes[k : k + 1], onsets[k : k + 1], bins)[0] for k in range(len(onsets))])
        assert (counts == np.eye(len(bins))[edge]).all()
    assert not count_spikes(onsets + 200, onsets[:1], bins[-1:]).any()


def test_onsets_labels_and_kept_trials_may_have_columns(tmp_path):
    kept = [True] * 6 + [False]
    columns = {"image": [3.0, 1, 3, 4, 5, 1, 7], "shown": STARTS + 0.5, "good": kept, "kind": list("xyxzzyz")}
    path = write(tmp_path / "a.nwb", columns=columns)
    found = read_nwb(
        path, image="image", onset="shown", keep="good", image_label_keys={"kind": "kind"}, neurons=[6], **WINDOW
    )
    assert found.images == ("1", "3", "4", "5")
    assert found.neurons == ("6",)
    assert found.image_labels["kind"].tolist() == ["y", "x", "z", "z"]
    by_hand = np.histogram((SPIKES[2] - STARTS[3] - 0.5) * 1000, EDGES)[0]
    assert found.responses[2, 0, :, 0].tolist() == by_hand.tolist()


def test_trials_in_which_a_unit_was_not_observed_are_absent(tmp_path):
    observed = [[[0.0, 20.0]], [[0.0, 4.0], [6.0, 20.0]], [[STARTS[0] - 0.04, STARTS[0] + 0.2]]]
    found = read_nwb(write(tmp_path / "a.nwb", observed=observed), **WINDOW)
    assert found.repeats.tolist() == [[2, 2, 0], [3, 3, 1], [1, 1, 0], [1, 0, 0]]


def test_units_that_never_fire_are_kept_on_demand(tmp_path):
    path = write(tmp_path / "a.nwb", spikes=[SPIKES[0], np.zeros(0), SPIKES[2]], electrodes=False)
    found = read_nwb(path, silent=True, **WINDOW)
    assert not found.responses[0, :2, :, 1].any()
    assert found.neuron_labels == {}
    assert read_nwb(path, neurons=[4, 6], **WINDOW).neurons == ("4", "6")


def test_trials_may_overlap_on_demand(tmp_path):
    path = write(tmp_path / "a.nwb", lasting=1.6)
    assert read_nwb(path, overlapping=True, **WINDOW).repeats.sum() == 3 * len(IMAGES)


SHOWN = {"image": IMAGES, "shown": STARTS + 0.5}
# what is wrong -> the file, options, and what the sentence says
WRONG = {
    "no units": ({"spikes": None}, {}, "has no units"),
    "no trials": ({"trials": 0}, {}, "no intervals 'trials'; it has none"),
    "no such table": ({}, {"table": "flashes"}, "no intervals 'flashes'; it has trials"),
    "no image column": ({"columns": {}}, {}, "none besides times"),
    "two image columns": ({"columns": SHOWN}, {}, "it has image, shown"),
    "no such column": ({}, {"image": "picture"}, "no column 'picture'; it has start_time, stop_time, image"),
    "no onset column": ({}, {"onset": "shown"}, "no column 'shown'"),
    "onsets that are texts": ({}, {"onset": "image"}, "must hold times in s"),
    "onsets in ms": ({"columns": SHOWN | {"shown": 1000 * (STARTS + 0.5)}}, {"onset": "shown"}, "seems to be in ms"),
    "onsets from the start": (
        {"columns": SHOWN | {"shown": STARTS / 99}},
        {"onset": "shown"},
        "not from the start",
    ),
    "no onset in a trial": (
        {"columns": SHOWN | {"shown": [np.nan] * 7}},
        {"onset": "shown"},
        "in 7 of 7 trials",
    ),
    "trials in ms": ({"starts": STARTS * 1000, "lasting": 1000.0}, {}, "seems to be in ms"),
    "spikes in ms": ({"spikes": [one * 1000 for one in SPIKES]}, {}, "seems to be in ms"),
    "no spike in a window": ({"spikes": [np.array([0.01, 10.9])] * 3}, {}, "no spike from -40 to 200 ms"),
    "spikes that are NaN": ({"spikes": [SPIKES[0], np.array([np.nan]), SPIKES[1]]}, {}, "spike_times of unit 5"),
    "trials that overlap": ({"lasting": 1.6}, {}, "trials 0 and 1 of 'trials' in .* overlap"),
    "silent units": ({"spikes": [SPIKES[0], np.zeros(0), SPIKES[1]]}, {}, r"without any spike in .*: 1 \(5\)"),
    "no such unit": ({}, {"neurons": [4, 9]}, "no unit 9; its 3 ids are 4 to 6"),
    "no unit at all": ({}, {"neurons": []}, "at least one unit"),
    "a unit twice": ({}, {"neurons": [4, 4]}, "'4' 2 times"),
    "keep of texts": ({"columns": SHOWN}, {"keep": "image"}, "must hold truth values"),
    "nothing is kept": ({"columns": SHOWN | {"shown": [False] * 7}}, {"keep": "shown"}, "is kept"),
    "an image without a name": ({"columns": {"image": ["", *IMAGES[1:]]}}, {}, "got '' at place 0"),
    "images of several values": ({"columns": {"image": [[1.0, 2.0]] * 7}}, {}, "no texts or numbers"),
    "label within an image": (
        {"columns": SHOWN},
        {"image": "image", "image_label_keys": {"when": "shown"}},
        "image 'a' is '2.25' and",
    ),
    "no such label": ({}, {"image_label_keys": {"kind": "kind"}}, "image_label_keys: .* no column 'kind'"),
    "no such unit label": ({}, {"neuron_label_keys": {"kind": "kind"}}, "no column 'kind' of single values"),
    "another unit": ({}, {"unit": "rate"}, 'unit must be "count" where spikes are counted'),
    "a part of a bin": ({}, {"to_ms": 190.0}, "whole number of bins"),
}


def refused(path, message, **options):
    with pytest.raises(DataError, match=message) as caught:
        read_nwb(path, **{**WINDOW, **options})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value).replace(str(path.parent), "")) < 330


@pytest.mark.parametrize(("held", "options", "message"), WRONG.values(), ids=WRONG)
def test_tables_and_options_that_do_not_fit_are_refused(tmp_path, held, options, message):
    refused(write(tmp_path / "a.nwb", **held), message, **options)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.99])
def test_files_that_are_cut_off_are_refused(tmp_path, share):
    content = write(tmp_path / "a.nwb").read_bytes()
    (tmp_path / "a.nwb").write_bytes(content[: int(share * len(content))])
    refused(tmp_path / "a.nwb", "damaged|cut short|is empty")


def test_paths_and_files_of_other_formats_are_refused(tmp_path):
    refused(tmp_path / "a.nwb", "check the path")
    (tmp_path / "a.nwb").write_text("spike,time\n1,2\n")
    refused(tmp_path / "a.nwb", "is no NWB file")
    with h5py.File(tmp_path / "b.nwb", "w") as file:
        file["units"] = np.zeros(3)
    refused(tmp_path / "b.nwb", "no nwb_version")


INDEX = "units/spike_times_index"
SPOILS = {
    "long index": (lambda file: file[INDEX].__setitem__(2, 60000), "does not fit"),
    "turned index": (lambda file: file[INDEX].__setitem__(0, 999), "does not fit"),
    "electrodes": (lambda file: file["units/electrodes"].__setitem__(0, 77), "not among its 3"),
    "missing column": (lambda file: file.__delitem__("intervals/trials/image"), "damaged"),
    "missing times": (lambda file: file.__delitem__("units/spike_times"), "damaged"),
}


@pytest.mark.parametrize(("spoil", "message"), SPOILS.values(), ids=SPOILS)
def test_tables_that_are_damaged_are_refused(tmp_path, spoil, message):
    path = write(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        spoil(file)
    refused(path, message)


def test_data_in_other_files_are_not_followed(tmp_path):
    path = write(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        del file["units/spike_times"]
        file["units/spike_times"] = h5py.ExternalLink("other.nwb", "/units/spike_times")
    refused(path, "refers to another file at 'units/spike_times'")
    with h5py.File(path, "r+") as file:
        del file["units/spike_times"]
        file.create_dataset("units/spike_times", (100,), "f8", external=[("/etc/passwd", 0, 800)])
    refused(path, "refers to another file at 'units/spike_times'")


def test_too_many_spikes_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "LARGEST", 8 * 1000)
    refused(write(tmp_path / "a.nwb"), "has 1,200 numbers, more than 1,000")


def test_without_pynwb_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.nwb")
    monkeypatch.setitem(sys.modules, "pynwb", None)
    refused(path, r"pip install 'cordsnet\[neural\]'")


def test_a_file_with_changed_bytes_is_refused_or_read_but_never_ends_otherwise(tmp_path):
    content, told = write(tmp_path / "a.nwb").read_bytes(), 0
    random = np.random.default_rng(0)
    for _ in range(20):
        changed = np.frombuffer(content, np.uint8).copy()
        changed[random.integers(0, len(content), 40)] = random.integers(0, 256, 40)
        (tmp_path / "a.nwb").write_bytes(changed.tobytes())
        try:
            read_nwb(tmp_path / "a.nwb", **WINDOW)
        except DataError as error:
            told += "a.nwb" in str(error)
    assert told > 5

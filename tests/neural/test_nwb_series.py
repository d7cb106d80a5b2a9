"""Fluorescence in NWB files: means over samples in bins by hand, and what is refused."""

import datetime

import numpy as np
import pytest

pynwb = pytest.importorskip("pynwb")

from pynwb import ophys  # noqa: E402 - after the extra that it needs

from cordsnet.errors import DataError  # noqa: E402
from cordsnet.neural import read_nwb, read_recording  # noqa: E402

IMAGES = ["b", "a", "b", "a", "c", "c"]
STARTS = np.arange(6) * 2.0 + 0.5
RATE = 20.0
VALUES = np.random.default_rng(0).normal(size=(260, 3)) + 100.0
WINDOW = {"bin_ms": 200.0, "from_ms": -200.0, "to_ms": 600.0, "image": "image"}


def write(path, *, values=VALUES, names=("dff",), times=None, rate=RATE, trials=True, late=0.0):
    """A file with three regions, trials, and one series for each name."""
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    file = pynwb.NWBFile(session_description="s", identifier="i", session_start_time=start)
    file.subject = pynwb.file.Subject(subject_id="mouse 1", species="Mus musculus")
    device = file.create_device(name="microscope")
    channel = ophys.OpticalChannel(name="green", description="d", emission_lambda=500.0)
    about = {"optical_channel": channel, "description": "d", "device": device, "excitation_lambda": 600.0}
    plane = file.create_imaging_plane(name="plane", indicator="GCaMP6f", location="V1", **about)
    segmentation = ophys.ImageSegmentation()
    regions = segmentation.create_plane_segmentation("regions", plane, "seg")
    for k in range(3):
        regions.add_roi(image_mask=np.ones((2, 2)), id=k + 7)
    module = file.create_processing_module("ophys", "d")
    module.add(segmentation)
    for name in names:
        holder = ophys.Fluorescence(name=f"{name}_holder")
        where = regions.create_roi_table_region("all", region=[2, 0, 1])
        clock = {"timestamps": times} if times is not None else {"rate": rate, "starting_time": late}
        holder.add_roi_response_series(
            ophys.RoiResponseSeries(name=name, data=values, rois=where, unit="a.u.", conversion=0.5, **clock)
        )
        module.add(holder)
    if trials:
        file.add_trial_column(name="image", description="d")
    for one, image in zip(STARTS, IMAGES, strict=True) if trials else ():
        file.add_trial(start_time=one, stop_time=one + 1.0, image=image)
    with pynwb.NWBHDF5IO(path, "w") as stream:
        stream.write(file)
    return path


def test_a_bin_has_the_mean_of_its_samples(tmp_path):
    found = read_nwb(write(tmp_path / "a.nwb"), series="dff", **WINDOW)
    assert found.unit == "other"
    assert found.images == ("a", "b", "c")
    assert found.neurons == ("9", "7", "8")  # the order of the series
    assert set(found.neuron_labels["area"]) == {"V1"}
    assert set(found.neuron_labels["animal"]) == {"mouse 1"}
    times = np.arange(len(VALUES)) / RATE
    seen = dict.fromkeys(found.images, 0)
    for start, image in zip(STARTS, IMAGES, strict=True):
        for k, (low, high) in enumerate(found.bins_ms):
            inside = (times >= start + low / 1000 - 1e-9) & (times < start + high / 1000 - 1e-9)
            by_hand = 0.5 * VALUES[inside].mean(0)
            assert inside.sum() == 4
            assert found.responses[found.images.index(image), seen[image], k] == pytest.approx(by_hand, rel=1e-12)
        seen[image] += 1


def test_absent_samples_are_left_out_of_means(tmp_path):
    values = VALUES.copy()
    inside = int(RATE * STARTS[1])  # the first sample of the first bin after onset of trial 1
    values[inside, 0] = np.nan
    values[inside : inside + 4, 1] = np.nan
    found = read_nwb(write(tmp_path / "a.nwb", values=values), series="dff", **WINDOW)
    first = found.responses[0, 0, 1]
    assert first[0] == pytest.approx(0.5 * VALUES[inside + 1 : inside + 4, 0].mean())
    assert np.isnan(first[1])
    assert not np.isnan(found.responses[0, 0, :, 2]).any()


def test_timestamps_and_trials_outside_the_series(tmp_path):
    times = np.arange(len(VALUES)) / RATE + 1.0  # begins after the first trial's baseline
    found = read_nwb(write(tmp_path / "a.nwb", times=times), series="dff", **WINDOW)
    b = found.responses[found.images.index("b")]
    assert np.isnan(b[0, :3]).all()  # trial 0 from 0.3 to 0.9 s
    assert not np.isnan(b[1]).any()


def test_a_series_is_named_by_its_path_where_names_are_not_enough(tmp_path):
    path = write(tmp_path / "a.nwb", names=("raw", "dff"))
    whole = read_recording(path, series="dff_holder/dff", neurons=["7", "8"], **WINDOW)
    assert whole.neurons == ("7", "8")
    with pytest.raises(DataError, match=r"no response series 'holder/dff'; it has .*dff_holder/dff"):
        read_nwb(path, series="holder/dff", **WINDOW)


@pytest.mark.parametrize(
    ("how", "options", "message"),
    [
        ({}, {"bin_ms": 20.0}, "briefer than the 50 ms between samples"),
        ({"late": 1000.0}, {}, "no sample of 'ophys/dff_holder/dff' lies in a bin"),
        ({"late": 1000.0}, {"series": "spikes"}, "no response series 'spikes'"),
        ({"times": np.zeros(260)}, {}, "rising times"),
        ({"values": VALUES[:, :2]}, {}, "of 3 regions"),
        ({"values": np.full_like(VALUES, np.inf)}, {}, "infinite values"),
        ({"trials": False}, {}, "no intervals 'trials'"),
        ({}, {"neurons": ["1"]}, "no unit 1"),
        ({}, {"unit": "count"}, "must not be negative|unit"),
        ({}, {"neuron_label_keys": {"a": "b"}}, "must not be given with series"),
        ({}, {"series": None}, "no units"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, how, options, message):
    if options.get("unit"):
        how = {"values": VALUES - 200}
    with pytest.raises(DataError, match=message):
        read_nwb(write(tmp_path / "a.nwb", **how), **{"series": "dff", **WINDOW} | options)


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = write(tmp_path / "a.nwb")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"cut short|damaged"):
        read_nwb(path, series="dff", **WINDOW)

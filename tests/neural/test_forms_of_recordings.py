"""Recordings read from each form of file, against histograms of NumPy, one another and published data."""

import json

import numpy as np
import pandas
import pytest

from answers_by_hand import SHARED
from cordsnet.errors import DataError
from cordsnet.neural import (
    Recording,
    from_arrays,
    from_assembly,
    from_raster,
    from_spikes,
    from_table,
    read_recording,
    save_recording,
    to_assembly,
)

BINS = np.array([[50.0, 100.0], [100.0, 150.0]])


def recording(seed=0):
    """Four images, up to three repeats, two bins, five neurons of two areas; the last image has one repeat."""
    responses = np.random.default_rng(seed).poisson(3.0, (4, 3, 2, 5)).astype(np.float32)
    responses[3, 1:] = np.nan
    areas = np.array(["V4", "V4", "IT", "IT", "IT"])
    return Recording(
        responses,
        BINS,
        ["a", "b", "c", "d"],
        [f"n{k}" for k in range(5)],
        image_labels={"object": np.array(["cat", "dog", "cat", "dog"])},
        neuron_labels={"area": areas, "animal": np.array(["m1"] * 5)},
        source="Made here.",
    )


def same(found, expected):
    np.testing.assert_array_equal(found.responses, expected.responses)
    np.testing.assert_array_equal(found.bins_ms, expected.bins_ms)
    assert (found.images, found.neurons, found.unit) == (expected.images, expected.neurons, expected.unit)
    for kind in ("image_labels", "neuron_labels"):
        ours, theirs = getattr(found, kind), getattr(expected, kind)
        assert {name: list(values) for name, values in ours.items()} == {n: list(v) for n, v in theirs.items()}


def test_our_own_file_gives_back_the_recording_and_is_always_the_same(tmp_path):
    path = save_recording(recording(), tmp_path / "one.npz")
    found = read_recording(path)
    same(found, recording())
    assert found.source == "Made here."
    assert path.read_bytes() == save_recording(recording(), tmp_path / "two.npz").read_bytes()
    with pytest.raises(DataError, match=r"must end in \.npz"):
        save_recording(recording(), tmp_path / "one.nc")


@pytest.mark.parametrize(
    ("axes", "order"),
    [
        ("image repeat time neuron", [0, 1, 2, 3]),
        ("neuron, image, repeat, time", [3, 0, 1, 2]),
        (["times", "neurons", "repeats", "images"], [2, 3, 1, 0]),
    ],
)
def test_axes_of_an_array_may_come_in_any_order(axes, order):
    given = recording().responses.transpose(order)
    found = from_arrays(given, axes, BINS, images=list("abcd"), neurons=[f"n{k}" for k in range(5)])
    np.testing.assert_array_equal(found.responses, recording().responses)
    assert found.images == ("a", "b", "c", "d")


def test_edges_and_pairs_are_the_same_bins_and_absent_axes_are_one_long():
    given = recording().responses[:, 0]
    found = from_arrays(given, ["image", "time", "neuron"], [50, 100, 150])
    assert found.responses.shape == (4, 1, 2, 5)
    np.testing.assert_array_equal(found.bins_ms, BINS)


def test_a_number_may_stand_for_what_is_absent_and_large_counts_stay_exact():
    given = np.array([[3, -1], [2**24 + 1, 5]])
    found = from_arrays(given, "neuron image", [70, 170], missing=-1)
    assert np.isnan(found.responses[1, 0, 0, 0])
    assert found.responses[0, 0, 0, 1] == 2**24 + 1


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_an_array_and_its_sidecar_are_read_and_options_come_first(tmp_path, kind):
    counts = np.nan_to_num(recording().responses, nan=-1).astype(np.int16).transpose(3, 0, 1, 2)
    path = tmp_path / f"lab.{kind}"
    if kind == "npy":
        np.save(path, counts)
    else:
        np.savez(path, spikes=counts, images=np.array(list("abcd")))
    about = {"axes": "neuron image repeat time", "bins_ms": BINS.tolist(), "area": "V4", "missing": -1, "TaskName": "x"}
    (tmp_path / "lab.json").write_text(json.dumps(about))
    found = read_recording(path, area="IT")
    np.testing.assert_array_equal(found.responses, recording().responses)
    assert found.neuron_labels["area"].tolist() == ["IT"] * 5
    assert found.images == (("a", "b", "c", "d") if kind == "npz" else ("0", "1", "2", "3"))


def spikes_of(seed=0):
    """Spike times of three neurons over 30 trials, one per s, of images that are shown in random order."""
    rng = np.random.default_rng(seed)
    onsets = 500.0 + 1000.0 * np.arange(30) + rng.integers(0, 50, 30)
    trains = [rng.uniform(0, 31_000, 2000) for _ in range(3)]
    return trains, onsets, rng.permutation(np.repeat(["x", "y", "z"], 10))


def test_spikes_are_counted_as_by_histograms_of_numpy(tmp_path):
    trains, onsets, shown = spikes_of()
    found = from_spikes(trains, onsets, shown, bin_ms=25, from_ms=-50, to_ms=200)
    edges = np.arange(-50.0, 201, 25)
    for k, image in enumerate(found.images):
        for repeat, onset in enumerate(onsets[shown == image]):
            for n, train in enumerate(trains):
                expected = np.histogram(train, onset + edges)[0]
                np.testing.assert_array_equal(found.responses[k, repeat, :, n], expected)
    owner = np.repeat([4, 7, 9], [len(train) for train in trains])
    mixed = np.random.default_rng(1).permutation(len(owner))
    path = tmp_path / "spikes.npz"
    seconds = np.concatenate(trains)[mixed] / 1000
    np.savez(path, spike_times_s=seconds, spike_neuron=owner[mixed], onset_ms=onsets, image=shown)
    read = read_recording(path, bin_ms=25.0, from_ms=-50.0, to_ms=200.0)
    np.testing.assert_array_equal(read.responses, found.responses)
    assert read.neurons == ("4", "7", "9")


def test_tables_of_spikes_and_trials_are_the_same(tmp_path):
    trains, onsets, shown = spikes_of()
    owner = np.repeat(["u1", "u2", "u3"], [len(train) for train in trains])
    pandas.DataFrame({"neuron": owner, "time_ms": np.concatenate(trains)}).to_parquet(tmp_path / "spikes.parquet")
    pandas.DataFrame({"onset_ms": onsets, "stimulus": shown}).to_csv(tmp_path / "trials.csv")
    found = read_recording(tmp_path, bin_ms=25.0, to_ms=150.0, neurons=["u0", "u1", "u2", "u3"])
    whole = from_spikes(trains, onsets, shown, bin_ms=25, from_ms=0, to_ms=150)
    np.testing.assert_array_equal(found.responses[..., 1:], whole.responses)
    assert found.responses[..., 0].max() == 0


def test_trials_in_which_a_neuron_was_not_recorded_are_absent():
    trains, onsets, shown = spikes_of()
    recorded = np.ones((30, 3), bool)
    recorded[5:, 2] = False
    found = from_spikes(trains, onsets, shown, bin_ms=100, from_ms=0, to_ms=100, recorded=recorded)
    assert found.repeats.sum(0).tolist() == [30, 30, 5]


@pytest.mark.parametrize("packed", [False, True])
def test_rasters_are_summed_in_bins_and_packed_bits_are_the_same(tmp_path, packed):
    rng = np.random.default_rng(0)
    raster = (rng.random((60, 301)) < 0.03).astype(np.uint8)
    neuron, things, places = np.repeat([0, 1, 2], 20), np.tile(["cup", "pen"], 30), np.tile(list("llrr"), 15)
    spikes = {"spikes_packed": np.packbits(raster, axis=1), "bins": 301} if packed else {"raster": raster}
    path = tmp_path / "raster.npz"
    np.savez(path, neuron=neuron, thing=things, side=places, onset_ms=101, **spikes)
    found = read_recording(path, bin_ms=20.0, from_ms=-40.0, to_ms=200.0, image="thing side")
    assert found.images == ("cup_l", "cup_r", "pen_l", "pen_r")
    assert found.image_labels["side"].tolist() == ["l", "r", "l", "r"]
    trials = raster[(neuron == 1) & (things == "pen") & (places == "r")]
    expected = trials[:, 61:301].reshape(len(trials), 12, 20).sum(2)
    np.testing.assert_array_equal(found.responses[3, :, :, 1], expected)
    assert found.bins_ms[0].tolist() == [-40, -20]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_with_a_column_for_each_ms_are_rasters(tmp_path, kind):
    rng = np.random.default_rng(0)
    raster = (rng.random((40, 60)) < 0.1).astype(int)
    neuron, image = np.repeat(["u1", "u2"], 20), np.tile(["a", "b"], 20)
    table = pandas.DataFrame(raster, columns=[str(t) for t in range(-20, 40)]).assign(cell=neuron, image=image)
    path = tmp_path / f"raster.{kind}"
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
    found = read_recording(path, bin_ms=10.0, from_ms=0.0, to_ms=40.0)
    whole = from_raster(raster, neuron, image, onset_ms=20, bin_ms=10, from_ms=0, to_ms=40)
    same(found, whole)
    assert found.responses[0, 1, 2, 0] == raster[2, 40:50].sum()


def test_rows_of_a_raster_that_are_in_no_bin_do_not_matter():
    raster = np.zeros((2, 10))
    raster[:, 9] = 1
    found = from_raster(raster, [0, 0], ["a", "a"], onset_ms=0, bin_ms=3, from_ms=0, to_ms=9)
    assert found.responses.sum() == 0


def long_table(whole):
    """One row for each response that is present, shuffled."""
    image, repeat, time, neuron = np.nonzero(~np.isnan(whole.responses))
    table = {
        "stimulus": np.array(whole.images)[image],
        "neuron_id": np.array(whole.neurons)[neuron],
        "repetition": repeat + 10 * image,
        "spike_count": whole.responses[image, repeat, time, neuron],
        "start_ms": whole.bins_ms[time, 0],
        "end_ms": whole.bins_ms[time, 1],
        "region": whole.neuron_labels["area"][neuron],
        "monkey": whole.neuron_labels["animal"][neuron],
        "object": whole.image_labels["object"][image],
    }
    return pandas.DataFrame(table).sample(frac=1, random_state=0)


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_long_tables_give_back_the_recording(tmp_path, kind):
    path = tmp_path / f"long.{kind}"
    table = long_table(recording())
    if kind == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    same(read_recording(path), recording())


def test_columns_may_have_any_name_and_rows_without_repeats_are_numbered():
    table = {"cell no": ["n0"] * 4, "picture": ["b", "a", "b", "b"], "hz": [1.5, 2.5, 3.5, 4.5]}
    roles = {"neuron": "cell no", "image": "picture", "response": "hz"}
    found = from_table(table, columns=roles, bins_ms=[50, 150], unit="rate")
    assert found.responses[1, :, 0, 0].tolist() == [1.5, 3.5, 4.5]
    assert found.repeats.tolist() == [[1], [3]]


def test_neurons_that_share_no_trials_do_not_fill_the_table_with_absent_repeats():
    table = {"neuron": np.repeat(np.arange(6), 8), "image": np.tile(["a", "b"], 24), "response": np.arange(48.0)}
    found = from_table({**table, "trial": np.arange(48)}, bins_ms=[0, 100])
    assert found.responses.shape == (2, 4, 1, 6)
    assert not np.isnan(found.responses).any()
    assert found.responses[1, :, 0, 2].tolist() == [17, 19, 21, 23]


def test_assemblies_of_xarray_and_their_files_give_back_the_recording(tmp_path):
    assembly = to_assembly(recording())
    assert assembly.dims == ("presentation", "neuroid", "time_bin")
    assert assembly.sizes["presentation"] == 10
    assert assembly.sel(neuroid=2)["region"] == "IT"
    same(from_assembly(assembly), recording())
    mixed = assembly.isel(presentation=np.random.default_rng(0).permutation(10)).transpose()
    same(from_assembly(mixed.set_index(presentation=["stimulus_id", "repetition"])), recording())
    assembly.rename("responses").to_netcdf(tmp_path / "assembly.nc", engine="h5netcdf")
    found = read_recording(tmp_path / "assembly.nc")
    same(found, recording())
    assert found.source == "Made here."


def test_an_averaged_assembly_without_time_has_one_bin():
    assembly = to_assembly(recording()).sel(time_bin=0).isel(presentation=[0, 3, 6, 9])
    plain = assembly.drop_vars(["time_bin_start", "time_bin_end", "repetition"])
    found = from_assembly(plain, bins_ms=[70, 170], unit="rate")
    np.testing.assert_array_equal(found.responses[:, 0, 0], recording().responses[:, 0, 0])
    with pytest.raises(DataError, match="bins_ms must say"):
        from_assembly(plain)


def real(name):
    if not (SHARED / name).exists():
        pytest.skip(f"there is no shared/data/{name} beside the repository")
    return SHARED / name


def test_sessions_of_v4():
    found = read_recording(real("v4_session_210325"))
    assert found.responses.shape == (640, 10, 1, 50)
    stored = np.load(SHARED / "v4_session_210325" / "responses.npz")["spike_count"]
    np.testing.assert_array_equal(found.responses[7, :, 0, 3], stored[3, 7])
    assert found.images[0] == "image0001.jpg"
    averaged = read_recording(real("v4_session_201025"), from_ms=60.0)
    assert averaged.responses.shape == (1200, 1, 1, 89)
    assert averaged.bins_ms.tolist() == [[60, 160]]
    assert "no ceiling" in averaged.source


def test_it_in_windows_is_it_in_steps_of_1_ms_summed_over_these_windows():
    coarse = read_recording(real("it_7objects.npz"))
    fine = read_recording(real("it_7objects_1ms.npz"), bin_ms=150.0, from_ms=-50.0, to_ms=400.0)
    assert coarse.responses.shape == (21, 20, 18, 132)
    assert coarse.repeats.min() == 19
    places = [int(np.flatnonzero(coarse.bins_ms[:, 0] == start)[0]) for start in fine.bins_ms[:, 0]]
    np.testing.assert_array_equal(coarse.responses[:, :, places], fine.responses)
    assert coarse.image_labels["object"].tolist()[:3] == ["car"] * 3


def test_frames_of_movies_in_v1_and_their_psths_agree():
    path = real("v1_movies_henaff2021") / "ay2_u003.npz"
    frames, movies = read_recording(path), read_recording(path, psth=True)
    assert frames.responses.shape == (484, 50, 1, 39)
    assert movies.responses.shape == (44, 1, 35, 39)
    rates = frames.as_rates().mean[:, 0]
    late = (movies.centres_ms > 52) & (movies.centres_ms < 252)
    for movie, psth in zip(movies.images, movies.mean[:, late].mean(1), strict=True):
        own = rates[[image.rpartition("/")[0] == movie for image in frames.images]].mean(0)
        assert np.corrcoef(own, psth)[0, 1] > 0.98


def test_frames_that_two_movies_share_have_one_picture():
    found = read_recording(real("v1_movies_henaff2021") / "ay3_u002.npz")
    pictures = dict(zip(found.images, found.image_labels["picture"], strict=True))
    ends = [name for name, picture in pictures.items() if name != picture]
    assert len(ends) == 44
    assert pictures["zoom1x/synthetic/movie02-bees/frame11"] == "zoom1x/natural/movie02-bees/frame11"
    assert {name.rpartition("/")[2] for name in ends} == {"frame01", "frame11"}

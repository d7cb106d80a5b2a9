"""Folders of Phy: spikes counted by hand, groups, sample rates that are never run, and damaged folders."""

import numpy as np
import pytest

from cordsnet.errors import DataError
from cordsnet.neural import read_phy, read_recording

RATE = 30_000
ONSETS = np.array([0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
IMAGES = ["b", "a", "b", "a", "c", "c"]
WINDOW = {"bin_ms": 50.0, "from_ms": 0.0, "to_ms": 200.0}


@pytest.fixture
def folder(tmp_path):
    """Three clusters, of which one is noise, in random order of spikes as after merging."""
    random = np.random.default_rng(0)
    times = np.sort(random.integers(0, 7 * RATE, 3000)).astype(np.uint64)
    np.save(tmp_path / "spike_times.npy", times)
    np.save(tmp_path / "spike_clusters.npy", random.choice([2, 5, 11], 3000).astype(np.int32))
    (tmp_path / "cluster_group.tsv").write_text("cluster_id\tgroup\n2\tgood\n5\tnoise\n11\tgood\n40\tgood\n")
    (tmp_path / "params.py").write_text(f"dat_path = r'a.dat'\nn_channels_dat = 4\nsample_rate = {RATE}.\n")
    rows = [f"{image},{onset}" for image, onset in zip(IMAGES, ONSETS, strict=True)]
    (tmp_path / "trials.csv").write_text("\n".join(["image,onset_s", *rows]))
    return tmp_path


def test_spikes_are_counted_around_onsets(folder):
    found = read_recording(folder, **WINDOW)
    assert found.neurons == ("2", "11")
    assert found.neuron_labels["group"].tolist() == ["good", "good"]
    assert found.images == ("a", "b", "c")
    times, owner = (np.load(folder / name) for name in ("spike_times.npy", "spike_clusters.npy"))
    seen = dict.fromkeys(found.images, 0)
    for onset, image in zip(ONSETS, IMAGES, strict=True):
        for k, cluster in enumerate((2, 11)):
            own = times[owner == cluster] / RATE - onset
            by_hand = np.histogram(own, np.arange(5) * 0.05)[0]
            assert found.responses[found.images.index(image), seen[image], :, k].tolist() == by_hand.tolist()
        seen[image] += 1


def test_groups_and_clusters_are_chosen(folder):
    assert read_phy(folder, groups="all", **WINDOW).neurons == ("2", "5", "11")
    assert read_phy(folder, groups="noise", **WINDOW).neurons == ("5",)
    assert read_phy(folder, neurons=["11"], **WINDOW).neurons == ("11",)
    (folder / "cluster_group.tsv").unlink()
    (folder / "cluster_info.tsv").write_text("id\tch\tgroup\n2\t0\tmua\n5\t1\tgood\n11\t1\t\n")
    assert read_phy(folder, groups=["good", "mua"], **WINDOW).neurons == ("2", "5")
    found = read_phy(folder, groups="unsorted", **WINDOW)  # the group is empty in the table
    assert (found.neurons, found.neuron_labels["group"].tolist()) == (("11",), ["unsorted"])
    assert read_phy(folder, groups="all", **WINDOW).neuron_labels["group"].tolist() == ["mua", "good", "unsorted"]
    (folder / "cluster_info.tsv").write_text("id\tch\tgroup\n2\t0\t\n5\t1\t\n11\t1\t\n")
    assert read_phy(folder, groups="unsorted", **WINDOW).neurons == ("2", "5", "11")


def test_onsets_may_be_in_samples_and_in_another_table(folder, tmp_path):
    rows = [
        f"{image}\t{k % 2}\t{int(onset * RATE)}" for k, (image, onset) in enumerate(zip(IMAGES, ONSETS, strict=True))
    ]
    place = tmp_path / "events.tsv"
    place.write_text("\n".join(["object\tplace\tonset_samples", *rows]))
    found = read_phy(folder, trials=place, image="object place", **WINDOW)
    assert found.images == ("a_1", "b_0", "c_0", "c_1")
    assert np.nansum(found.responses) == np.nansum(read_phy(folder, **WINDOW).responses)


def test_nothing_in_the_folder_is_run(folder):
    proof = folder / "was_run"
    (folder / "params.py").write_text(f"open({str(proof)!r}, 'w')\nsample_rate = 25000.0\n")
    read_phy(folder, **WINDOW)
    (folder / "params.py").write_text(f"sample_rate = float(open({str(proof)!r}, 'w').write('1'))\n")
    with pytest.raises(DataError, match=r"no line such as sample_rate = 30000\.0"):
        read_phy(folder, **WINDOW)
    assert not proof.exists()
    assert read_phy(folder, sample_rate_hz=25_000.0, **WINDOW).neurons == ("2", "11")


def spoil(folder, name, content):
    if content is None:
        (folder / name).unlink()
    elif isinstance(content, np.ndarray):
        np.save(folder / name, content, allow_pickle=True)
    else:
        (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("spike_times.npy", None, "no folder with spike_times.npy"),
        ("spike_times.npy", b"", "empty"),
        ("spike_times.npy", b"\x93NUMPY nothing", "no header"),
        ("spike_times.npy", np.arange(3000) / 30_000, "samples"),
        ("spike_times.npy", np.arange(2999), "must agree"),
        ("spike_times.npy", np.arange(3000) - 5, "from 0 on"),
        ("spike_times.npy", np.zeros((2, 1500), int), "one list"),
        ("spike_times.npy", np.array([{}] * 3000, object), "Python objects"),
        ("spike_times.npy", np.arange(3000) + 10**9, "one clock"),
        ("spike_clusters.npy", np.array(["a"] * 3000), "whole numbers"),
        ("spike_clusters.npy", np.full(3000, 7), "there are unsorted"),
        ("cluster_group.tsv", None, 'give groups="all"'),
        ("cluster_group.tsv", b"cluster\tlabel\n2\tgood\n", "columns cluster_id and group"),
        ("cluster_group.tsv", b"cluster_id\tgroup\n2\tgood\n2\tmua\n", "once"),
        ("cluster_group.tsv", b"cluster_id\tgroup\nx\tgood\n", "hold numbers"),
        ("params.py", None, "give sample_rate_hz"),
        ("params.py", b"sample_rate = (", "damaged"),
        ("params.py", b"sample_rate = -1", "no line such as"),
        ("trials.csv", None, "one table trials"),
        ("trials.csv", b"image,onset\na,1\n", "one column onset_ms"),
        ("trials.csv", b"picture,onset_s\na,1\n", "no column of 'image'"),
        ("trials.csv", b"image,onset_s\na,soon\n", "hold numbers"),
        ("trials.csv", b"image,onset_s\n", "must not be empty"),
    ],
)
def test_damaged_folders_are_refused(folder, name, content, message):
    spoil(folder, name, content)
    with pytest.raises(DataError, match=message):
        read_phy(folder, **WINDOW)

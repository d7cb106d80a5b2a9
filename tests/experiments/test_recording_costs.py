"""Memory and time of experiments on recordings: said before, refused above a bound, and the same after a kill."""

import dataclasses

import pytest

import cordsnet
from cordsnet.cli import main
from cordsnet.errors import DataError
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.recordings.costs import Cost, check_cost, cost_of_distances, cost_of_scores, units_of
from cordsnet.experiments.recordings.neural_scores import NeuralScoresOptions
from cordsnet.neural import load_store
from cordsnet.neural.activity import record
from recordings_by_hand import write_recording

TINY = {"image_size": 16, "in_channels": 1, "num_classes": 3, "width": 4}


def network():
    return cordsnet.create_model("cordsnet_r2_small", seed=0, **TINY).eval()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("costs")
    write_recording(folder, network(), count=40, noise="gaussian", rates_hz=2000.0)
    network().save_pretrained(folder / "net")
    return folder


def options(lab, **changes):
    given = NeuralScoresOptions(f"{lab}/recording.npz", f"{lab}/pictures.zip", "one_to_one", choose_share=0.4, draws=20)
    return dataclasses.replace(given, latency_ms=0.0, splits=2, **changes)


def test_estimates_grow_with_what_they_are_of():
    small, large = {"a": 100}, {"a": 100, "b": 1000}
    given = NeuralScoresOptions()
    one = cost_of_scores("net", small, (20, 80), 5, 10, given)
    more = cost_of_scores("net", large, (20, 80), 5, 10, given)
    assert more.memory == 10 * one.memory
    assert more.disk == 11 * one.disk == 4 * 100 * 5 * 1100
    assert more.seconds == pytest.approx(11 * one.seconds)
    ridge = cost_of_scores("net", large, (20, 80), 5, 10, dataclasses.replace(given, mapping="ridge"))
    assert ridge.memory == 2 * more.memory
    pairs = [cost_of_distances("net", small, images, 5, 2).memory for images in (1000, 2000)]
    assert pairs[1] > 3.5 * pairs[0]
    assert str(Cost("net", 3e9, 7200.0, 2e9)) == (
        "net: about 3 GB of memory, 2 GB of disk, 2.0 hours on one core, besides showing images"
    )
    check_cost(Cost("net", 3e9), 3.0)
    with pytest.raises(DataError, match=r"net would take about 3\.1 GB of memory, and at most 3 GB .* most_gb to 4 or"):
        check_cost(Cost("net", 3.1e9), 3.0)


def test_what_a_run_takes_is_said_before_it_and_refused_above_a_bound(lab):
    said = []
    setting = Setting({"net": network()}, say=said.append)
    EXPERIMENTS["neural_scores"](setting, options(lab))
    units = units_of(network())
    assert said == [f"net: about {16 * 40 * 3 * max(units.values()) / 1e3:.3g} kB of memory, "
                    f"{4 * 40 * 3 * sum(units.values()) / 1e3:.3g} kB of disk"]  # fmt: skip
    with pytest.raises(DataError, match=r"net would take about .* raise most_gb to 1 or more"):
        EXPERIMENTS["neural_scores"](setting, options(lab, most_gb=1e-6))
    with pytest.raises(ValueError, match="most_gb"):
        options(lab, most_gb=0.0)


def test_commands_say_it_and_the_option_lifts_the_bound(lab, tmp_path, capsys):
    words = [f"{lab}/recording.npz", "--pictures", f"{lab}/pictures.zip", f"{lab}/net", "--mapping", "one_to_one"]
    words += ["--choose_share", "0.4", "--draws", "20"]
    calibrate = ["neural", "calibrate", *words, "--latencies_ms", "0,20"]
    assert main([*calibrate, "--most_gb", "1e-6"]) == 2
    assert "net would take about" in capsys.readouterr().err
    assert main([*calibrate, "--most_gb", "1"]) == 0
    assert "net: about" in capsys.readouterr().out.splitlines()[0]
    activity = ["neural", "activity", f"{lab}/net", "--pictures", f"{lab}/pictures.zip", "--output"]
    activity += [f"{tmp_path}/x.zarr", "--recording", f"{lab}/recording.npz"]
    assert main([*activity, "--most_gb", "1e-6"]) == 2
    assert "raise --most_gb to 1 or more" in capsys.readouterr().err
    assert not (tmp_path / "x.zarr").exists()


def test_a_run_that_was_killed_has_the_same_scores(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "BLOCK_BYTES", 1)  # a block of one image
    whole = EXPERIMENTS["neural_scores"](Setting({"net": network()}), options(lab))
    compute, shown = record._Plan.activity, []

    def killed(self, rows):
        if len(shown) == 17:
            raise KeyboardInterrupt
        shown.append(rows.start)
        return compute(self, rows)

    kept = options(lab, keep=str(tmp_path))
    monkeypatch.setattr(record._Plan, "activity", killed)
    with pytest.raises(KeyboardInterrupt):
        EXPERIMENTS["neural_scores"](Setting({"net": network()}), kept)
    assert load_store(tmp_path / "net.zarr").done.sum() == 17
    monkeypatch.setattr(record._Plan, "activity", lambda self, rows: (shown.append(rows.start), compute(self, rows))[1])
    again = EXPERIMENTS["neural_scores"](Setting({"net": network()}), kept)
    assert shown == list(range(40))  # no image was shown twice
    for name in ("neural_scores", "time", "comparisons"):
        assert again.tables[name] == whole.tables[name]
    assert [claim.value for claim in again.claims] == [claim.value for claim in whole.claims]

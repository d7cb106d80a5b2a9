"""A quick look at recordings made by hand: courses, silence, drift, tuning, what is drawn and what is said."""

import dataclasses
import json

import numpy as np
import pytest

from cordsnet.cli import main
from cordsnet.errors import ArgumentError
from cordsnet.neural import (
    Recording,
    ReliabilityStatus,
    noise_ceiling,
    recording_overview,
    save_recording,
    split_half_reliability,
)
from cordsnet.neural.overview import part, trials
from cordsnet.neural.overview.trials import fano, tuning
from cordsnet.report.recordings.look_figures import has_gaps, rasters_figure

BINS = np.stack([np.arange(-50, 150, 10.0), np.arange(-40, 160, 10.0)], 1)


def made(images=30, repeats=6, neurons=9, seed=0, bins=BINS, fading=0.0, selective=0.8):
    """Poisson counts of neurons that answer from 50 ms on; the last is silent, the first is absent in some trials."""
    random = np.random.default_rng(seed)
    drive = 1 + selective * random.uniform(-1, 1, (images, neurons))
    late = np.where(bins[:, 0] >= 50, 4.0, 1.0)
    mean = drive[:, None, None] * late[None, None, :, None] * np.linspace(1, 1 - fading, repeats)[:, None, None]
    counts = random.poisson(mean).astype(np.float32)
    counts[..., -1] = 0
    counts[::5, repeats - 1 :, :, 0] = np.nan
    names = [f"cell{k}" for k in range(neurons)]
    return Recording(
        counts, bins, [f"im{k}" for k in range(images)], names, "count", {}, {"area": np.array(["V4"] * neurons)}
    )


def test_numbers_are_those_of_the_recording():
    recording = made()
    found = recording_overview(recording, sample=4, halves=5, draws=20)
    assert found.shape == (30, 6, 20, 9)
    assert found.repeats == (5, 6.0, 6)
    assert found.absent == pytest.approx(6 * 20 / recording.responses.size)
    assert found.silent == ("cell8",)
    rates = recording.as_rates().mean
    np.testing.assert_allclose(found.course, rates.mean(0))
    np.testing.assert_allclose(found.population, rates.mean((0, 2)))
    assert found.population[-1] > 3 * found.population[0]
    error = rates.mean(0).std(1, ddof=1) / 3
    np.testing.assert_allclose(found.population_reach, 2.306 * error, rtol=1e-3)
    np.testing.assert_allclose(found.level, np.nanmean(recording.as_rates().responses, (0, 1, 2)), rtol=1e-5)
    assert found.window_ms == (0.0, 150.0)
    assert len(found.sample) == 4
    assert 8 not in found.sample
    known = split_half_reliability(recording, halves=5, draws=0)
    np.testing.assert_array_equal(found.reliability.value, known.value)
    assert found.ceiling.pooled == noise_ceiling(recording, halves=5, draws=20).pooled
    assert len(found.rasters) == 4
    assert all(len(one.responses) == len(one.images) <= 120 for one in found.rasters)


def test_noise_has_the_fano_factor_of_poisson_and_no_tuning():
    recording = made(images=200, repeats=20, selective=0.0)
    late, span = part.after_onset(recording)
    factors = fano(late)[:-1] * (span[1] - span[0]) / 1000
    assert factors == pytest.approx(np.ones(8), abs=0.12)
    for one, other in tuning(late, np.arange(8), 0):
        known = np.isfinite(one) & np.isfinite(other)
        assert abs(np.corrcoef(one[known], other[known])[0, 1]) < 0.3
    (pair,) = tuning(part.after_onset(made(images=200, repeats=20))[0], np.array([3]), 0)
    assert np.corrcoef(*pair)[0, 1] > 0.9


def test_gaps_between_bins_do_not_count_in_fano_factors():
    bins = np.array([[0.0, 10.0], [190.0, 200.0]])
    found = recording_overview(made(images=200, repeats=20, bins=bins), halves=2, draws=0)
    assert found.window_ms == (0.0, 200.0)
    assert found.fano[:-1] == pytest.approx(np.ones(8), abs=0.12)


def test_mean_responses_are_means_over_time():
    bins = np.array([[0.0, 10.0], [10.0, 1000.0]])
    counts = np.zeros((4, 2, 2, 2), np.float32) + np.array([1.0, 4.95], np.float32)[:, None]
    counts[0, 0, 1, 1] = np.nan  # seven of eight long bins are left
    recording = Recording(counts, bins, list("abcd"), ["one", "two"], "count")
    known = [5.95, (8 * 1 + 7 * 4.95) / (8 * 0.01 + 7 * 0.99)]
    for one in (recording, recording.as_rates(), dataclasses.replace(recording.as_rates(), unit="other")):
        np.testing.assert_allclose(recording_overview(one, halves=2, draws=0).level, known, rtol=1e-5)


def test_neurons_that_were_not_recorded_are_not_silent():
    recording = made()
    recording.responses[..., 3] = np.nan
    found = recording_overview(recording, sample=9, halves=2, draws=0)
    assert found.silent == ("cell8",)
    assert np.flatnonzero(np.isnan(found.level)).tolist() == [3]
    assert set(range(9)) - set(found.sample) == {3, 8}


def test_neurons_that_fade_drift():
    steady, fading = (recording_overview(made(repeats=8, fading=fade), halves=2, draws=0) for fade in (0.0, 0.5))
    assert np.abs(steady.drift).max() < 0.1
    assert fading.drift[0] > 0.2
    assert fading.drift[-1] < -0.2
    assert (fading.drift_reach < 0.1).all()


def test_bins_are_joined_around_onset_and_counts_are_summed():
    bins = np.stack([np.arange(-53, 100, 1.0), np.arange(-52, 101, 1.0)], 1)
    recording = made(bins=bins, images=5)
    joined, (said,) = part.join_bins(recording, 40)
    assert said == "5 bins are joined into one, 153 into 30; 3 at the ends are left out"
    assert 0.0 in joined.bins_ms[:, 0]
    place = list(joined.bins_ms[:, 0]).index(0.0)
    np.testing.assert_array_equal(joined.responses[:, :, place], recording.responses[:, :, 53:58].sum(2))
    rates, _ = part.join_bins(recording.as_rates(), 40)
    np.testing.assert_allclose(rates.mean, joined.as_rates().mean, rtol=1e-5)
    overlapping = dataclasses.replace(recording, bins_ms=bins + np.array([0.0, 4.0]))
    thinned, (said,) = part.join_bins(overlapping, 40)
    assert "every 5th of 153 bins" in said
    np.testing.assert_array_equal(thinned.responses[:, :, 0], recording.responses[:, :, 3])


@pytest.mark.parametrize("most", [1, 2, 40, 60, 120])
@pytest.mark.parametrize("first", [-60.0, 0.0])
def test_no_more_bins_are_left_than_asked_for(most, first):
    starts = first + np.arange(121.0)
    for length in (1.0, 5.0):  # neighbours, and bins that overlap
        recording = made(bins=np.stack([starts, starts + length], 1), images=2, repeats=2, neurons=2)
        assert 1 <= len(part.join_bins(recording, most)[0].bins_ms) <= most


@pytest.mark.parametrize(("most", "bins", "onset"), [(1, 121, 60), (2, 6, 4)])
def test_onset_that_cannot_stay_an_edge_is_said(most, bins, onset):
    edges = np.arange(bins + 1) * 10.0 - 10 * onset
    recording = made(bins=np.stack([edges[:-1], edges[1:]], 1))
    joined, (said,) = part.join_bins(recording, most)
    assert 1 <= len(joined.bins_ms) <= most
    assert said.endswith("onset lies inside a bin") == (
        joined.bins_ms[0, 0] < 0 < joined.bins_ms[-1, 1] and 0 not in joined.bins_ms
    )


def test_large_recordings_are_drawn_from_and_said_to_be(monkeypatch):
    monkeypatch.setattr(part, "MOST_VALUES", 20_000)
    monkeypatch.setattr(part, "FEWEST_NEURONS", 5)
    monkeypatch.setattr(part, "FEWEST_IMAGES", 10)
    found = recording_overview(made(images=60, neurons=40), halves=2, draws=0, seed=3)
    assert found.notes == (
        "5 of 40 neurons are looked at, drawn with seed 3",
        "33 of 60 images are looked at, drawn with seed 3",
        "rasters show 20 of 33 images, drawn with seed 3",
    )
    assert found.course.shape == (20, 5)
    assert len(found.level) == 40  # silence and levels are those of all
    assert found.silent == ("cell39",)
    assert recording_overview(made(images=60, neurons=40), halves=2, draws=0, seed=4).neurons != found.neurons


def look(recording, folder, capsys, *words):
    path = save_recording(recording, folder / "rec.npz")
    assert main(["neural", "look", str(path), "--output", f"{folder}/page", *words]) == 0
    return (folder / "page" / "look.html").read_text(), capsys.readouterr().out


def test_a_page_has_figures_and_says_what_was_drawn(tmp_path, capsys):
    page, said = look(made(), tmp_path, capsys, "--image_ms", "100", "--sample", "5")
    assert "neurons that never respond: 1: cell8" in said
    assert "noise ceiling, all bins pooled" in said
    names = {path.stem for path in (tmp_path / "page" / "figures").glob("*.png")}
    assert names == {"rasters", "population", "courses", "reliability", "levels", "selectivity"}
    assert page.count("data:image/png") == 6
    assert "the 100 ms for which it stays" in page
    assert "5 neurons that were drawn from those that respond" in page


def test_rasters_say_what_they_leave_out(monkeypatch):
    monkeypatch.setattr(trials, "MOST_TRIALS", 5)
    monkeypatch.setattr(trials, "MOST_FINE", 8)
    found = recording_overview(made(), halves=2, draws=0)
    assert found.rasters[0].responses.shape == (5, 8)
    assert found.notes == (
        "rasters show 1 of 30 images, drawn with seed 0",
        "rasters show the first 5 of up to 6 trials of an image",
        "rasters show the first 8 of 20 bins, up to 30 ms",
    )


@pytest.mark.parametrize(
    ("bins", "edges", "columns"),
    [
        ([[0, 10], [10, 100], [100, 120]], [0, 10, 100, 120], [0, 1, 2]),
        ([[0, 10], [50, 60], [60, 90]], [0, 10, 50, 60, 90], [0, np.nan, 1, 2]),
        ([[0, 40], [20, 60], [30, 90]], [10, 30, 50, 70], [0, 1, 2]),
    ],
)
def test_shades_lie_where_their_bins_do(bins, edges, columns):
    found = recording_overview(made(bins=np.array(bins, float)), halves=2, draws=0)
    drawn = rasters_figure(found, None)
    (mesh,) = drawn.axes[0].collections
    np.testing.assert_allclose(mesh.get_coordinates()[0, :, 0], edges)
    known = np.column_stack([found.rasters[0].responses, np.full(len(found.rasters[0].images), np.nan)])
    shades = np.nan_to_num(known)[:, [3 if np.isnan(k) else int(k) for k in columns]]
    np.testing.assert_array_equal(np.ma.filled(mesh.get_array(), 0), shades)
    assert has_gaps(found) == bool(np.isnan(columns).any())
    assert drawn.axes[0].get_xlim() == (edges[0], edges[-1])


def test_one_bin_and_no_repeats_are_said(tmp_path, capsys):
    one = dataclasses.replace(
        made(), responses=made().responses.sum(2, keepdims=True), bins_ms=np.array([[0.0, 150.0]])
    )
    page, _ = look(one, tmp_path, capsys)
    assert "has one bin, 0 to 150 ms, so it has no rasters and no courses" in page
    assert page.count("data:image/png") == 3
    alone = dataclasses.replace(one, responses=one.responses[:, :1])
    page, said = look(alone, tmp_path, capsys)
    assert "no ceiling can be computed" in said
    assert "tuning cannot be told from noise" in page
    found = recording_overview(alone)
    assert found.ceiling.status is ReliabilityStatus.ONE_REPEAT
    assert (found.fano, found.drift, found.tuning, found.rasters) == (None, None, None, ())


def test_rows_are_images_without_repeats(tmp_path, capsys):
    single = dataclasses.replace(made(), responses=made().responses[:, :1])
    page, _ = look(single, tmp_path, capsys)
    assert "has no repeats, so that a row is an image" in page
    assert "is not known (--image_ms)" in page


def test_large_files_are_not_read_unless_they_are_allowed(tmp_path, capsys, monkeypatch):
    path = save_recording(made(), tmp_path / "rec.npz")
    for command in ("look", "check"):
        assert main(["neural", command, str(path), "--most_gb", "1e-6"]) == 2
        assert "unpacked; reading it takes that much memory" in capsys.readouterr().err
    monkeypatch.setattr("cordsnet.cli.neural.files.WORTH_SAYING", 1)
    assert main(["neural", "check", str(path)]) == 0
    assert "memory at least" in capsys.readouterr().out.splitlines()[0]


def test_the_result_is_json(tmp_path, capsys):
    _, said = look(made(), tmp_path, capsys, "--json")
    found = json.loads(said)
    assert found["images"] == "30"
    assert found["page"].endswith("look.html")


def test_what_will_not_do_is_said(tmp_path, capsys):
    for wrong in ({"sample": 0}, {"most_bins": 0}, {"halves": 0}, {"draws": 3}, {"seed": -1}):
        with pytest.raises((ArgumentError, ValueError), match=next(iter(wrong))):
            recording_overview(made(images=4), **wrong)
    assert main(["neural", "look", f"{tmp_path}/none.npz"]) == 2
    assert "none.npz" in capsys.readouterr().err
    path = save_recording(made(), tmp_path / "rec.npz")
    assert main(["neural", "look", str(path), "--image_ms", "0", "--output", f"{tmp_path}/page"]) == 2
    assert "--image_ms must be above 0" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()

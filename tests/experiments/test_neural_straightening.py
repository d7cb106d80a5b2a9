"""Straightening of movies by populations of known curvature, and by models."""

import dataclasses

import numpy as np
import pytest
import torch

import cordsnet
from answers_by_hand import real
from cordsnet.cli import main
from cordsnet.dynamics import Record, simulate
from cordsnet.errors import DataError
from cordsnet.experiments import EXPERIMENTS, Setting, read_result
from cordsnet.experiments.recordings.movies import read_movies, show_movies
from cordsnet.experiments.recordings.neural_straightening import NeuralStraighteningOptions
from cordsnet.neural import Recording, curvature, read_recording, save_recording, straightening
from cordsnet.neural import straightening_contrast as contrast
from cordsnet.stimuli import blank, show
from recordings_by_hand import turning, write_frames, write_movies, write_pictures

TINY = {"image_size": 8, "in_channels": 1, "num_classes": 3, "width": 2}


def network(name="cordsnet_r2_small", seed=0):
    return cordsnet.create_model(name, seed=seed, **TINY).eval()


def paths(natural, synthetic, neurons=30, count=4, frames=6):
    random = np.random.default_rng(2)
    return tuple(
        np.stack([turning(random, frames, neurons, degrees) for _ in range(count)]) for degrees in (natural, synthetic)
    )


def options(folder, populations, **changes):
    frames, _ = write_frames(folder)
    recording = write_movies(folder, populations)
    return NeuralStraighteningOptions(str(recording), str(frames), draws=50, image_ms=20.0, **changes)


def run(given, **models):
    return EXPERIMENTS["neural_straightening"](Setting(models or {"net": network()}), given)


def verdicts(result, subject):
    return {claim.name.rpartition("_")[0]: claim.verdict for claim in result.claims if claim.subject == subject}


def test_neurons_of_known_curvature(tmp_path):
    result = run(options(tmp_path, paths(30.0, 80.0)))
    (row,) = result.rows("straightening", model="neurons")
    assert (row["area"], row["units"], row["movies"], row["pairs"]) == ("made", 30, 4, 4)
    assert row["natural_pixels"] == pytest.approx(60, abs=0.5)
    assert row["synthetic_pixels"] == pytest.approx(0, abs=1e-3)
    assert row["natural"] == pytest.approx(-30, abs=1)
    assert row["synthetic"] == pytest.approx(80, abs=1)
    assert row["difference"] == pytest.approx(-110, abs=1.5)
    assert row["difference_summed"] == pytest.approx(-110, abs=1.5)
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert set(verdicts(result, "neurons").values()) == {"holds"}
    turned = run(options(tmp_path, paths(90.0, 20.0)))
    assert verdicts(turned, "neurons")["neurons_straighten"] == "fails"
    assert verdicts(turned, "neurons")["neurons_bend"] == "holds"
    assert turned.rows("straightening", model="neurons")[0]["natural"] == pytest.approx(30, abs=1)


def test_neurons_that_copy_pixels_straighten_nothing(tmp_path):
    frames, pixels = write_frames(tmp_path)
    natural = pixels.reshape(*pixels.shape[:2], -1) * np.array([1.0, 5.0, 0.2, 3.0])[:, None, None] / 50
    along = np.linspace(0, 1, natural.shape[1])[:, None]
    fades = natural[:, :1] * (1 - along) + natural[:, -1:] * along
    recording = write_movies(tmp_path, (natural, fades), noise=1e-4)
    result = run(NeuralStraighteningOptions(str(recording), str(frames), draws=50, image_ms=20.0))
    (row,) = result.rows("straightening", model="neurons")
    assert row["natural"] == pytest.approx(0, abs=0.01)  # although movies differ in the length of their steps
    assert row["synthetic"] == pytest.approx(0, abs=1)
    assert row["difference"] == pytest.approx(0, abs=1)


def test_neurons_without_a_response_are_counted_as_not_estimated(tmp_path):
    natural, synthetic = paths(30.0, 80.0)
    natural[1] = natural[1, :1]
    result = run(options(tmp_path, (natural, synthetic)))
    (row,) = result.rows("straightening", model="neurons")
    lost = [one for one in result.rows("movies", model="neurons") if one["status"] == "noise"]
    assert [(one["movie"], one["category"]) for one in lost] == [("movie02-film1", "natural")]
    assert "straightening" not in lost[0]
    assert (row["natural_not_estimated"], row["synthetic_not_estimated"], row["pairs"]) == (1, 0, 3)
    assert row["natural"] == pytest.approx(-30, abs=1)


def test_areas_have_the_curvature_of_all_their_units(tmp_path):
    given = options(tmp_path, paths(30.0, 80.0))
    model = network()
    result = run(given, net=model)
    assert [row["area"] for row in result.rows("straightening", model="net")] == ["area1", "area2"]
    natural, synthetic, _ = show_movies(model, read_movies(given.recording, given.frames, 1), image_ms=20.0)
    with torch.no_grad():
        for category, shown in (("natural", natural), ("synthetic", synthetic)):
            images = torch.from_numpy(shown.pixels[2]).reshape(-1, 1, 8, 8).float()
            protocol = blank(model.clock.dt_ms) + show(images, 20.0)
            rates = simulate(model, protocol, record=Record("all", outputs=())).rates
            for row in result.rows("movies", model="net", movie="movie03-film2", category=category):
                mean = rates[row["area"]][1:].double().mean(0).flatten(1).numpy()
                steps = np.diff(mean, axis=0)
                squares = (steps**2).sum(1)
                cosine = (steps[1:] * steps[:-1]).sum() / (squares[1:] + squares[:-1]).sum() * 2
                assert row["population"] == pytest.approx(np.degrees(np.arccos(cosine)), abs=0.02)
    assert curvature(synthetic.pixels[0]).max() < 1e-3
    assert (result.rows("straightening", model="net", area="area2")[0]["synthetic"]) > 0.01


def test_a_static_model_and_the_last_state(tmp_path):
    given = options(tmp_path, paths(30.0, 80.0), areas="top")
    models = {"static": network("cnn_r2_small"), "net": network()}
    window, last = (run(dataclasses.replace(given, read=read), **models) for read in ("window", "last"))
    for model in models:
        (one,), (other,) = (result.rows("straightening", model=model) for result in (window, last))
        assert one["area"] == other["area"] == "area2"
        assert (abs(one["natural"] - other["natural"]) < 1e-6) == (model == "static")
        assert len(verdicts(window, model)) == 3


def test_a_folder_has_all_neurons_first_and_those_of_one_movie_less_are_left_out(tmp_path):
    write_frames(tmp_path)
    first = write_movies(tmp_path, paths(30.0, 80.0, neurons=20), "first")
    write_movies(tmp_path, paths(30.0, 80.0, neurons=12), "second", repeats=6)
    recording = read_recording(first)
    responses = recording.responses.copy()
    responses[5, 1:, :, 3] = np.nan
    save_recording(dataclasses.replace(recording, responses=responses), first.with_name("third.npz"))
    first.unlink()
    given = NeuralStraighteningOptions(str(tmp_path), str(tmp_path / "frames.zip"), draws=50, image_ms=20.0)
    result = run(given)
    rows = result.rows("straightening", model="neurons")
    assert [(row["area"], row["units"]) for row in rows] == [("all", 31), ("second", 12), ("third", 19)]
    assert any("1 of 20 neurons of third" in row["note"] for row in result.rows("notes"))
    assert rows[0]["natural"] == pytest.approx(-30, abs=1)


def test_zoom_2_is_the_central_half(tmp_path):
    frames, pixels = write_frames(tmp_path)
    recording = write_movies(tmp_path, paths(30.0, 80.0), zoom="zoom2x")
    found = read_movies(str(recording), str(frames), 2)
    np.testing.assert_array_equal(found.natural, pixels[:, :, 4:12, 4:12] / 255)
    with pytest.raises(DataError, match="no images of zoom1x"):
        read_movies(str(recording), str(frames), 1)


def broken(recording, kind):
    """A recording that cannot be used."""
    labels = dict(recording.image_labels)
    parts = {"responses": recording.responses, "bins_ms": recording.bins_ms, "images": recording.images}
    if kind == "no label":
        labels.pop("movie")
    if kind == "two bins":
        parts |= {"responses": np.repeat(recording.responses, 2, 2), "bins_ms": np.array([[0.0, 9.0], [9.0, 20.0]])}
    if kind == "one repeat":
        parts["responses"] = recording.responses[:, :1]
    if kind == "no fades":
        labels["category"] = np.full(len(recording.images), "natural")
    if kind == "other movies":
        labels["movie"] = np.char.add(labels["movie"], "x")
    if kind == "unnumbered":
        labels["frame"] = np.full(len(recording.images), "first")
    if kind == "a frame less":
        kept = ~((labels["movie"] == "movie01-film0") & (labels["frame"] == "frame4"))
        parts = {"responses": recording.responses[kept], "bins_ms": recording.bins_ms}
        parts["images"] = [name for name, keep in zip(recording.images, kept, strict=True) if keep]
        labels = {name: values[kept] for name, values in labels.items()}
    return Recording(**parts, neurons=recording.neurons, unit=recording.unit, image_labels=labels)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no label", "no label 'movie'"),
        ("two bins", "2 time bins"),
        ("one repeat", "two repeats"),
        ("no fades", "0 movies with natural and synthetic"),
        ("other movies", "0 frames film0x/groundtruth1"),
        ("unnumbered", "must be numbered"),
        ("a frame less", "5 natural frames of 'movie01-film0', and 6 pictures"),
    ],
)
def test_recordings_that_cannot_be_used_are_refused(tmp_path, kind, message):
    given = options(tmp_path, paths(30.0, 80.0))
    path = save_recording(broken(read_recording(given.recording), kind), tmp_path / "broken.npz")
    with pytest.raises(DataError, match=message):
        read_movies(str(path), given.frames, 1)


def test_what_is_missing_is_said(tmp_path):
    given = options(tmp_path, paths(30.0, 80.0))
    with pytest.raises(ValueError, match="frames must be given"):
        run(dataclasses.replace(given, frames=""))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.npz files"):
        read_movies(str(tmp_path / "empty"), given.frames, 1)


@pytest.mark.parametrize(
    "wrong", [{"zoom": 3}, {"draws": 1}, {"image_ms": 0.0}, {"areas": "some"}, {"read": "first"}], ids=str
)
def test_options_that_cannot_be_are_refused(wrong, as_users_run_it):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NeuralStraighteningOptions(**wrong)


def test_v1_of_six_penetrations():
    folder = real("v1_movies_henaff2021")
    found = read_movies(str(folder), str(folder / "frames.zip"), 1)
    assert [len(found.names), len(found.populations)] == [10, 7]
    seen, faded = found.populations["all"]
    assert seen.shape == faded.shape == (10, 60, 11, 300)
    parts = straightening(seen, found.natural, draws=0), straightening(faded, found.synthetic, draws=0)
    difference = contrast(*parts, draws=50)
    assert difference.n_pairs == 10
    assert difference.mean_interval[1] < 0


def test_movies_of_neurons_have_intervals_and_those_of_models_have_none(tmp_path):
    result = run(options(tmp_path, paths(30.0, 80.0), movie_draws=20))
    rows = result.rows("movies", model="neurons")
    assert all(row["low"] <= row["straightening"] <= row["high"] for row in rows)
    assert all(0 < row["high"] - row["low"] < 60 for row in rows)  # noise is small, but 30 neurons are drawn
    assert all(abs(row["naive"] - row["population"]) < 5 for row in rows)
    assert not any("low" in row or "naive" in row for row in result.rows("movies", model="net"))
    assert not any("low" in row for row in run(options(tmp_path, paths(30.0, 80.0), movie_draws=0)).rows("movies"))


def test_models_are_measured_without_a_recording(tmp_path):
    given = options(tmp_path, paths(30.0, 80.0))
    both, alone = run(given), run(dataclasses.replace(given, recording=""))
    assert alone.rows("straightening") == both.rows("straightening", model="net")
    assert {claim.subject for claim in alone.claims} == {"net"}
    assert any("no recording was given" in row["note"] for row in alone.rows("notes"))
    with pytest.raises(DataError, match="has 0 folders with frames"):
        read_movies("", str(write_pictures(tmp_path)), 1)


def test_the_command_prints_what_the_experiment_finds(tmp_path, capsys):
    given = options(tmp_path, paths(30.0, 80.0), movie_draws=20)
    network().save_pretrained(tmp_path / "net")
    words = [f"{tmp_path}/net", "--frames", given.frames, "--recording", given.recording, "--draws", "50"]
    words += ["--image_ms", "20", "--movie_draws", "20", "--output", f"{tmp_path}/page"]
    assert main(["neural", "straighten", *words]) == 0
    said = capsys.readouterr().out
    assert "holds: Neurons straighten natural sequences." in said
    assert "angle of unbiased products" in said
    found, known = read_result(tmp_path / "page"), run(given, net=network())
    assert found.tables["straightening"] == known.tables["straightening"]
    assert found.tables["movies"] == known.tables["movies"]
    assert "95 % over neurons and repeats" in (tmp_path / "page" / "report.html").read_text()
    assert main(["neural", "straighten", f"{tmp_path}/net"]) == 2
    assert "--frames must be given" in capsys.readouterr().err
    assert main(["neural", "straighten", f"{tmp_path}/net", "--frames", given.frames, "--recording", "none"]) == 2
    assert "there are no recordings at 'none'" in capsys.readouterr().err

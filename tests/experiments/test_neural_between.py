"""Models beside animals made by hand: who is close, whose images are shared, and what is refused."""

import dataclasses
import shutil
import zipfile

import numpy as np
import pytest

import cordsnet
from answers_by_hand import real
from cordsnet.cli import main
from cordsnet.errors import DataError
from cordsnet.experiments import EXPERIMENTS, Setting, read_result
from cordsnet.experiments.recordings.animals import HALVES, _shared, read_animals
from cordsnet.experiments.recordings.neural_between import NeuralBetweenOptions
from cordsnet.neural import Recording, between_animals, rdm_movie, read_recording, save_recording
from cordsnet.report import write_result
from recordings_by_hand import BINS, write_pictures, write_recording

TINY = {"image_size": 16, "in_channels": 1, "num_classes": 3, "width": 4}


def network(name="cordsnet_r2_small", seed=0):
    return cordsnet.create_model(name, seed=seed, **TINY).eval()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Folder with a.npz, b.npz and c.npz, animals that read the top area of one network, and pictures.zip."""
    folder = tmp_path_factory.mktemp("animals")
    for seed, name in enumerate("abc"):
        (folder / name).mkdir()
        path, pictures = write_recording(
            folder / name, network(), neurons=150, mixed=30, noise="gaussian", rates_hz=2000.0, seed=seed
        )
        one = read_recording(path)
        labels = {"animal": np.array([name] * 150)}
        save_recording(dataclasses.replace(one, neuron_labels=labels), folder / f"{name}.npz")
        shutil.copy(pictures, folder / "pictures.zip")
    network().save_pretrained(folder / "net")
    return folder


def options(lab, names="abc", **changes):
    files = tuple(f"{lab}/{name}.npz" for name in names)
    given = NeuralBetweenOptions(files, (f"{lab}/pictures.zip",), draws=40, latency_ms=0.0, metric="euclidean")
    return dataclasses.replace(given, **changes)


def run(given, **models):
    return EXPERIMENTS["neural_between"](Setting(models or {"net": network()}), given)


def test_the_network_that_animals_read_is_as_close_as_animals_are(lab):
    result = run(options(lab))
    (row,) = result.rows("between", model="net", chosen=True)
    assert row["area"] == "area2"
    assert row["verdict"] in ("passes", "undecided")
    assert row["agreement"] > 0.8
    (pixels,) = result.rows("between", model="pixels")
    assert pixels["verdict"] == "fails"
    assert pixels["high"] < 0
    verdicts = {claim.subject: claim.verdict for claim in result.claims}
    assert verdicts["pixels"] == "holds"
    assert verdicts["net"] != "fails"
    assert len(result.rows("pairs")) == 3
    assert np.mean([one["agreement"] for one in result.rows("pairs")]) == pytest.approx(row["animals"])
    assert "interval is over images and animals" in row["status"]
    (other,) = result.rows("between", model="net", chosen=False)
    assert "low" not in other
    assert "verdict" not in other


def test_numbers_are_those_of_between_animals(lab):
    given = options(lab, "ab")
    result = run(given)
    durations = np.diff(BINS, axis=1)[:, 0] / BINS[-1, 1]
    order = np.random.default_rng(0).permutation(60)
    scored = np.sort(order[12:])
    means = [read_recording(path).mean[scored] for path in given.recording]
    rdms = [rdm_movie(np.einsum("itn,t->in", one, durations)[:, None], "euclidean") for one in means]
    found = between_animals(rdms[0], rdms, draws=40)
    (pair,) = result.rows("pairs")
    assert pair["agreement"] == pytest.approx(found.animals[0, 0])
    assert "two animals: the interval is over images only" in result.meta["status"]
    assert [row["time_ms"] for row in result.rows("time", model="net")] == [10.0, 30.0, 60.0]


def test_images_are_shared_by_name_or_by_picture(lab, tmp_path):
    one = read_recording(lab / "a.npz")
    renamed = dataclasses.replace(one, images=[f"other{k}" for k in range(60)]).select(images=np.arange(20, 60))
    save_recording(renamed, tmp_path / "renamed.npz")
    with zipfile.ZipFile(lab / "pictures.zip") as old, zipfile.ZipFile(tmp_path / "renamed.zip", "w") as new:
        for k in range(20, 60):
            new.writestr(f"other{k}.png", old.read(f"picture{k}.png"))
    files, places = (f"{lab}/a.npz", f"{tmp_path}/renamed.npz"), (f"{lab}/pictures.zip", f"{tmp_path}/renamed.zip")
    found = read_animals(files, places, "files", 0)
    assert found.pictures.names == tuple(f"picture{k}" for k in range(20, 60))
    assert np.array_equal(found.responses["a"], found.responses["renamed"])
    assert any("20 " not in note and "40 of 60 images of a are shared" in note for note in found.notes)
    assert any("name the same animal, a" in note for note in found.notes)
    whole = read_animals((f"{lab}/a.npz", f"{lab}/b.npz"), places[:1], "files", 0)
    assert any("the same where their names are" in note for note in whole.notes)


def test_files_of_one_animal_decide_no_claim(lab, tmp_path):
    one = read_recording(lab / "b.npz")
    save_recording(dataclasses.replace(one, neuron_labels={"animal": np.array(["a"] * 150)}), tmp_path / "day2.npz")
    result = run(options(lab, recording=(f"{lab}/a.npz", f"{tmp_path}/day2.npz")))
    assert not result.meta["are_animals"]
    assert {claim.verdict for claim in result.claims} == {"undecided at this scale"}
    assert any("name the same animal, a" in row["note"] for row in result.rows("notes"))
    page = write_result(result, tmp_path / "out")[0].read_text()
    assert "populations of which some are of the same animal" in page
    assert "halves" not in page
    assert read_animals(options(lab, "ab").recording, (f"{lab}/pictures.zip",), "files", 0).are_animals


def test_images_that_are_one_picture_count_once(lab, tmp_path):
    rows = _shared([["a", "b", "b"], ["b", "a"]], ["one", "two"], [])
    assert [row.tolist() for row in rows] == [[0, 1], [1, 0]]
    with zipfile.ZipFile(lab / "pictures.zip") as old, zipfile.ZipFile(tmp_path / "copies.zip", "w") as new:
        for k in range(60):  # picture 7 is shown under the name of picture 3 too
            new.writestr(f"picture{k}.png", old.read(f"picture{3 if k == 7 else k}.png"))
    files, places = (f"{lab}/a.npz", f"{lab}/b.npz"), (f"{tmp_path}/copies.zip",) * 2
    found = read_animals(files, places, "files", 0)
    kept = [k for k in range(60) if k != 7]
    assert found.pictures.names == tuple(f"picture{k}" for k in kept)
    for name in "ab":
        np.testing.assert_array_equal(found.responses[name], read_recording(lab / f"{name}.npz").mean[kept])
        assert any(f"1 of 60 images of {name} are copies of another picture" in note for note in found.notes)


def test_pictures_of_the_same_names_are_not_taken_for_the_same_images(lab, tmp_path):
    """Two sessions number their own images from 1, as labs do."""
    (tmp_path / "other").mkdir()
    other = write_pictures(tmp_path / "other", seed=1)
    files = (f"{lab}/a.npz", f"{lab}/b.npz")
    with pytest.raises(DataError, match="a and b share no images: none of the 60 and 60 pictures"):
        read_animals(files, (f"{lab}/pictures.zip", str(other)), "files", 0)


def test_one_recording_is_divided_by_its_animals(lab, tmp_path):
    parts = [read_recording(lab / f"{name}.npz") for name in "ab"]
    joined = Recording(
        np.concatenate([part.responses for part in parts], 3), parts[0].bins_ms, parts[0].images,
        [f"{k}" for k in range(300)], "other", {}, {"animal": np.repeat(["a", "b"], 150)},
    )  # fmt: skip
    save_recording(joined, tmp_path / "joined.npz")
    given = options(lab, recording=(f"{tmp_path}/joined.npz",), divide="animal", metric="correlation")
    found, known = run(given), run(options(lab, "ab", metric="correlation"))
    assert list(found.meta["animals"].items()) == [("a", 150), ("b", 150)]
    assert found.meta["are_animals"]
    counts = read_animals(given.recording, given.pictures, "animal", 0)
    assert np.array_equal(counts.responses["b"], parts[1].mean)
    assert len(found.claims) == len(known.claims)
    with pytest.raises(DataError, match="has 1 animals in the label animal"):
        read_animals((f"{lab}/a.npz",), given.pictures, "animal", 0)


def test_halves_share_no_trial_and_decide_no_claim(lab):
    given = options(lab, "a", divide="halves")
    found = read_animals(given.recording, given.pictures, "halves", 0)
    whole = read_recording(lab / "a.npz")
    assert [one.shape for one in found.responses.values()] == [(60, 3, 75), (60, 3, 75)]
    for half in found.responses.values():  # each a mean of two of the four repeats
        for column in half.transpose(2, 0, 1):
            pairs = np.array([
                np.nanmean(whole.responses[:, [i, j]], 1) for i in range(4) for j in range(i)
            ])  # fmt: skip
            match = np.isclose(pairs, column[None, ..., None]).all(2).any(0)  # some pair of repeats [I, N]
            assert match.all(0).sum() == 1
            break
    result = run(given)
    assert {claim.verdict for claim in result.claims} == {"undecided at this scale"}
    assert all(claim.value is None for claim in result.claims)
    assert any(row["note"] == HALVES for row in result.rows("notes"))


def test_halves_of_averages_are_said_to_share_trials(lab, tmp_path):
    one = read_recording(lab / "a.npz")
    save_recording(dataclasses.replace(one, responses=one.mean[:, None]), tmp_path / "mean.npz")
    found = read_animals((f"{tmp_path}/mean.npz",), (f"{lab}/pictures.zip",), "halves", 0)
    assert any("the halves share trials" in note for note in found.notes)


def test_the_command_takes_several_recordings(lab, tmp_path, capsys):
    words = [f"{lab}/net", "--pictures", f"{lab}/pictures.zip", "--draws", "20", "--latency_ms", "0"]
    files = ["--recording", f"{lab}/a.npz", f"--recording={lab}/b.npz"]
    assert main(["neural", "between", *files, *words, "--metric", "euclidean", "--output", f"{tmp_path}/page"]) == 0
    said = capsys.readouterr().out
    assert "animals with one another" in said
    assert "holds: Pixels are further from an animal" in said
    known = run(options(lab, "ab", draws=20), net=network())
    assert read_result(tmp_path / "page").tables["between"] == known.tables["between"]
    page = (tmp_path / "page" / "report.html").read_text()
    assert "Over time" in page
    assert "a (150 neurons), b (150 neurons)" in page


def other_bins(one):
    return dataclasses.replace(one, bins_ms=one.bins_ms + 10)


def silent(one):
    responses = one.responses.copy()
    responses[3] = 0
    return dataclasses.replace(one, responses=responses)


def few(one):
    return one.select(images=np.arange(30))


@pytest.mark.parametrize(
    ("change", "changes", "message"),
    [
        (other_bins, {}, "must have the same bins, but a and changed have 3 from 0 to 80 ms and 3 from 10 to 90 ms"),
        (silent, {"metric": "correlation"}, "changed answers some image without a spike"),
        (few, {}, "divides 30 shared images into 6 that choose"),
    ],
)
def test_recordings_that_cannot_be_compared_are_refused(lab, tmp_path, change, changes, message):
    save_recording(change(read_recording(lab / "b.npz")), tmp_path / "changed.npz")
    given = options(lab, **changes, recording=(f"{lab}/a.npz", f"{tmp_path}/changed.npz"))
    with pytest.raises(DataError, match=message):
        run(given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recording": ()}, "recording must be given"),
        ({"pictures": ()}, "pictures must be given"),
        ({"pictures": ("x", "y", "z", "w")}, "one place for all 3 recordings or one for each, got 4"),
        ({"divide": "halves"}, "divides one recording, got 3 recordings"),
    ],
)
def test_what_is_missing_is_said(lab, changes, message):
    with pytest.raises(ValueError, match=message):
        run(options(lab, **changes))
    with pytest.raises(ValueError, match="must name two recordings or more, got one; divide 'animal'"):
        run(options(lab, "a"))
    with pytest.raises(ValueError, match="twice; each is one animal"):
        run(options(lab, "aa"))


@pytest.mark.parametrize(
    "wrong", [{"draws": 2}, {"metric": "crossnobis"}, {"method": "cka"}, {"divide": "no"}], ids=str
)
def test_options_that_cannot_be_are_refused(wrong, as_users_run_it):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NeuralBetweenOptions(**wrong)


def test_two_sessions_of_v4_have_images_of_the_same_names_and_share_none():
    folders = [real("v4_session_210325"), real("v4_session_201025")]
    names = [read_recording(folder).images for folder in folders]
    assert len(set(names[0]) & set(names[1])) == 640
    with pytest.raises(DataError, match="share no images: none of the 640 and 1,200 pictures"):
        read_animals(tuple(map(str, folders)), tuple(str(one / "images.zip") for one in folders), "files", 0)

"""`cordsnet neural convert | score | calibrate | decode | activity` on files as a lab would have them."""

import dataclasses
import json

import numpy as np
import pytest

import cordsnet
from cordsnet.cli import main
from cordsnet.experiments.recordings.latency import choose_latency
from cordsnet.experiments.recordings.neural_scores import NeuralScoresOptions
from cordsnet.experiments.recordings.scoring import prepare
from cordsnet.neural import load_store, read_recording, record_activity, save_recording
from recordings_by_hand import BINS, write_recording

TINY = {"image_size": 16, "in_channels": 1, "num_classes": 3, "width": 4}
LATENCY_MS = 40.0
LATE = BINS + LATENCY_MS
"""Bins of neurons that answer 40 ms later than the model whose area they read."""

FAST = ["--mapping", "one_to_one", "--choose_share", "0.4"]


def network(seed=0):
    return cordsnet.create_model("cordsnet_r2_small", seed=seed, **TINY).eval()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Folder with responses.npy [neuron, image, repeat, bin], names.txt, pictures.zip, rec.npz and the model in net."""
    folder = tmp_path_factory.mktemp("lab")
    model = network()
    path, _ = write_recording(folder, model, count=60, noise="gaussian", rates_hz=2000.0)
    counts = read_recording(path)
    rates = counts.responses / counts.durations_ms[:, None]  # bins differ in duration, and a mapping is shared by them
    recording = dataclasses.replace(counts, responses=rates, bins_ms=LATE)
    save_recording(recording, folder / "rec.npz")
    np.save(folder / "responses.npy", np.transpose(recording.responses, (3, 0, 1, 2)))
    (folder / "names.txt").write_text("\n".join(f"{name}.png" for name in recording.images))
    model.save_pretrained(folder / "net")
    return folder


def edges(bins):
    return json.dumps(bins.tolist())


def test_two_commands_lead_from_an_array_to_a_page(lab, tmp_path, capsys):
    output = tmp_path / "new" / "rec.npz"
    words = ["convert", f"{lab}/responses.npy", "--axes", "neuron image repeat time", "--bins_ms", edges(LATE)]
    assert (
        main(["neural", *words, "--image_names", f"{lab}/names.txt", "--unit", "other", "--output", str(output)]) == 0
    )
    said = capsys.readouterr().out
    assert "60 images, 8 neurons" in said
    assert f"cordsnet neural score {output}" in said
    found, known = read_recording(output), read_recording(lab / "rec.npz")
    assert np.array_equal(found.responses, known.responses)
    assert found.images == tuple(f"{name}.png" for name in known.images)
    words = ["score", str(output), "--pictures", f"{lab}/pictures.zip", f"{lab}/net", "--output", f"{tmp_path}/page"]
    assert main(["neural", *words, *FAST, "--preset", "smoke", "--latency_ms", "40"]) == 0
    said = capsys.readouterr().out
    assert "pictures are matched with images by name" in said
    assert "holds: The model predicts how neurons answer" in said
    assert (tmp_path / "page" / "report.html").is_file()
    rows = json.loads((tmp_path / "page" / "result.json").read_text())["tables"]["neural_scores"]
    (best,) = (row for row in rows if row["model"] == "net" and row["chosen"] and row["measure"] == "centred")
    assert best["area"] == "area2"
    assert best["r"] > 0.9


def test_a_model_whose_own_images_are_gone_can_be_scored(lab, tmp_path):
    model = network()
    model.metadata["data"] = {"name": "photographs that nobody kept"}
    model.save_pretrained(tmp_path / "far")
    words = ["score", f"{lab}/rec.npz", "--pictures", f"{lab}/pictures.zip", f"{tmp_path}/far", *FAST]
    assert main(["neural", *words, "--preset", "smoke", "--output", f"{tmp_path}/page", "--quiet"]) == 0


def test_the_latency_of_neurons_that_answer_late_is_found(lab, capsys):
    words = [f"{lab}/rec.npz", "--pictures", f"{lab}/pictures.zip", f"{lab}/net", *FAST, "--draws", "50"]
    assert main(["neural", "calibrate", *words, "--latencies_ms", "0,20,40,60,80"]) == 0
    said = capsys.readouterr().out
    assert "net predicts best at a latency of 40 ms" in said
    assert "24 images chose it" in said
    assert "--latency_ms 40" in said.splitlines()[-1]
    assert "do not tell the latencies apart" not in said
    assert main(["neural", "calibrate", *words, "--latencies_ms", "40,60", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["net"]
    assert found["best_ms"] == 40
    assert found["at_end"]
    assert found["areas"][0] == "area2"
    assert found["interval"][0][0] <= found["r"][0] <= found["interval"][0][1]


def test_latencies_that_long_bins_do_not_tell_apart_are_said_to_be(tmp_path, capsys):
    """One bin of 80 ms of few noisy spikes: 4 ms more or less change a mean over 80 ms by less than noise does."""
    path, pictures = write_recording(tmp_path, network(), noise="poisson", rates_hz=20.0, neurons=6)
    fine = read_recording(path)
    coarse = dataclasses.replace(
        fine, responses=fine.responses.sum(2, keepdims=True), bins_ms=np.array([[BINS[0, 0], BINS[-1, 1]]])
    )
    save_recording(coarse, tmp_path / "long.npz")
    network().save_pretrained(tmp_path / "net")
    words = [f"{tmp_path}/long.npz", "--pictures", str(pictures), f"{tmp_path}/net", *FAST, "--draws", "100"]
    assert main(["neural", "calibrate", *words, "--latencies_ms", "0,4"]) == 0
    said = capsys.readouterr().out
    assert "over neurons, the best lies between 0 and 4 ms" in said
    assert "These neurons and images do not tell the latencies apart" in said
    assert "at an end of the grid" not in said
    assert main(["neural", "calibrate", *words, "--latencies_ms", "0,4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["net"]["told_apart"] is False


def test_the_choice_of_a_latency_does_not_look_at_images_that_are_scored(lab, tmp_path):
    options = NeuralScoresOptions(f"{lab}/rec.npz", f"{lab}/pictures.zip", "one_to_one", choose_share=0.4, draws=20)
    known = choose_latency({"net": network()}, options, (20, 40), seed=3)["net"]
    recording = read_recording(lab / "rec.npz")
    values = recording.responses.copy()
    scored = prepare(options, 3).scored
    values[scored] = np.random.default_rng(0).random(values[scored].shape) * values.max()
    save_recording(dataclasses.replace(recording, responses=values), tmp_path / "other.npz")
    other = dataclasses.replace(options, recording=f"{tmp_path}/other.npz")
    found = choose_latency({"net": network()}, other, (20, 40), seed=3)["net"]
    assert np.array_equal(found.r, known.r)
    changed = values.copy()
    changed[prepare(options, 3).choosing] = 0.5 * values.max() - 0.5 * recording.responses[prepare(options, 3).choosing]
    changed[0] = values[0]
    save_recording(dataclasses.replace(recording, unit="other", responses=changed), tmp_path / "changed.npz")
    again = dataclasses.replace(options, recording=f"{tmp_path}/changed.npz")
    assert not np.array_equal(choose_latency({"net": network()}, again, (20, 40), seed=3)["net"].r, known.r)


def test_a_class_is_decoded_from_a_file(lab, tmp_path, capsys):
    words = ["decode", f"{lab}/rec.npz", "--label", "object", "--preset", "smoke", "--output", f"{tmp_path}/page"]
    assert main(["neural", *words]) == 0
    assert "The class can be decoded" in capsys.readouterr().out
    assert (tmp_path / "page" / "report.html").is_file()
    assert main(["neural", "decode", f"{lab}/rec.npz", "--label", "colour"]) == 2
    assert "label and over must be labels of the images" in capsys.readouterr().err


def test_activity_is_written_and_its_size_is_told_before(lab, tmp_path, capsys):
    output = tmp_path / "x.zarr"
    words = ["activity", f"{lab}/net", "--pictures", f"{lab}/pictures.zip", "--output", str(output)]
    assert main(["neural", *words, "--recording", f"{lab}/rec.npz", "--latency_ms", "40"]) == 0
    said = capsys.readouterr().out
    store = load_store(output)
    units = sum(store.area(name).shape[2] for name in store.areas)
    assert f"60 images x 3 bins x {units:,} units of {', '.join(store.areas)}" in said.splitlines()[0]
    direct = record_activity(network(), str(lab / "pictures.zip"), BINS, tmp_path / "direct.zarr")
    for name in store.areas:
        assert np.abs(store.area(name)[:] - direct.area(name)[:]).max() < 1e-6
    assert main(["neural", *words, "--recording", f"{lab}/rec.npz"]) == 2
    assert "differs in bins_ms" not in (said := capsys.readouterr().err)
    assert "differs in viewing" in said


def test_bins_are_given_by_their_duration_and_areas_by_name(lab, tmp_path, capsys):
    words = ["activity", f"{lab}/net", "--pictures", f"{lab}/pictures.zip", "--output", f"{tmp_path}/x.zarr"]
    words += ["--bin_ms", "20", "--from_ms", "-20", "--to_ms", "60", "--areas", "area1"]
    assert main(["neural", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bins_ms"] == [[-20, 0], [0, 20], [20, 40], [40, 60]]
    assert list(found["units"]) == ["area1"]
    assert found["bytes"] == 4 * load_store(tmp_path / "x.zarr").area("area1").size


def test_the_time_that_is_left_is_told_after_the_first_block_that_is_computed(lab, tmp_path, capsys, monkeypatch):
    from cordsnet.neural.activity import record

    monkeypatch.setattr(record, "BLOCK_BYTES", 1)  # a block of one image
    words = ["activity", f"{lab}/net", "--pictures", f"{lab}/pictures.zip", "--output", f"{tmp_path}/x.zarr"]
    words += ["--bin_ms", "20", "--from_ms", "0", "--to_ms", "40"]
    computed, compute = [], record._Plan.activity

    def interrupted(self, rows):
        computed.append(rows.start)
        if len(computed) == 5:
            raise KeyboardInterrupt
        return compute(self, rows)

    monkeypatch.setattr(record._Plan, "activity", interrupted)
    assert main(["neural", *words]) == 130
    assert "1 of 60 images, about" in capsys.readouterr().out
    assert main(["neural", *words]) == 0
    said = capsys.readouterr().out
    assert "4 of 60 blocks of images are there already" in said
    assert "5 of 60 images, about" in said
    assert computed == [*range(5), *range(4, 60)]


BAD = {
    "no recording": ("score", "needs the file of a recording first"),
    "absent recording": ("score none.npz --pictures {lab} {lab}/net", "there is no recording"),
    "no pictures": ("score {rec} {lab}/net", "--pictures must be given"),
    "absent pictures": ("calibrate {rec} --pictures none {lab}/net", "there are no pictures at"),
    "recording twice": ("decode {rec} --recording x", "given twice"),
    "unknown model": ("score {rec} --pictures {lab} cordsnet_r3", "unknown model"),
    "no model": ("calibrate {rec} --pictures {lab}", "models"),
    "unknown option": ("score {rec} --pictures {lab} {lab}/net --latncy_ms 3", "latency_ms"),
    "one latency": ("calibrate {rec} --pictures {zip} {lab}/net --latencies_ms 50", "latencies_ms"),
    "twice a latency": ("calibrate {rec} --pictures {zip} {lab}/net --latencies_ms 5,5", "each once"),
    "too late": ("calibrate {rec} --pictures {zip} {lab}/net --latencies_ms 0,500", "no bin sees"),
    "few choose": ("calibrate {rec} --pictures {zip} {lab}/net --choose_share 0.1", "choose_share"),
    "vector model": ("calibrate {rec} --pictures {zip} vector_rnn_small", "vector_rnn_small"),
    "no bins": ("activity {lab}/net --pictures {zip} --output x.zarr", "bins must be given"),
    "bins twice": ("activity {lab}/net --pictures {zip} --output x.zarr --recording {rec} --bin_ms 5", "leave one out"),
    "bins that do not fit": (
        "activity {lab}/net --pictures {zip} --output x.zarr --bin_ms 30 --from_ms 0 --to_ms 50",
        "do not divide",
    ),
    "no zarr": ("activity {lab}/net --pictures {zip} --output x --recording {rec}", "must end in .zarr"),
    "unknown area": ("activity {lab}/net --pictures {zip} --output x.zarr --recording {rec} --areas V4", "V4"),
    "no npz": ("convert {rec} --output x.mat", "--output must end in .npz"),
    "no names": ("convert {rec} --output x.npz --image_names none.txt", "--image_names must be"),
    "unknown command": ("scores", "it has check, convert"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_at_fault_is_said_in_one_sentence(name, lab, tmp_path, monkeypatch, capsys):
    words, said = BAD[name]
    monkeypatch.chdir(tmp_path)
    places = {"lab": lab, "rec": lab / "rec.npz", "zip": lab / "pictures.zip"}
    assert main(["neural", *(word.format(**places) for word in words.split())]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("cordsnet: error: ")
    assert said in line
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_of_a_file_that_cannot_be_read(lab, tmp_path, capsys):
    assert main(["neural", "convert", f"{lab}/responses.npy", "--output", f"{tmp_path}/rec.npz"]) == 2
    assert "axes must say" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


EVERY = "check look convert score calibrate decode straighten between activity"


@pytest.mark.parametrize("command", EVERY.split())
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["neural", command, "--help"])
    assert stopped.value.code == 0
    assert f"cordsnet neural {command}" in capsys.readouterr().out
    assert main(["neural", "--help"]) == 0
    assert f"\n  {command:<12}" in capsys.readouterr().out

"""Checks of recordings: damaged and odd files are handled or refused in one sentence; good ones raise nothing."""

import json
import re

import numpy as np
import pytest
from odd_files import AXES, EDGES, IMAGES, ODD, counts, saved

from cordsnet.cli import main
from cordsnet.errors import DataError
from cordsnet.neural import Finding, Recording, check_recording, read_recording, save_recording

pytestmark = pytest.mark.usefixtures("as_users_run_it")


def found_in(kind, folder):
    row = ODD[kind]
    path = row.make(folder)
    listed = folder / "order.txt"
    options = {name: value for name, value in row.options.items() if name != "images"}
    return row, path, check_recording(path, images=listed if listed.exists() else None, **options)


def test_there_are_many_kinds_of_each_level():
    levels = [row.level for row in ODD.values()]
    assert len(levels) >= 90
    assert min(levels.count("error"), levels.count("warning"), levels.count("note")) >= 4


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_is_told_in_one_sentence(kind, tmp_path):
    row, path, check = found_in(kind, tmp_path)
    told = [f for f in check.findings if _matches(row.says, f)]
    assert len(told) == 1, check.findings
    assert told[0].level == row.level
    sentence = told[0].sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert len(sentence.replace(str(path), "FILE").replace(str(path.parent), "FOLDER")) < 300
    if check.recording is None:
        assert len(check.findings) == 1
        assert str(path.parent) in sentence
    others = {f.level for f in check.findings if f is not told[0]}
    assert "error" not in others


def _matches(pattern, finding):
    return re.search(pattern, f"{finding.where}: {finding.sentence}") is not None


def test_a_good_file_is_understood_and_nothing_looks_wrong(tmp_path):
    check = check_recording(saved(tmp_path, counts(), area="V4", animal="m1", source="Made here."))
    assert check.findings == ()
    assert check.passed
    said = " ".join(check.understood)
    for part in (
        "24 images, 5 neurons, 4 time bins, 6 repeats",
        "Unit count",
        "Bins of 50 ms, one every 50 ms",
        "V4 5",
    ):
        assert part in said
    assert said.endswith("Made here.")


def test_random_recordings_have_no_copies():
    rng = np.random.default_rng(0)
    for neurons, rate in ((1, 2.0), (3, 0.3), (40, 0.05), (40, 3.0)):
        responses = rng.poisson(rate, (100, 10, 2, neurons)).astype(float)
        names = [f"i{k}" for k in range(100)], [f"n{k}" for k in range(neurons)]
        check = check_recording(Recording(responses, np.array([[0.0, 50.0], [50.0, 100.0]]), *names))
        assert [f for f in check.findings if "cop" in f.sentence or "two images" in f.sentence] == []


def test_pictures_in_a_folder_or_archive_give_the_order(tmp_path):
    names = [f"p{k:02d}" for k in range(IMAGES)]
    path = saved(tmp_path, counts(), images=names)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in names:
        (folder / f"{name}.jpg").write_bytes(b"")
    assert check_recording(path, images=folder).findings == ()
    assert check_recording(path, images=names).findings == ()
    turned = check_recording(path, images=names[::-1])
    assert [f.where for f in turned.findings] == ["image 0"]
    assert not turned.passed
    with pytest.raises(DataError, match="holds no pictures"):
        check_recording(path, images=tmp_path)


def test_options_are_for_files_only():
    found = Recording(
        counts(), np.array([[0.0, 50.0], [50.0, 100.0], [100.0, 150.0], [150.0, 200.0]]), range(24), range(5)
    )
    with pytest.raises(DataError, match="unit must not be given"):
        check_recording(found, unit="rate")
    with pytest.raises(DataError, match="level must be one of"):
        Finding("bad", "", "")


def test_the_command_prints_what_it_understood_and_found(tmp_path, capsys):
    path = saved(tmp_path, counts(), area=["V4", "V4", "IT", "IT", "IT"])
    assert main(["neural", "check", str(path)]) == 0
    said = capsys.readouterr().out
    assert "24 images, 5 neurons" in said
    assert "note: neuron label area: Neurons are of 2 areas" in said
    assert main(["neural", "check", str(path), "--area", "V4", "--unit", "rate", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["shape"] == [24, 6, 4, 5]
    assert [(f["level"], f["where"]) for f in found["findings"]] == [("warning", "unit")]


def test_the_command_takes_axes_and_bins_and_fails_after_an_error(tmp_path, capsys):
    np.save(tmp_path / "bare.npy", counts())
    words = ["neural", "check", str(tmp_path / "bare.npy")]
    assert main([*words, "--axes", AXES, "--bins_ms", str(EDGES)]) == 0
    assert "Nothing looks wrong." in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 1
    assert "error: axes must say" in capsys.readouterr().out
    assert main([*words, "--axes", AXES, "--bins_ms", "soon"]) == 2
    assert main(["neural", "chek"]) == 2
    assert "it has check" in capsys.readouterr().err


def test_nothing_in_a_file_is_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    np.save(tmp_path / "trap.npy", np.array([Trap(), Trap()], dtype=object), allow_pickle=True)
    (tmp_path / "sprung").unlink(missing_ok=True)
    with pytest.raises(DataError, match="Python objects"):
        read_recording(tmp_path / "trap.npy", axes="image neuron", bins_ms=[0, 1])
    assert not (tmp_path / "sprung").exists()


def test_a_file_of_ours_passes_with_all_that_it_holds(tmp_path):
    found = read_recording(saved(tmp_path, counts(), area="V4", animal="m1"))
    assert check_recording(save_recording(found, tmp_path / "ours.npz")).findings == ()

"""What commands say while they work: warnings as sentences, notes of networks, bars or sentences of what takes long."""

import json
import os
import pty
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from cordsnet._progress import listening, tell_progress
from cordsnet.cli import COMMANDS, main
from cordsnet.cli.telling import Told, duration, told_warnings
from cordsnet.data import load_data
from cordsnet.errors import DataWarning
from cordsnet.experiments import EXPERIMENTS
from cordsnet.models import create_model, save_model


def photographs(root, count=6, broken=0):
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("ball", "tent"):
            (root / split / name).mkdir(parents=True)
            for k in range(count):
                path = root / split / name / f"{k}.png"
                Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(path)
    for k in range(broken):
        (root / "train" / "ball" / f"{k}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("second", "said"),
    [(0.01, ""), (0.09, ""), (0.2, "photos: 5 of 100 images, about 19 s more"), (60, "photos: 1 of 100 images, about")],
)
def test_without_a_terminal_a_long_wait_is_told_once_in_a_sentence(second, said, capsys):
    clock = Clock()
    told = Told(False, True, clock)
    for done in range(101):
        told.reading("photos", done, 100)
        clock.now += second if done < 10 else 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)
    assert err.count("\n") == bool(said)


@pytest.mark.parametrize("says", [True, False])
def test_every_long_wait_is_told(says, capsys):
    clock = Clock()
    told = Told(False, says, clock)
    for what in ("one", "two", "one"):
        for done in range(4):
            told.reading(what, done, 3, "steps")
            clock.now += 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["one", "two", "one"] * says


def test_on_a_terminal_a_long_wait_has_a_bar_with_name_speed_and_remaining_time(tmp_path):
    code = (
        "import time\nfrom cordsnet.cli.telling import Told\ntold = Told(True, True)\n"
        "for k in range(8):\n    told.reading('reading images of photos', k, 7)\n    time.sleep(0.25)\n"
        "assert told.bar is None"
    )
    main_end, other = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run([sys.executable, "-c", code], stdout=other, env=environment, timeout=60)
    os.close(other)
    said = os.read(main_end, 100_000).decode()
    assert done.returncode == 0
    for part in ("reading images of photos", "images/s", "7/7", "0:00:00"):
        assert part in said


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (42.4, "42 s"), (240, "4 minutes"), (9000, "2.5 hours")])
def test_durations_are_in_words(seconds, said):
    assert duration(seconds) == said


def test_reading_a_folder_tells_its_progress_to_its_end(tmp_path):
    heard = {}
    with listening(lambda what, done, total, unit: heard.setdefault(what, []).append((done, total, unit))):
        assert load_data(photographs(tmp_path / "photos"), 8).identity
    for split in ("train", "test"):
        for what in ("looking at pictures of", "reading images of", "checking the content of"):
            told = heard[f"{what} 'photos' ({split})"]
            assert (told[0], told[-1]) == ((0, 12, "images"), (12, 12, "images"))
    assert tell_progress("nobody listens", 0, 1) is None


@pytest.mark.parametrize("category", [UserWarning, DataWarning, RuntimeWarning])
def test_warnings_are_sentences_told_once(category, capsys):
    with told_warnings():
        for k in (1, 2, 1, 2):
            warnings.warn(f"image {k}\n  cannot be read", category, stacklevel=1)
    assert capsys.readouterr() == ("", "warning: image 1 cannot be read\nwarning: image 2 cannot be read\n")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_training_on_a_damaged_picture_warns_in_a_sentence(tmp_path, options):
    words = [
        "train",
        "images",
        "--data",
        str(photographs(tmp_path / "photos", 9, broken=1)),
        "--only",
        "fold",
        "--quiet",
    ]
    words += ["--output", str(tmp_path / "run"), "--model.width", "2", "--cnn.optimisation.batch", "4", *options]
    words += ["--finetune.optimisation.batch", "4"]
    done = subprocess.run([sys.executable, "-m", "cordsnet", *words], capture_output=True, text=True)
    told = [line for line in done.stderr.splitlines() if "cannot be read" in line]
    assert len(told) == 1
    assert told[0].startswith("warning: 1 of 18 images of data set 'photos' (train) cannot be read")
    for part in (".py:", "Warning", "warnings.warn"):
        assert part not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "NET", "--data", "digits", "--images", "4"],
        ["experiment", "second_image", "NET", "--trials", "4", "--image_ms", "4", "--gap_ms", "2"],
        ["experiment", "noise", "NET", "--trials", "4", "--image_ms", "4"],
        ["steppers", "NET", "--preset", "smoke", "--trials", "1", "--ms", "4"],
        ["precision", "NET", "--preset", "smoke", "--trials", "1", "--image_ms", "4"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
@pytest.mark.usefixtures("as_users_run_it")
def test_notes_of_a_network_are_told_by_every_command_that_loads_it(words, tmp_path, capsys):
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=10, width=2, image_size=8)
    save_model(model, tmp_path / "net")
    description = json.loads((tmp_path / "net" / "model.json").read_text())
    kept = {name: value for name, value in description.items() if "sha256" not in name and "checksum" not in name}
    assert kept != description
    (tmp_path / "net" / "model.json").write_text(json.dumps(kept))
    given = [str(tmp_path / "net") if word == "NET" else word for word in words]
    assert main([*given, "--quiet", "--output", str(tmp_path / "out")]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert sum("checksum" in line for line in told) == 1


def test_estimates_of_time_are_given_for_every_preset():
    assert {"demo", "train", "analyze", "evaluate", "bench"} <= set(COMMANDS)
    for name in EXPERIMENTS:
        for preset in EXPERIMENTS[name].presets.values():
            assert "on two cores and" in str(preset)
            assert preset.up_to is None or f"{preset.minutes:g} to {preset.up_to:g} minutes" in str(preset)

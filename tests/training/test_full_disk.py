"""A run whose disk is full says which file cannot be written and how much is free, and goes on once there is room."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cordsnet import _files
from cordsnet._files import free_space, writable_folder, write_whole
from cordsnet.errors import RunError

HERE = Path(__file__).parent
DISK_KB = 4096
SENTENCE = r"cannot be written \(No space left on device, [\d.]+ (bytes|kB|MB|GB) are free there\); free some space"
# fills a small disk while a stage makes an update, and empties it afterwards
PROGRAM = """
import contextlib, dataclasses, io, json, os, shutil, sys, warnings
import torch
from pathlib import Path
torch.set_num_threads(1)
from cordsnet import cli
from cordsnet.models import load_model
from cordsnet.training import RECIPES, loop
from cordsnet.training.stages import gauss_newton
from tiny import every_stage

disk, seen = Path(sys.argv[1]), []
whole = every_stage(5)
RECIPES.add("tiny", lambda: dataclasses.replace(whole, stages=whole.stages[:3]))
step, damped = loop.TrainingModule.optimizer_step, gauss_newton.damped_step


def fill(stage, update, left):
    def now():
        seen.append(1)
        if len(seen) == update:
            with contextlib.suppress(OSError), open(disk / "ballast", "wb", 0) as stream:
                while True:
                    stream.write(bytes(4096))
            os.truncate(disk / "ballast", max(0, os.path.getsize(disk / "ballast") - left))

    seen.clear()
    if stage == "cnn":
        loop.TrainingModule.optimizer_step = lambda self, *a, **k: (step(self, *a, **k), now())[0]
    else:
        gauss_newton.damped_step = lambda *a: (now(), damped(*a))[1]


def train(folder):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = cli.main(["train", "tiny", "--quiet", "--output", str(folder)])
    return code, said.getvalue()


def weights(folder):
    return [(folder / stage / "model.safetensors").read_bytes() for stage in ("cnn", "gauss_newton")]


assert train(disk / "whole")[0] == 0
wanted, found = weights(disk / "whole"), []
warnings.simplefilter("ignore")
for stage, update, left in json.loads(sys.argv[2]):
    fill(stage, update, left)
    code, said = train(disk / "run")
    loop.TrainingModule.optimizer_step, gauss_newton.damped_step = step, damped
    (disk / "ballast").unlink(missing_ok=True)
    kept = sorted(path.name[:16] for path in disk.glob(f"run/{stage}/checkpoints/*.ckpt"))
    again = train(disk / "run")
    found.append([code, said, kept, again, weights(disk / "run") == wanted])
    shutil.rmtree(disk / "run")
print(json.dumps(found))
"""
# stage, update at which the disk fills up, and bytes that are left then
CASES = [("cnn", 3, 0), ("cnn", 5, 0), ("cnn", 2, 65536), ("gauss_newton", 3, 0), ("gauss_newton", 6, 8192)]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What happened in every case, on a small disk in memory."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    disk = tmp_path_factory.mktemp("disk")
    mount = f'mount -t tmpfs -o size={DISK_KB}k tmpfs {disk} && exec "$@"'
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount, "sh", "true"], capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    words = [sys.executable, "-c", PROGRAM, str(disk), json.dumps(CASES)]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", *words], env=env, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return dict(zip(CASES, json.loads(done.stdout), strict=True))


@pytest.mark.timeout(420)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_run_goes_on_after_a_disk_was_full(case, outcomes):
    code, said, kept, (again, said_again), same = outcomes[case]
    stage, update, _ = case
    assert code == 2
    assert said.count("\n") == 1
    assert re.search(rf"run/{stage}/\S+ {SENTENCE}", said), said
    assert int(kept[-1][-9:]) >= update - 2  # of the checkpoints that were written every second update, none is lost
    assert (again, said_again) == (0, "")
    assert same


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS])
def test_a_file_that_cannot_be_written_is_named_and_free_space_is_told_where_it_matters(number, tmp_path, monkeypatch):
    def fails(*words):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(_files.os, "fsync", fails)
    with pytest.raises(RunError) as caught:
        write_whole(tmp_path / "file.json", b"content")
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'file.json'} cannot be written ({os.strerror(number)}")
    full = number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    assert ("are free there" in said) == full
    assert said.endswith("free some space and try again" if full else "choose another folder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("free", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (4096, "4.1 kB"), (25_300_000, "25.3 MB"), (2.5e12, "2500 GB")],
)
def test_free_space_is_told_in_words_for_files_in_folders_that_are_not_made_yet(free, said, tmp_path, monkeypatch):
    asked = []
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(_files.shutil, "disk_usage", lambda place: asked.append(place) or usage)
    assert free_space(tmp_path / "a" / "b" / "file") == f"{said} are free there"
    assert asked == [tmp_path]


def test_an_output_folder_on_a_full_disk_is_told_as_one(tmp_path, monkeypatch):
    def fails(self, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(RunError, match=SENTENCE):
        writable_folder(tmp_path / "run")

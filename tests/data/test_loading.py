"""Processes that decode images: started only where they can hand over what they read, and deaf to Ctrl-C."""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest
import torch

from cordsnet._processes import LONGEST_SOCKET, SOCKET
from cordsnet.data.loading import batch_loader
from cordsnet.errors import RunError

SCRIPT = """
import multiprocessing, sys, torch
from cordsnet.data.loading import batch_loader
multiprocessing.set_start_method("spawn", force=True)
print(sum(int(batch.sum()) for batch in batch_loader(torch.tensor, [[1, 2], [3]], 1)))
"""


def folder_of(length, root):
    """A folder below `root` whose path has a number of characters."""
    left = length - len(str(root))
    parts = ["x" * 100] * (left // 101) + ["x" * max(left % 101 - 1, 1)]
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def temporary(monkeypatch):
    """Makes Python look for its folder of temporary files again."""

    def choose(folder):
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.delitem(multiprocessing.current_process()._config, "tempdir", raising=False)

    return choose


def numbers(processes):
    return [batch.tolist() for batch in batch_loader(torch.tensor, [[1, 2], [3], [4, 5]], processes)]


@pytest.mark.parametrize("more", [0, 1, 30, 100, 400])
def test_a_path_too_long_for_sockets_is_refused_and_the_longest_that_fits_works(more, temporary):
    fits = LONGEST_SOCKET - len(SOCKET) - 1
    with tempfile.TemporaryDirectory(dir="/tmp") as root:
        folder = folder_of(fits + more, Path(root))
        temporary(folder)
        assert numbers(0) == [[1, 2], [3], [4, 5]]
        if len(str(folder)) <= fits:
            assert numbers(2) == [[1, 2], [3], [4, 5]]
            return
        with pytest.raises(RunError) as caught:
            numbers(2)
    assert f"{len(str(folder))} characters" in str(caught.value)
    assert "set TMPDIR to a shorter one" in str(caught.value)


def test_no_folder_of_temporary_files_is_told(temporary, monkeypatch):
    temporary("/absent")

    def none():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(RunError, match="none can be written to; set TMPDIR"):
        numbers(1)
    assert numbers(0) == [[1, 2], [3], [4, 5]]


def ran(script, folder):
    (folder / "script.py").write_text(script)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )


def test_a_script_that_would_start_itself_again_is_told(tmp_path):
    done = ran(SCRIPT, tmp_path)
    assert done.returncode
    assert "would start itself again in every worker process; put it under `if __name__" in done.stderr
    done = ran(SCRIPT.replace("print", "if __name__ == '__main__': print"), tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "6"), done.stderr


def interrupted(item, number):
    """Sends a signal to the worker itself, as a terminal does to every process, and reads the batch."""
    os.kill(os.getpid(), number)
    return torch.tensor(item)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1, signal.SIGTERM])
def test_a_worker_goes_on_reading_after_a_signal_that_everybody_gets(number):
    loader = batch_loader(partial(interrupted, number=number), [[1], [2], [3]], 2)
    assert [batch.tolist() for batch in loader] == [[1], [2], [3]]

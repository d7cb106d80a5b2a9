"""A run folder belongs to one run at a time; its lock ends with its owner."""

import errno
import json
import os
import subprocess
import sys
import threading

import pytest

from cordsnet.errors import RunError
from cordsnet.training import lock
from cordsnet.training.lock import LOCK, run_lock

HOLD = """
import sys, time
from pathlib import Path
from cordsnet.training.lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 0.0)


@pytest.fixture
def holder(tmp_path):
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def no_locks(monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", refuse)


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "no locks"])
def test_the_second_run_says_who_holds_the_folder_and_a_dead_holder_holds_nothing(locks, holder, tmp_path, monkeypatch):
    if not locks:
        no_locks(monkeypatch)
    with pytest.raises(RunError, match=rf"is in use by process {holder.pid} on .* since 20"), run_lock(tmp_path):
        pass
    holder.kill()
    holder.wait()
    with run_lock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert (tmp_path / LOCK).read_text() == ""


def test_where_files_cannot_be_locked_a_holder_on_another_machine_counts(tmp_path, monkeypatch):
    no_locks(monkeypatch)
    (tmp_path / LOCK).write_text(json.dumps({"pid": 1, "host": "elsewhere", "since": "2026"}))
    with pytest.raises(RunError, match=r"process 1 on elsewhere since 2026; .*delete .*\.lock if"), run_lock(tmp_path):
        pass


@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00" * 10, "[" * 4000])
def test_a_torn_note_locks_nothing(content, tmp_path):
    (tmp_path / LOCK).write_text(content)
    with run_lock(tmp_path):
        pass


def test_two_threads_of_one_process_do_not_share_a_folder(tmp_path):
    said = []

    def second():
        try:
            with run_lock(tmp_path):
                said.append("shared")
        except RunError as error:
            said.append(str(error))

    with run_lock(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "in use by another run of this process" in said[0]
    with run_lock(tmp_path):
        pass


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path):
    victim = tmp_path / "victim.txt"
    victim.write_text("kept")
    (tmp_path / LOCK).symlink_to(victim)
    with pytest.raises(RunError, match=r"\.lock cannot be written"), run_lock(tmp_path):
        pass
    assert victim.read_text() == "kept"

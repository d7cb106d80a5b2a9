"""A lock on the folder of a run, so that two runs never write into it at once."""

import contextlib
import errno
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cordsnet._files import cannot_write
from cordsnet.errors import RunError

LOCK = ".lock"
"""Name of the file that is locked; it says who holds it, and is empty when nobody does."""

PATIENCE = 2.0
"""For how long a lock that is held is tried again, s; a run that has nothing to do is over sooner."""

LARGEST_NOTE = 4096

TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""Numbers of the errors that say that another process holds a lock."""

_held: dict[Path, int] = {}
_guard = threading.Lock()

# A lock of the whole file by `lockf` belongs to one process and ends with it, however it ends: it leaves nothing behind
# that has to be cleaned up. Unlike one by `flock`, it is not inherited by the processes that decode images, which may
# outlive a killed run by seconds. Over NFS it is held by the server, for all machines, and ends when the lease of a
# dead machine does. It does not tell two threads of one process apart, so those are told apart by `_held`.
if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, LARGEST_NOTE, os.SEEK_SET)  # behind the note, which others may read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder within the context.

    Raises RunError, saying who holds it, when another run does.
    """
    path = folder.resolve() / LOCK
    with _guard:
        if _held.get(path) == os.getpid():
            raise RunError(f"folder {folder} is in use by another run of this process; choose another folder")
        descriptor = _opened(path)
        try:
            _take(descriptor, path, folder)
        except BaseException:
            os.close(descriptor)
            raise
        _held[path] = os.getpid()
    try:
        _write_note(descriptor)
        yield
    finally:
        with contextlib.suppress(OSError):  # the lock ends all the same
            os.ftruncate(descriptor, 0)
        _held.pop(path, None)
        os.close(descriptor)


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, flags, 0o644)
    except OSError as error:
        raise RunError(cannot_write(path, error)) from error


def _take(descriptor: int, path: Path, folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return _lock(descriptor)
        except OSError as error:
            if error.errno not in TAKEN:  # a file system without locks: the note alone says who is there
                return _check_note(path, folder)
            if time.monotonic() > until:
                raise RunError(
                    f"folder {folder} is in use by {_holder(path)}; wait for it, or choose another"
                ) from None
        time.sleep(0.1)


def _check_note(path: Path, folder: Path) -> None:
    """Raise RunError, where files cannot be locked, unless the process that the note names is known to be gone."""
    note = _read_note(path)
    if not note:
        return
    if note.get("host") == socket.gethostname() and not _is_alive(int(note.get("pid", 0))):
        return
    raise RunError(
        f"folder {folder} is in use by {_holder(path)}; wait for it, or delete {path} if that process is gone"
    )


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # where signal 0 would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _holder(path: Path) -> str:
    note = _read_note(path)
    if not note:
        return "another run"
    return f"process {note.get('pid')} on {note.get('host')} since {note.get('since')}"


def _read_note(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as stream:
            note = json.loads(stream.read(LARGEST_NOTE))
    except (OSError, ValueError, RecursionError):  # no note, or one that is being written
        return {}
    return note if isinstance(note, dict) else {}


def _write_note(descriptor: int) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    note = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode()
    with contextlib.suppress(OSError):  # the lock holds without it; only its holder would not be named
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, note)

"""Files: written whole or not at all, read with a bound on their size, and named so that they stay in their folder."""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from cordsnet.errors import RunError

LARGEST_JSON = 64 * 2**20
"""Largest JSON file that is read, bytes."""

LONGEST_NAME = 100
"""Longest name of a folder or file that a user may choose, characters."""

FORBIDDEN = re.compile(r'[/\\<>:"|?*\x00-\x1f\x7f]')
"""Characters that lead out of a folder, or that some system does not allow in a name."""

DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
"""Numbers of the errors of a full disk, a used-up quota and a limit on the size of files."""


PART = re.compile(r"\..+\.\d+\.part")
"""Names of files that are being written: hidden, with the number of the process."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: `path` holds all of `content` or is unchanged, even if the machine stops meanwhile.

    Raises RunError, naming the file and the reason, when it cannot be written.
    """
    part = path.with_name(
        f".{path.name}.{os.getpid()}.part"
    )  # with the process id, because two processes may write the same file
    try:
        with open(part, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):  # the reason is told below
            part.unlink(missing_ok=True)
        raise RunError(cannot_write(path, error)) from error


def remove_parts(folder: Path) -> None:
    """Remove the half-written files that processes which were killed have left in a folder."""
    for path in folder.glob(".*.part"):
        if PART.fullmatch(path.name):
            path.unlink(missing_ok=True)


def cannot_write(path: str | Path, error: OSError) -> str:
    """One sentence that says which file cannot be written, why, how much is free on a full disk, and what to do."""
    reason, full = error.strerror or str(error), error.errno in FULL
    remedy = "free some space and try again" if full else "choose another folder"
    return f"{path} cannot be written ({reason}{f', {free_space(path)}' if full else ''}); {remedy}"


def free_space(path: str | Path) -> str:
    """Return in words the free space for a file, in the nearest folder above it that exists."""
    place = next(place for place in Path(path).absolute().parents if place.is_dir())
    free = float(shutil.disk_usage(place).free)
    for unit in ("bytes", "kB", "MB"):
        if free < 1000:
            return f"{free:.3g} {unit} are free there"
        free /= 1000
    return f"{free:.4g} GB are free there"


def writable_folder(path: str | Path) -> Path:
    """Create the folder `path` if it does not exist, and check that files can be written to it.

    Raises RunError with the reason when they cannot.
    """
    folder = Path(path)
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"?")  # not empty, since an empty file fits on a full disk
        finally:
            probe.unlink(missing_ok=True)  # missing if another process has removed it
    except (OSError, ValueError) as error:  # ValueError for a path with a null byte
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, OSError) and error.errno in FULL:
            raise RunError(cannot_write(probe, error)) from error
        raise RunError(
            f"output folder {str(folder)!r} cannot be written to ({reason}); choose another with --output"
        ) from error
    return folder


def check_name(name: object, what: str) -> str:
    """Return `name` if it can be the name of one folder or file inside another, on every system.

    Parameters
    ----------
    name : the name; a path, a name that starts with a dot, or one that a system keeps for itself is refused.
    what : what is named, such as "stage", for the error message.

    Raises
    ------
    RunError : the name will not do.
    """
    fits = (
        isinstance(name, str)
        and 0 < len(name) <= LONGEST_NAME
        and not FORBIDDEN.search(name)
        and not DEVICES.fullmatch(name)
        and name[0] not in ".- "
        and name[-1] not in ". "
    )
    if not fits:
        shown = name if not isinstance(name, str) or len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "..."
        raise RunError(
            f"{what} {shown!r} cannot name a folder; use letters, digits, '_', '-' and '.', at most {LONGEST_NAME}, "
            "with a letter or digit first"
        )
    return str(name)


def read_json(path: Path) -> Any:
    """Read a JSON file of bounded size.

    Raises RunError, with the reason, when it cannot be read, is larger than `LARGEST_JSON`, or is damaged.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_JSON:
            raise RunError(f"{path} has {size} bytes, more than {LARGEST_JSON}; it is no file of this package")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror or error}); check the path") from error
    except RecursionError as error:
        raise RunError(f"{path} is damaged (nested too deeply)") from error
    except ValueError as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"{path} is damaged ({error})") from error


def digest(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
